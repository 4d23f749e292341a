"""Tests ganzoo evaluate: from a bundle or run to metrics.json, and its errors."""

import errno
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tiny_bundles

import ganzoo
from ganzoo.bundle.folder import BundleFacts, read_bundle
from ganzoo.bundle.writing import write_bundle
from ganzoo.errors import GanzooError

SMALL = ("--samples", 20, "--draws", 2)


@pytest.fixture
def real(place):
    """A file of 60 random images that fit the tiny bundle."""
    np.save(place / "real.npy", np.random.RandomState(0).randint(0, 256, (60, 8, 8, 3)).astype(np.uint8))
    return place / "real.npy"


@pytest.fixture
def told(place, real):
    """A bundle in ``models/tiny`` that names its training data, without the path."""
    data = {"source": "numpy", "resolution": 8, "path": "/etc/passwd"}
    return write_bundle(
        place / "models/tiny",
        config=tiny_bundles.image_config(),
        onnx=tiny_bundles.image_model().SerializeToString(),
        weights={"w": np.ones(3, np.float32)},
        facts=BundleFacts(training_step=7, training={"config": {"data": data}}),
    ).folder


def table(result):
    """First column of a printed table -> its other columns."""
    return {line.split("  ")[0]: line.split()[-1] for line in result.stdout.splitlines()[1:]}


def test_a_bundle(command, told, place):
    result = command("evaluate", "models/tiny", "--data", "real.npy", *SMALL)
    path = place / "models/tiny.metrics.json"
    held = json.loads(path.read_text(encoding="utf-8"))
    assert set(table(result)) == set(held["metrics"])
    assert {"frechet (small_cnn)", "recall (small_cnn)", "duplicates (small_cnn)"} <= set(held["metrics"])
    assert f"Wrote {path.relative_to(place)}" in result.stderr
    entry = held["metrics"]["frechet (small_cnn)"]
    assert entry["interval"][0] < entry["value"] < entry["interval"][1]
    assert entry["value"] > entry["floor"] > 0
    assert entry["value"] == pytest.approx(np.mean(entry["draws"]))
    assert held["model"] == {
        "name": "tiny",
        "step": 7,
        "onnx_sha256": read_bundle(told).metadata.files["onnx/model.onnx"].sha256,
    }
    protocol = held["protocol"]
    assert (protocol["samples"], protocol["draws"], protocol["seeds"]) == (20, 2, "0-39")
    assert protocol["data"]["source"] == "numpy"
    searched = protocol["real_samples"]
    assert protocol["real_samples_searched"] == searched
    assert f"20 generated against all {searched} real samples" in held["metrics"]["nearest (small_cnn)"]["protocol"]
    assert "20 generated against 20 real samples" in entry["protocol"]
    assert protocol["versions"]["numpy"] == np.__version__
    assert str(place) not in path.read_text(encoding="utf-8"), "paths are nobody's business"
    read_bundle(told)


def test_the_numbers_are_those_of_python_and_repeat(command, told, place):
    arguments = ("--data", "real.npy", "--metrics", "frechet,kernel", *SMALL)
    printed = json.loads(command("evaluate", "models/tiny", *arguments, "--json", "-o", "m.json").stdout)
    assert printed == json.loads((place / "m.json").read_text(encoding="utf-8"))
    made = ganzoo.evaluate(told, metrics=["frechet", "kernel"], data="real.npy", samples=20, draws=2, quiet=True)
    assert made.to_dict() == printed
    assert made["kernel (small_cnn)"] == printed["metrics"]["kernel (small_cnn)"]["value"]


@pytest.fixture
def of_classes(place):
    """A conditional bundle in ``models/three`` and its data, ``three.npz``."""
    rng = np.random.RandomState(0)
    np.savez(place / "three.npz", images=rng.randint(0, 256, (60, 8, 8, 3)).astype(np.uint8), labels=np.arange(60) % 3)
    return write_bundle(
        place / "models/three",
        config=tiny_bundles.image_config(num_classes=3, class_names=("0", "1", "2")),
        onnx=tiny_bundles.image_model(num_classes=3).SerializeToString(),
        weights={"w": np.ones(3, np.float32)},
        facts=BundleFacts(training={"config": {"data": {"source": "numpy", "resolution": 8}}}),
    ).folder


