"""Every metric against a closed form or an independent implementation, and against known failures of generators."""

import dataclasses

import numpy as np
import pytest
from scipy.linalg import sqrtm
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics.pairwise import euclidean_distances, polynomial_kernel
from sklearn.neighbors import NearestNeighbors

from ganzoo import testing
from ganzoo.data.base import DataSource, ModeCenters
from ganzoo.data.sources.gaussian_mixtures import Grid25, Ring8
from ganzoo.metrics import Features, Subject, _distances, metrics
from ganzoo.metrics.classifier_score import score
from ganzoo.metrics.frechet import frechet_distance, frechet_of_few, moments
from ganzoo.metrics.kernel import squared_mmd
from ganzoo.metrics.label_response import LinearClassifier, class_difference, sweep_difference
from ganzoo.metrics.modes import class_numbers

NOTHING = Subject(None, "none")


def normal(n, d=4, *, seed=0, shift=0.0, scale=1.0):
    return (np.random.RandomState(seed).standard_normal((n, d)) * scale + shift).astype(np.float32)


def measured(name, real, generated, subject=NOTHING):
    real, generated = (part if isinstance(part, Features) else Features(part) for part in (real, generated))
    return metrics.create(name).measure(real, generated, subject)


@pytest.mark.parametrize("name", metrics.names())
def test_every_metric_conforms(name):
    testing.check_metric(metrics.get(name))


def test_a_metric_with_another_number_is_caught(monkeypatch):
    frechet = metrics.get("frechet")
    monkeypatch.setattr(frechet, "measure", lambda self, real, generated, subject: {"distance": 0.0})
    with pytest.raises(AssertionError, match=r"it returns .* and declares"):
        testing.check_metric(frechet)


def test_distances_are_those_of_sklearn():
    queries, points = normal(30, seed=1), normal(20, seed=2)
    (rows, squared), *more = _distances.squared_distance_blocks(queries, points)
    assert (rows, more) == (slice(0, 30), [])
    np.testing.assert_allclose(np.sqrt(squared), euclidean_distances(queries, points), rtol=1e-5)


@pytest.mark.parametrize("skip_own", [False, True])
def test_blocks_change_nothing_and_are_small(monkeypatch, skip_own):
    points = normal(50)
    whole = _distances.neighbor_distances(points, points, k=3, skip_own=skip_own)
    reference = NearestNeighbors(n_neighbors=4).fit(points).kneighbors(points)[0]
    np.testing.assert_allclose(whole, reference[:, 3 if skip_own else 2], rtol=1e-4)
    monkeypatch.setattr(_distances, "BLOCK_BYTES", 7 * 8 * 50)
    assert [rows.stop - rows.start for rows in _distances.row_blocks(50, 50)] == [7] * 7 + [1]
    np.testing.assert_allclose(_distances.neighbor_distances(points, points, k=3, skip_own=skip_own), whole)
    nearest = _distances.neighbor_distances(points, points, skip_own=skip_own)
    monkeypatch.setattr(_distances, "BLOCK_BYTES", 2 * 8 * points.shape[1])  # two points at once, k = 3 spans blocks
    np.testing.assert_allclose(_distances.neighbor_distances(points, points, k=3, skip_own=skip_own), whole)
    np.testing.assert_allclose(_distances.neighbor_distances(points, points, skip_own=skip_own), nearest)


def test_equal_samples_are_at_no_distance_far_from_the_origin():
    points = np.repeat(normal(5, 200, shift=1000), 2, axis=0)
    assert not _distances.neighbor_distances(points, points, skip_own=True).any()


def test_frechet_of_known_gaussians():
    mean, scales, others = np.array([1.0, -2.0, 0.5]), np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 0.5])
    turn = np.linalg.qr(np.random.RandomState(0).standard_normal((3, 3)))[0]
    first = np.zeros(3), turn @ np.diag(scales**2) @ turn.T
    second = mean, turn @ np.diag(others**2) @ turn.T
    expected = (mean**2).sum() + ((scales - others) ** 2).sum()
    assert frechet_distance(first, second) == pytest.approx(expected)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("count", [200, 6], ids=["full rank", "fewer samples than features"])
