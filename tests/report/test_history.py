"""Tests reading a run's folder, also a damaged one."""

import json
import math
import os
import time

import pytest

from ganzoo.cli.runs import _row
from ganzoo.report.ending import FILE, Ending, ending_of
from ganzoo.report.history import History
from ganzoo.report.rates import learning_rates, rate
from ganzoo.runs import TRAINING_LOCK, trained_seconds

from .conftest import CONFIG, line, write_log


def test_curves_and_metrics(make_run):
    records = [
        line(10),
        {"step": 10, "frechet (small_cnn)": 50.0},
        line(20, recall=0.5, real_recall=0.9, duplicates=0.0),
    ]
    records += [{"step": 20, "frechet (small_cnn)": 40.0}, {"step": 25, "duplicates": 0.1, "recall": 0.4}]
    history = History(make_run(records=records))
    assert history.metric_labels == ("frechet (small_cnn)",)
    series = history.series("frechet (small_cnn)", "x")
    assert (series.steps, series.values, series.last) == ((10, 20), (50, 40), 40)
    assert history.series("recall", "x").steps == (20, 25)
    assert (history.step, history.steps) == (25, 100)


def test_metrics_that_only_some_objectives_have(make_run):
    more = {"penalty": 0.1, "d_class_loss": 2.0, "g_class_loss": 1.0, "class_accuracy": 0.5, "recall": 0.5}
    history = History(make_run(records=[line(10), line(20, **more), {"step": 20, "frechet": 5.0}]))
    assert history.further_metrics == {
        "Class loss": {"d_class_loss": "D", "g_class_loss": "G"},
        "Class accuracy": {"class_accuracy": "Class accuracy"},
    }
    assert History(make_run("plain")).further_metrics == {}


def test_values_that_are_not_numbers_become_gaps(make_run):
    records = [
        line(10),
        line(20, d_loss=math.nan),
        line(30, d_loss=None),
        line(40, d_loss="x"),
        line(50, d_loss=math.inf),
    ]
    series = History(make_run(records=records)).series("d_loss", "D")
    assert series.steps == (10, 20, 30, 40, 50)
    assert [math.isfinite(value) for value in series.values] == [True, False, False, False, False]
    assert series.last == 1.01


def test_half_a_line_and_lines_of_another_kind_are_ignored(make_run):
    run = make_run()
    with (run.folder / "log.jsonl").open("a") as file:
        file.write('[1]\n{"step": null}\n{"step": "x"}\n{"step": NaN}\n{"step": 40, "d_lo')
    assert History(run).step == 30


def test_numbers_that_no_float_holds_count_as_missing(make_run):
    huge = int("9" * 401)
    records = [line(10), line(20, d_loss=huge, seconds=huge, rollback=huge), {"step": huge}, line(30, seconds=6.0)]
    run = make_run(records=records)
    history = History(run)
    assert (run.step, [record["step"] for record in history.log]) == (30, [10, 20, 30])
    assert [math.isfinite(value) for value in history.series("d_loss", "D").values] == [True, False, True]
    assert trained_seconds(history.log) == 6.0
    damaged = [{"seconds": value} for value in (1.5, 1e308, -1e308, 1e308, math.inf, True, "2")]
    assert trained_seconds(damaged) == 1.5
    assert learning_rates(history)[0].values[-1] < 1e-200


def test_the_time_of_all_calls_is_added(make_run):
    records = [line(10, seconds=5.0), line(20, seconds=10.0), line(30, seconds=4.0), line(40, seconds=6.0)]
    assert trained_seconds(History(make_run(records=records)).log) == 16.0


def test_a_clock_that_goes_on_is_not_added_twice(make_run):
    records = [line(10, seconds=5.0), line(20, seconds=5.5), {"step": 20, "changed": {}}, line(30, seconds=7.0)]
    assert trained_seconds(make_run(records=records).log()) == 7.0


def test_a_damaged_log_is_listed(make_run):
    damaged = {"warnings": 5, "rollback": "x", "d_loss": "y", "g_loss": 10**400}
    record = line(10) | damaged
    run = make_run(records=[record, line(20, warnings=[7, {}, {"kind": "recall"}])])
    row = _row(run)
    assert (row["step"], row["warnings"], row["rollbacks"]) == (20, ["recall"], 0)
    assert _row(make_run("other", records=[record]))["d_loss"] is None


def test_events(make_run):
    records = [
        line(10, warnings=[{"kind": "recall", "text": "Step 10: lost. Try x"}]),
        {"step": 10, "rollback": 1, "from_step": 30, "warnings": [{"kind": "duplicates", "text": "Step 30: copies."}]},
        {"step": 10, "changed": {"training.steps": [100, 200]}},
        line(20, warnings="damaged"),
        line(30, warnings=[7]),
    ]
    events = History(make_run(records=records)).events
    assert [event.kind for event in events] == ["recall", "duplicates", "rollback", "changed"]
    assert "from step 30 to step 10" in events[2].text
    assert "training.steps: 100 -> 200" in events[3].text


