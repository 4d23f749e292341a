"""Tests the reaction to a collapse: a warning, a rollback or a stop; a resumed training does the same."""

import json
import re
from typing import ClassVar

import numpy as np
import pytest
from helpers import new_run, same, samples, state, tiny, tiny_vectors, trainer

from ganzoo.cli.runs import _row, _texts
from ganzoo.data.base import Dataset
from ganzoo.errors import RunError, TrainingError
from ganzoo.metrics.base import Metric
from ganzoo.metrics.base import metrics as registered_metrics
from ganzoo.objectives.base import METRICS
from ganzoo.training import checkpoint
from ganzoo.training.callbacks import Callback
from ganzoo.training.collapse_watch import KINDS
from ganzoo.training.data_order import batch_indices
from ganzoo.training.session import resume, start
from ganzoo.training.trainer import Trainer

RATE = 1e-3
GOOD = 4
"""The last step with a healthy preview."""


def config(evaluation=None, **watch):
    settings = {"grace_steps": 0, "patience": 2, "on_collapse": "rollback", "max_rollbacks": 2} | watch
    return tiny_vectors(
        steps=10,
        log_every=1,
        sample_every=1,
        checkpoint_every=2,
        evaluation=evaluation,
        watch=settings,
        g_optimizer={"name": "adam", "learning_rate": RATE, "schedule": "cosine", "warmup_steps": 2},
        d_optimizer={"name": "adam", "learning_rate": RATE},
    )


def collapsing(made, *, rollbacks=1):
    """Show a preview of identical points after step ``GOOD``, until the training has gone back ``rollbacks`` times."""
    healthy = made.input_pipeline._samples[-64:]

    def preview():
        bad = made.step > GOOD and made.watch.rollbacks < rollbacks
        return np.zeros_like(healthy) if bad else healthy

    made._preview = preview
    return made


def subject(folder, **options):
    watch = options.pop("watch", {})
    one = config(options.pop("evaluation", None), **watch)
    return collapsing(trainer(one, folder, one.data.load()), **options)


def again(made, **options):
    """The run as a new process would resume it."""
    one = Trainer(made.config, made.config.data.load(), made.run)
    assert one.state.restore() == ()
    return collapsing(one, **options)


