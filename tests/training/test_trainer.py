"""Tests the loop and its run folder: the files, the end of a training, and resuming."""

import errno
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from helpers import same, samples, state, tiny, tiny_vectors, trainer
from PIL import Image

from ganzoo.config import yaml_files
from ganzoo.config.experiment import Config
from ganzoo.data.base import Dataset
from ganzoo.errors import ConfigError, RunError, TrainingError
from ganzoo.objectives.base import METRICS
from ganzoo.runs import Run, find_run
from ganzoo.training import checkpoint
from ganzoo.training.callbacks import Callback
from ganzoo.training.data_order import batch_indices
from ganzoo.training.log import Log
from ganzoo.training.session import resume, start
from ganzoo.training.trainer import Outcome, Trainer
from training.subject import CHANGES

SUBJECT = Path(__file__).with_name("subject.py")


def lines(run):
    """The lines of the log that hold metrics; lines of the collapse watch may be between them."""
    return [line for line in run.log() if "d_loss" in line]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of 6 steps through ``start``, as a user calls it, with its messages."""
    root = tmp_path_factory.mktemp("runs")
    config = tiny_vectors()
    said = []
    run, outcome = start(config, root=root, quiet=True, info=said.append)
    return run, outcome, said


def test_a_run_folder_holds_everything(finished):
    run, outcome, said = finished
    assert outcome == Outcome(6, "finished")
    assert any(run.name in line for line in said)
    assert Config.read(yaml_files.read_mapping(run.folder / "config.yaml")) == run.config
    versions = json.loads((run.folder / "versions.json").read_text())
    assert {"tensorflow", "keras", "numpy"} <= versions["libraries"].keys()
    assert [path.name for path in run.sample_files()] == ["step-00000003.png", "step-00000006.png"]
    assert run.checkpoint_steps() == [3, 6]
    for name in ("losses.png", "real.png", *(f"samples/step-0000000{n}.png" for n in (3, 6))):
        with Image.open(run.folder / name) as picture:
            picture.load()
            assert min(picture.size) > 100
    with Image.open(run.folder / "training.gif") as film:
        assert film.n_frames >= 2
    assert list((run.folder / "tensorboard").iterdir())
    assert not list(run.folder.rglob("*.tmp*"))


def test_the_log_has_a_line_an_interval_with_every_metric(finished):
    assert [line["step"] for line in finished[0].log()] == [2, 3, 4, 6]  # the samples of step 3 are looked at
    assert [line["step"] for line in lines(finished[0])] == [2, 4, 6]
    for line in lines(finished[0]):
        assert {*METRICS, "images_per_second", "seconds"} < line.keys()
        assert all(np.isfinite(value) for value in line.values())
        assert 0 <= line["d_real"] <= 1
        assert 0 <= line["d_fake_accuracy"] <= 1
        assert line["d_gradient_norm"] > 0
        assert line["images_per_second"] > 0


@pytest.mark.slow
def test_logged_metrics_are_means_over_the_interval(tmp_path):
    every, pairs = (tiny_vectors(log_every=n) for n in (1, 2))
    logs = []
    for name, config in (("a", every), ("b", pairs)):
        run = trainer(config, tmp_path / name, config.data.load())
        run.train(quiet=True)
        logs.append(lines(run.run))
    for number in range(3):
        for metric in METRICS:
            wanted = (logs[0][2 * number][metric] + logs[0][2 * number + 1][metric]) / 2
            assert logs[1][number][metric] == pytest.approx(wanted, abs=2e-6)


@pytest.mark.parametrize("max_steps", [None, 3])
def test_a_finished_run_has_nothing_to_resume(finished, max_steps):
    with pytest.raises(RunError, match="is finished at step 6, so it cannot be resumed"):
        resume(str(finished[0].folder), max_steps=max_steps, quiet=True)


def test_a_call_may_have_more_steps_than_this_process_has_memory_for(tmp_path, monkeypatch):
    """The chief of a cluster, which chooses the number, may have more. The fifth step sees a NaN."""
    monkeypatch.setattr("ganzoo.training.input_pipeline.available_memory", lambda: 1)
    config = tiny_vectors()
    points = config.data.load().samples.copy()
    points[batch_indices(first=4, steps=1, per_step=(1, 4), count=64, seed=0)[0, 0, 0]] = np.nan
    steps = trainer(config, tmp_path, Dataset(points)).steps
    with steps.input_pipeline:
        assert steps.input_pipeline.most_steps == 1
        assert len(steps.run(first=0, count=3)) == 3
        assert len(steps.run(first=3, count=3)) == 2


@pytest.mark.slow
def test_max_steps_and_max_minutes_end_early_with_a_checkpoint(tmp_path):
    config = tiny_vectors(steps=1000, checkpoint_every=1000, sample_every=1000)
    trained = trainer(config, tmp_path, config.data.load())
    assert trained.train(max_steps=0, quiet=True) == Outcome(0, "steps")
    assert trained.train(max_steps=3, quiet=True) == Outcome(3, "steps")
    assert trained.run.checkpoint_steps() == [0, 3]
    outcome = trained.train(max_minutes=1e-9, quiet=True)
    assert outcome == Outcome(4, "minutes"), "a training makes at least one step"
    outcome = trained.train(max_minutes=0.02, quiet=True)
    assert outcome.reason == "minutes" or outcome.step == 1000
    assert outcome.step > 4
    assert trained.run.checkpoint_steps()[-1] == outcome.step


@pytest.mark.slow
def test_resume_repeats_the_uninterrupted_run_bit_for_bit(tmp_path):
    config = tiny(**CHANGES)
    data = samples(config)
    whole = trainer(config, tmp_path / "whole", data)
    whole.train(max_steps=7, quiet=True)
    broken = trainer(config, tmp_path / "broken", data)
    broken.train(max_steps=3, quiet=True)
    again = Trainer(config, data, broken.run)
    assert again.state.restore() == ()
    assert again.step == 3
    assert same(state(again), state(broken))
    again.train(max_steps=7, quiet=True)
    assert same(state(again), state(whole))
    logs = [[{k: line[k] for k in ("step", *METRICS)} for line in lines(t.run)] for t in (whole, again)]
    assert logs[0] == logs[1]


@pytest.mark.slow
@pytest.mark.slow
def test_a_conditional_run_repeats_its_looks_at_the_classes_bit_for_bit(tmp_path):
    config = tiny(num_classes=2, training={"steps": 8, "sample_every": 1, "watch": {"grace_steps": 0}})
    data = samples(config, count=80, classes=2)
    whole = trainer(config, tmp_path / "whole", data)
    whole.train(quiet=True)
    stopped = trainer(config, tmp_path / "stopped", data)
    stopped.train(max_steps=5, quiet=True)
    again = Trainer(config, data, stopped.run)
    again.state.restore()
    again.train(quiet=True)
    assert same(state(again), state(whole))
    looks = [
        [(line["step"], line["label_response"], line.get("warnings")) for line in made.run.log()]
        for made in (again, whole)
    ]
    assert looks[0] == looks[1]
    assert len(looks[0]) == 8


def test_resume_through_the_run_folder_says_what_it_skips(tmp_path):
    config = tiny_vectors(steps=9)
    run, _ = start(config, root=tmp_path, max_steps=6, quiet=True)
    (run.folder / "checkpoints" / "step-00000006" / "ema.safetensors").write_bytes(b"x")
    (run.folder / "log.jsonl").open("a").write('{"step": 6, "half of a li')
    said = []
    again, outcome = resume(root=tmp_path, quiet=True, info=said.append)
    assert again == run
    assert outcome == Outcome(9, "finished")
    assert any(
        line.startswith("Skipped a damaged checkpoint: step-00000006: ema.safetensors has 1 bytes") for line in said
    )
    assert "Run points/001 continues from step 3 of 9" in said
    assert [line["step"] for line in lines(run)] == [2, 4, 6, 8, 9]
    assert checkpoint.load_newest(run.folder / "checkpoints").skipped == ()
    assert run.checkpoint_steps() == [6, 9]


@pytest.mark.slow
def test_a_run_without_a_checkpoint_starts_over(tmp_path):
    config = tiny_vectors()
    run, _ = start(config, root=tmp_path, quiet=True)
    wanted = checkpoint.load_newest(run.folder / "checkpoints").state
    for path in (run.folder / "checkpoints").iterdir():
        for file in path.iterdir():
            file.unlink()
        path.rmdir()
    assert resume("points", root=tmp_path, quiet=True)[1].step == 6
    made = checkpoint.load_newest(run.folder / "checkpoints").state
    pairs = ((name, made[group][name], wanted[group][name]) for group in wanted for name in wanted[group])
    assert [name for name, one, other in pairs if not np.array_equal(one, other)] == []


def test_a_checkpoint_of_another_config_is_refused(tmp_path):
    config = tiny_vectors()
    one = trainer(config, tmp_path, config.data.load())
    one.state.save()
    other = config.model_copy(update={"generator": config.generator.model_copy(update={"hidden": (9,)})})
    with pytest.raises(RunError, match=r"config.yaml was changed after step 0: generator.hidden\. A resumed run keeps"):
        Trainer(other, config.data.load(), one.run).state.restore()
    manifest = one.run.folder / "checkpoints/step-00000000/manifest.json"
    values = json.loads(manifest.read_text())
    del values["config"]  # as older versions wrote it
    manifest.write_text(json.dumps(values))
    with pytest.raises(RunError, match="The checkpoint at step 0 of 'tiny/001' does not match its config"):
        Trainer(other, config.data.load(), one.run).state.restore()


@pytest.mark.slow
def test_the_last_step_is_saved_over_a_damaged_checkpoint_of_that_step(tmp_path):
    config = tiny_vectors(steps=5, checkpoint_every=3)
    run, _ = start(config, root=tmp_path, quiet=True)
    (run.folder / "checkpoints" / "step-00000005" / "manifest.json").write_text("")
    resume(root=tmp_path, quiet=True)
    assert checkpoint.load_newest(run.folder / "checkpoints").step == 5


# --- what goes wrong


def test_a_number_that_is_not_finite_stops_and_names_the_step(tmp_path):
    """One sample is NaN; the step that sees it first is known from the order of the data."""
    config = tiny_vectors(steps=100, checkpoint_every=2, sample_every=100)
    points = config.data.load().samples.copy()
    points[17] = np.nan
    order = batch_indices(first=0, steps=100, per_step=(1, 4), count=64, seed=0)
    bad = 1 + int(np.argmax((order == 17).any(axis=(1, 2))))
    assert bad > 3
    kept = (bad - 1) // 2 * 2
    trained = trainer(config, tmp_path, Dataset(points))
    with pytest.raises(
        TrainingError,
        match=rf"Step {bad} has values that are not finite: .*The last good checkpoint is at step {kept}\.\n"
        r"Try training\.g_optimizer\.learning_rate=",
    ):
        trained.train(quiet=True)
    found = checkpoint.load_newest(trained.run.folder / "checkpoints")
    assert (found.step, found.skipped) == (kept, ())
    assert all(np.isfinite(array).all() for group in found.state.values() for array in group.values())
    assert all(np.isfinite(value) for line in trained.run.log() for value in line.values())


def test_a_full_disk_is_one_clear_error_and_keeps_the_last_checkpoint(tmp_path, size_limit):
    config = tiny(training={"checkpoint_every": 2, "steps": 8, "sample_every": 8})
    trained = trainer(config, tmp_path)
    trained.train(max_steps=2, quiet=True)
    with size_limit(4000), pytest.raises(RunError) as caught:
        trained.train(quiet=True)
    assert "File too large" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert checkpoint.load_newest(trained.run.folder / "checkpoints").step == 2


def test_a_log_that_cannot_be_written_is_one_clear_error(tmp_path, monkeypatch):
    def full(self, step, values, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Log, "write", full)
    config = tiny_vectors(checkpoint_every=1)
    trained = trainer(config, tmp_path, config.data.load())
    with pytest.raises(
        RunError, match=r"Cannot write in '.*': No space left on device\. The last good checkpoint is at step 1"
    ):
        trained.train(quiet=True)


@pytest.mark.slow
def test_a_clock_that_is_set_back_changes_nothing(tmp_path, monkeypatch):
    """By an hour at each look, during the training and between stop and resume."""
    config = tiny_vectors(checkpoint_every=2, steps=6, sample_every=2, log_every=1)
    whole, _ = start(config, root=tmp_path / "whole", quiet=True)
    now = [1e9]

    def backwards():
        now[0] -= 3600
        return now[0]

    monkeypatch.setattr("time.time", backwards)
    said = []
    run, outcome = start(config, root=tmp_path / "runs", max_steps=3, max_minutes=1, info=said.append)
    assert outcome == Outcome(3, "steps")
    other, _ = start(config, root=tmp_path / "runs", max_steps=2, quiet=True)
    assert (other.folder.name, find_run(root=tmp_path / "runs")) == ("002", other)
    resumed, outcome = resume(run.name, root=tmp_path / "runs", quiet=True, info=said.append)
    assert (resumed.folder, outcome) == (run.folder, Outcome(6, "finished"))
    assert find_run(root=tmp_path / "runs").folder == run.folder
    assert run.age_seconds >= 0
    assert run.checkpoint_steps() == whole.checkpoint_steps()
    found, expected = (checkpoint.load_newest(one.folder / "checkpoints").state for one in (run, whole))
    assert all(same(found[group], expected[group]) for group in expected)
    assert [line["step"] for line in run.log()] == list(range(1, 7))
    assert all(line["seconds"] > 0 and line["images_per_second"] > 0 for line in run.log())
    assert not any("-" in word for line in said for word in line.split() if word.strip("-").isdigit())


def test_a_run_folder_that_vanishes_is_one_clear_error(tmp_path):
    """A network disk that is gone, or somebody who tidies up."""
    config = tiny_vectors(checkpoint_every=2, steps=8, sample_every=8, log_every=1)

    class Vanish(Callback):
        def on_checkpoint(self, step, folder):
            (tmp_path / "runs").rename(tmp_path / "elsewhere")

    with pytest.raises(RunError) as caught:
        start(config, root=tmp_path / "runs", quiet=True, callbacks=[Vanish()])
    assert "log.jsonl was removed or replaced during the training" in str(caught.value)
    assert "The checkpoint of step 2 is no longer there." in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert not list(tmp_path.glob("runs/*/*/config.yaml")), "nothing that looks like a run is left"
    run, outcome = resume(root=tmp_path / "elsewhere", quiet=True)
    assert outcome == Outcome(8, "finished")
    assert [line["step"] for line in lines(run)] == list(range(1, 9))


def test_a_run_folder_that_cannot_be_made_is_one_clear_error(tmp_path):
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(RunError, match="runs' is a file, but runs are in a folder"):
        start(tiny_vectors(), root=tmp_path / "runs", quiet=True)


def test_a_batch_that_the_devices_cannot_share_is_refused(tmp_path):
    class Three:
        num_replicas_in_sync = 3

    with pytest.raises(ConfigError, match=r"training\.batch_size 4 is not a multiple of the 3 devices"):
        trainer(tiny_vectors(), tmp_path, strategy=Three())


# --- killed from outside


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_training_that_is_stopped_goes_on_as_if_it_never_was(tmp_path, number):
    process = subprocess.Popen([sys.executable, str(SUBJECT), str(tmp_path)], stdout=subprocess.PIPE, text=True)
    run = Run(tmp_path / "tiny" / "001")
    deadline = time.monotonic() + 240
    while run.step < 5 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    said, _ = process.communicate(timeout=120)
    found = checkpoint.load_newest(run.folder / "checkpoints")
    if number == signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
        assert found.step >= 4
    else:
        assert process.returncode == 0
        assert said.strip() == f"Outcome(step={found.step}, reason='interrupted')"
        assert found.step == run.step
        assert (run.folder / "samples" / f"step-{found.step:08d}.png").exists()
    config = tiny(**CHANGES)
    again = Trainer(config, samples(config), run)
    again.state.restore()
    assert again.step == found.step
    again.train(max_steps=found.step + 2, quiet=True)
    whole = trainer(config, tmp_path / "whole")
    whole.train(max_steps=found.step + 2, quiet=True)
    assert same(state(again), state(whole))
    steps = [line["step"] for line in run.log()]
    assert steps == list(range(1, found.step + 3))


def test_the_newest_run_is_found_by_its_model(finished):
    run = finished[0]
    assert find_run("points", root=run.folder.parent.parent) == run
