"""Tests the measurements during training: the best weights are saved, and a resumed run chooses the same step."""

import shutil

import numpy as np
import pytest
from helpers import new_run, same, samples, state, tiny, tiny_vectors, trainer

from ganzoo import latents, load
from ganzoo.bundle import card_text
from ganzoo.config import yaml_files
from ganzoo.data.base import Dataset
from ganzoo.errors import BundleError, ConfigError, EvaluationError, RunError
from ganzoo.evaluation.evaluator import Evaluator
from ganzoo.exporters import export_run
from ganzoo.exporters.restore import load_averaged
from ganzoo.metrics.base import Metric, metrics
from ganzoo.runs import BEST, CONFIG
from ganzoo.training import best_weights, checkpoint
from ganzoo.training.session import start
from ganzoo.training.trainer import Trainer

LABEL = "frechet (pixels)"
COUNT, GENERATED = 64, 200
"""Of the real samples, and of those that are measured against them."""
EVERY_TWO = {"every": 2, "extractor": "pixels", "samples": GENERATED}


def images_config(**training):
    changes = {"steps": 8, "evaluation": EVERY_TWO, "checkpoint_every": 2, "keep_checkpoints": 9, "ema_decay": 0.5}
    return tiny(training=changes | training)


def images(config):
    """Gray gradients from left to right, which a few steps of training can approach."""
    rng = np.random.RandomState(0)
    slope = np.linspace(0, 200, config.sample_shape[1])[None, None, :, None]
    return Dataset((slope + rng.randint(0, 55, (COUNT, *config.sample_shape))).astype(np.uint8))


