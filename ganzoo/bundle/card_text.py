"""Turns the values of metadata.json into the text of a model card. The values are untrusted and may be of any type."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from typing import Any

from ganzoo.environment.quantities import cores_text, duration_text


def table(value: object) -> Mapping[str, Any]:
    """The value if it is a JSON object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def text(value: object) -> str | None:
    """The value if it is a string, else None."""
    return value if isinstance(value, str) else None


def number(value: object) -> str:
    """A measured number with three digits and at most four decimals, or "-"."""
    if not isinstance(value, int | float):
        return "-"
    digits = 2 - math.floor(math.log10(abs(value))) if value else 0
    shown = f"{value:.{min(4, max(0, digits))}f}"
    return shown if float(shown) else "0"


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
    cpus = facts.get("cpus")
    if not isinstance(cpus, int):
        return None
    devices = [name for name in sentences(facts.get("devices")) if "CPU" not in name]
    return f"{cores_text(cpus)}{' and ' + ', '.join(devices) if devices else ', no GPU'}"


def duration(seconds: object) -> str | None:
    """A duration: "2 h 2 min", "5 min" or "12 s"; None if it is not a number."""
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        return None
    return duration_text(seconds)


def cell(value: object) -> str:
    """The content of one Markdown table cell: on one line, "|" escaped."""
    return " ".join(str(value).split()).replace("|", "\\|")


def picture(file: str, words: str, width: int) -> str:
    """An image tag, because Markdown's own images have no width.

    Args:
        file: name of the file.
        words: the description for readers who do not see it.
        width: in pixels.
    """
    return f'<img src="{file}" alt="{html.escape(cell(words))}" width="{width}">'