def test_a_conditional_model_is_measured_by_class_too(command, of_classes, place):
    result = command("evaluate", "models/three", "--data", "three.npz", *SMALL)
    assert {"label_agreement (small_cnn)", "label_response (small_cnn)"} <= set(table(result))
    assert "Worst class of label_agreement (small_cnn): " in result.stderr
    held = json.loads((place / "models/three.metrics.json").read_text(encoding="utf-8"))
    entry = held["metrics"]["label_agreement (small_cnn)"]
    assert set(entry["by_class"]) == {"0", "1", "2"}
    assert entry["value"] == pytest.approx(np.mean(list(entry["by_class"].values())), abs=0.1)
    assert entry["worst_class"]["value"] == entry["by_class"][entry["worst_class"]["name"]]
    assert "32 latents" in held["protocol"]["class_sweep"]
    card = command("publish", "models/three", "a/b", "--dry-run").stdout
    assert "| label_response (small_cnn) |" in card
    assert "- Worst class of label_agreement (small_cnn): " in card


def test_data_without_the_labels_of_the_model(command, fails, of_classes, real, place):
    result = command("evaluate", "models/three", "--data", "real.npy", *SMALL)
    assert not [label for label in table(result) if "label" in label]
    arguments = ("evaluate", "models/three", "--metrics", "label_response", *SMALL)
    assert "needs real samples with labels, and the data have none" in fails(*arguments, "--data", "real.npy")
    with np.load(place / "three.npz") as held:
        np.savez(place / "two.npz", images=held["images"], labels=held["labels"] % 2)
    assert "the model has 3 classes, and the data have 2" in fails(*arguments, "--data", "two.npz")


@pytest.mark.slow
def test_a_run_knows_its_data(command, trained, place):
    result = command("evaluate", "images/001", "--metrics", "duplicates", "--samples", 16, code=2)
    assert "12 real samples" in result.stderr
    rng = np.random.default_rng(1)
    samples = rng.integers(0, 256, (40, 8, 8, 3), np.uint8)
    np.savez(place / "more.npz", samples=samples, labels=np.arange(40) % 3)
    command("evaluate", "images", "--metrics", "duplicates", "--samples", 16, "--data", "more.npz")
    held = json.loads((place / "runs/images/001/metrics.json").read_text(encoding="utf-8"))
    assert list(held["metrics"]) == ["duplicates (small_cnn)"]
    assert held["model"]["step"] == 3
    card = command("publish", "images", "someone/images", "--dry-run").stdout
    assert "duplicates (small_cnn)" in card
    assert "model-index" in card
    assert not read_bundle("runs/images/001/bundle").metadata.facts.metrics, "a dry run changes nothing"


@pytest.mark.slow
def test_numbers_of_another_generator_do_not_reach_the_card(command, told, place):
    command("evaluate", "models/tiny", "--data", "real.npy", "--metrics", "frechet", *SMALL)
    path = place / "models/tiny.metrics.json"
    assert "frechet (small_cnn)" in command("publish", "models/tiny", "a/b", "--dry-run").stdout
    path.write_text(path.read_text(encoding="utf-8").replace('"onnx_sha256": "', '"onnx_sha256": "0'), encoding="utf-8")
    assert "frechet (small_cnn)" not in command("publish", "models/tiny", "a/b", "--dry-run").stdout


@pytest.fixture
def with_critic(place, real):
    """``told``, with a critic that prefers bright images."""
    data = {"source": "numpy", "resolution": 8}
    return write_bundle(
        place / "models/tiny",
        config=tiny_bundles.image_config(),
        onnx=tiny_bundles.image_model().SerializeToString(),
        critic=tiny_bundles.critic_model().SerializeToString(),
        weights={"w": np.ones(3, np.float32)},
        facts=BundleFacts(training_step=7, training={"config": {"data": data}}),
    ).folder