def measured(run, label=LABEL):
    return {line["step"]: line[label] for line in run.log() if label in line}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted training, measured at every second step."""
    config = images_config()
    made = trainer(config, tmp_path_factory.mktemp("whole"), images(config))
    made.train(quiet=True)
    (made.run.folder / CONFIG).write_text(yaml_files.dump(config.to_dict()))
    return made


def again(made):
    """The same training in a new trainer, as after a restart."""
    other = Trainer(made.config, images(made.config), made.run)
    other.state.restore()
    return other


# --- what is kept


def test_the_best_step_is_the_one_with_the_least_number(whole):
    numbers = measured(whole.run)
    assert list(numbers) == [2, 4, 6, 8]
    assert len(set(numbers.values())) == 4
    assert whole.run.best_step() == whole.best.step == min(numbers, key=numbers.get)
    assert [path.name for path in (whole.run.folder / BEST).iterdir()] == [f"step-{whole.best.step:08d}"]


def test_the_kept_weights_are_those_of_that_step(whole):
    kept = checkpoint.load_newest(whole.run.folder / BEST)
    there = checkpoint.load_newest(whole.run.folder / "checkpoints", up_to=whole.best.step)
    assert there.step == kept.step
    assert same(kept.state["ema"], there.state["ema"])
    assert float(kept.state["measured"][LABEL]) == pytest.approx(measured(whole.run)[kept.step], abs=1e-6)


def test_the_number_is_the_evaluators_of_seeds_that_nobody_else_takes(whole):
    """Measured again through the exported bundle: many samples against all the real ones, which are fewer."""
    bundle = load(export_run(whole.run, whole.run.folder / "again"))
    config = whole.config
    evaluator = Evaluator(
        images(config),
        config.data,
        metrics=[metrics.create("frechet")],
        extractor=config.training.evaluation.extractor,
        count=GENERATED,
        real_count=COUNT,
        draws=1,
        with_floor=False,
    )
    step = bundle.bundle.metadata.facts.training_step
    value = evaluator.measure(lambda seeds: bundle.sample([best_weights.FIRST_SEED + seed for seed in seeds]))[
        0
    ].measured.value
    assert step == whole.run.best_step()
    assert value == pytest.approx(measured(whole.run)[step], rel=1e-3)


def test_measuring_changes_no_weight(whole, tmp_path):
    config = images_config(evaluation=None)
    plain = trainer(config, tmp_path, images(config))
    plain.train(quiet=True)
    assert plain.run.best_step() is None
    kept = {name: value for name, value in state(whole).items() if not name.startswith("best/")}
    assert same(kept, state(plain))


@pytest.mark.parametrize(("better", "wanted"), [("higher", 8), ("lower", 4)])
def test_ties_keep_the_later_and_the_direction_counts(tmp_path, monkeypatch, better, wanted):
    """Values by step: 2 -> 1, 4 -> 1, 6 -> 3, 8 -> 3."""
    values = iter([1.0, 1.0, 3.0, 3.0])

    class Given(Metric):
        numbers = {"given": better}  # noqa: RUF012

        def measure(self, real, generated, subject):
            return {"given": next(values)}

    monkeypatch.setitem(metrics._parts, "given", Given)
    monkeypatch.setattr(Given, "registered_name", "given")
    config = images_config(evaluation=EVERY_TWO | {"metrics": ["given"]})
    made = trainer(config, tmp_path, images(config))
    made.train(quiet=True)
    assert made.run.best_step() == wanted


def test_one_number_of_several_chooses(tmp_path):
    evaluation = EVERY_TWO | {"metrics": ["frechet", "precision_recall"], "best_by": "recall"}
    config = images_config(evaluation=evaluation)
    made = trainer(config, tmp_path, images(config))
    made.train(quiet=True)
    assert list(measured(made.run)) == list(measured(made.run, "precision (pixels)")) == [2, 4, 6, 8]
    recall = measured(made.run, "recall (pixels)")
    assert recall[made.run.best_step()] == max(recall.values())


def test_vectors_are_chosen_by_coverage(tmp_path):
    config = tiny_vectors(evaluation={"every": 3})
    made = trainer(config, tmp_path, config.data.load())
    made.train(quiet=True)
    coverage = measured(made.run, "coverage (vectors)")
    assert list(coverage) == [3, 6]
    assert coverage[made.run.best_step()] == max(coverage.values())


# --- when it is measured


def test_a_training_that_ends_between_two_measurements_is_measured_at_its_end(tmp_path):
    config = images_config(steps=7)
    made = trainer(config, tmp_path, images(config))
    made.train(quiet=True)
    assert list(measured(made.run)) == [2, 4, 6, 7]


@pytest.mark.parametrize("in_one_process", [False, True])
def test_the_best_number_at_an_early_end_does_not_replace_the_best_step(tmp_path, monkeypatch, in_one_process):
    values = iter([1.0, 0.1, 3.0, 2.0, 3.0])  # of the steps 2, 3, 4, 6 and 8

    class Given(Metric):
        numbers = {"given": "lower"}  # noqa: RUF012

        def measure(self, real, generated, subject):
            return {"given": next(values)}

    monkeypatch.setitem(metrics._parts, "given", Given)
    monkeypatch.setattr(Given, "registered_name", "given")
    config = images_config(evaluation=EVERY_TWO | {"metrics": ["given"]})
    made, said = trainer(config, tmp_path, images(config)), []
    made.train(max_steps=3, quiet=True, info=said.append)
    assert (made.run.best_step(), said) == (3, [])
    made = made if in_one_process else again(made)
    made.train(quiet=True)
    assert list(measured(made.run, "given (pixels)")) == [2, 3, 4, 6, 8]
    assert made.run.best_step() == made.best.step == 2
    assert checkpoint.load_newest(made.run.folder / BEST).step == 2


@pytest.mark.parametrize(
    ("training", "count"),
    [({"steps": 1}, COUNT), ({"evaluation": None}, COUNT), ({}, 31)],
    ids=["short", "turned off", "few samples"],
)
def test_nothing_is_measured(tmp_path, training, count):
    config = images_config(**training)
    made = trainer(config, tmp_path, Dataset(images(config).samples[:count]))
    made.train(quiet=True)
    assert (made.best, made.run.best_step(), measured(made.run)) == (None, None, {})


@pytest.mark.slow
@pytest.mark.parametrize("stop", [1, 2, 3, 5, 6])
def test_a_resumed_training_chooses_as_an_uninterrupted_one(whole, tmp_path, stop):
    made = trainer(whole.config, tmp_path, images(whole.config))
    made.train(max_steps=stop, quiet=True)
    made = again(made)
    made.train(quiet=True)
    assert same(state(made), state(whole))
    assert made.run.best_step() == whole.run.best_step()
    assert measured(made.run).items() >= measured(whole.run).items()


@pytest.mark.slow
def test_a_training_that_was_killed_after_the_best_was_kept_finds_it_again(whole, tmp_path):
    """The weights of the best step are there, and the newest checkpoint, which is older, knows nothing of them."""
    made = trainer(whole.config, tmp_path, images(whole.config))
    made.train(max_steps=6, quiet=True)
    for step in (4, 6):
        shutil.rmtree(made.run.folder / "checkpoints" / f"step-{step:08d}")
    made = again(made)
    assert made.step == 2
    made.train(quiet=True)
    assert same(state(made), state(whole))
    assert made.run.best_step() == whole.run.best_step()


@pytest.mark.slow
def test_a_checkpoint_from_before_there_was_a_best_is_read(tmp_path, monkeypatch):
    config = images_config()
    with monkeypatch.context() as older:
        older.setattr("ganzoo.training.trainer.BestWeights.of", lambda *arguments: None)
        old = trainer(config, tmp_path, images(config))
        old.train(max_steps=4, quiet=True)
    newer = Trainer(images_config(), images(config), old.run)
    newer.state.restore()
    newer.train(quiet=True)
    assert list(measured(newer.run)) == [6, 8]


# --- the export


def test_the_best_is_exported_unless_another_is_asked_for(whole, tmp_path):
    run, step = whole.run, whole.run.best_step()
    steps = {
        which: load(export_run(run, tmp_path / str(which), checkpoint=which)).bundle.metadata.facts.training_step
        for which in ("best", "newest", 4)
    }
    assert steps == {"best": step, "newest": 8, 4: 4}
    card = (tmp_path / "best" / "README.md").read_text()
    value = measured(run)[step]
    assert f"- Selected: the best {LABEL} of 4 evaluations during training, {card_text.number(value)}." in card
    assert "Selected:" not in (tmp_path / "newest" / "README.md").read_text()


def test_a_run_is_loaded_at_its_best(whole):
    assert load(whole.run.folder).bundle.metadata.facts.training_step == whole.run.best_step()


def test_a_step_that_is_not_there(whole):
    with pytest.raises(RunError, match=r"no intact checkpoint of step 5\. Available: 2, 4, 6, 8$"):
        export_run(whole.run, checkpoint=5)


def test_damaged_best_weights_are_not_exported_and_the_error_says_what_is_possible(whole, tmp_path):
    run = new_run(tmp_path)
    shutil.copytree(whole.run.folder, run.folder, dirs_exist_ok=True)
    path = next((run.folder / BEST).iterdir()) / "ema.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(RunError, match=r"All checkpoints in '.*best' are damaged\..* --checkpoint newest"):
        load_averaged(run)
    assert load_averaged(run, "newest").step == 8


# --- what goes wrong


def test_best_by_must_be_a_number_of_the_metrics():
    with pytest.raises(
        ConfigError, match=r"best_by is 'recal', which is not a number of metrics\. Did you mean 'recall'"
    ):
        images_config(evaluation={"metrics": ["precision_recall"], "best_by": "recal"})
    with pytest.raises(ConfigError, match="Add its metric to metrics"):
        images_config(evaluation={"best_by": "recall"})


def test_a_metric_that_does_not_fit_is_found_before_a_run_is_made(tmp_path):
    config = tiny_vectors(evaluation={"every": 2, "metrics": ["classifier_score"]})
    with pytest.raises(EvaluationError, match="The metric 'classifier_score' does not fit"):
        start(config, root=tmp_path, quiet=True)
    assert list(tmp_path.iterdir()) == []


def test_a_number_that_cannot_be_had_does_not_end_the_training(tmp_path, monkeypatch):
    class Endless(Metric):
        numbers = {"endless": "lower"}  # noqa: RUF012

        def measure(self, real, generated, subject):
            return {"endless": float("inf")}

    monkeypatch.setitem(metrics._parts, "endless", Endless)
    monkeypatch.setattr(Endless, "registered_name", "endless")
    config = images_config(evaluation=EVERY_TWO | {"metrics": ["endless"]})
    made, said = trainer(config, tmp_path, images(config)), []
    assert made.train(quiet=True, info=said.append).step == 8
    assert [line.partition(":")[0] for line in said] == [f"Step {step} was not measured" for step in (2, 4, 6, 8)]
    assert made.run.best_step() is None


def test_a_number_that_the_metric_leaves_out_does_not_end_the_training(tmp_path):
    """With 200 samples there are 40 in a class, and ``intra_class_frechet`` needs 50."""
    evaluation = EVERY_TWO | {"metrics": ["label_response"], "best_by": "intra_class_frechet"}
    config = tiny(num_classes=5, training={"evaluation": evaluation, "steps": 2})
    made, said = trainer(config, tmp_path, samples(config, count=50, classes=5)), []
    assert made.train(quiet=True, info=said.append).step == 2
    assert said[0].startswith("No best step is selected: the metrics leave out 'intra_class_frechet'")
    assert made.run.best_step() is None
    assert any("label_response (pixels)" in record for record in made.run.log())


@pytest.mark.parametrize(
    ("more", "what"), [({}, "The first number of .*metrics"), ({"best_by": "nearest"}, r"training.evaluation.best_by")]
)
def test_a_number_without_a_direction_selects_no_step(more, what):
    config = images_config(evaluation=EVERY_TWO | {"metrics": ["nearest", "frechet"]} | more)
    with pytest.raises(EvaluationError, match=rf"^{what} is 'nearest', .*best_by to one of these: copies, frechet$"):
        best_weights.check(config, images(config))
    best_weights.check(config.replace(**{"training.evaluation.best_by": "frechet"}), images(config))


def test_an_extractor_that_fails_does_not_end_the_training(tmp_path, monkeypatch):
    class Failing(Metric):
        numbers = {"failing": "lower"}  # noqa: RUF012

        def measure(self, real, generated, subject):
            raise BundleError("the extractor does not run")

    monkeypatch.setitem(metrics._parts, "failing", Failing)
    monkeypatch.setattr(Failing, "registered_name", "failing")
    config = images_config(evaluation=EVERY_TWO | {"metrics": ["failing"]}, steps=2)
    made, said = trainer(config, tmp_path, images(config)), []
    assert made.train(quiet=True, info=said.append).step == 2
    assert said[0] == "Step 2 was not measured: the extractor does not run"


def test_a_full_disk_ends_the_training_with_the_last_checkpoint_whole(whole, tmp_path, size_limit):
    made = trainer(whole.config, tmp_path, images(whole.config))
    made.train(max_steps=4, quiet=True)
    held = made.run.best_step()
    with size_limit(100), pytest.raises(RunError):
        made.train(quiet=True)
    assert made.run.best_step() == held
    assert checkpoint.load_newest(made.run.folder / BEST).step == held


def test_a_conditional_model_is_measured_with_the_classes_of_its_seeds(tmp_path):
    config = tiny(num_classes=3, training={"evaluation": EVERY_TWO | {"metrics": ["frechet", "label_response"]}})
    made = trainer(config, tmp_path, samples(config, count=40, classes=3))
    made.train(quiet=True)
    assert list(measured(made.run)) == [2, 4, 6]
    for number in ("label_agreement", "label_response"):
        assert list(measured(made.run, f"{number} (pixels)")) == [2, 4, 6]
    sample = best_weights.sampler(config, made.state.ema)
    one, other = sample([5, 6], label=[0, 0]), sample([5, 6], label=[1, 1])
    assert not np.array_equal(one, other)
    own = latents.labels([5, 6], num_classes=3).tolist()
    np.testing.assert_array_equal(sample([5, 6]), sample([5, 6], label=own))


def test_the_label_of_a_model_without_classes_is_not_measured(tmp_path):
    config = images_config(evaluation={"every": 2, "metrics": ["label_response"]})
    with pytest.raises(EvaluationError, match="'label_response' does not fit: it needs a conditional model"):
        best_weights.check(config, images(config))