def test_frechet_is_that_of_a_general_matrix_root(count):
    real, generated = normal(count, 10, seed=1), normal(count, 10, seed=2, shift=0.3, scale=1.5)
    (mean1, cov1), (mean2, cov2) = moments(real), moments(generated)
    np.testing.assert_allclose(cov1, np.cov(real.T, dtype=np.float64), rtol=1e-6)
    small = np.eye(10) * 1e-9
    root = sqrtm((cov1 + small) @ (cov2 + small)).real
    expected = ((mean1 - mean2) ** 2).sum() + np.trace(cov1 + cov2 - 2 * root)
    assert measured("frechet", real, generated)["frechet"] == pytest.approx(expected, rel=1e-3)


def test_kernel_is_that_of_sklearn(monkeypatch):
    x, y = normal(40, 5, seed=1), normal(30, 5, seed=2, shift=0.5)
    within = [polynomial_kernel(part, degree=3, gamma=1 / 5, coef0=1) for part in (x, y)]
    sums = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in within]
    expected = sum(sums) - 2 * polynomial_kernel(x, y, degree=3, gamma=1 / 5, coef0=1).mean()
    assert squared_mmd(x, y) == pytest.approx(expected, rel=1e-5)
    monkeypatch.setattr(_distances, "BLOCK_BYTES", 1000)
    assert squared_mmd(x, y) == pytest.approx(expected, rel=1e-5)


def test_kernel_has_no_bias():
    draws = [squared_mmd(normal(20, 3, seed=2 * n), normal(20, 3, seed=2 * n + 1)) for n in range(400)]
    assert abs(np.mean(draws)) < 4 * np.std(draws) / 20
    assert min(draws) < 0


def test_precision_and_recall_are_those_of_nearest_neighbors():
    real, generated = normal(60, 3, seed=1), normal(60, 3, seed=2, shift=1.0)

    def covered(queries, centers):
        radii = NearestNeighbors(n_neighbors=4).fit(centers).kneighbors(centers)[0][:, 3]
        return np.mean((euclidean_distances(queries, centers) <= radii).any(axis=1))

    numbers = measured("precision_recall", real, generated)
    assert numbers == pytest.approx({"precision": covered(generated, real), "recall": covered(real, generated)})
    assert 0 < numbers["precision"] < 1


def test_density_and_coverage_are_those_of_nearest_neighbors():
    real, generated = normal(60, 3, seed=1), normal(50, 3, seed=2, shift=0.7)
    radii = NearestNeighbors(n_neighbors=6).fit(real).kneighbors(real)[0][:, 5]
    inside = euclidean_distances(generated, real) <= radii
    expected = {"density": inside.sum() / (5 * 50), "coverage": inside.any(axis=0).mean()}
    assert measured("density_coverage", real, generated) == pytest.approx(expected)


def test_a_collapsed_generator_is_precise_and_recalls_nothing():
    real = normal(300, 3)
    numbers = measured("precision_recall", real, real[:1] + normal(300, 3, seed=1, scale=1e-3))
    assert numbers["precision"] == 1
    assert numbers["recall"] < 0.05
    assert measured("density_coverage", real, np.repeat(real[:1], 300, axis=0))["coverage"] < 0.1


def test_samples_elsewhere_have_no_precision_recall_density_or_coverage():
    real, elsewhere = normal(50), normal(50, shift=100)
    for name in ("precision_recall", "density_coverage"):
        assert not any(measured(name, real, elsewhere).values())


