"""The evaluation of a model card: a few numbers first, then a table of all numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ganzoo.bundle.card_text import cell, number, table

Metrics = Mapping[str, Mapping[str, Any]]
_TITLES = {
    "FID": "FID",
    "frechet": "Frechet distance",
    "precision": "Precision",
    "recall": "Recall",
    "coverage": "Coverage",
    "label_response": "Label response",
    "modes": "Modes",
    "high_quality": "High-quality samples",
}
"""Names of the main numbers, in their order, and their titles."""
_LABEL = re.compile(r"(.+) \((.+)\)")
_HEAD = ("Value", "95% interval", "Real samples", "Better")


class MainNumber(NamedTuple):
    """A number that a reader should see first.

    Attributes:
        title: for people: "Frechet distance".
        label: its key in the metrics: "frechet (small_cnn)".
    """

    title: str
    label: str


def main_numbers(metrics: Metrics) -> tuple[list[MainNumber], str | None]:
    """The numbers that matter most, all of one extractor, and the extractor.

    It is InceptionV3 if the FID was measured, else ``small_cnn``, else the first extractor. If a model has only other
    numbers, the first five are returned, without an extractor.
    """
    extractors = sorted({extractor for name, extractor in map(split_label, metrics) if name in _TITLES and extractor})
    preferred = "inception_v3" if "FID" in metrics else "small_cnn"
    extractor = preferred if preferred in extractors or "FID" in metrics else next(iter(extractors), None)
    found = [
        MainNumber(title, label)
        for name, title in _TITLES.items()
        for label in (name, f"{name} ({extractor})")
        if label in metrics and not (name == "frechet" and "FID" in metrics)
    ]
    return (found, extractor) if found else ([MainNumber(name, name) for name in sorted(metrics)[:5]], None)


def main_section(metrics: Metrics) -> list[str]:
    """The lines below the heading: the main numbers, and all numbers with their protocols, folded."""
    numbers, extractor = main_numbers(metrics)
    rows = [[title, *number_cells(label, metrics[label])] for title, label in numbers]
    compared = f"Features: `{cell(extractor)}`. " if extractor else ""
    return [
        *_table(("", *_HEAD), rows),
        "",
        f"{compared}*Real samples* is the same number for other real samples. Numbers of different data, extractors or "
        "sample counts cannot be compared.",
        "",
        f"<details><summary>All {len(metrics)} numbers and their protocol</summary>",
        *_all_numbers(metrics),
        "",
        "</details>",
    ]


def number_cells(label: str, metric: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Value, interval, reference value of real samples, and the better direction of a number, as text."""
    better = metric.get("better")
    return (
        number(metric.get("value")),
        interval(label, metric.get("interval")),
        number(metric.get("floor")),
        better if isinstance(better, str) else "-",
    )


def interval(label: str, value: object) -> str:
    """An interval, "0.700 to 0.800", or "-". It is cut at the limits of the number, such as 0 and 1 for a share."""
    from ganzoo.metrics.base import NO_LIMITS, metric_of

    ends, name = value if isinstance(value, list | tuple) else (), split_label(label)[0]
    metric = metric_of(name)
    low, high = NO_LIMITS
    if metric is not None:  # a metric with a name in the literature, such as FID, has one number
        low, high = metric.limits.get(name if name in metric.numbers else next(iter(metric.numbers)), NO_LIMITS)
    ends = [min(max(end, low), high) if isinstance(end, int | float) else end for end in ends]
    return " to ".join(map(number, ends)) or "-"


def split_label(label: str) -> tuple[str, str | None]:
    """Name and extractor of a number: "frechet (small_cnn)"; the extractor is None for "FID"."""
    found = _LABEL.fullmatch(label)
    return (found[1], found[2]) if found else (label, None)


def _all_numbers(metrics: Metrics) -> list[str]:
    """One table of numbers per protocol. The worst classes and the protocol are below their table."""
    rows: dict[str, list[list[str]]] = {}
    worst: dict[str, list[str]] = {}
    for label, metric in sorted(metrics.items()):
        protocol = cell(metric["protocol"])
        rows.setdefault(protocol, []).append([label, *number_cells(label, metric)])
        found = table(metric.get("worst_class"))
        if found:
            values = f"{number(found.get('value'))}; real samples {number(found.get('floor'))}"
            line = f"- Worst class of {cell(label)}: {cell(found.get('name'))} ({values})."
            worst.setdefault(protocol, []).append(line)
    lines: list[str] = []
    for protocol, cells in rows.items():
        lines += ["", *_table(("Number", *_HEAD), cells)]
        lines += ["", *worst[protocol]] if protocol in worst else []
        lines += ["", f"Protocol: {protocol}."]
    return lines


def _table(head: tuple[str, ...], rows: list[list[str]]) -> list[str]:
    lines = [f"| {' | '.join(map(cell, row))} |" for row in rows]
    return [f"| {' | '.join(head)} |", "|---" * len(head) + "|", *lines]
