"""JSON from untrusted files: parsed strictly, with limits on every value. Each violation is a one-line BundleError."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from ganzoo.errors import BundleError, did_you_mean

MAX_ITEMS = 10_000
MAX_DEPTH = 16
MAX_TEXT = 10_000


def read_json(content: bytes, name: str) -> dict[str, Any]:
    """Parse a JSON object: UTF-8, without NaN, Infinity and duplicate keys.

    Raises:
        BundleError: if the content is anything else.
    """

    def table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = dict(pairs)
        if len(keys) != len(pairs):
            raise ValueError("it has a duplicate key")
        return keys

    def constant(word: str) -> NoReturn:
        raise ValueError(f"{word} is not JSON")

    try:
        parsed = json.loads(content.decode("utf-8"), object_pairs_hook=table, parse_constant=constant)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{name} is not readable as JSON: {error}.") from error
    if not isinstance(parsed, dict):
        raise BundleError(f"{name} is not a JSON object.")
    return parsed


def write_json(table: Mapping[str, Any]) -> bytes:
    """Serialize a JSON object: indented, UTF-8, with a final newline. Equal values give equal bytes."""
    return (json.dumps(table, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def check_tree(value: object, key: str, *, max_number: int, depth: int = 0) -> int:
    """Check the limits of a tree of JSON values: depth, number of items, size of numbers and text.

    Returns:
        The number of items.

    Raises:
        BundleError: with the path of the first value that is out of bounds.
    """
    if depth > MAX_DEPTH:
        reject(key, "...", f"at most {MAX_DEPTH} levels")
    if depth == 0 and not isinstance(value, Mapping):
        reject(key, value, "a JSON object")
    if not isinstance(value, Mapping | list | tuple):
        _check_leaf(value, key, max_number)
        return 1
    entries = value.items() if isinstance(value, Mapping) else enumerate(value)
    items = 1
    for name, entry in entries:
        check_text(str(name), f"a key of {key}", 200)
        items += check_tree(entry, f"{key}.{name}", max_number=max_number, depth=depth + 1)
        if items > MAX_ITEMS:
            reject(key, "...", f"at most {MAX_ITEMS} entries")
    return items


def _check_leaf(value: object, key: str, max_number: int) -> None:
    if isinstance(value, str):
        check_text(value, key, MAX_TEXT)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if not abs(value) <= max_number:
            reject(key, value, f"a number of at most {max_number}")
    elif value is not None and not isinstance(value, bool):
        reject(key, value, "a JSON value")


def check_keys(table: Mapping[str, Any], allowed: Iterable[str], where: str) -> None:
    """Require exactly the allowed keys."""
    allowed = list(allowed)
    for key in table:
        if key not in allowed:
            raise BundleError(f"{where}: unknown key {shortened(key)}.{did_you_mean(str(key), allowed)}")
    for key in allowed:
        if key not in table:
            raise BundleError(f"{where}: the key '{key}' is missing.")


def is_whole(value: object, low: int, high: int) -> bool:
    """True for an integer from ``low`` to ``high``. Booleans are not integers here."""
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def check_whole(value: object, key: str, low: int, high: int) -> None:
    """Require an integer from ``low`` to ``high``."""
    if not is_whole(value, low, high):
        reject(key, value, f"a whole number from {low} to {high}")


def check_choice(value: object, key: str, allowed: tuple[str, ...]) -> None:
    """Require one of the allowed strings."""
    if not isinstance(value, str) or value not in allowed:
        reject(key, value, f"one of {', '.join(allowed)}")


def check_text(value: object, key: str, limit: int) -> None:
    """Require printable text of at most ``limit`` characters; newlines and tabs are allowed."""
    if not isinstance(value, str) or len(value) > limit or not value.replace("\n", "").replace("\t", "").isprintable():
        reject(key, value, f"printable text of at most {limit} characters")


def reject(key: str, value: object, allowed: str, where: str = "The bundle's config") -> NoReturn:
    """Raise the BundleError for a wrong value."""
    raise BundleError(f"{where}: {key} is {shortened(value)}; allowed: {allowed}.")


def shortened(value: object) -> str:
    """The value in ASCII, at most 60 characters."""
    text = ascii(value)
    return text if len(text) <= 60 else text[:57] + "..."
