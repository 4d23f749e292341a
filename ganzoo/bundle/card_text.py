"""Turns the values of metadata.json into the text of a model card. The values are untrusted and may be of any type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def table(value: object) -> Mapping[str, Any]:
    """The value if it is a JSON object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def text(value: object) -> str | None:
    """The value if it is a string, else None."""
    return value if isinstance(value, str) else None


def number(value: object) -> str:
    """A measured number with four digits, or "-"."""
    return f"{value:.4g}" if isinstance(value, int | float) else "-"


def interval(value: object) -> str:
    """An interval, "0.7 to 0.8", or "-"."""
    ends = value if isinstance(value, list | tuple) else ()
    return " to ".join(map(number, ends)) or "-"


def sentences(value: object) -> list[str]:
    """The strings of a list, each on one line."""
    lines = value if isinstance(value, list | tuple) else ()
    return [" ".join(line.split()) for line in lines if isinstance(line, str)]


def part(value: object) -> str | None:
    """A part's config with its fields: "r1 (gamma 1.0)"."""
    if isinstance(value, str):
        return value
    name = text(table(value).get("name"))
    fields = ", ".join(f"{key} {field}" for key, field in table(value).items() if key != "name" and field is not None)
    return f"{name} ({fields})" if name and fields else name


def hardware(machine: object) -> str | None:
    """The processors of the training machine: "2 CPU cores, no GPU"."""
    facts = table(machine)
    if "cpus" not in facts:
        return None
    devices = [name for name in facts.get("devices") or () if isinstance(name, str) and "CPU" not in name]
    return f"{facts['cpus']} CPU cores{' and ' + ', '.join(devices) if devices else ', no GPU'}"


def duration(seconds: object) -> str | None:
    """A duration: "2 h 2 min", "5 min" or "12 s"."""
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        return None
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{seconds:.0f} s"


def cell(value: object) -> str:
    """The content of one Markdown table cell: on one line, "|" escaped."""
    return " ".join(str(value).split()).replace("|", "\\|")
