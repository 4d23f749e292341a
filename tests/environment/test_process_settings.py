"""A user's settings of Keras, TensorFlow and NumPy do not affect ganzoo's networks, and are restored."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import tiny

import ganzoo
from ganzoo.environment.process_settings import check_process, own_settings
from ganzoo.errors import MissingDependencyError
from ganzoo.exporters.onnx import onnx_runtime, to_onnx
from ganzoo.exporters.parity import measure
from ganzoo.training import networks

IMAGES = """
data: {{source: numpy, resolution: 8, path: {path}}}
generator: {{latent_dim: 3, base_channels: 4, block: upsample_conv}}
discriminator: {{base_channels: 4, block: {{name: strided_conv, dropout: 0.3}}}}
training: {{batch_size: 4, steps: 2, sample_every: 1, d_optimizer: {{name: adam, schedule: cosine}}}}
"""
ODD = {"floatx": "float16", "epsilon": 1e-2, "backend": "jax", "image_data_format": "channels_first"}


def settings():
    return {
        "floatx": keras.config.floatx(),
        "epsilon": keras.config.epsilon(),
        "format": keras.config.image_data_format(),
        "policy": keras.config.dtype_policy().name,
        "eager": tf.config.functions_run_eagerly(),
        "numpy": np.geterr(),
    }


def take_on(wanted):
    keras.config.set_floatx(wanted["floatx"])
    keras.config.set_epsilon(wanted["epsilon"])
    keras.config.set_image_data_format(wanted["format"])
    keras.config.set_dtype_policy(wanted["policy"])
    tf.config.run_functions_eagerly(wanted["eager"])
    np.seterr(**wanted["numpy"])


@pytest.fixture
def odd_process():
    """A notebook that has set everything to something else."""
    before = settings()
    odd = {
        "floatx": "float16",
        "epsilon": 1e-2,
        "format": "channels_first",
        "policy": "mixed_float16",
        "eager": True,
        "numpy": dict.fromkeys(("divide", "over", "under", "invalid"), "raise"),
    }
    take_on(odd)
    yield odd
    take_on(before)


@pytest.fixture
def images(tmp_path):
    """A config for random images, in YAML."""
    np.save(tmp_path / "x.npy", np.random.RandomState(0).randint(0, 256, (12, 8, 8, 3)).astype(np.uint8))
    (tmp_path / "model.yaml").write_text(IMAGES.format(path=tmp_path / "x.npy"))
    return tmp_path / "model.yaml"


def test_settings_inside_and_after(odd_process):
    with own_settings(dtype_policy="mixed_bfloat16"):
        assert settings() == {
            "floatx": "float32",
            "epsilon": 1e-7,
            "format": "channels_last",
            "policy": "mixed_bfloat16",
            "eager": False,
            "numpy": {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"},
        }
        with own_settings():
            assert settings()["policy"] == "float32"
        assert settings()["policy"] == "mixed_bfloat16"
    assert settings() == odd_process


def test_settings_come_back_after_a_failure(odd_process):
    with pytest.raises(KeyboardInterrupt), own_settings():
        raise KeyboardInterrupt
    assert settings() == odd_process


@pytest.mark.slow
def test_networks_are_the_same_numbers(odd_process):
    odd = networks.build_generator(tiny())
    assert settings() == odd_process
    with own_settings():
        usual = networks.build_generator(tiny())
    assert {layer.compute_dtype for layer in odd.layers} == {"float32"}
    for one, other in zip(odd.get_weights(), usual.get_weights(), strict=True):
        assert one.dtype == np.float32
        np.testing.assert_array_equal(one, other)
    with own_settings():
        assert measure(odd, onnx_runtime(to_onnx(usual).SerializeToString()), distribution="normal") < 1e-6


@pytest.mark.slow
def test_a_notebook_trains_exports_and_generates(odd_process, images, tmp_path):
    run = ganzoo.train(images, root=tmp_path / "runs", quiet=True)
    bundle = ganzoo.export(run, formats=["fp16"])
    assert ganzoo.load(bundle).generate(0).size == (8, 8)
    assert settings() == odd_process


@pytest.mark.slow
def test_training_is_the_same_bits(odd_process, images, tmp_path):
    odd = ganzoo.train(images, root=tmp_path / "odd", quiet=True)
    with own_settings():
        usual = ganzoo.train(images, root=tmp_path / "usual", quiet=True)
    for one, other in zip(odd.log(), usual.log(), strict=True):
        for key in ("d_loss", "g_loss", "d_gradient_norm"):
            assert one.get(key) == other.get(key)


def test_another_backend_is_one_clear_line(monkeypatch):
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    with pytest.raises(MissingDependencyError, match=r"already uses the backend 'jax'.*KERAS_BACKEND=tensorflow"):
        networks.build_generator(tiny())


def test_tensorflow_as_version_1_is_one_clear_line(monkeypatch):
    monkeypatch.setattr(tf.compat.v1, "executing_eagerly_outside_functions", lambda: False)
    with pytest.raises(MissingDependencyError, match=r"version 1 .*Start a new process"):
        check_process(keras, tf)


def python(code, folder, **variables):
    """Output, or the last line of the error, of a new process whose HOME is ``folder``."""
    dropped = ("KERAS_HOME", "KERAS_BACKEND", "TF_CPP_MIN_LOG_LEVEL")
    environment = {name: value for name, value in os.environ.items() if name not in dropped}
    environment |= {"HOME": str(folder), **variables}
    program = [sys.executable, "-c", code]
    return subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def keras_json(folder, content):
    (folder / ".keras").mkdir()
    (folder / ".keras" / "keras.json").write_text(content)


@pytest.mark.slow
def test_a_settings_file_and_a_variable_for_another_backend(images, tmp_path):
    keras_json(tmp_path, json.dumps(ODD))
    done = python(
        "import ganzoo, os; run = ganzoo.train('model.yaml', quiet=True); ganzoo.load(ganzoo.export(run)).generate(0)\n"
        "import keras; print(keras.config.floatx(), keras.config.image_data_format(), os.environ['KERAS_BACKEND'])",
        tmp_path,
        KERAS_BACKEND="jax",
    )
    assert done.stdout == "float16 channels_first jax\n", done.stderr
    assert done.stderr == "KERAS_BACKEND is jax, but ganzoo needs TensorFlow: Keras uses it in this process.\n"
    assert json.loads((tmp_path / ".keras" / "keras.json").read_text()) == ODD


@pytest.mark.slow
@pytest.mark.parametrize("content", ["[]", '{"floatx": "bfloat16"}'])
def test_a_broken_settings_file_is_one_line_with_its_path(tmp_path, content):
    keras_json(tmp_path, content)
    code = (
        "from ganzoo.environment.tensorflow import import_tensorflow\nfrom ganzoo.errors import GanzooError\n"
        "try: import_tensorflow()\nexcept GanzooError as error: print(error)"
    )
    done = python(code, tmp_path)
    assert "cannot be imported: " in done.stdout, done.stderr
    assert f"{tmp_path}/.keras/keras.json. Correct or remove them." in done.stdout
