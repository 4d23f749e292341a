"""Numbers that a caller passes: Python's, NumPy's and those of 0-dimensional arrays, checked in one place."""

from __future__ import annotations

import operator
from typing import SupportsFloat, SupportsIndex

from ganzoo.errors import GanzooError


def whole_number(value: object, *, low: int, high: int | None = None, what: str) -> int:
    """Return ``value`` as an int from ``low`` to ``high``; 3, ``np.int64(3)`` and ``np.array(3)`` are the same.

    Args:
        value: what was passed. True and False are not numbers here.
        low: the smallest that is allowed.
        high: the largest that is allowed; None for no limit.
        what: the first words of the error: ``"A seed is a whole number from 0 to 9"``.

    Raises:
        GanzooError: if it is anything else.
    """
    if isinstance(value, SupportsIndex) and not _is_bool(value):
        try:
            number = operator.index(value)
        except TypeError:  # an array of several numbers, or of floats
            number = low - 1
        if number >= low and (high is None or number <= high):
            return number
    raise GanzooError(f"{what}; received {shortened(value)}.")


def real_number(value: object, *, low: float, high: float, what: str) -> float:
    """Return ``value`` as a float from ``low`` to ``high``; Python's, NumPy's or a 0-dimensional array.

    Raises:
        GanzooError: if it is anything else; as ``whole_number``.
    """
    if isinstance(value, SupportsFloat) and not _is_bool(value) and not getattr(value, "ndim", 0):
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = float("nan")
        if low <= number <= high:
            return number
    raise GanzooError(f"{what}; received {shortened(value)}.")


def shortened(value: object) -> str:
    """A value for an error message: its ``repr`` in one line of at most 60 characters."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."


def _is_bool(value: object) -> bool:
    """Whether it is Python's or NumPy's True or False; a 0-dimensional array of one of them, too."""
    return isinstance(value, bool) or str(getattr(value, "dtype", "")) == "bool"
