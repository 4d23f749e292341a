"""The image size in a config: one number for a square, or ``HEIGHTxWIDTH``.

The height is first, as in the shapes of Keras and NumPy, ``(height, width, channels)``, and in every size that ganzoo
prints: ``128x64`` is 128 px high and 64 px wide.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

SMALLEST, LARGEST = 4, 1024
"""Bounds of height and width in pixels."""

_TEXT = re.compile(r"\s*([0-9]{1,6})\s*[xX\u00d7]\s*([0-9]{1,6})\s*", re.ASCII)


def canonical(value: object) -> int | str:
    """Convert a resolution to its form in configs: the side of a square, or ``HEIGHTxWIDTH``.

    Args:
        value: pixels of a square, as a number or text; a text ``HEIGHTxWIDTH``; or a list ``[height, width]``.

    Raises:
        ValueError: if the value has another form, or a side is out of bounds.
    """
    found = _sides(value)
    if found is None:
        raise ValueError(
            f"received {value!r:.60}; allowed: a whole number of pixels (64 is 64x64), or HEIGHTxWIDTH "
            "(128x64 is 128 px high and 64 px wide)"
        )
    if not all(SMALLEST <= side <= LARGEST for side in found):
        raise ValueError(f"received {value!r:.60}; height and width must be from {SMALLEST} to {LARGEST} px")
    height, width = found
    return height if height == width else f"{height}x{width}"


def sides(resolution: int | str) -> tuple[int, int]:
    """Height and width in pixels of a canonical resolution."""
    if isinstance(resolution, int):
        return resolution, resolution
    height, _, width = resolution.partition("x")
    return int(height), int(width)


def _sides(value: object) -> tuple[int, int] | None:
    """Height and width of a value, or None if it has another form."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return (int(value), int(value)) if value == value // 1 else None
    if isinstance(value, str):
        found = _TEXT.fullmatch(value)
        if found is None:
            return (int(value), int(value)) if re.fullmatch(r"\s*[0-9]{1,6}\s*", value, re.ASCII) else None
        return int(found[1]), int(found[2])
    if isinstance(value, list | tuple) and len(value) == 2:
        both = [_sides(side) for side in value if not isinstance(side, str | list | tuple)]
        if len(both) == 2 and both[0] is not None and both[1] is not None:
            return both[0][0], both[1][0]
    return None


_PIXELS = {"type": "integer", "minimum": SMALLEST, "maximum": LARGEST}

Resolution = Annotated[
    int | str,
    BeforeValidator(canonical),
    WithJsonSchema(
        {
            "description": "Pixels of a square, HEIGHTxWIDTH (128x64 is 128 px high, 64 px wide), or [height, width].",
            "anyOf": [
                _PIXELS,
                {"type": "string", "pattern": "^ *[0-9]+ *[xX] *[0-9]+ *$"},
                {"type": "array", "items": _PIXELS, "minItems": 2, "maxItems": 2},
            ],
        }
    ),
]
"""A config field; after validation an int (a square) or a text ``HEIGHTxWIDTH``. ``sides`` gives height and width."""
