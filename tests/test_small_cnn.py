"""Tests ganzoo's own extractor: its output, its file's hash, and its origin."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ganzoo import testing
from ganzoo.data.sources.faces import Faces
from ganzoo.errors import EvaluationError
from ganzoo.extractors import extractors, small_cnn
from ganzoo.metrics import Subject, metrics
from ganzoo.sample_spec import SampleSpec

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"
WITH_CLASSES = {"name": "small_cnn", "classes": True}
LICENSES = ("CC0 1.0", "CC BY 4.0", "MIT")


def images(n, side=64, channels=3):
    """Soft blotches, so that they look the same at other sizes."""
    rng = np.random.RandomState(0)
    small = rng.randint(0, 256, (n, 4, 4, channels))
    return small.repeat(side // 4, axis=1).repeat(side // 4, axis=2).astype(np.uint8)


def features(samples, spec="small_cnn"):
    return extractors.create(spec).load(SampleSpec.of(samples)).extract(samples)[0]


@pytest.mark.parametrize("shape", [(8, 8, 3), (28, 28, 1), (64, 64, 3), (96, 70, 3)])
@pytest.mark.parametrize("spec", ["small_cnn", WITH_CLASSES], ids=["features", "classes"])
def test_it_conforms(shape, spec):
    testing.check_extractor(extractors.create(spec), shape=shape)


def test_features_have_one_width_and_depend_on_their_own_image_alone():
    many = images(70)
    made = features(many)
    assert (made.shape, made.dtype) == ((70, 192), np.float32)
    for start, stop in ((0, 1), (3, 5), (60, 70)):
        np.testing.assert_allclose(features(many[start:stop]), made[start:stop], atol=1e-4)


def test_grayscale_images_are_rgb_images_without_color():
    gray = images(3, channels=1)
    np.testing.assert_array_equal(features(gray), features(gray.repeat(3, axis=3)))


def test_the_size_of_an_image_matters_little():
    np.testing.assert_allclose(features(images(4, side=128)), features(images(4)), atol=1e-4)


def test_vectors_are_refused():
    with pytest.raises(EvaluationError, match="vectors"):
        extractors.create("small_cnn").load(SampleSpec((2,)))


def test_classes_come_only_when_asked_for():
    assert not extractors.create("small_cnn").load(SampleSpec((64, 64, 3))).has_probabilities
    loaded = extractors.create(WITH_CLASSES).load(SampleSpec((64, 64, 3)))
    assert loaded.extract(images(2))[1].shape == (2, len(small_cnn.class_names()))
    for name in ("modes", "classifier_score"):
        metric = metrics.create(name)
        assert "small_cnn" in metric.why_not(Subject(None, "small_cnn"), 100)
        assert metric.why_not(Subject(None, loaded.label, loaded.has_probabilities), 100) is None


def test_it_knows_faces_that_it_was_not_trained_on():
    faces = Faces(styles=("micah", "lorelei"), count=20, resolution=64)
    data = faces.load(quiet=True)
    found = (
        extractors.create(WITH_CLASSES)
        .load(SampleSpec((64, 64, 3)))
        .extract(np.asarray(data.samples))[1]
        .argmax(axis=1)
    )
    named = [small_cnn.class_names()[number] for number in found]
    right = np.mean([name == faces.styles[label] for name, label in zip(named, data.labels, strict=True)])
    assert right >= 0.8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\0"), "is not the file that ganzoo ships"),
        (lambda path: path.write_bytes(b""), "is not the file that ganzoo ships"),
        (lambda path: path.unlink(), "cannot be read"),
    ],
    ids=["altered", "empty", "missing"],
)
def test_another_file_is_refused_in_one_line(monkeypatch, tmp_path, change, message):
    path = tmp_path / "small_cnn.onnx"
    shutil.copyfile(small_cnn.NETWORK, path)
    change(path)
    monkeypatch.setattr(small_cnn, "NETWORK", path)
    with pytest.raises(EvaluationError, match=message) as caught:
        extractors.create("small_cnn").load(SampleSpec((64, 64, 3)))
    assert "\n" not in str(caught.value)
    assert "--extractor pixels" in str(caught.value)


def test_broken_facts_are_refused(monkeypatch, tmp_path):
    (tmp_path / "facts.json").write_text("{", encoding="utf-8")
    monkeypatch.setattr(small_cnn, "FACTS", tmp_path / "facts.json")
    with pytest.raises(EvaluationError, match="cannot be read"):
        extractors.create("small_cnn").load(SampleSpec((64, 64, 3)))


def test_it_is_small_and_says_where_it_comes_from():
    assert small_cnn.NETWORK.stat().st_size < 2_000_000
    facts = json.loads(small_cnn.FACTS.read_text(encoding="utf-8"))
    styles = [name for name in facts["classes"] if not name.startswith("digit")]
    assert [line.partition(":")[0] for line in facts["credits"][:-1]] == styles
    assert all(line.endswith(LICENSES) for line in facts["credits"])
    (measured,) = json.loads((RESULTS / "train_extractor.json").read_text(encoding="utf-8"))["tables"]
    assert measured["onnx_sha256"] == facts["sha256"] == small_cnn.shipped()[1]
    for compared in json.loads((RESULTS / "compare_extractors.json").read_text(encoding="utf-8"))["tables"]:
        assert compared["extractor_sha256"]["small_cnn"] == facts["sha256"]


def test_it_runs_without_tensorflow():
    code = """
import sys
import numpy as np
from ganzoo.extractors import extractors
from ganzoo.sample_spec import SampleSpec
extractors.create("small_cnn").load(SampleSpec((8, 8, 3))).extract(np.zeros((2, 8, 8, 3), np.uint8))
assert not {"tensorflow", "keras", "tf2onnx", "onnx", "sklearn"} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
