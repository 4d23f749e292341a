"""Tests the classifier that counts the modes of stacked digits: its output, and its file's hash."""

import hashlib
import json
from pathlib import Path

import numpy as np

from ganzoo import testing
from ganzoo.data import data_sources
from ganzoo.extractors import extractors
from ganzoo.metrics import Features, Subject, metrics
from ganzoo.sample_spec import SampleSpec

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
FILE = BENCHMARKS / "digit_classifier.onnx"
SHAPE = (28, 28, 3)


def spec():
    return extractors.create({"name": "onnx", "path": str(FILE)})


def images(n):
    return np.random.RandomState(0).randint(0, 256, (n, *SHAPE)).astype(np.uint8)


def test_it_conforms():
    testing.check_extractor(spec(), shape=SHAPE)


def test_each_channel_is_seen_by_itself_and_gives_its_own_digit():
    seen, turned = images(3), images(3)[..., [2, 0, 1]]
    extract = spec().load(SampleSpec(SHAPE)).extract
    (features, probabilities), (other_features, other) = extract(seen), extract(turned)
    assert probabilities.shape == (3, 1000)
    cube, other_cube = probabilities.reshape(3, 10, 10, 10), other.reshape(3, 10, 10, 10)
    np.testing.assert_allclose(other_cube, cube.transpose(0, 3, 1, 2), atol=1e-5)
    by_channel = features.reshape(3, 3, -1)
    np.testing.assert_allclose(other_features.reshape(3, 3, -1), by_channel[:, [2, 0, 1]], atol=1e-4)


def test_the_metric_modes_counts_its_classes():
    loaded = spec().load(SampleSpec(SHAPE))
    source = data_sources.create("stacked_mnist")
    modes = metrics.create("modes")
    subject = Subject(source, loaded.label, loaded.has_probabilities)
    assert modes.why_not(subject, 100) is None
    assert loaded.extract(images(1))[1].shape[1] == source.class_count()
    seen = Features(*loaded.extract(images(4)))
    numbers = modes.measure(seen, seen, subject)
    assert 1 <= numbers["modes"] <= 4
    assert "high_quality" not in numbers


def test_it_is_the_one_that_was_measured():
    (facts,) = json.loads((BENCHMARKS / "results" / "train_digit_classifier.json").read_text(encoding="utf-8"))[
        "tables"
    ]
    content = FILE.read_bytes()
    assert facts["onnx_sha256"] == hashlib.sha256(content).hexdigest()
    assert facts["onnx_bytes"] == len(content) < 400_000
    assert facts["accuracy"] > 0.98
    assert facts["held_out_images"] == 1000