def test_real_samples_against_themselves():
    real = normal(80)
    assert measured("frechet", real, real)["frechet"] == pytest.approx(0, abs=1e-6)
    assert measured("precision_recall", real, real) == {"precision": 1, "recall": 1}
    assert measured("density_coverage", real, real) == pytest.approx({"density": 6 / 5, "coverage": 1})
    assert measured("nearest", real, real) == {"nearest": 0, "copies": 1}


def test_neighborhoods_need_more_samples_than_k():
    assert metrics.create("precision_recall").why_not(NOTHING, 4) is None
    assert "more than k = 3" in metrics.create("precision_recall").why_not(NOTHING, 3)


def test_classifier_score():
    sure = np.eye(5, dtype=np.float32)[np.arange(100) % 5]
    assert score(sure) == pytest.approx(5)
    assert score(sure[:1].repeat(10, axis=0)) == pytest.approx(1)
    assert score(np.full((10, 5), 0.2, np.float32)) == pytest.approx(1)
    half = np.array([[0.5, 0.5], [1.0, 0.0]], np.float32)  # mean [3/4, 1/4]
    expected = np.exp(np.mean([0.5 * np.log(2 / 3) + 0.5 * np.log(2), np.log(4 / 3)]))
    assert score(half) == pytest.approx(expected)


@pytest.mark.parametrize("source", [Ring8(count=4000), Grid25(count=5000)])
def test_modes_of_gaussian_data(source):
    subject, count = Subject(source, "vectors"), len(source.centers())
    points = source.load().samples
    real = Features(points, points=points)
    numbers = measured("modes", real, real, subject)
    assert numbers["modes"] == count
    assert numbers["high_quality"] == pytest.approx(1 - np.exp(-4.5), abs=0.01), "of a Gaussian in the plane"
    assert numbers["reverse_kl"] == pytest.approx(0, abs=1e-4)
    alone = Features(points[::count], points=points[::count])
    numbers = measured("modes", real, alone, subject)
    assert (numbers["modes"], numbers["reverse_kl"]) == (1, pytest.approx(np.log(count)))
    between = np.repeat(source.centers().mean(axis=0, keepdims=True) + 0.4, 10, axis=0)
    numbers = measured("modes", real, Features(between, points=between), subject)
    assert (numbers["modes"], numbers["high_quality"]) == (0, 0)


def test_modes_of_classes():
    even = np.eye(4, dtype=np.float32)[np.arange(4000) % 4]
    assert class_numbers(even, even) == pytest.approx({"modes": 4, "reverse_kl": 0}, abs=1e-6)
    two = even[(np.arange(4000) % 4) < 2]
    assert class_numbers(even, two) == pytest.approx({"modes": 2, "reverse_kl": np.log(2)})
    assert np.isfinite(class_numbers(two, even)["reverse_kl"]), "classes that the real samples lack"


def test_modes_and_classifier_score_say_what_they_need():
    for name in ("modes", "classifier_score"):
        metric = metrics.create(name)
        assert "'pixels'" in metric.why_not(Subject(None, "pixels"), 100)
        assert metric.why_not(Subject(None, "x", has_probabilities=True), 100) is None
    assert metrics.create("modes").why_not(Subject(Ring8(), "vectors"), 100) is None


def test_nearest_tells_copies_from_new_samples():
    real, new = normal(2000, 3), normal(1000, 3, seed=1)
    numbers = measured("nearest", real, new)
    assert numbers["nearest"] == pytest.approx(1, abs=0.1)
    assert numbers["copies"] < 0.03
    numbers = measured("nearest", real, np.concatenate([new[:700], real[:300] + 1e-4]))
    assert numbers["copies"] == pytest.approx(0.3, abs=0.03)
    assert measured("nearest", real, normal(100, 3, shift=50))["nearest"] > 10


