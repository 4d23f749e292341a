"""Tests the report as a file: what is in it, for good and for damaged runs."""

import json
import math
import re
from html.parser import HTMLParser

import pytest

from ganzoo.report.chart import Chart
from ganzoo.report.ending import Ending
from ganzoo.report.history import History, Series
from ganzoo.report.page import comparison_page, run_page
from ganzoo.report.parts import charts_of
from ganzoo.report.pictures import Pictures

from .conftest import CONFIG, line

VOID = {"meta", "link", "img", "input", "br"}
ODD = "<img src=x onerror=alert(1)>&\"'{{data}}"


class Checker(HTMLParser):
    """Checks that every element is closed, and collects elements and text."""

    def __init__(self):
        super().__init__()
        self.open, self.found, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.text.append(data)


def checked(text):
    checker = Checker()
    checker.feed(text)
    assert checker.open == []
    return checker


def page(run, **options):
    return run_page(History(run, **options), Pictures(run))


def data_of(text):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text)[1])


def test_further_metrics_of_an_objective_have_charts(make_run):
    records = [line(step, d_class_loss=2.0, g_class_loss=1.5, class_accuracy=0.5) for step in (10, 20)]
    run = make_run(records=records)
    titles = ["Losses", "Realness scores of D", "Class loss", "Class accuracy", "Speed"]
    found = [chart.title for chart in charts_of(History(run))]
    assert [title for title in found if title in titles] == titles
    text = comparison_page([History(run), History(make_run("other"))])
    assert "Class loss of D" in text
    assert "Class loss of G" in text


def test_the_page_has_everything(make_run):
    records = [
        line(10, warnings=[{"kind": "chance", "text": "Step 10: the discriminator is at chance. Try training.x=1"}]),
        line(20, recall=0.5, real_recall=0.9, duplicates=0.0, real_duplicates=0.0),
        {"step": 20, "frechet (small_cnn)": 50.0},
        line(30),
        {"step": 30, "frechet (small_cnn)": 40.0},
    ]
    run = make_run(records=records, pictures=[10, 20, 30])
    (run.folder / "real.png").write_bytes((run.folder / "samples/step-00000010.png").read_bytes())
    (run.folder / "best/step-00000020").mkdir(parents=True)
    (run.folder / "checkpoints/step-00000030").mkdir(parents=True)
    (run.folder / "versions.json").write_text(json.dumps({"command": "ganzoo train tiny"}))
    entry = {"value": 41.0, "interval": [38.5, 43.5], "floor": 5.0}
    values = {"model": {"step": 30}, "metrics": {"frechet (small_cnn)": entry}}
    (run.folder / "metrics.json").write_text(json.dumps(values))
    text = page(run)
    found = checked(text)
    shown = " ".join(found.text)
    words = """Losses|Realness scores of D|frechet (small_cnn)|Variety of the preview|Speed|Learning rates
        |Try training.x=1|lower is better|38.5 to 43.5|ganzoo train tiny|train --resume|real samples|15 s of training
        |learning_rate: 0.0002|Best step (20)|40 images/s"""
    assert [wanted for wanted in words.split("|") if wanted.strip() not in shown] == []
    classes = [attrs.get("class") for _, attrs in found.found]
    assert classes.count("mark") == 4  # in the losses and the scores: a line and its number
    assert classes.count("best") == 1
    assert classes.count("interval") == 1
    assert [step for step, _ in data_of(text)["pictures"]] == [10, 20, 30]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"resolution": 64, "channels": 3}, "64x64, 3 channels"),
        ({"resolution": "128x64", "channels": 1}, "128x64, 1 channels"),
        ({"resolution": 64, "channels": 3, "vector_dim": 2}, None),
    ],
)
def test_the_size_of_the_images(make_run, data, words):
    text = " ".join(checked(page(make_run(config=CONFIG | {"data": {"source": "numpy", **data}}))).text)
    assert (words or "40 samples/s") in text
    assert (" channels " in text.replace("channels:", "")) == (words is not None)