def test_numbers_with_and_without_a_critic_are_kept_apart(command, with_critic, place):
    arguments = ("models/tiny", "--data", "real.npy", "--metrics", "frechet", *SMALL)
    command("evaluate", *arguments)
    assert "metrics-best-of-4.json" in command("evaluate", *arguments, "--best-of", 4).stderr
    names = ("tiny.metrics.json", "tiny.metrics-best-of-4.json")
    plain, best = (json.loads((place / "models" / name).read_text()) for name in names)
    one, four = plain["metrics"]["frechet (small_cnn)"], best["metrics"]["frechet (small_cnn), best of 4"]
    assert one["value"] != four["value"]
    assert one["floor"] == four["floor"]
    assert "best_of=4 by the critic" in four["protocol"]
    assert "best" not in one["protocol"]
    assert ("best_of" in plain["protocol"], best["protocol"]["best_of"]) == (False, 4)
    card = command("publish", "models/tiny", "a/b", "--dry-run").stdout
    assert "| frechet (small_cnn) |" in card
    assert "| frechet (small_cnn), best of 4 |" in card
    command("evaluate", *arguments, "--best-of", 4)  # replaces its own file
    digest = best["model"]["critic_sha256"]
    assert digest == read_bundle(with_critic).metadata.files["onnx/critic.onnx"].sha256
    path = place / "models/tiny.metrics-best-of-4.json"
    path.write_text(path.read_text().replace(digest, "0" * 64))
    card = command("publish", "models/tiny", "a/b", "--dry-run").stdout
    assert "best of 4 |" not in card, "numbers of another critic"
    assert "| frechet (small_cnn) |" in card


def test_the_best_of_needs_a_critic_before_anything_is_measured(fails, told, place):
    arguments = ("models/tiny", "--data", "real.npy", *SMALL, "--best-of")
    assert "ganzoo export RUN --critic" in fails("evaluate", *arguments, 4)
    assert "64 at most" in fails("evaluate", *arguments, 100)
    assert not list((place / "models").glob("*.json"))


def test_vectors_of_a_named_config(command, place, points_yaml):
    tiny_bundles.vector_bundle(place / "points")
    result = command("evaluate", "points", "--config", points_yaml, *SMALL)
    assert {"modes", "high_quality", "reverse_kl", "frechet (vectors)"} <= set(table(result))
    assert (place / "points.metrics.json").is_file()


def test_an_onnx_extractor(command, told, place):
    model = tiny_bundles.make_model(*mean_of_channels())
    (place / "means.onnx").write_bytes(model.SerializeToString())
    arguments = ("models/tiny", "--data", "real.npy", "--metrics", "frechet", *SMALL)
    signed = json.loads(command("evaluate", *arguments, "--extractor", "means.onnx", "--json").stdout)
    assert len(signed["protocol"]["extractor"]["sha256"]) == 64
    unit = json.loads(
        command("evaluate", *arguments, "--extractor", "{name: onnx, path: means.onnx, values: unit}", "--json").stdout
    )
    key = "frechet (means)"
    assert signed["metrics"][key]["value"] == pytest.approx(4 * unit["metrics"][key]["value"], rel=1e-3)


