"""Tests training on data that Python passes: the run, its resuming and its export."""

import numpy as np
import pytest
import tensorflow as tf
from helpers import samples, tiny, tiny_vectors

import ganzoo
from ganzoo.cli.main import app
from ganzoo.errors import ConfigError, DataError, GanzooError, RunError

CONFIG = tiny(training={"evaluation": None})
IMAGES = samples(CONFIG).samples
LABELS = np.arange(len(IMAGES)) % 3


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that stopped at step 3 of 6, on an array."""
    return ganzoo.train(CONFIG, data=IMAGES, max_steps=3, root=tmp_path_factory.mktemp("runs"), quiet=True)


def resumed(run, tmp_path, **options):
    """A copy of the run, resumed."""
    import shutil

    copy = shutil.copytree(run.folder, tmp_path / "runs/tiny/001")
    return ganzoo.resume(copy, quiet=True, **options)


@pytest.mark.slow
def test_the_run_says_honestly_what_it_was_trained_on(run, tmp_path):
    assert run.config.data.registered_name == "numpy"
    assert run.config.data.path is None
    card = (ganzoo.export(run, tmp_path / "bundle") / "README.md").read_text()
    assert "An array that was passed in Python. Its origin is not recorded." in card
    assert ganzoo.load(tmp_path / "bundle").sample([1]).shape == (1, 8, 8, 1)


@pytest.mark.slow
def test_it_resumes_with_the_same_data_in_every_form(run, tmp_path):
    np.save(tmp_path / "same.npy", IMAGES)
    whole = ganzoo.train(CONFIG, data=IMAGES, root=tmp_path / "whole", quiet=True)
    wanted = (whole.folder / "checkpoints/step-00000006/generator.safetensors").read_bytes()
    forms = {
        "array": IMAGES.copy(),
        "dataset": tf.data.Dataset.from_tensor_slices(IMAGES),
        "file": tmp_path / "same.npy",
    }
    for name, data in forms.items():
        again = resumed(run, tmp_path / name, data=data)
        assert (again.folder / "checkpoints/step-00000006/generator.safetensors").read_bytes() == wanted, name
    assert again.config.data.path == tmp_path / "same.npy"


def test_a_resume_without_data_is_one_line_that_says_what_to_pass(run, monkeypatch):
    monkeypatch.chdir(run.folder.parents[2])
    line = r"^Run tiny/001 was trained on an array .* again: ganzoo\.resume\('\S*tiny/001', data=images\)"
    with pytest.raises(RunError, match=line) as raised:
        ganzoo.resume(run, quiet=True)
    assert "\n" not in str(raised.value)


def test_the_command_line_says_it_too(run):
    from typer.testing import CliRunner

    done = CliRunner().invoke(app, ["train", "--resume", str(run.folder)], prog_name="ganzoo")
    assert done.exit_code == 2
    assert "--data images.npz" in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (IMAGES[:-1], "the number of samples 24 became 23"),
        (IMAGES[::-1], "the content of the samples. Pass the original data in the same order"),
        ((IMAGES, LABELS), r"the classes \[\] became \[0, 1, 2\]"),
        (IMAGES[:, :4], "'tiny' needs"),
        (IMAGES / 255, "received float64"),
        (object(), "received builtins.object"),
    ],
    ids=["fewer", "another order", "labels", "another size", "floats", "an object"],
)
def test_other_data_are_refused(run, data, message):
    with pytest.raises(DataError, match=message) as raised:
        ganzoo.resume(run, data=data, quiet=True)
    assert "\n" not in str(raised.value)


@pytest.mark.slow
def test_other_data_can_be_allowed(run, tmp_path):
    again = resumed(run, tmp_path, data=IMAGES[:-1], allow_changed_data=True)
    assert again.step == 6
    assert any("changed" in line for line in again.log())


@pytest.mark.slow
def test_a_run_of_another_source_takes_no_arrays(tmp_path):
    run = ganzoo.train(tiny_vectors(), max_steps=2, root=tmp_path, quiet=True)
    with pytest.raises(ConfigError, match="has the data source 'ring8', which reads its own data, not arrays"):
        ganzoo.resume(run, data=IMAGES)


@pytest.mark.slow
def test_labels_make_a_conditional_model(tmp_path):
    overrides = ["num_classes=3", "generator.conditioning=concat"]
    run = ganzoo.train(CONFIG, data=(IMAGES, LABELS), overrides=overrides, steps=2, root=tmp_path, quiet=True)
    assert ganzoo.load(ganzoo.export(run)).class_names == ("0", "1", "2")


@pytest.mark.parametrize(
    ("what", "data", "options", "message"),
    [
        (CONFIG, IMAGES.astype(float), {}, "received float64"),
        (CONFIG, (IMAGES, LABELS[:3]), {}, "labels: received"),
        (CONFIG, tf.data.Dataset.from_tensor_slices(IMAGES).repeat(), {}, "infinite"),
        (CONFIG, IMAGES, {"overrides": ["num_classes=2", "generator.conditioning=concat"]}, "the data have no labels"),
        ("dcgan-faces-32", IMAGES, {}, r"the config 'dcgan-faces-32' needs \[32, 32, 3\]"),
        ("dcgan-faces-32", IMAGES, {"overrides": ["data.count=9"]}, "data.count: no such key"),
        ("dense-ring8", IMAGES, {}, r"the config 'dense-ring8' needs vectors \[n, 2\]"),
    ],
)
def test_mistakes_leave_no_run(tmp_path, what, data, options, message):
    with pytest.raises(GanzooError, match=message) as raised:
        ganzoo.train(what, data=data, root=tmp_path, **options)
    assert "\n" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_create_model_takes_arrays_too():
    made = ganzoo.create_model(CONFIG, data=IMAGES)
    assert made.config.data.registered_name == "numpy"
