"""Tests the report of a running training: when it is written, and that it never stops the training."""

import errno
import os

import pytest

from ganzoo.environment import files
from ganzoo.errors import TrainingError
from ganzoo.report import live
from ganzoo.report.ending import FILE, ending_of
from ganzoo.report.live import LEAST_SECONDS, LiveReport, report_announced

from .conftest import line, write_log


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def state(run):
    text = (run.folder / "report.html").read_text(encoding="utf-8")
    return text.partition('<meta name="ganzoo-state" content="')[2].partition('"')[0]


def test_it_is_written_at_the_start_at_samplings_and_at_the_end(make_run, clock):
    run, said = make_run(records=[]), []
    with LiveReport(run, info=said.append, clock=clock) as report:
        assert state(run) == "training"
        assert "not logged yet" in (run.folder / "report.html").read_text()
        write_log(run, [line(10)])
        clock.now += 60
        report.update(10)
        text = (run.folder / "report.html").read_text()
        assert "Step 10 of 100" in text
        assert '"every":60' in text
        report.end("finished", 100)
    assert state(run) == "finished"
    assert ending_of(run, step=100, steps=100).state == "finished"
    assert said == []
    assert sorted(path.name for path in run.folder.iterdir()) == [
        "config.yaml", FILE, "log.jsonl", "report.html", "samples",
    ]  # fmt: skip


def test_samplings_in_quick_succession_are_left_out(make_run, clock):
    run = make_run(records=[])
    with LiveReport(run, info=print, clock=clock) as report:
        write_log(run, [line(10)])
        clock.now += LEAST_SECONDS / 2
        report.update(10)
        assert "Step 0 of" in (run.folder / "report.html").read_text()
        clock.now += LEAST_SECONDS
        report.update(20)
        assert "Step 20 of" in (run.folder / "report.html").read_text()


def test_a_slow_report_is_written_less_often(make_run, clock, monkeypatch):
    run, written = make_run(), []

    def slow(*arguments, **options):
        clock.now += 2
        written.append(clock.now)
        return "text"

    monkeypatch.setattr(live, "run_page", slow)
    with LiveReport(run, info=print, clock=clock) as report:
        for _ in range(1000):
            clock.now += 1
            report.update(1)
    assert len(written) * 2 <= 0.05 * 1000


@pytest.mark.parametrize(
    ("outcome", "wanted", "words"),
    [
        ("minutes", "stopped", "time limit"),
        ("steps", "stopped", "as asked"),
        ("callback", "stopped", "by a callback"),
        ("interrupted", "interrupted", "saved"),
    ],
)
def test_a_training_that_stops_early(make_run, outcome, wanted, words):
    run = make_run()
    with LiveReport(run, info=print) as report:
        report.end(outcome, 33)
    assert state(run) == wanted
    found = ending_of(run, step=30, steps=100)
    assert (found.state, found.step) == (wanted, 33)
    assert words in found.reason


@pytest.mark.parametrize(
    ("error", "wanted", "words"),
    [
        (TrainingError("Step 31 has values that are not finite.\nTry less"), "collapsed", "not finite"),
        (OSError(errno.ENOSPC, "No space left on device"), "interrupted", "No space left on device"),
        (KeyboardInterrupt(), "interrupted", "KeyboardInterrupt"),
    ],
)
def test_a_training_that_fails(make_run, error, wanted, words):
    run = make_run()
    with pytest.raises(type(error)), LiveReport(run, info=print):
        raise error
    assert state(run) == wanted
    assert words in (run.folder / "report.html").read_text()
    assert ending_of(run, step=30, steps=100).state == wanted


def test_a_new_training_forgets_the_old_ending(make_run):
    run = make_run()
    with LiveReport(run, info=print) as report:
        report.end("finished", 30)
    with LiveReport(run, info=print):
        assert not (run.folder / FILE).exists()


def test_a_full_disk_is_one_warning_and_no_part_of_a_file(make_run, clock, size_limit, noise):
    run, said = make_run(), []
    noise(run.folder / "real.png", 100)
    with size_limit(2000), LiveReport(run, info=said.append, clock=clock) as report:
        for step in range(3):
            clock.now += 100
            report.update(step)
        report.end("finished", 100)
    assert len(said) == 1
    assert "The training goes on without its report." in said[0]
    assert len(said[0].splitlines()) == 1
    assert not (run.folder / "report.html").exists()
    assert not [path for path in run.folder.iterdir() if ".tmp-" in path.name]


def test_a_folder_that_cannot_be_written(make_run, clock, monkeypatch):
    def refuse(path, content, **options):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    run, said = make_run(), []
    monkeypatch.setattr(files, "write_file", refuse)
    with LiveReport(run, info=said.append, clock=clock) as report:
        clock.now += 100
        report.update(1)
        report.end("finished", 100)
    assert said == [
        f"Cannot write '{run.folder / 'report.html'}': Permission denied. The training goes on without its report."
    ]


def test_a_mistake_in_the_report_does_not_stop_the_training(make_run, clock, monkeypatch):
    run, said = make_run(), []
    monkeypatch.setattr(live, "run_page", lambda *arguments, **options: 1 // 0)
    with LiveReport(run, info=said.append, clock=clock) as report:
        report.end("finished", 100)
    assert len(said) == 1
    assert said[0].startswith("No report: ")
    assert (run.folder / FILE).exists()


def test_the_path_is_announced_at_the_start_and_at_the_end(make_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run, said = make_run(), []
    with report_announced(run, said.append):
        assert said == ["Report, updated during the training: runs/tiny/001/report.html"]
        with LiveReport(run, info=print):
            pass
    assert said[1:] == ["Report: runs/tiny/001/report.html"]
    with pytest.raises(TrainingError), report_announced(run, said.append):
        raise TrainingError("x")
    assert len(said) == 4
