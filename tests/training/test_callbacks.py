"""Tests callbacks: what they get, how they stop a training, and that their mistakes lose no step."""

import json
import shutil
from typing import get_args

import numpy as np
import pytest
from helpers import same, state, tiny, tiny_vectors, trainer

import ganzoo
from ganzoo.cli import train as train_verb
from ganzoo.errors import GanzooError, RunError
from ganzoo.report import live
from ganzoo.training.callbacks import Callback
from ganzoo.training.outcome import Outcome, Reason


class Recorder(Callback):
    def __init__(self):
        self.calls = []

    def on_log(self, step, values):
        self.calls.append(("log", step, values))

    def on_sample(self, step, images):
        self.calls.append(("sample", step, images))

    def on_checkpoint(self, step, folder):
        self.calls.append(("checkpoint", step, folder))

    def on_end(self, outcome):
        self.calls.append(("end", outcome.step, outcome))

    def of(self, kind):
        return {step: value for name, step, value in self.calls if name == kind}


class StopsAt(Callback):
    """Stops at a step in one of the methods."""

    def __init__(self, method, step=2):
        def stop(at, _):
            self.stop_training = self.stop_training or at >= step

        setattr(self, method, stop)


class Raises(Callback):
    def __init__(self, method, error):
        def fail(*_):
            raise error

        setattr(self, method, fail)


def ended(run):
    return json.loads((run.folder / "ended.json").read_text())


@pytest.mark.slow
def test_a_callback_gets_the_log_the_samples_the_checkpoints_and_the_end(tmp_path):
    seen = Recorder()
    trained = trainer(tiny(training={"evaluation": None}), tmp_path)
    outcome = trained.train(quiet=True, callbacks=[seen])
    logged = {line["step"]: line for line in trained.run.log()}
    assert seen.of("log").keys() == logged.keys()
    for step, values in seen.of("log").items():
        assert {name: round(value, 6) for name, value in values.items()} == {
            name: value for name, value in logged[step].items() if name not in ("step", "warnings")
        }
    for images in seen.of("sample").values():
        assert images.dtype == np.uint8
        assert images.shape[1:] == (8, 8, 1)
    assert seen.of("sample").keys() == {3, 6}
    assert {step: path.name for step, path in seen.of("checkpoint").items()} == {3: "step-00000003", 6: "step-00000006"}
    assert all((path / "manifest.json").is_file() for path in seen.of("checkpoint").values())
    assert seen.calls[-1] == ("end", 6, outcome)


def test_measured_metrics_reach_on_log(tmp_path):
    seen = Recorder()
    made = tiny_vectors(steps=4, evaluation={"every": 2, "metrics": ["modes"], "samples": 64})
    trainer(made, tmp_path, made.data.load()).train(quiet=True, callbacks=[seen])
    assert any("modes" in name for kind, _, values in seen.calls if kind == "log" for name in values)
    assert next(iter(seen.of("sample").values())).dtype == np.float32, "points in the plane are no images"


@pytest.mark.slow
def test_callbacks_cannot_change_the_training(tmp_path):
    class Vandal(Callback):
        def on_log(self, step, values):
            values.clear()

        def on_sample(self, step, images):
            images[:] = 0

    plain, watched, seen = trainer(tiny(), tmp_path / "a"), trainer(tiny(), tmp_path / "b"), Recorder()
    plain.train(quiet=True)
    watched.train(quiet=True, callbacks=[Vandal(), seen])
    assert same(state(plain), state(watched))
    assert all(seen.of("log").values())
    assert all(images.any() for images in seen.of("sample").values())


@pytest.mark.slow
@pytest.mark.parametrize("method", ["on_log", "on_sample", "on_checkpoint"])
def test_each_method_can_stop_the_training_and_the_run_resumes(tmp_path, method):
    config = tiny_vectors()
    stopper, seen = StopsAt(method), Recorder()
    run = ganzoo.train(config, root=tmp_path, quiet=True, callbacks=[stopper, seen])
    step = 2 if method == "on_log" else 3
    assert seen.of("end") == {step: Outcome(step, "callback")}
    assert run.checkpoint_steps()[-1] == step
    assert ended(run) == {"state": "stopped", "step": step, "reason": f"Stopped at step {step} by a callback."}
    again = Recorder()
    ganzoo.resume(run, quiet=True, callbacks=[again])
    assert again.of("end") == {6: Outcome(6, "finished")}


