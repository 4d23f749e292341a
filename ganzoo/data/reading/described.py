"""What was read and what was passed over, as lines for a reader."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from ganzoo.data.base import Dataset
from ganzoo.data.reading.formats import suffix_of

NAMED = 5
"""Names that a line lists."""


def listed(names: Iterable[str], *, most: int = NAMED) -> str:
    """The first names with commas, and how many more there are."""
    names = list(names)
    more = f", and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(islice(names, most)) + more


def samples_line(dataset: Dataset) -> str:
    """How many samples of which shape and how many classes a data set has."""
    shape = " x ".join(str(size) for size in dataset.samples.shape[1:])
    if dataset.labels is None:
        return f"{len(dataset)} samples of {shape}, without labels"
    count = len(dataset.class_names)
    return f"{len(dataset)} samples of {shape} in {count} {'class' if count == 1 else 'classes'}: " + listed(
        dataset.class_names
    )


def passed_over_line(passed_over: Mapping[str, Sequence[str]]) -> str:
    """How many files were not read, why, and an example of each; empty when there are none."""
    if not passed_over:
        return ""
    parts = [f"{reason}: {len(names)} ({_examples(names)})" for reason, names in passed_over.items()]
    count = sum(len(names) for names in passed_over.values())
    return f"Passed over {count} {'file' if count == 1 else 'files'}; {'; '.join(parts)}"


def lines(dataset: Dataset) -> list[str]:
    """All there is to know about how a data set was read, one line a fact."""
    report = dataset.report
    passed = passed_over_line(report.passed_over)
    found = [samples_line(dataset), *report.notes, *([passed] if passed else [])]
    if report.broken:
        name, why = next(iter(report.broken.items()))
        found.append(f"Skipped {len(report.broken)} broken files, for example {name}: {why}")
    return found


def _examples(names: Sequence[str]) -> str:
    if len(names) <= 2:
        return ", ".join(names)
    suffixes = Counter(suffix_of(name) or "no suffix" for name in names)
    counts = [f"{count} {suffix}" for suffix, count in suffixes.most_common(3)]
    return f"{', '.join(counts)}; for example {names[0]}"
