"""Axes: round numbers for ticks, limits without outliers, and curves with few points."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

MOST_POINTS = 500
_ENOUGH = 50
"""Outliers are cut off only from this number of values on."""

_HUGE = 1e300
"""The width of an axis with larger values could be infinite."""


_LEAST_CHANGE = 5e-3
"""A curve whose values change by a smaller share is drawn as a level line: ticks would have equal texts."""


def limits(*curves: Iterable[float]) -> tuple[float, float]:
    """Lower and upper limit of an axis. The lowest and the highest 1% of a curve of many values may be outside.

    Values that are not finite, or above 1e300, are ignored; without any other, the limits are 0 and 1.
    """
    ends = [end for curve in curves for end in _ends(curve)]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    if 0 < low < 0.6 * high:
        low = 0.0
    if high - low > _LEAST_CHANGE * max(abs(low), abs(high)):
        return low, high
    reach = 0.5 * abs(high)
    return (low - reach, high + reach) if reach else (0.0, 1.0)


def _ends(values: Iterable[float]) -> tuple[float, ...]:
    """The lowest and the highest value without outliers; nothing if no value is finite."""
    ordered = sorted(value for value in values if abs(value) < _HUGE)
    cut = len(ordered) // 100 if len(ordered) >= _ENOUGH else 0
    return (ordered[cut], ordered[-1 - cut]) if ordered else ()


def ticks(low: float, high: float, *, count: int = 4) -> list[float]:
    """About ``count`` + 1 round numbers, evenly spaced; the first is not above ``low``, the last not below ``high``."""
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, last + 1)]


def number_text(value: float) -> str:
    """A number for a tick or a legend: ``1,200``, ``0.25``, ``2e-04``."""
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e6:
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{value:.3g}"


def thinned(steps: Sequence[float], values: Sequence[float]) -> tuple[list[float], list[float]]:
    """A curve of at most ``MOST_POINTS`` points that keeps the peaks: the lowest and the highest value of each part."""
    if len(steps) <= MOST_POINTS:
        return list(steps), list(values)
    parts = MOST_POINTS // 2
    chosen: set[int] = set()
    for part in range(parts):
        rows = range(part * len(steps) // parts, (part + 1) * len(steps) // parts)
        finite = [row for row in rows if math.isfinite(values[row])]
        chosen |= {min(finite, key=values.__getitem__), max(finite, key=values.__getitem__)} if finite else {rows[0]}
    kept = sorted(chosen)
    return [steps[row] for row in kept], [values[row] for row in kept]
