"""Tests the log: curves never run backwards, and no line is written to a removed file."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from helpers import new_run, tiny, trainer
from tensorboard.backend.event_processing import event_accumulator, plugin_event_accumulator

from ganzoo.errors import RunError
from ganzoo.training import preview
from ganzoo.training.log import Log

STATM = Path("/proc/self/statm")
READERS = [event_accumulator.EventAccumulator, plugin_event_accumulator.EventAccumulator]


def steps_of(reader, run, tag="d_loss"):
    accumulator = reader(str(run.folder / "tensorboard"), size_guidance={"tensors": 0})
    accumulator.Reload()
    return [event.step for event in accumulator.Tensors(tag)]


def memory():
    """Resident bytes of this process."""
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def write(run, steps, *, first_step=0):
    with Log(run, first_step=first_step) as log:
        for step in steps:
            log.write(step, {"d_loss": float(step)})


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
def test_tensorboard_goes_on_where_a_resumed_training_does(tmp_path, reader):
    run = new_run(tmp_path)
    write(run, range(1, 9))
    write(run, range(5, 7), first_step=4)
    write(run, range(7, 12), first_step=6)
    assert steps_of(reader, run) == list(range(1, 12))
    write(run, range(1, 3), first_step=0)
    assert steps_of(reader, run) == [1, 2], "a run that was killed before its first checkpoint starts over"


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
def test_tensorboard_goes_back_with_a_rollback(tmp_path, reader):
    run = new_run(tmp_path)
    with Log(run) as log:
        for step in (1, 2, 3, 4):
            log.write(step, {"d_loss": 1.0})
        log.go_back(2)
        for step in (3, 4, 5):
            log.write(step, {"d_loss": 2.0})
    assert steps_of(reader, run) == [1, 2, 3, 4, 5]
    assert [record["step"] for record in run.log()] == [1, 2, 3, 4, 5]


@pytest.mark.slow
@pytest.mark.skipif(not STATM.exists(), reason="the memory is read from /proc")
def test_the_memory_of_a_long_log_stays_the_same(tmp_path):
    """TensorFlow keeps the tensors of Python numbers: these lines took 15 MB."""
    run = new_run(tmp_path)
    with Log(run) as log:
        for step in range(1100):
            if step == 100:
                before = memory()
            log.write(step, {f"value_{n}": step + n / 20 for n in range(20)})
        assert memory() - before < 5e6


def test_the_samples_of_later_steps_go_with_the_lines(tmp_path):
    run = new_run(tmp_path)
    for step in (2, 4, 6):
        preview.save_samples(run, step, np.zeros((8, 8, 3), np.uint8))
    with Log(run, first_step=4) as log:
        assert [path.stem for path in run.sample_files()] == ["step-00000002", "step-00000004"]
        log.go_back(2)
    assert [path.stem for path in run.sample_files()] == ["step-00000002"]


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
def test_tensorboard_after_a_kill_that_cut_an_event_off(tmp_path, reader):
    run = new_run(tmp_path)
    write(run, range(1, 9))
    (events,) = (run.folder / "tensorboard").iterdir()
    events.write_bytes(events.read_bytes()[:-11])
    write(run, range(5, 9), first_step=4)
    assert steps_of(reader, run) == list(range(1, 9))
    assert all(path.name.startswith("events.out.tfevents.") for path in (run.folder / "tensorboard").iterdir())


@pytest.mark.slow
def test_a_tensorboard_that_runs_already_forgets_later_steps(tmp_path):
    run = new_run(tmp_path)
    write(run, range(1, 9))
    accumulator = plugin_event_accumulator.EventAccumulator(str(run.folder / "tensorboard"))
    accumulator.Reload()
    write(run, [5, 6], first_step=4)
    accumulator.Reload()
    assert [event.step for event in accumulator.Tensors("d_loss")] == [1, 2, 3, 4, 5, 6]


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("older", [1, 2])
def test_tensorboard_goes_on_after_the_clock_was_set_back(tmp_path, reader, older):
    """Readers sort files by the time in their names. The START of the older file would discard the new steps."""
    run = new_run(tmp_path)
    write(run, range(1, 5))
    if older == 2:
        write(run, range(5, 9), first_step=4)
    for path in sorted((run.folder / "tensorboard").iterdir()):
        prefix, created, rest = path.name.partition(path.name.split(".")[3])
        path.rename(path.with_name(f"{prefix}{int(created) + 24 * 3600}{rest}"))
    write(run, range(4, 7), first_step=3)
    assert steps_of(reader, run) == [1, 2, 3, 4, 5, 6]
    write(run, range(7, 9), first_step=6)
    assert steps_of(reader, run) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_run_folder_whose_path_is_not_utf8(tmp_path):
    run = new_run(tmp_path / os.fsdecode(b"r\xfcns"))
    write(run, range(1, 5))
    write(run, [3, 4], first_step=2)
    assert [record["step"] for record in run.log()] == [1, 2, 3, 4]
    assert len(list((run.folder / "tensorboard").iterdir())) == 2


def test_events_that_cannot_be_written_are_one_line_with_the_reason(tmp_path):
    run = new_run(tmp_path)
    (run.folder / "tensorboard").write_text("a file")
    with pytest.raises(OSError, match="TensorBoard events: ") as caught:
        Log(run)
    assert caught.value.strerror in {
        f"TensorBoard events: {os.strerror(code)}" for code in (errno.EEXIST, errno.ENOTDIR)
    }


@pytest.mark.parametrize("replaced", [False, True])
def test_a_training_whose_log_was_removed_ends(tmp_path, replaced):
    """Its lines would go into a file without a name, and a new run could have its folder."""
    made = trainer(tiny(training={"steps": 1000, "log_every": 1}), tmp_path)

    def remove(text):
        (made.run.folder / "log.jsonl").unlink()
        if replaced:
            (made.run.folder / "log.jsonl").write_text("")

    write_image = Log.write_image
    try:
        Log.write_image = lambda log, step, image: remove("") if step == 3 else None
        with pytest.raises(RunError, match=r"log\.jsonl was removed or replaced"):
            made.train(quiet=True)
    finally:
        Log.write_image = write_image
