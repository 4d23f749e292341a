"""Opens reports from the disk in headless Chromium: the slider, the values below the cursor, the reload."""

import json
import re

import pytest
from web.conftest import browser, opened  # noqa: F401 - fixtures

from ganzoo.report.ending import Ending
from ganzoo.report.history import History
from ganzoo.report.page import comparison_page, run_page
from ganzoo.report.pictures import Pictures

from .conftest import line

pytestmark = pytest.mark.slow
PHONE = {"viewport": {"width": 360, "height": 740}}
FAST = "const later = window.setInterval; window.setInterval = (call, wait) => later(call, wait >= 9000 ? 500 : wait);"
"""Reloads after half a second instead of 10."""


@pytest.fixture
def write(make_run):
    """``write(Ending("training"))`` writes the report of a run with three pictures again."""
    records = [line(10, warnings=[{"kind": "chance", "text": "Step 10: chance. Try x=1"}]), line(20), line(30)]
    run = make_run("odd <b>&name", records, pictures=[10, 20, 30])

    def write_again(ending=None):
        path = run.folder / "report.html"
        path.write_text(run_page(History(run, ending=ending), Pictures(run)), encoding="utf-8")
        return path

    return write_again


def test_the_slider(opened, write):  # noqa: F811
    page = opened(write(), wait=False)
    assert page.text("h1") == "odd <b>&name/001"
    assert page.text("#shown") == "30"
    newest = page.get_attribute("#sample", "src")
    page.fill("#slider", "0")
    assert page.text("#shown") == "10"
    assert page.get_attribute("#sample", "src") != newest
    assert page.get_attribute("#sample", "alt") == "Generated samples at step 10"
    page.click("#play")
    page.wait_for_selector("#shown:text('30')")
    assert page.get_attribute("#sample", "src") == newest
    assert page.text("#play") == "Play"


def test_the_values_below_the_cursor(opened, write):  # noqa: F811
    page = opened(write(), wait=False)
    chart = page.locator(".chart").first
    assert chart.locator("output").first.inner_text() == "1.03"
    plot = chart.locator(".plot")
    plot.scroll_into_view_if_needed()
    plot.hover(position={"x": 0.6 * plot.bounding_box()["width"], "y": 20})
    assert chart.locator("output").all_inner_texts() == ["1.02 at 20", "1.98 at 20"]
    page.hover("h1")
    assert chart.locator("output").first.inner_text() == "1.03"


def test_a_running_training_reloads_and_keeps_the_place(opened, write):  # noqa: F811
    path = write(Ending("training"))
    page = opened(path, before=FAST, wait=False)
    page.fill("#slider", "1")
    page.evaluate("scrollTo(0, 300)")
    write(Ending("finished", 100))
    page.wait_for_selector(".state.finished")
    assert page.text("#shown") == "20"
    page.wait_for_function("scrollY === 300")
    before = len(page.requests)
    page.wait_for_timeout(1500)
    assert len(page.requests) == before, "a finished run does not reload"


def test_a_training_that_was_killed_is_explained(opened, write):  # noqa: F811
    path = write(Ending("training"))
    page = opened(path, wait=False)
    assert not page.is_visible("#silent")
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r'"written":\d+', '"written":1000', text), encoding="utf-8")
    assert opened(path, wait=False).is_visible("#silent")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_width_and_scheme(opened, write, make_run, tmp_path, scheme):  # noqa: F811
    several = tmp_path / "several.html"
    runs = [make_run(f"run-with-a-long-name-{n}", pictures=[10]) for n in range(4)]
    several.write_text(comparison_page([History(run) for run in runs]), encoding="utf-8")
    for path in (write(Ending("collapsed", 31, "not finite " * 30 + "x" * 200)), several):
        for options in (PHONE, {}):
            page = opened(path, wait=False, color_scheme=scheme, **options)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            color = json.loads(
                page.evaluate("JSON.stringify(getComputedStyle(document.body).backgroundColor.match(/\\d+/g))")
            )
            assert (int(color[0]) < 128) == (scheme == "dark")
            assert page.evaluate("[...document.images].every((one) => one.complete && one.naturalWidth > 0)")
