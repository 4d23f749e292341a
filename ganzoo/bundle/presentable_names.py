"""Converts text from users and file systems to the form that a bundle allows: printable, of bounded length."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

MAX_NAME = 100
"""Largest length of a class name in a bundle."""
MAX_TEXT, MAX_KEY, MAX_DEPTH, MAX_NUMBER = 10_000, 200, 12, 2**53
_DIGITS = 16


def presentable_names(names: Iterable[object]) -> tuple[str, ...]:
    """Convert class names to the form in a bundle: printable, at most 100 characters, and unique.

    - A printable name of at most 100 characters without a backslash is unchanged.
    - Other characters are escaped as in Python: a no-break space as ``\\xa0``, a newline as ``\\n``, a zero-width
      joiner as ``\\u200d``, a byte 0xE9 that is not UTF-8 as ``\\udce9``. Backslashes are doubled, so that different
      names stay different.
    - A longer name is truncated and ends in ``~`` and 16 hex digits of the SHA-256 of the full name.
    - A duplicate name gets the suffix ``~2``, ``~3`` and so on.

    Apply this function only once, to the names of the data source.
    """
    made: dict[str, None] = {}
    for name in names:
        text = _name(str(name))
        unique, number = text, 2
        while unique in made:
            suffix = f"~{number}"
            unique, number = text[: MAX_NAME - len(suffix)] + suffix, number + 1
        made[unique] = None
    return tuple(made)


def presentable_text(text: str, *, limit: int) -> str:
    """Escape all characters that are not printable, except newlines and tabs, and truncate to a limit."""
    shown = "".join(char if char.isprintable() or char in "\n\t" else _escaped(char) for char in text)
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."


def presentable_tree(value: object, *, depth: int = 0) -> Any:
    """Convert any value to JSON values. Text is made presentable, numbers out of range become text, and values nested
    more than 12 levels deep become ``...``."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value if abs(value) <= MAX_NUMBER else str(value)
    if isinstance(value, str) or not isinstance(value, Mapping | list | tuple):
        return presentable_text(str(value), limit=MAX_TEXT)
    if depth >= MAX_DEPTH:
        return "..."
    if isinstance(value, Mapping):
        pairs = ((presentable_text(str(key), limit=MAX_KEY), entry) for key, entry in value.items())
        return {key: presentable_tree(entry, depth=depth + 1) for key, entry in pairs}
    return [presentable_tree(entry, depth=depth + 1) for entry in value]


def _name(name: str) -> str:
    units = ["\\\\" if char == "\\" else char if char.isprintable() else _escaped(char) for char in name]
    if sum(map(len, units)) <= MAX_NAME:
        return "".join(units)
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    room, start = MAX_NAME - _DIGITS - 1, ""
    for unit in units:
        if len(start) + len(unit) > room:
            break
        start += unit
    return f"{start}~{digest}"


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
