"""Checks numbers that a caller passes: Python numbers, NumPy numbers and 0-dimensional arrays."""

from __future__ import annotations

import operator
from typing import SupportsFloat, SupportsIndex

from ganzoo.errors import GanzooError


def whole_number(value: object, *, low: int, high: int | None = None, what: str) -> int:
    """Return ``value`` as an int from ``low`` to ``high``; 3, ``np.int64(3)`` and ``np.array(3)`` are equal.

    Args:
        value: the argument. True and False are not accepted.
        low: the smallest allowed number.
        high: the largest allowed number; None for no limit.
        what: the first words of the error: ``"A seed is a whole number from 0 to 9"``.

    Raises:
        GanzooError: if it is not such a number.
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
    """Return ``value`` as a float from ``low`` to ``high``. Arguments as in ``whole_number``.

    Raises:
        GanzooError: if it is not such a number.
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
    """Whether a value is True or False of Python or NumPy, or a 0-dimensional array of it."""
    return isinstance(value, bool) or str(getattr(value, "dtype", "")) == "bool"
