import importlib.util
import json

import gpu_builds
import gpus
import pytest

from ganzoo.cli import doctor
from ganzoo.errors import ExportError


@pytest.mark.slow
def test_a_complete_installation(command):
    text = command("doctor").stdout
    assert "TensorFlow: CPU" in text
    assert "ONNX Runtime: " in text
    assert "Everything works" in text


def test_settings_of_keras_do_not_break_it(command):
    import keras

    keras.config.set_image_data_format("channels_first")
    keras.config.set_floatx("float16")
    try:
        assert "Everything works" in command("doctor").stdout
    finally:
        keras.config.set_image_data_format("channels_last")
        keras.config.set_floatx("float32")


@pytest.mark.parametrize("failure", [ExportError("no word for it"), ValueError("shapes (3, 2)\nand more")])
def test_an_installation_that_cannot_export(command, monkeypatch, failure):
    def broken(generator):
        raise failure

    monkeypatch.setattr("ganzoo.exporters.onnx.to_onnx", broken)
    text = command("doctor", code=1).stdout
    assert "Broken: Cannot" in text
    assert str(failure).splitlines()[0] in text
    assert "Everything works" not in text


def test_another_backend_of_keras(command, monkeypatch):
    monkeypatch.setattr("keras.config.backend", lambda: "jax")
    text = command("doctor", code=1).stdout
    assert "Broken: Keras already uses the backend 'jax'" in text
    assert "Everything works" not in text


def test_json(command):
    found = json.loads(command("doctor", "--json").stdout)
    assert found["versions"]["numpy"]
    assert found["problems"] == []
    assert found["machine"]["memory"] > 10**6
    assert "CPU" in found["onnxruntime_devices"]


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("tensorflow", "pip install 'ganzoo-keras[train]'"),
        ("tf2onnx", "pip install 'ganzoo-keras[train]'"),
        ("onnxruntime", "pip install 'ganzoo-keras[cpu]'"),
        ("resvg_py", "pip install 'ganzoo-keras[faces]'"),
    ],
)
def test_what_is_missing(command, monkeypatch, module, line):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        "ganzoo.environment.requirements.find_spec", lambda name: None if name == module else real(name)
    )
    text = command("doctor").stdout
    assert line in text
    assert "Everything works" not in text


@pytest.mark.parametrize(
    ("module", "extra"), [("pyarrow", "parquet"), ("pillow_heif", "heic"), ("imageio_ffmpeg", "video")]
)
def test_what_few_users_need(command, monkeypatch, module, extra):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        "ganzoo.environment.requirements.find_spec", lambda name: None if name == module else real(name)
    )
    text = command("doctor").stdout
    assert "Optional: For " in text
    assert f"pip install 'ganzoo-keras[{extra}]'" in text
    assert "Everything works" in text


def test_both_onnx_runtimes(command, monkeypatch):
    from ganzoo.inference import onnx_runtime

    monkeypatch.setattr(onnx_runtime, "_distributions", lambda names: ["onnxruntime", "onnxruntime-gpu"])
    text = command("doctor", code=1).stdout
    assert "pip uninstall -y onnxruntime onnxruntime-gpu" in text


def test_a_broken_tensorflow(command, monkeypatch):
    def broken():
        raise ImportError("libcudart.so: no such file")

    monkeypatch.setattr("ganzoo.environment.tensorflow.import_tensorflow", broken)
    text = command("doctor", code=1).stdout
    assert "TensorFlow is installed but does not work: ImportError: libcudart.so" in text


def test_a_gpu_build_whose_cuda_does_not_start(command, monkeypatch):
    gpu_builds.pretend(monkeypatch, failure=gpu_builds.NO_DEVICE)
    text = command("doctor", code=1).stdout
    assert "ONNX Runtime: CPU\n" in text
    assert "Broken: The device is cuda, but ONNX Runtime could not start CUDA: CUDA failure 100: no CUDA" in text


def test_a_folder_with_the_name_of_the_model_does_not_matter(command, tmp_path, monkeypatch):
    (tmp_path / "faces-64").mkdir()
    (tmp_path / "faces-64" / "config.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    assert "Bundle 'faces-64'" not in command("doctor").stdout


def test_gpus_that_tensorflow_cannot_use(monkeypatch):
    import tensorflow as tf

    from ganzoo.environment.gpus import Card, NoGpu

    gpus.pretend(monkeypatch, gpus.RTX_5090, gpus.H100)
    (line,) = doctor._unused_gpus(tf)
    assert line.startswith("NVIDIA GeForce RTX 5090 has compute capability 12.0")
    gpus.pretend(monkeypatch)
    card, missing = Card("NVIDIA H100 PCIe", 85 * 10**9, (9, 0)), NoGpu("CUDA does not start", "See why.", True)
    monkeypatch.setattr("ganzoo.environment.gpus.nvidia_cards", lambda: [card])
    monkeypatch.setattr("ganzoo.environment.gpus.why_no_gpu", lambda build: missing)
    assert doctor._unused_gpus(tf) == [f"TensorFlow cannot use {card}: CUDA does not start. See why."]
