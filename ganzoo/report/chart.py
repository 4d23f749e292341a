"""Draws curves as an HTML figure with inline SVG. Its text keeps its size at every width of the page.

A curve is drawn in a square of 1000 units that is stretched to the plot; everything else has its place in percent. No
style attributes are used, because the policy of the page does not allow them.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ganzoo.report.history import Series
from ganzoo.report.scale import limits, number_text, thinned, ticks

COLORS = 8
"""Number of colors in the style sheet. Further curves repeat them with dashes."""
_BETWEEN = ' class="between"'
"""Every second label of the steps, which a narrow page leaves out."""
_DOTS = 40
"""Curves of up to this number of points show each of them."""


@dataclass(frozen=True)
class Chart:
    """One pair of axes.

    Attributes:
        title: what is shown.
        series: the curves. Those without a finite value are left out.
        unit: name and unit of the vertical axis.
        bounds: limits of the vertical axis; by default those of the values.
        marks: steps of warnings, with their numbers.
        best: a step that is marked on every curve; None for none.
        intervals: 95% intervals at a step: (step, value, low, high).
        note: a sentence below the chart.
        reach: last step of the horizontal axis; by default that of the curves.
    """

    title: str
    series: Sequence[Series]
    unit: str = ""
    bounds: tuple[float, float] | None = None
    marks: Sequence[tuple[int, str]] = ()
    best: int | None = None
    intervals: Sequence[tuple[float, float, float, float]] = ()
    note: str = ""
    reach: float = 0.0
    _shown: list[Series] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self._shown.extend(series for series in self.series if series.last is not None)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not self._shown

    def figure(self, number: int) -> str:
        """The chart in HTML. ``number`` is its place in the data of the page."""
        axes = self._axes()
        legend = "".join(_legend(place, series) for place, series in enumerate(self._shown))
        missing = sum(not math.isfinite(value) for series in self._shown for value in series.values)
        notes = [self.note] if self.note else []
        notes += [f"{missing} value{'s are' if missing > 1 else ' is'} not finite and left out."] if missing else []
        note = f'<p class="hint">{html.escape(" ".join(notes))}</p>' if notes else ""
        title = html.escape(self.title)
        return (
            f'<figure class="chart"><figcaption><h3>{title}</h3><ul class="legend">{legend}</ul></figcaption>'
            f'<p class="unit">{html.escape(self.unit)}</p>'
            f'<div class="axes"><svg class="left" aria-hidden="true">{axes.left_labels()}</svg>'
            f'<svg class="plot" data-chart="{number}" role="img" aria-label="{self._spoken()}">'
            f"{axes.grid()}{self._marks(axes)}"
            f'<svg viewBox="0 0 1000 1000" preserveAspectRatio="none" width="100%" height="100%">{self._curves(axes)}'
            f'</svg>{self._dots(axes)}<line class="cursor" y1="0" y2="100%" visibility="hidden"/></svg>'
            f'<svg class="below" aria-hidden="true">{axes.below_labels()}</svg><p class="step">step</p></div>{note}'
            "</figure>"
        )

    def data(self) -> dict[str, Any]:
        """The values for the cursor: the last step, and steps and values of each curve."""
        curves = [thinned(series.steps, series.values) for series in self._shown]
        texts = [
            [steps, [number_text(value) if math.isfinite(value) else "" for value in values]]
            for steps, values in curves
        ]
        return {"reach": self._axes().reach, "curves": texts}

    def _axes(self) -> _Axes:
        intervals = [bound for _, *bounds in self.intervals for bound in bounds]
        low, high = self.bounds or limits(*(series.values for series in self._shown), intervals)
        reach = max(self.reach, *(series.steps[-1] for series in self._shown), 1.0)
        return _Axes(tuple(ticks(low, high)), reach)

    def _spoken(self) -> str:
        parts = [f"{series.label}: {number_text(series.last or 0.0)}" for series in self._shown]
        return html.escape(f"{self.title} over the steps. Newest values: {'; '.join(parts)}", quote=True)

    def _curves(self, axes: _Axes) -> str:
        return "".join(
            f'<path class="{_style(place)}" d="{axes.path(series)}"/>' for place, series in enumerate(self._shown)
        )

    def _dots(self, axes: _Axes) -> str:
        parts = []
        for place, series in enumerate(self._shown):
            pairs = zip(series.steps, series.values, strict=True)
            points = [(step, value) for step, value in pairs if axes.has(value)]
            if len(points) <= _DOTS:
                parts += [axes.dot(step, value, f"dot {_style(place)}", 3) for step, value in points]
            if self.best is not None:
                parts += [axes.dot(step, value, "best", 7) for step, value in points if step == self.best][-1:]
        for step, value, low, high in self.intervals:
            parts.append(axes.bar(step, low, high))
            parts.append(axes.dot(step, value, "evaluated", 4))
        return "".join(parts)

    def _marks(self, axes: _Axes) -> str:
        return "".join(
            f'<line class="mark" x1="{axes.x(step)}" x2="{axes.x(step)}" y1="0" y2="100%"/>'
            f'<text class="mark" x="{axes.x(step)}" y="10" dx="3">{html.escape(name)}</text>'
            for step, name in self.marks
            if step <= axes.reach
        )


@dataclass(frozen=True)
class _Axes:
    """Places in a plot: steps from 0 to ``reach``, and values between the first and the last tick."""

    values: tuple[float, ...]
    reach: float

    def x(self, step: float) -> str:
        return f"{100 * step / self.reach:.2f}%"

    def y(self, value: float) -> str:
        return f"{100 * self._down(value):.2f}%"

    def has(self, value: float) -> bool:
        """Whether a value is in the plot."""
        return self.values[0] <= value <= self.values[-1]

    def _down(self, value: float) -> float:
        low, high = self.values[0], self.values[-1]
        return min(3.0, max(-2.0, (high - value) / (high - low)))

    def steps(self) -> list[float]:
        return [step for step in ticks(0, self.reach, count=4) if step <= self.reach]

    def grid(self) -> str:
        flat = (f'<line class="grid" x1="0" x2="100%" y1="{self.y(v)}" y2="{self.y(v)}"/>' for v in self.values)
        upright = (f'<line class="grid" x1="{self.x(s)}" x2="{self.x(s)}" y1="0" y2="100%"/>' for s in self.steps())
        return "".join((*flat, *upright))

    def left_labels(self) -> str:
        return "".join(
            f'<text x="100%" dx="-6" y="{self.y(value)}" dy="0.35em" text-anchor="end">{number_text(value)}</text>'
            for value in self.values
        )

    def below_labels(self) -> str:
        return "".join(
            f'<text{_BETWEEN if place % 2 else ""} x="{self.x(step)}" y="14" text-anchor="{self._anchor(step)}">'
            f"{step:,.0f}</text>"
            for place, step in enumerate(self.steps())
            if step.is_integer()
        )

    def _anchor(self, step: float) -> str:
        return "start" if step == 0 else "end" if step > 0.94 * self.reach else "middle"

    def path(self, series: Series) -> str:
        parts, is_open = [], False
        for step, value in zip(*thinned(series.steps, series.values), strict=True):
            if not math.isfinite(value):
                is_open = False
                continue
            place = f"{1000 * step / self.reach:.1f} {1000 * self._down(value):.1f}"
            parts.append(f"L{place}" if is_open else f"M{place}h0")
            is_open = True
        return "".join(parts)

    def dot(self, step: float, value: float, style: str, radius: float) -> str:
        return f'<circle class="{style}" cx="{self.x(step)}" cy="{self.y(value)}" r="{radius}"/>'

    def bar(self, step: float, low: float, high: float) -> str:
        x = self.x(step)
        return f'<line class="interval" x1="{x}" x2="{x}" y1="{self.y(low)}" y2="{self.y(high)}"/>'


def _style(place: int) -> str:
    return f"s{place % COLORS + 1}" + (" dashed" if place >= COLORS else "")


def _legend(place: int, series: Series) -> str:
    value = number_text(series.last or 0.0)
    return (
        f'<li><svg class="key" aria-hidden="true"><line class="{_style(place)}" x1="0" x2="100%" y1="50%" y2="50%"/>'
        f"</svg>{html.escape(series.label)} <output>{value}</output></li>"
    )