def test_duplicates_tell_collapse():
    real = normal(1000, 3)
    assert measured("duplicates", real, normal(1000, 3, seed=1))["duplicates"] < 0.03
    assert measured("duplicates", real, np.repeat(real[:20], 50, axis=0))["duplicates"] == 1
    half = np.concatenate([normal(500, 3, seed=1), np.repeat(real[:1], 500, axis=0)])
    assert measured("duplicates", real, half)["duplicates"] == pytest.approx(0.5, abs=0.02)
    assert measured("duplicates", real, real)["duplicates"] == pytest.approx(0.01, abs=0.002), "the quantile"


def test_modes_of_a_source_that_no_metric_imports():
    class Pair(DataSource):
        def mode_centers(self):
            return ModeCenters(np.array([[0, 0], [5, 5]], np.float32), 0.1)

    subject = Subject(Pair(), "vectors")
    modes = metrics.create("modes")
    assert modes.why_not(subject, 10) is None
    assert not modes.by_extractor(subject)
    points = np.full((10, 2), 5, np.float32)
    found = modes.measure(Features(points, points=points), Features(points, points=points), subject)
    assert found["modes"] == found["high_quality"] == 1


@pytest.mark.parametrize("counts", [(30, 40), (8, 40), (5, 3), (40, 2)])
def test_the_frechet_distance_of_few_samples_needs_no_covariance(counts):
    first, second = normal(counts[0], 8), normal(counts[1], 8, seed=1, shift=0.5, scale=2)
    assert frechet_of_few(first, second) == pytest.approx(frechet_distance(moments(first), moments(second)), rel=1e-6)


def test_the_classifier_is_linear_discriminant_analysis():
    rng = np.random.RandomState(0)
    labels = np.repeat([0, 1, 3], [900, 500, 100])  # class 2 has no samples
    stretched = rng.standard_normal((1500, 3)) @ [[1, 0.5, 0], [0, 2, 0.5], [0, 0, 1]]
    features = (stretched + labels[:, None]).astype(np.float32)
    found = LinearClassifier.fit(features, labels, classes=4).classify(features)
    reference = LinearDiscriminantAnalysis(priors=np.full(3, 1 / 3)).fit(features, labels).predict(features)
    assert (found == reference).mean() > 0.99
    assert 0.5 < (found == labels).mean() < 1


@pytest.mark.parametrize("features", [normal(6, 40), np.zeros((6, 4), np.float32)], ids=["few", "constant"])
def test_the_classifier_takes_fewer_samples_than_features(features):
    model = LinearClassifier.fit(features, np.array([0, 0, 1, 1, 2, 2]), classes=3)
    assert np.isfinite(model.weights).all()
    assert model.classify(features).shape == (6,)


def test_differences_of_classes_are_those_of_all_pairs():
    features, labels = normal(40, 3, shift=7), np.arange(40) % 3
    features[labels == 1] += 2
    squared = euclidean_distances(features.astype(np.float64), squared=True)
    pairs = [squared[labels == a][:, labels == b].mean() for a in range(3) for b in range(3) if a != b]
    assert class_difference(features, labels) == pytest.approx(np.sqrt(np.mean(pairs)), rel=1e-5)
    sweep = normal(20, 3).reshape(5, 4, 3)
    squared = [euclidean_distances(one, squared=True)[~np.eye(4, dtype=bool)] for one in sweep.astype(np.float64)]
    assert sweep_difference(sweep) == pytest.approx(np.sqrt(np.mean(squared)), rel=1e-5)


CLASSES = 4
CENTERS = 6 * normal(CLASSES, 5, seed=9)
CONDITIONAL = Subject(None, "none", class_names=("a", "b", "c", "d"))


def labeled(n, make, *, seed=0):
    """Samples of a generator: ``make`` is from noise ``[n, 5]`` and classes ``[n]`` to features."""
    rng = np.random.RandomState(seed)
    labels = rng.randint(0, CLASSES, n).astype(np.int32)
    z = rng.standard_normal((20, 1, 5)).repeat(CLASSES, axis=1)
    sweep = make(z.reshape(-1, 5), np.tile(np.arange(CLASSES), 20)).reshape(20, CLASSES, 5)
    features = make(rng.standard_normal((n, 5)), labels)
    return Features(features.astype(np.float32), labels=labels, class_sweep=sweep.astype(np.float32))


