"""Describes in lines of text which files were read and which were skipped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from ganzoo.data.base import Dataset
from ganzoo.data.reading.formats import suffix_of

FEW = 100
"""With fewer images there is a warning."""
ADAPTIVE = "training.augment='{name: diff_augment, adaptive: true, padding: reflect}'"
"""The change of a config that helps with few images."""
NAMED = 5
"""Largest number of names in a line."""


def listed(names: Iterable[str], *, most: int = NAMED) -> str:
    """The first names, separated by commas, and the number of the other names, if it is more than one."""
    names = list(names)
    if len(names) == most + 1:
        return ", ".join(names)
    more = f", and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(islice(names, most)) + more


def samples_line(dataset: Dataset) -> str:
    """Number and shape of the samples, and number of classes of a dataset."""
    if dataset.labels is None:
        return f"{len(dataset)} samples ({dataset.sample_spec}), without labels"
    count = len(dataset.class_names)
    return (
        f"{len(dataset)} samples ({dataset.sample_spec}) in {count} {'class' if count == 1 else 'classes'}: "
        + listed(dataset.class_names)
    )


def few_line(count: int, *, augment: str = ADAPTIVE) -> str:
    """A warning about a small number of images; empty if there are enough.

    Args:
        count: number of images.
        augment: the change of the config that helps with few; empty if there is none.
    """
    if count >= FEW:
        return ""
    line = (
        f"Only {count} {'image' if count == 1 else 'images'}: the generator will copy them. Use at least {FEW}, or "
        "better a few thousand"
    )
    return f"{line}. With few images, {augment} helps" if augment else line


def passed_over_line(passed_over: Mapping[str, Sequence[str]]) -> str:
    """Number of skipped files by reason, with examples; empty if there are none."""
    if not passed_over:
        return ""
    parts = [f"{reason}: {len(names)} ({_examples(names)})" for reason, names in passed_over.items()]
    count = sum(len(names) for names in passed_over.values())
    return f"Skipped {count} {'file' if count == 1 else 'files'}; {'; '.join(parts)}"


def lines(dataset: Dataset) -> list[str]:
    """The report about reading a dataset, one line per fact."""
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
