"""The evaluator: draws, intervals, floor, labels, and what it refuses."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from ganzoo import latents
from ganzoo.data.base import Dataset
from ganzoo.data.sources.gaussian_mixtures import Ring8
from ganzoo.errors import EvaluationError
from ganzoo.evaluation import evaluator as module
from ganzoo.evaluation.classes import Classes, classes_of, worst_class
from ganzoo.evaluation.evaluator import Evaluator, spread
from ganzoo.extractors import extractors
from ganzoo.metrics import metrics

SOURCE = Ring8(count=400)
DATASET = SOURCE.load()


def made(*names, dataset=DATASET, source=SOURCE, **options):
    chosen = [metrics.create(name) for name in names] or None
    settings = {"metrics": chosen, "extractor": extractors.create("pixels"), "count": 100, "draws": 3} | options
    return Evaluator(dataset, source, **settings)


def fresh(seeds):
    """A perfect generator: other points of the same mixture, each from its own seed."""
    draws = [np.random.RandomState(seed) for seed in seeds]
    return np.array([SOURCE.centers()[d.randint(8)] + 0.01 * d.standard_normal(2) for d in draws], np.float32)


def numbers(evaluated):
    return {number.label: number for number in evaluated}


def test_a_perfect_generator_reaches_the_floor():
    found = numbers(made().measure(fresh))
    assert found["modes"].measured.value == found["modes"].floor.value == 8
    for label in ("precision (vectors)", "recall (vectors)", "coverage (vectors)"):
        assert found[label].measured.value == pytest.approx(found[label].floor.value, abs=0.1)
    assert "classifier_score (vectors)" not in found, "it does not fit, and was not asked for"


def test_a_collapsed_generator_does_not():
    found = numbers(made().measure(lambda seeds: np.tile(SOURCE.centers()[:1], (len(seeds), 1))))
    assert found["duplicates (vectors)"].measured.value == 1
    assert found["duplicates (vectors)"].floor.value < 0.1
    assert found["recall (vectors)"].measured.value < 0.2
    assert found["modes"].measured.value == 1


def test_draws_have_seeds_and_real_samples_of_their_own():
    asked = []

    def sample(seeds):
        asked.extend(seeds)
        return fresh(seeds)

    (frechet,) = made("frechet").measure(sample)
    assert asked == list(range(300))
    assert len(set(frechet.measured.draws)) == len(set(frechet.floor.draws)) == 3
    again = made("frechet").measure(fresh)
    assert again[0].measured == frechet.measured
    assert made("frechet", seed=1).measure(fresh)[0].floor != frechet.floor


def test_real_samples_of_a_draw_and_of_its_floor_are_disjoint(monkeypatch):
    seen = []
    metric = metrics.create("frechet")

    class Spy(type(metric)):
        def measure(self, real, generated, subject):
            seen.append((real.points, generated.points))
            return {"frechet": 0.0}

    dataset = Dataset(np.arange(800, dtype=np.float32).reshape(400, 2))
    made(dataset=dataset, source=None, metrics=[Spy()], draws=1).measure(lambda seeds: -np.ones((len(seeds), 2)))
    (real, generated), (same, other) = seen
    assert (generated == -1).all()
    np.testing.assert_array_equal(real, same)
    assert len(real) == len(other) == 100
    assert not set(real[:, 0]) & set(other[:, 0])


@pytest.mark.parametrize(
    ("name", "real_limit", "sizes"),
    [
        ("label_response", None, [300, 300]),
        ("label_response", 250, [150, 150]),
        ("nearest", None, [400, 300]),
        ("nearest", 250, [400, 300]),
    ],
)
def test_only_the_floor_leaves_out_real_samples_that_are_searched_for_copies(monkeypatch, name, real_limit, sizes):
    seen = []

    def measure(self, real, generated, subject):
        seen.append((real.points, generated.points))
        return dict.fromkeys(self.numbers, 0.0)

    monkeypatch.setattr(metrics.get(name), "measure", measure)
    by_label(name, draws=1, real_limit=real_limit).measure(conditional)
    assert [len(real) for real, _ in seen] == sizes
    real, other = seen[1]
    assert len(other) == 100
    assert not set(map(tuple, real)) & set(map(tuple, other))


@pytest.mark.parametrize(("available", "options"), [(100, {"count": 50}), (400, {"real_limit": 200})])
def test_a_generator_that_memorizes_the_training_samples_copies_all_of_them(available, options):
    dataset = Dataset(DATASET.samples[:available])

    def memorized(seeds):
        return dataset.samples[[seed % available for seed in seeds]]

    found = numbers(made("nearest", dataset=dataset, **options).measure(memorized))
    assert found["copies (vectors)"].measured.draws == (1.0, 1.0, 1.0)
    assert found["nearest (vectors)"].measured.value == 0.0
    assert found["copies (vectors)"].floor.value < 0.1
    assert found["nearest (vectors)"].floor.value == pytest.approx(1, abs=0.3)


def test_a_limit_of_real_samples_changes_no_number_when_all_are_searched():
    alone, with_nearest = (
        numbers(made(*names, real_limit=200).measure(fresh)) for names in (["frechet"], ["frechet", "nearest"])
    )
    assert with_nearest["frechet (vectors)"] == alone["frechet (vectors)"]


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("frechet", (60, 500)),
        ("kernel", (60, 500)),
        ("modes", (60, 500)),
        ("nearest", (400, 500)),
        ("precision_recall", (60, 60)),
        ("density_coverage", (60, 60)),
        ("duplicates", (60, 60)),
    ],
)
def test_more_generated_than_real_samples_are_seen_where_neighbors_are_not_counted(monkeypatch, name, seen):
    sizes = []
    metric = metrics.create(name)

    def measure(self, real, generated, subject):
        sizes.append((len(real), len(generated)))
        return dict.fromkeys(self.numbers, 0.0)

    monkeypatch.setattr(type(metric), "measure", measure)
    made(name, count=500, real_count=60, draws=1).measure(fresh)
    assert sizes == [seen]


def test_more_generated_samples_make_the_distance_to_few_real_ones_less_noisy():
    def spread_of(count):
        options = {"real_count": 40, "with_floor": False, "dataset": Dataset(DATASET.samples[:40]), "draws": 8}
        (frechet,) = made("frechet", count=count, **options).measure(fresh)
        return np.std(frechet.measured.draws)

    assert spread_of(400) < spread_of(40) / 2


def test_no_floor_where_there_are_too_few_real_samples():
    evaluator = made("frechet", count=250)
    assert not evaluator.has_floor
    assert evaluator.measure(fresh)[0].floor is None


def test_the_interval_is_that_of_students_t():
    draws = [1.0, 2.0, 4.0, 3.5]
    low, high = stats.t.interval(0.95, 3, loc=np.mean(draws), scale=stats.sem(draws))
    assert spread(draws).interval == pytest.approx((low, high), rel=1e-3)
    for degrees in (1, 5, 15, 16, 40, 1000):
        values = np.random.RandomState(0).standard_normal(degrees + 1)
        half = stats.t.ppf(0.975, degrees) * stats.sem(values)
        low, high = spread(values).interval
        assert (high - low) / 2 == pytest.approx(half, rel=5e-3)
    assert spread([3.0]).interval is None


def test_the_interval_ends_at_the_limits_of_the_number():
    assert spread([0.95, 0.99], (0.0, 1.0)).interval == (pytest.approx(0.716, abs=1e-3), 1.0)
    assert spread([0.0, 0.02], (0.0, 1.0)).interval == (0.0, pytest.approx(0.137, abs=1e-3))
    for number in made("precision_recall", draws=2).measure(fresh):
        low, high = number.measured.interval
        assert 0 <= low <= high <= 1


def test_mirrored_data_are_mirrored():
    source = extractors.create("pixels")
    images = np.zeros((64, 4, 4, 1), np.uint8)
    images[:, :, 0] = 255
    flipping = type("Flipping", (), {"mirrored": True})()
    kept, mirrored = (
        Evaluator(Dataset(images), subject, metrics=[metrics.create("frechet")], extractor=source, count=32)
        for subject in (None, flipping)
    )
    left = kept.real.features.reshape(64, 4, 4)[:, 0, 0]
    assert left.all()
    assert 16 < mirrored.real.features.reshape(64, 4, 4)[:, 0, 0].sum() < 48


def test_only_the_canonical_extractor_and_counts_are_called_fid(monkeypatch):
    evaluator = made("frechet", "kernel", "precision_recall")
    assert list(numbers(evaluator.measure(fresh)))[:2] == ["frechet (vectors)", "kernel (vectors)"]
    evaluator.loaded = dataclasses.replace(evaluator.loaded, canonical=True)
    assert list(numbers(evaluator.measure(fresh)))[:2] == ["frechet (vectors)", "kernel (vectors)"], "too few samples"
    monkeypatch.setattr(module, "CANONICAL_COUNT", 100)
    assert list(numbers(evaluator.measure(fresh))) == ["FID", "KID", "precision (vectors)", "recall (vectors)"]


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (["classifier_score"], {}, "class probabilities"),
        ([], {"count": 401}, "400 real samples.*--samples 200"),
        ([], {"count": 15}, "16 to"),
        ([{"name": "precision_recall", "k": 100}], {}, "more than k = 100"),
    ],
)
def test_refused(names, options, message):
    with pytest.raises(EvaluationError, match=message):
        made(*names, **options)


def test_samples_that_are_not_finite():
    with pytest.raises(EvaluationError, match="not finite"):
        made("frechet").measure(lambda seeds: np.full((len(seeds), 2), np.nan, np.float32))


# --- classes


def conditional(seeds, *, label=None):
    """A perfect conditional generator."""
    labels = latents.labels(seeds, num_classes=8) if label is None else label
    draws = [np.random.RandomState(seed) for seed in seeds]
    made = [SOURCE.centers()[c] + 0.01 * d.standard_normal(2) for c, d in zip(labels, draws, strict=True)]
    return np.array(made, np.float32)


def by_label(*names, dataset=DATASET, classes=8, class_names=(), **options):
    return made(*names, dataset=dataset, classes=classes_of(dataset, count=classes, names=class_names), **options)


def test_a_conditional_model_is_measured_by_its_labels_by_default_and_another_is_not():
    found = numbers(by_label().measure(conditional))
    assert found["label_agreement (vectors)"].measured.value > 0.99
    assert found["label_agreement (vectors)"].floor.value > 0.99
    assert found["label_response (vectors)"].measured.value == pytest.approx(1, abs=0.05)
    assert found["label_response (vectors)"].floor.value == pytest.approx(1, abs=0.05)
    assert "label_agreement (vectors)" not in numbers(made().measure(fresh))


def test_labels_of_generated_samples_are_those_of_their_seeds_and_real_ones_their_own(monkeypatch):
    seen = []
    metric = type(metrics.create("label_response"))

    def measure(self, real, generated, subject):
        seen.append((real, generated))
        return {"label_response": 1.0}

    monkeypatch.setattr(metric, "measure", measure)
    by_label("label_response", draws=1).measure(conditional)
    (real, generated), (_, other) = seen
    for part in (real, generated, other):
        nearest = np.square(part.points[:, None] - SOURCE.centers()).sum(axis=2).argmin(axis=1)
        np.testing.assert_array_equal(nearest, part.labels)
    assert generated.class_sweep.shape == (32, 8, 2)
    expected = conditional([5] * 8, label=range(8))
    np.testing.assert_array_equal(generated.class_sweep[5], expected)
    assert real.class_sweep is None
    assert other.class_sweep is None


def test_classes_are_generated_as_often_as_in_unbalanced_data():
    rows = np.concatenate([np.flatnonzero(DATASET.labels == c)[: 45 if c < 2 else 5] for c in range(8)])
    dataset = dataclasses.replace(DATASET, samples=DATASET.samples[rows], labels=DATASET.labels[rows])
    evaluator = by_label("density_coverage", "label_response", dataset=dataset, draws=4, count=60)
    asked = evaluator.extract(conditional, range(1000)).labels
    share = np.bincount(dataset.labels) / len(dataset)
    np.testing.assert_allclose(np.bincount(asked) / 1000, share, atol=0.03)
    found = numbers(evaluator.measure(conditional))
    for label in ("density (vectors)", "coverage (vectors)", "label_agreement (vectors)"):
        assert found[label].measured.value == pytest.approx(found[label].floor.value, abs=0.12)


@pytest.mark.parametrize(("extra", "balanced"), [(0, True), (3, True), (5, False)])
def test_nearly_balanced_classes_are_those_of_the_seeds(extra, balanced):
    labels = np.repeat(np.arange(2, dtype=np.int32), [200 + extra, 200])
    classes = Classes(2, ("a", "b"), labels)
    assert classes.are_balanced == balanced
    same = np.array_equal(classes.labels_of(range(500)), latents.labels(range(500), num_classes=2))
    assert same or not balanced
    np.testing.assert_array_equal(Classes(2).labels_of(range(50)), latents.labels(range(50), num_classes=2))


def test_further_samples_are_generated_only_for_a_metric_that_asks():
    asked = []

    def sample(seeds, *, label=None):
        asked.append(label)
        return conditional(seeds, label=label)

    by_label("frechet", draws=1).measure(sample)
    assert set(asked) == {None}
    by_label("label_response", draws=1).measure(sample)
    assert len([label for label in asked if label]) == 8


def test_the_worst_class_is_the_one_furthest_from_its_floor():
    def lazy(seeds, *, label=None):
        made = conditional(seeds, label=label)
        labels = latents.labels(seeds, num_classes=8)
        made[labels == 5] = SOURCE.centers()[4]
        return made

    agreement, response = by_label("label_response").measure(lazy)
    assert agreement.worst_class.name == DATASET.class_names[5]
    assert agreement.by_class[DATASET.class_names[5]] == agreement.worst_class.value == 0
    assert agreement.worst_class.floor > 0.9
    assert agreement.measured.value == pytest.approx(np.mean(list(agreement.by_class.values())), abs=1e-6)
    assert response.worst_class is None
    worst = worst_class({"hard": 0.5, "easy": 0.8}, {"hard": 0.5, "easy": 1.0}, better="higher")
    assert (worst.name, worst.value, worst.floor) == ("easy", 0.8, 1.0)
    assert worst_class({"hard": 0.5, "easy": 0.8}, {}, better="higher").name == "hard"
    assert worst_class({"hard": 9.0, "easy": 8.0}, {}, better="lower").name == "hard"


def test_classes_that_are_found_in_another_order_are_matched_by_name():
    order = np.random.RandomState(0).permutation(8)
    names = tuple(DATASET.class_names[place] for place in order)
    moved = dataclasses.replace(DATASET, labels=np.argsort(order)[DATASET.labels].astype(np.int32), class_names=names)
    found = numbers(by_label("label_response", dataset=moved, class_names=DATASET.class_names).measure(conditional))
    assert found["label_agreement (vectors)"].measured.value > 0.99
    found = numbers(by_label("label_response", dataset=moved).measure(conditional))
    assert found["label_agreement (vectors)"].measured.value < 0.5, "without names the order counts"


@pytest.mark.parametrize(
    ("dataset", "options", "message"),
    [
        (DATASET, {"count": 0}, "does not fit: it needs a conditional model, and this model has no classes"),
        (DATASET, {"count": 3}, "the model has 3 classes, and the data have 8"),
        (Dataset(DATASET.samples), {}, "the data have none"),
        (DATASET, {"names": list("abcdefgh")}, "the model has the classes a, b, c, ..., and the data have"),
        (DATASET, {"samples": 39}, "it needs 5 samples per class, 40 in all, and there are 39"),
    ],
)
def test_label_response_is_refused_in_one_line(dataset, options, message):
    options = {"count": 8, "names": (), "samples": 100} | options
    settings = {"count": options.pop("samples"), "dataset": dataset, "classes": classes_of(dataset, **options)}
    with pytest.raises(EvaluationError, match=message) as error:
        made("label_response", **settings)
    assert "\n" not in str(error.value)
    assert made(**settings).metrics, "the other metrics measure it"
