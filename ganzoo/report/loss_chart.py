"""Draws the losses and D's scores of a run as a picture, with matplotlib."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ganzoo.report.history import History, Series
from ganzoo.report.scale import limits

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE = (800, 400)
"""Width and height of one pair of axes, in pixels."""
D_COLOR, G_COLOR, OTHER_COLOR = "#a23c1b", "#1d6a96", "#6b6b6b"
_DPI = 100


def loss_chart(history: History) -> bytes | None:
    """A PNG file with both losses and, if they are logged, D's scores and further metrics of the objective below. None
    for less than two logged steps.

    Raises:
        ImportError: if matplotlib is not installed.
    """
    losses = (history.series("d_loss", "D"), history.series("g_loss", "G"))
    scores = (history.series("d_real", "real samples"), history.series("d_fake", "generated samples"))
    if max(len(series.steps) for series in losses) < 2:
        return None
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # the style of a notebook must not change the picture
        has_scores = any(series.last is not None for series in scores)
        further = history.further_metrics
        rows = 1 + has_scores + len(further)
        figure = Figure(figsize=(SIZE[0] / _DPI, rows * SIZE[1] / _DPI), dpi=_DPI, layout="constrained")
        axes: Any = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]
        every = history.training.get("log_every")
        mean = f"\n(mean over {every} steps)" if isinstance(every, int) else ""
        _draw(axes[0], losses, f"Loss{mean}")
        if has_scores:
            _draw(axes[1], scores, f"Realness by D, 0 to 1{mean}", bounds=(0.0, 1.0))
        for below, (title, labels) in zip(axes[1 + has_scores :], further.items(), strict=True):
            _draw(below, [history.series(*pair) for pair in labels.items()], f"{title}{mean}")
        figure.suptitle(f"Training of {history.run.name}", parse_math=False)
        axes[-1].set_xlabel("Training step")
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _draw(axes: Axes, curves: Sequence[Series], name: str, *, bounds: tuple[float, float] | None = None) -> None:
    """Draw curves with grid, names and a legend above. Outliers may be outside the axes."""
    for series, color in zip(curves, (D_COLOR, G_COLOR, OTHER_COLOR), strict=False):
        axes.plot(series.steps, [_drawable(value) for value in series.values], color=color, label=series.label)
    low, high = bounds or limits(*(series.values for series in curves))
    edge = 0.04 * (high - low)
    axes.set_ylim(low - edge, high + edge)
    axes.set_ylabel(name)
    axes.grid(color="#dddddd")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0)
    axes.xaxis.set_major_formatter(lambda step, place: f"{step:,.0f}")
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=len(curves), frameon=False, borderaxespad=0.2)


def _drawable(value: float) -> float:
    """The value in the range that the renderer can draw."""
    return min(1e30, max(-1e30, value)) if math.isfinite(value) else math.nan