@pytest.mark.slow
def test_the_same_callback_can_be_used_again(tmp_path):
    stopper = StopsAt("on_log")
    run = ganzoo.train(tiny_vectors(), root=tmp_path, quiet=True, callbacks=[stopper])
    assert ganzoo.resume(run, quiet=True, callbacks=[stopper]).step == 3, "one line of the log more"


def test_a_stop_at_the_last_step_is_a_finished_run(tmp_path):
    seen = Recorder()
    run = ganzoo.train(tiny_vectors(), root=tmp_path, quiet=True, callbacks=[StopsAt("on_log", 6), seen])
    assert seen.of("end") == {6: Outcome(6, "finished")}
    assert ended(run)["state"] == "finished"


@pytest.mark.slow
@pytest.mark.parametrize("error", [OSError(28, "full"), KeyboardInterrupt(), RunError("mine")], ids=repr)
def test_an_exception_is_raised_unchanged_when_the_run_is_saved(tmp_path, error):
    seen = Recorder()
    with pytest.raises(type(error)) as raised:
        ganzoo.train(tiny_vectors(), root=tmp_path, quiet=True, callbacks=[Raises("on_log", error), seen])
    assert raised.value is error
    assert error.__cause__ is None
    assert error.__context__ is None
    assert seen.calls == [], "nothing is called after an exception"
    run = ganzoo.find_run("points/1", root=tmp_path)
    assert run.checkpoint_steps() == [2]
    assert ended(run)["state"] == "interrupted"
    assert ended(run)["reason"].startswith("Stopped at step 2 by an error in a callback: ")
    assert ganzoo.resume(run, quiet=True).step == 6


def test_an_exception_at_the_end_is_raised_for_a_finished_run(tmp_path):
    with pytest.raises(ZeroDivisionError):
        ganzoo.train(tiny_vectors(), root=tmp_path, quiet=True, callbacks=[Raises("on_end", ZeroDivisionError())])
    run = ganzoo.find_run("points/1", root=tmp_path)
    assert run.step == 6
    assert ended(run)["state"] == "finished"


def test_a_deleted_run_folder_is_one_clear_line(tmp_path):
    class Deletes(Callback):
        def on_log(self, step, values):
            shutil.rmtree(tmp_path / "points")

    with pytest.raises(RunError, match=r"log.jsonl was removed or replaced during the training"):
        ganzoo.train(tiny_vectors(), root=tmp_path, quiet=True, callbacks=[Deletes()])


def test_an_exception_is_raised_also_when_the_run_cannot_be_saved(tmp_path):
    class DeletesAndRaises(Callback):
        def on_log(self, step, values):
            shutil.rmtree(tmp_path / "points")
            (tmp_path / "points").write_text("a file, so that nothing can be saved here")
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine") as raised:
        ganzoo.train(tiny_vectors(), root=tmp_path, quiet=True, callbacks=[DeletesAndRaises()])
    (note,) = raised.value.__notes__
    assert note.startswith("Afterwards the training could not be saved: ")


@pytest.mark.parametrize(
    ("wrong", "received"),
    [
        (Recorder, "the class Recorder, not an object of it"),
        ([Recorder], "the class Recorder, not an object of it"),
        (Recorder(), "an object of .*Recorder"),
        ([print], "an object of builtins.builtin_function_or_method"),
        ("ab", "an object of builtins.str"),
        (None, "an object of builtins.NoneType"),
    ],
)
def test_anything_else_is_refused_before_the_training(tmp_path, wrong, received):
    message = rf"callbacks: received {received}; allowed is a list .*callbacks=\[MyCallback\(\)\]"
    with pytest.raises(GanzooError, match=message):
        ganzoo.train(tiny_vectors(), root=tmp_path, callbacks=wrong)
    with pytest.raises(GanzooError, match=message):
        ganzoo.resume(root=tmp_path, callbacks=wrong)
    assert list(tmp_path.iterdir()) == []


def test_every_reason_has_its_sentences():
    assert train_verb._END.keys() == set(get_args(Reason))
    assert live.REASONS.keys() == {*get_args(Reason)} - {"finished"}