def metrics(run):
    return [[line.get(key) for key in ("step", "rollback", *METRICS)] for line in run.log()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A training that collapses at step 5, sees it at 6, goes back to 4 and comes to its end."""
    made, said = subject(tmp_path_factory.mktemp("whole")), []
    made.train(quiet=True, info=said.append)
    return made, said


def test_it_says_what_it_saw_and_where_it_went(whole):
    made, said = whole
    assert len(said) == 3
    assert said[0].startswith("Step 6: the samples repeat themselves: 100% of the preview")
    assert said[1].startswith("Step 6: the variety is lost: the preview covers 0% of the real samples")
    assert said[2] == (
        "Went back from step 6 to step 4; both learning rates are now 0.5 times the config's (rollback 1 of at most 2)."
    )
    back = [line for line in made.run.log() if "rollback" in line]
    assert [(line["step"], line["from_step"], line["rollback"]) for line in back] == [(4, 6, 1)]
    assert [sign["kind"] for sign in back[0]["warnings"]] == ["duplicates", "recall"]
    assert [line["step"] for line in made.run.log()] == [1, 2, 3, 4, 4, 5, 6, 7, 8, 9, 10]
    assert made.run.checkpoint_steps() == [8, 10]
    row = _row(made.run)
    assert (row["warnings"], row["rollbacks"]) == (["duplicates", "recall"], 1)
    assert _texts(row)[-1] == "duplicates, recall, 1 rollbacks"
    assert json.dumps(row)


def test_a_callback_hears_of_the_checkpoint_of_a_rollback(tmp_path):
    class Steps(Callback):
        heard: ClassVar[list[int]] = []

        def on_checkpoint(self, step, folder):
            assert folder.is_dir()
            self.heard.append(step)

    subject(tmp_path).train(quiet=True, callbacks=[Steps()])
    assert Steps.heard == [0, 2, 4, 4, 6, 8, 10]


def test_going_back_restores_the_state_and_halves_both_rates(whole, tmp_path):
    """Compare with a training that never collapsed, stopped at the good step, with its rates halved by hand."""
    made, _ = whole
    plain = subject(tmp_path, rollbacks=0)
    plain.train(max_steps=GOOD, quiet=True)
    fast = float(plain.state.optimizers["g_optimizer"].learning_rate)
    plain.watch.rollbacks = 1
    plain.state.optimizers["g_optimizer"]._learning_rate.factor.assign(0.5)
    plain.state.optimizers["d_optimizer"].learning_rate = RATE / 2
    assert float(plain.state.optimizers["g_optimizer"].learning_rate) == fast / 2
    plain.train(quiet=True)
    assert same(state(plain), state(made))
    assert float(made.state.optimizers["d_optimizer"].learning_rate) == np.float32(RATE) / 2


def test_the_rate_matters(whole, tmp_path):
    """Else going back would only repeat the collapse, and the test above would show nothing."""
    never = subject(tmp_path, rollbacks=0)
    never.train(quiet=True)
    assert not same(
        {name: value for name, value in state(never).items() if name.startswith("generator")},
        {name: value for name, value in state(whole[0]).items() if name.startswith("generator")},
    )


@pytest.mark.slow
@pytest.mark.parametrize("stops", [(3,), (5,), (3, 5), (7,), (4, 5, 6)], ids=str)
def test_a_resumed_training_goes_back_like_an_uninterrupted_one(whole, tmp_path, stops):
    made = subject(tmp_path)
    for stop in stops:
        made.train(max_steps=stop, quiet=True)
        made = again(made)
    made.train(quiet=True)
    assert same(state(made), state(whole[0]))
    assert metrics(made.run) == metrics(whole[0].run)


@pytest.mark.slow
def test_the_best_from_before_the_sign_stays_the_best(tmp_path, monkeypatch):
    """Measured at step 5 before the sign at 6; the repeated step 5 and the last one are worse."""
    values = iter([9.0, 1.0, 2.0])

    class Given(Metric):
        numbers = {"given": "higher"}  # noqa: RUF012

        def by_extractor(self, subject):
            return False

        def measure(self, real, generated, subject):
            return {"given": next(values)}

    monkeypatch.setitem(registered_metrics._parts, "given", Given)
    monkeypatch.setattr(Given, "registered_name", "given")
    made = subject(tmp_path, evaluation={"every": 5, "metrics": ["given"]})
    made.train(quiet=True)
    assert [line["given"] for line in made.run.log() if "given" in line] == [1.0, 2.0]
    assert made.best.mark() == (9.0, 5.0)
    kept = checkpoint.load_newest(made.run.folder / "best")
    assert (kept.step, float(kept.state["measured"]["given"])) == (5, 9.0)


@pytest.mark.slow
def test_a_training_that_is_killed_after_it_went_back_goes_on_the_same(whole, tmp_path, monkeypatch):
    """Killed before its next checkpoint: the newest is the one it went back to."""

    class Killed(Exception):  # noqa: N818
        pass

    made = subject(tmp_path)
    chunk = Trainer.run_chunk

    def killed_at_five(self, count, means):
        if self.watch.rollbacks and self.step == GOOD + 1:
            raise Killed
        return chunk(self, count, means)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Trainer, "run_chunk", killed_at_five)
        made.train(quiet=True)
    assert made.run.checkpoint_steps() == [2, 4]
    made = again(made)
    assert (made.step, made.watch.rollbacks) == (4, 1)
    assert float(made.state.optimizers["d_optimizer"].learning_rate) == np.float32(RATE) / 2
    made.train(quiet=True)
    assert same(state(made), state(whole[0]))


@pytest.mark.slow
@pytest.mark.parametrize("place", ["drop_after", "save"])
def test_a_training_that_is_killed_while_it_goes_back_goes_on_the_same(whole, tmp_path, monkeypatch, place):
    class Killed(Exception):  # noqa: N818
        pass

    made = subject(tmp_path)
    real = getattr(checkpoint, place)

    def killed(*arguments, **options):
        if made.watch.rollbacks:
            raise Killed
        return real(*arguments, **options)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(checkpoint, place, killed)
        made.train(quiet=True)
    made = again(made)
    made.train(quiet=True)
    assert same(state(made), state(whole[0]))


@pytest.mark.slow
def test_it_goes_back_a_bounded_number_of_times_and_then_goes_on(tmp_path):
    made, said = subject(tmp_path, rollbacks=9), []
    assert made.train(quiet=True, info=said.append).reason == "finished"
    assert sum(line.startswith("Went back from step 6 to step 4;") for line in said) == 2
    assert said[-1] == "No rollback: the limit training.watch.max_rollbacks=2 is reached."
    assert float(made.state.optimizers["d_optimizer"].learning_rate) == np.float32(RATE) / 4


@pytest.mark.slow
def test_there_is_always_a_step_to_go_back_to(tmp_path):
    """The checkpoint before the first sign is kept though newer ones are written."""
    one = config(patience=6, max_rollbacks=1)
    made = collapsing(trainer(one, tmp_path, one.data.load()))
    said = []
    made.train(quiet=True, info=said.append)
    assert said[2].startswith("Went back from step 10 to step 4;")
    first = subject(tmp_path / "first", watch={"patience": 1})
    first.train(max_steps=1, quiet=True)
    assert first.run.checkpoint_steps() == [0, 1]


def test_the_clean_step_of_each_sign_is_kept(tmp_path):
    """At step 7 the first preview is clean, and the last clean interval ended at step 4, three checkpoints ago."""
    watch = {"on_collapse": "rollback"}
    one = tiny_vectors(steps=9, log_every=4, sample_every=7, checkpoint_every=1, evaluation=None, watch=watch)
    made = trainer(one, tmp_path, one.data.load())
    made.train(max_steps=7, quiet=True)
    assert made.state.last_good_step() == 4
    assert made.run.checkpoint_steps() == [4, 6, 7]


@pytest.mark.slow
def test_a_number_that_is_not_finite_is_gone_back_from_and_stops_at_last(tmp_path):
    one = config(max_rollbacks=1)
    points = one.data.load().samples.copy()
    seen_at_six = batch_indices(first=5, steps=1, per_step=(1, 4), count=64, seed=0)[0, 0, 0]
    points[seen_at_six] = np.nan
    made, said = trainer(one, tmp_path, Dataset(points)), []
    made.watch._yardstick = None
    with pytest.raises(TrainingError, match="Step 6 has values that are not finite"):
        made.train(quiet=True, info=said.append)
    assert said[0].startswith("Went back from step 6 to step 4;")
    assert said[-1].startswith("No rollback: the limit training.watch.max_rollbacks=1 ")


def test_stop_ends_the_training_and_names_the_good_checkpoint(tmp_path):
    made = subject(tmp_path, watch={"on_collapse": "stop"})
    with pytest.raises(TrainingError, match=r"(?s)Step 6: the samples repeat.*The checkpoint of step 4 is older than"):
        made.train(quiet=True)
    assert 4 in made.run.checkpoint_steps()


@pytest.mark.slow
def test_a_warning_changes_nothing_but_the_log(tmp_path):
    warned, said = subject(tmp_path / "a", watch={"on_collapse": "warn"}), []
    warned.train(quiet=True, info=said.append)
    assert len(said) == 2
    one = config(enabled=False)
    off = trainer(one, tmp_path / "off", one.data.load())
    off.train(quiet=True)
    with_watch = {name: value for name, value in state(warned).items() if not name.startswith("watch/")}
    assert same(with_watch, state(off))
    assert metrics(warned.run) == metrics(off.run)
    assert warned.run.checkpoint_steps() == off.run.checkpoint_steps()
    marks = [(line["step"], sign["kind"]) for line in warned.run.log() for sign in line.get("warnings", [])]
    assert marks == [(6, "duplicates"), (6, "recall")]


def test_a_generator_that_makes_one_image_is_warned_about_on_the_users_channel(tmp_path):
    """Through ``start``, as the command does it: all weights of the generator are zero and stay so."""
    generator = {"initializer": "normal_0.02"}
    watch = {"grace_steps": 2, "patience": 2}
    training = {"watch": watch, "sample_every": 1, "steps": 6, "g_optimizer": {"name": "adam", "learning_rate": 1e-9}}
    one = tiny(generator=generator, training=training)
    made = trainer(one, tmp_path, samples(one, count=64))
    for weight in (*made.state.generator.weights, *made.state.ema.weights):
        weight.assign(np.zeros(weight.shape))
    said = []
    made.train(quiet=True, info=said.append)
    assert len(said) == 1
    assert re.match(r"Step 3: the samples repeat themselves: 100% of the preview", said[0])


@pytest.mark.slow
def test_start_and_resume_hand_the_lines_on(tmp_path, monkeypatch):
    monkeypatch.setattr("ganzoo.training.trainer.preview.sampler", lambda *_: lambda: np.zeros((64, 2), np.float32))
    one, said = config(on_collapse="warn"), []
    start(one, root=tmp_path, quiet=True, max_steps=1, info=said.append)
    assert not any("repeat" in line for line in said)
    resume(root=tmp_path, quiet=True, max_steps=3, info=said.append)
    assert sum("the samples repeat themselves" in line for line in said) == 1


def test_a_checkpoint_from_before_there_was_a_watch_is_read(tmp_path):
    one = config()
    made = trainer(one, tmp_path, one.data.load())
    made.train(max_steps=2, quiet=True)
    found = checkpoint.load_newest(made.run.folder / "checkpoints")
    old = {group: arrays for group, arrays in found.state.items() if group != "watch"}
    run = new_run(tmp_path / "old")
    checkpoint.save(run.folder / "checkpoints", step=2, state=old, keep=2)
    other = Trainer(one, one.data.load(), run)
    other.state.restore()
    assert other.step == 2
    assert other.watch.rollbacks == 0


@pytest.mark.parametrize("on_collapse", ["rollback", "stop"])
def test_a_discriminator_at_chance_is_only_said(tmp_path, on_collapse):
    one = tiny(
        training={
            "steps": 24,
            "log_every": 1,
            "sample_every": 24,
            "checkpoint_every": 2,
            "evaluation": None,
            "d_optimizer": {"name": "adam", "learning_rate": 1e-9},
            "watch": {"grace_steps": 0, "patience": 2, "chance": 0.6, "on_collapse": on_collapse},
        }
    )
    made, said = trainer(one, tmp_path), []
    assert made.train(quiet=True, info=said.append).reason == "finished"
    assert [line.split(",")[0] for line in said] == ["Step 10: the discriminator is at chance"]
    assert _row(made.run)["warnings"] == ["chance"]


@pytest.mark.slow
def test_a_checkpoint_of_before_there_was_a_kind_of_sign_is_gone_on_from(tmp_path):
    made = subject(tmp_path)
    made.train(max_steps=GOOD, quiet=True)
    found = checkpoint.load_newest(made.run.folder / "checkpoints")
    per_kind = [name for name in found.state["watch"] if name[5:] in ("said", "clean_step")]
    assert len(per_kind) == 2
    wanted = state(made)
    for name in per_kind:
        newest = found.state["watch"][name]
        newest[0] = 3
        found.state["watch"][name] = newest[:-2]
        wanted[f"watch/{name}"][0] = 3
        wanted[f"watch/{name}"][-2:] = 3 if name.endswith("clean_step") else 0
    one = Trainer(made.config, made.config.data.load(), made.run)
    one.state.load(found)
    assert same(state(one), wanted)
    found.state["watch"][per_kind[0]] = np.zeros(len(KINDS) + 1)
    with pytest.raises(RunError, match="does not match its config"):
        one.state.load(found)