def test_evaluated_numbers(make_run):
    run = make_run()
    entry = {"value": 20.0, "interval": [19.0, 21.0], "floor": 5.0}
    values = {
        "model": {"step": 30},
        "metrics": {"fid": entry, "odd": {"value": "x"}, "one": {"value": 1, "interval": None}},
    }
    (run.folder / "metrics.json").write_text(json.dumps(values))
    first, second = History(run).evaluated
    assert (first.label, first.step, first.value, first.interval, first.floor) == ("fid", 30, 20.0, (19.0, 21.0), 5.0)
    assert (second.label, second.interval, second.floor) == ("one", None, None)
    (run.folder / "metrics.json").write_text("[")
    assert History(run).evaluated == ()


def test_a_folder_with_nothing_readable(make_run):
    run = make_run()
    for name in ("config.yaml", "versions.json", "metrics.json"):
        (run.folder / name).write_bytes(b"\xff\x00: [")
    (run.folder / "log.jsonl").unlink()
    history = History(run)
    assert (history.step, history.steps, history.command, history.events, history.metric_labels) == (
        0,
        None,
        None,
        (),
        (),
    )
    assert learning_rates(history) == []
    assert history.ending.state == "interrupted"


@pytest.mark.parametrize("content", ["5", "[1]", "[" * 100_000, '{"a": ' * 100_000, '"command"'])
def test_files_with_other_json_are_ignored(make_run, content):
    run = make_run()
    for name in ("versions.json", "metrics.json", FILE):
        (run.folder / name).write_text(content)
    history = History(run)
    assert (history.command, history.evaluated, history.ending.state) == (None, (), "interrupted")


@pytest.mark.parametrize("state", ["finished", "stopped", "interrupted", "collapsed"])
def test_an_ending_is_read_again(make_run, state):
    run = make_run()
    Ending(state, 35, "why").write(run)
    assert ending_of(run, step=30, steps=100) == Ending(state, 35, "why")
    assert ending_of(run, step=40, steps=100) == Ending("interrupted", 40), "a later training was killed"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"state": "odd", "step": 99, "reason": ""}',
        '{"state": "finished"}',
        '{"state": "finished", "step": Infinity, "reason": ""}',
    ],
)
def test_a_damaged_ending_is_ignored(make_run, text):
    run = make_run()
    (run.folder / FILE).write_text(text)
    assert ending_of(run, step=30, steps=100).state == "interrupted"
    assert ending_of(run, step=100, steps=100).state == "finished"


def test_a_run_in_training_has_a_lock_that_is_renewed(make_run):
    run = make_run()
    lock = run.folder / TRAINING_LOCK
    lock.write_text("{}")
    assert ending_of(run, step=30, steps=100).state == "training"
    os.utime(lock, (time.time() - 60,) * 2)
    assert ending_of(run, step=30, steps=100).state == "interrupted"
    lock.write_text("")
    assert ending_of(run, step=30, steps=100).state == "interrupted"


def test_learning_rates_follow_the_schedule_and_the_rollbacks(make_run):
    records = [line(10), {"step": 10, "rollback": 2, "from_step": 20}, line(50)]
    g, d = learning_rates(History(make_run(records=records)))
    rates = {letter: dict(zip(series.steps, series.values, strict=True)) for letter, series in (("g", g), ("d", d))}
    assert rates["g"][0] == pytest.approx(2e-4)
    assert rates["g"][50] == pytest.approx(2e-4 * 0.5 / 4)
    assert (rates["d"][10], rates["d"][11], rates["d"][50]) == pytest.approx((4e-4, 1e-4, 1e-4))


def test_equal_rates_are_one_curve(make_run):
    training = CONFIG["training"] | {
        "d_optimizer": dict(CONFIG["training"]["g_optimizer"])
    }  # YAML writes an equal object as an alias
    (both,) = learning_rates(History(make_run(config=CONFIG | {"training": training})))
    assert both.label == "G and D"


@pytest.mark.slow
@pytest.mark.parametrize("schedule", ["constant", "cosine", "linear"])
@pytest.mark.parametrize("warmup", [0, 7])
def test_the_rate_is_that_of_the_training(schedule, warmup):
    from ganzoo.training.learning_rate import WarmupThenDecay

    real = WarmupThenDecay(3e-4, schedule=schedule, warmup_steps=warmup, updates=40)
    plain = {"learning_rate": 3e-4, "schedule": schedule, "warmup_steps": warmup}
    for update in range(45):
        assert rate(plain, update, 40) == pytest.approx(float(real(update)), rel=1e-5, abs=1e-10)


def test_the_log_is_read_once(make_run):
    run = make_run()
    history = History(run)
    write_log(run, [])
    assert history.step == 30