def mean_of_channels():
    from onnx import TensorProto, helper, numpy_helper

    nodes = [helper.make_node("ReduceMean", ["x", "axes"], ["features"], keepdims=0)]
    taken = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 8, 8, 3])]
    given = [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", 3])]
    return nodes, taken, given, [numpy_helper.from_array(np.array([1, 2]), "axes")]


def test_no_floor_is_said(command, told):
    result = command("evaluate", "models/tiny", "--data", "real.npy", "--samples", 40, "--draws", 1)
    assert "No floor" in result.stderr
    assert "--samples 30" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--metrics", "frechit"], "Did you mean 'frechet'?"),
        (["--metrics", ","], "No metric is named"),
        (["--metrics", "modes"], "has no classes"),
        (["--metrics", "classifier_score"], "class probabilities"),
        (["--metrics", "label_response"], "needs a conditional model, and this model has no classes"),
        (["--extractor", "pixel"], "Did you mean 'pixels'?"),
        (["--extractor", "no.onnx"], "No such file"),
        (["--extractor", "real.onnx"], "real.onnx is not a usable extractor"),
        (["--extractor", "{name: pixels, size: 0}"], "size = 0"),
        (["--extractor", "{name: pixels"], "--extractor"),
        (["--samples", "61"], "60 real samples, which are too few"),
        (["--samples", "3"], "16 to 1,000,000"),
        (["--draws", "0"], "1 to 1,000 draws"),
        (["--config", "ring8"], "--data"),
        (["--config", "nosuch"], "No data source or model named"),
        (["--config", "dcgan-faces-32", "--data", ""], "--data"),
        (["-o", "."], "is a folder"),
        (["--device", "tpu"], "cpu"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_refused(fails, told, place, arguments, message):
    (place / "real.onnx").write_bytes(b"broken")
    assert message in fails("evaluate", "models/tiny", "--data", "real.npy", *arguments)
    assert sorted(path.name for path in (place / "models").iterdir()) == ["tiny"], "nothing is written"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metrics": "frechet"}, "metrics: received 'frechet'; allowed is a list"),
        ({"samples": "100"}, "16 to 1,000,000 samples; received '100'"),
        ({"samples": 20.5}, "16 to 1,000,000 samples; received 20.5"),
        ({"draws": None}, "1 to 1,000 draws; received None"),
    ],
)
def test_python_refuses_other_types(told, arguments, message):
    with pytest.raises(GanzooError, match=message):
        ganzoo.evaluate(told, **arguments)


def test_data_that_are_not_told(fails, bundle, told):
    assert "--config NAME" in fails("evaluate", "bundle")
    assert "needs a .npy" in fails("evaluate", "models/tiny"), "the path in a bundle is not followed"


def test_data_of_another_shape(fails, told):
    message = fails("evaluate", "models/tiny", "--config", "dcgan-faces-32")
    assert "8 x 8 px RGB" in message
    assert "32 x 32 px RGB" in message


def test_somebody_elses_metrics_json_is_left_alone(fails, command, told, place):
    path = place / "models/tiny.metrics.json"
    for content in ("mine", json.dumps({"model": {"name": "other"}})):
        path.write_text(content, encoding="utf-8")
        assert "is not replaced" in fails("evaluate", "models/tiny", "--data", "real.npy", *SMALL)
        assert path.read_text(encoding="utf-8") == content
    command("evaluate", "models/tiny", "--data", "real.npy", "--metrics", "frechet", *SMALL, "-o", path)
    command("evaluate", "models/tiny", "--data", "real.npy", "--metrics", "frechet", *SMALL)


def test_the_file_is_written_before_the_numbers_are_printed(command, told, monkeypatch, place):
    def full(text):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("ganzoo.cli.output.print_data", full)
    command("evaluate", "models/tiny", "--data", "real.npy", "--metrics", "frechet", *SMALL, code=2)
    assert (place / "models/tiny.metrics.json").is_file()


def test_nothing_is_written_into_the_bundle(fails, told):
    message = fails("evaluate", "models/tiny", "--data", "real.npy", *SMALL, "-o", "models/tiny/config.json")
    assert "is in the bundle" in message


def test_a_full_disk_still_shows_the_numbers(command, told, monkeypatch, place):
    def full(path, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("ganzoo.environment.files.write_file", full)
    result = command("evaluate", "models/tiny", "--data", "real.npy", "--metrics", "frechet", *SMALL, code=2)
    assert "No space left" in result.stderr
    assert "frechet (small_cnn)" in result.stdout
    assert not (place / "models/tiny.metrics.json").exists()


def test_a_missing_package(fails, told, monkeypatch):
    monkeypatch.setattr("ganzoo.environment.requirements.find_spec", lambda module: None)
    assert "ganzoo-keras[train]" in fails("evaluate", "models/tiny", "--extractor", "inception_v3")


@pytest.mark.slow
def test_a_bundle_is_measured_without_tensorflow(told, place):
    code = """
import sys
from ganzoo.cli.main import main
sys.argv = ["ganzoo", "evaluate", "models/tiny", "--data", "real.npy", "--samples", "20", "--draws", "1"]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
assert not {"tensorflow", "keras", "tf2onnx", "onnx", "scipy", "sklearn"} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