def test_nothing_is_loaded_and_no_style_attribute_needs_a_permission(make_run):
    found = checked(page(make_run(pictures=[10, 20])))
    policy = next(a["content"] for t, a in found.found if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not [tag for tag, attrs in found.found if "style" in attrs or any(key.startswith("on") for key in attrs)]
    links = [attrs[key] for _, attrs in found.found for key in ("src", "href") if key in attrs]
    assert {link.partition(":")[0] for link in links} == {"data"}


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        (Ending("training"), "Training"),
        (Ending("finished", 100), "Finished"),
        (Ending("stopped", 31, "Stopped at step 31: the time limit is reached."), "the time limit is reached"),
        (Ending("interrupted", 31, "Interrupted and saved at step 31."), "saved at step 31"),
        (Ending("collapsed", 33, "Step 33 has values that are not finite.\nTry <b>less</b>"), "Try <b>less</b>"),
    ],
)
def test_the_state(make_run, ending, words):
    text = page(make_run(), ending=ending)
    found = checked(text)
    assert words in " ".join(found.text)
    assert [a["content"] for _, a in found.found if a.get("name") == "ganzoo-state"] == [ending.state]
    assert data_of(text)["state"] == ending.state
    assert ('id="silent"' in text) == (ending.state == "training")


def test_the_remaining_time_is_that_of_the_newest_speed(make_run):
    config = CONFIG | {"training": CONFIG["training"] | {"steps": 36_030}}
    text = page(make_run(config=config), ending=Ending("training"))
    assert "about 1 h to the last step" in text  # 36,000 steps of 4 images at 40 images/s


@pytest.mark.parametrize(
    "records",
    [
        [],
        [line(0)],
        [line(10)],
        [line(10, d_loss=math.nan, g_loss=math.nan)],
        [line(step, d_loss=math.nan if step == 20 else 1e300, g_loss=-1e300) for step in (10, 20, 30)],
        [{"step": 10}],
        [{"step": 10, "coverage": 0.5}],
        [line(step, images_per_second=0.0) for step in (10, 20)],
    ],
    ids=str,
)
def test_odd_logs(make_run, records):
    text = page(make_run(records=records))
    checked(text)
    assert "nan" not in re.sub(r"base64,\S+", "", text.partition("<main>")[2].partition("<script")[0]).lower()
    data_of(text)


def test_values_that_are_not_finite_are_counted(make_run):
    text = page(make_run(records=[line(10), line(20, d_loss=math.nan), line(30)]))
    assert "1 value is not finite and left out." in text
    path = re.search(r'<path class="s1" d="([^"]*)"', text)[1]
    assert path.count("M") == 2


def test_names_and_texts_are_never_html(make_run):
    records = [line(10, warnings=[{"kind": ODD, "text": ODD}], **{ODD: 1.0}), {"step": 10, ODD: 2.0}, line(20)]
    run = make_run(ODD.replace("/", ""), records, config=CONFIG | {"name": ODD}, pictures=[10])
    (run.folder / "versions.json").write_text(json.dumps({"command": f"ganzoo train {ODD}"}))
    for text in (page(run), comparison_page([History(run), History(make_run("</script><b>"))])):
        found = checked(text)
        assert not [attrs for tag, attrs in found.found if "onerror" in attrs or attrs.get("src") == "x" or tag == "b"]
        assert "{{data}}" in "".join(found.text)
    assert ODD in page(run, ending=Ending("collapsed", 1, ODD)) or ODD in "".join(
        checked(page(run, ending=Ending("collapsed", 1, ODD))).text
    )


def test_a_run_of_vectors(make_run):
    config = CONFIG | {"data": {"source": "ring8", "count": 64}}
    text = page(make_run(config=config, records=[line(10), {"step": 10, "coverage": 0.5}]))
    assert "samples per second" in text
    assert "higher is better" in text
    assert "images" not in " ".join(checked(text).text)


def test_several_runs_share_their_axes(make_run):
    runs = [make_run(number=n, pictures=[10 * n], records=[line(10), line(10 + 10 * n)]) for n in (1, 2, 3)]
    text = comparison_page([History(run) for run in runs])
    found = checked(text)
    losses = next(part for part in text.split("<figure") if "Loss of D" in part)
    assert losses.count("<path") == 3
    for number in (1, 2, 3):
        assert losses.count(f"tiny/00{number} ") == 1
    assert [attrs["alt"] for tag, attrs in found.found if tag == "img"] == [f"Samples of tiny/00{n}" for n in (1, 2, 3)]
    assert "http-equiv" in text


def test_dots_outside_of_the_axes_are_not_drawn():
    series = Series("a", (0.0, 1.0, 2.0), (0.2, 5.0, 0.4))
    assert Chart("Share", [series], bounds=(0.0, 1.0)).figure(0).count("<circle") == 2


def test_many_runs_repeat_the_colors_with_dashes():
    series = [Series(f"run {n}", (0.0, 10.0), (float(n), 1.0)) for n in range(10)]
    text = Chart("Loss", series).figure(0)
    styles = re.findall(r'<path class="([^"]*)"', text)
    assert len(set(styles)) == 10
    assert styles[8] == "s1 dashed"