def perfect(z, labels):
    return CENTERS[labels] + z


def ignoring(z, labels):
    """The latent chooses the class."""
    return CENTERS[(np.abs(z[:, 0] * 1000) % CLASSES).astype(int)] + z


def permuted(z, labels):
    return CENTERS[(labels + 1) % CLASSES] + z


def collapsed(z, labels):
    """Class 2 repeats one good sample."""
    return CENTERS[labels] + np.where(labels[:, None] == 2, 0.1, z)


def label_numbers(make, count=1000, **fields):
    real = dataclasses.replace(labeled(1000, perfect, seed=1), class_sweep=None)
    return metrics.create({"name": "label_response", **fields}).measure(real, labeled(count, make), CONDITIONAL)


def test_a_generator_that_follows_its_label_is_like_real_samples():
    numbers = label_numbers(perfect)
    assert (numbers["label_agreement"] > 0.95).all()
    assert (numbers["intra_class_frechet"] < 0.5).all()
    assert 0.5 < numbers["label_response"] < 1  # the classes share the noise of the latent


def test_a_generator_that_ignores_its_label_is_caught():
    numbers = label_numbers(ignoring)
    assert numbers["label_agreement"].mean() == pytest.approx(1 / CLASSES, abs=0.05)
    assert (numbers["intra_class_frechet"] > 10).all()
    assert numbers["label_response"] == 0
    plain = measured("frechet", labeled(1000, perfect, seed=1), labeled(1000, ignoring))
    assert plain["frechet"] < 1, "the distance without labels sees nothing"


def test_permuted_labels_are_caught_and_are_no_ignored_labels():
    numbers = label_numbers(permuted)
    assert (numbers["label_agreement"] < 0.1).all()
    assert (numbers["intra_class_frechet"] > 10).all()
    assert numbers["label_response"] == label_numbers(perfect)["label_response"]


def test_one_collapsed_class_is_named():
    numbers = label_numbers(collapsed)
    assert (numbers["label_agreement"] > 0.95).all(), "one good sample again and again is of its class"
    worst = numbers["intra_class_frechet"]
    assert worst.argmax() == 2
    assert worst[2] > 10 * np.delete(worst, 2).max()


def test_classes_with_too_few_samples_have_no_distance():
    assert "intra_class_frechet" not in label_numbers(perfect, count=199), "fewer than 50 in each of 4 classes"
    assert "intra_class_frechet" in label_numbers(perfect, count=199, least_per_class=49)
    rare = labeled(1000, perfect, seed=1)
    rare = rare.take(np.flatnonzero((rare.labels != 1) | (np.cumsum(rare.labels == 1) <= 20)))
    numbers = metrics.create("label_response").measure(rare, labeled(1000, perfect), CONDITIONAL)
    np.testing.assert_array_equal(np.isnan(numbers["intra_class_frechet"]), [False, True, False, False])
    absent = rare.take(rare.labels != 1)
    numbers = metrics.create("label_response").measure(absent, labeled(1000, perfect), CONDITIONAL)
    np.testing.assert_array_equal(np.isnan(numbers["label_agreement"]), [False, True, False, False])


def test_label_response_says_what_it_needs():
    metric = metrics.create("label_response")
    assert "this model has no classes" in metric.obstacle(NOTHING, 1000)
    assert "20 in all, and there are 19" in metric.obstacle(CONDITIONAL, 19)
    assert metric.obstacle(CONDITIONAL, 20) is None
    assert "at least 2 classes" in metric.obstacle(Subject(None, "none", class_names=("a",)), 1000)
    assert metrics.create("frechet").obstacle(NOTHING, 20) is None
