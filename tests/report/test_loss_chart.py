"""Tests losses.png: what is drawn, and that the style of a notebook does not change it."""

import io
import math

import numpy as np
import pytest
from PIL import Image

from ganzoo.report.history import History
from ganzoo.report.loss_chart import D_COLOR, G_COLOR, OTHER_COLOR, SIZE, loss_chart

from .conftest import line

pytest.importorskip("matplotlib")


def picture(run):
    return Image.open(io.BytesIO(loss_chart(History(run)))).convert("RGB")


def pixels_of(image, color):
    """Rows and columns of the pixels of a color, left of the legend."""
    rgb = [int(color[start : start + 2], 16) for start in (1, 3, 5)]
    found = np.argwhere((np.asarray(image) == rgb).all(axis=-1))
    return found[found[:, 1] < 0.75 * SIZE[0]]


def losses_only(pairs):
    return [{"step": 10 * n, "d_loss": d, "g_loss": g} for n, (d, g) in enumerate(pairs)]


def test_the_curve_falls_where_the_loss_falls(make_run):
    image = picture(make_run(records=losses_only([(1 - n / 10, 2.0) for n in range(10)])))
    assert image.size == SIZE
    falling = pixels_of(image, D_COLOR)
    left, right = falling[falling[:, 1].argmin()], falling[falling[:, 1].argmax()]
    assert right[0] > left[0] + 60  # further down in the picture
    assert np.ptp(pixels_of(image, G_COLOR)[:, 0]) <= 3


def test_scores_are_below_the_losses(make_run):
    image = picture(make_run(records=[line(10), line(20), line(30)]))
    assert image.size == (SIZE[0], 2 * SIZE[1])
    lower = pixels_of(image.crop((0, SIZE[1], *image.size)), D_COLOR)
    assert len(lower) > 100


def test_further_metrics_are_below_the_scores(make_run):
    further = {"d_code_loss": 1.0, "g_code_loss": 2.0, "code_loss": 3.0, "code_error": 0.5}
    image = picture(make_run(records=[line(step, **further) for step in (10, 20, 30)]))
    assert image.size == (SIZE[0], 4 * SIZE[1])
    third = image.crop((0, 2 * SIZE[1], SIZE[0], 3 * SIZE[1]))
    assert all(len(pixels_of(third, color)) > 100 for color in (D_COLOR, G_COLOR, OTHER_COLOR))


@pytest.mark.parametrize("records", [[], losses_only([(1.0, 1.0)])])
def test_no_curve_of_less_than_two_points(make_run, records):
    assert loss_chart(History(make_run(records=records))) is None


@pytest.mark.parametrize(
    "pairs",
    [[(0.0, 0.0)] * 3, [(1e300, -1e300), (1.0, 1.0)], [(5, 5), (5, 5)], [(math.nan, 1), (2, math.inf), (1, 1)]],
    ids=str,
)
def test_odd_losses_make_a_curve_too(make_run, pairs):
    assert picture(make_run(records=losses_only(pairs))).size == SIZE


def test_settings_of_the_user_change_nothing_and_stay(make_run):
    import matplotlib

    run = make_run("$a_{b}$ name")
    before = loss_chart(History(run))
    with matplotlib.rc_context({"figure.facecolor": "black", "lines.linewidth": 9, "savefig.dpi": 30}):
        assert loss_chart(History(run)) == before
        assert matplotlib.rcParams["lines.linewidth"] == 9


def test_pyplot_and_its_global_state_are_not_used(make_run):
    import subprocess
    import sys

    code = """
import sys
from pathlib import Path
from ganzoo.report.history import History
from ganzoo.report.loss_chart import loss_chart
from ganzoo.runs import Run
assert "matplotlib" not in sys.modules
assert loss_chart(History(Run(Path(sys.argv[1]))))
assert "matplotlib.pyplot" not in sys.modules
"""
    program = [sys.executable, "-c", code, str(make_run().folder)]
    assert subprocess.run(program, capture_output=True, text=True, check=False).stderr == ""
