"""The GPU makes what the CPU makes. Without ONNX Runtime's GPU build and a GPU these tests skip and say why."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
import tiny_bundles

import ganzoo
from ganzoo.inference.generator import Generator

TEXT = {"check": False, "capture_output": True, "text": True}


@pytest.fixture(scope="module", autouse=True)
def a_gpu():
    """Where there is a GPU and the build for it, CUDA that does not start fails these tests."""
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip("needs ONNX Runtime's GPU build: pip install 'ganzoo-keras[gpu]'")
    if shutil.which("nvidia-smi") is None or "GPU 0" not in subprocess.run(["nvidia-smi", "-L"], **TEXT).stdout:
        pytest.skip("needs an NVIDIA GPU")


@pytest.fixture(scope="module")
def faces():
    return ganzoo.load("faces-64", device="cuda"), ganzoo.load("faces-64", device="cpu")


def test_it_is_taken_by_itself():
    assert ganzoo.load("faces-64").device == "cuda"


def test_images_differ_by_one_level_at_most(faces):
    gpu, cpu = faces
    made, expected = gpu.sample(range(300)).astype(int), cpu.sample(range(300)).astype(int)
    assert np.abs(made - expected).max() <= 1
    assert (made == expected).mean() > 0.99


def test_an_image_does_not_depend_on_the_batch(faces):
    gpu, _ = faces
    batch = gpu.sample(range(300)).astype(int)
    for seed in (0, 255, 256, 299):
        assert np.abs(batch[seed] - gpu.sample([seed])[0]).max() <= 1


def test_values_differ_by_no_more_than_rounding(faces):
    gpu, cpu = faces
    z = gpu.latents(range(64))
    np.testing.assert_allclose(gpu.decode(z), cpu.decode(z), rtol=0, atol=2e-5)
    np.testing.assert_allclose(gpu.decode(z), gpu.decode(z), rtol=0, atol=2e-5)


@pytest.mark.parametrize(("device", "words"), [("auto", ""), ("cuda", "no CUDA-capable device")])
def test_a_hidden_gpu_is_one_line_or_none(device, words):
    """ONNX Runtime itself would print to stdout that it falls back."""
    code = f"import ganzoo, sys\ntry: ganzoo.load('faces-64', device='{device}').generate(0)\n"
    code += "except ganzoo.GanzooError as error: sys.exit(str(error))"
    hidden = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([sys.executable, "-c", code], env=hidden, **TEXT)
    assert done.stdout == ""
    assert done.stderr.count("\n") == bool(words)
    assert words in done.stderr


def test_classes_and_vectors(tmp_path):
    for bundle in (
        tiny_bundles.image_bundle(tmp_path / "classes", num_classes=3),
        tiny_bundles.vector_bundle(tmp_path / "vectors"),
    ):
        gpu, cpu = (Generator.from_bundle(bundle.folder, device=device) for device in ("cuda", "cpu"))
        assert np.abs(gpu.sample(range(20)).astype(float) - cpu.sample(range(20))).max() <= (
            1 if gpu.sample_spec.kind == "image" else 1e-4
        )
