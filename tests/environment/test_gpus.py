"""Which cards TensorFlow can use, and why there is none. All without a GPU."""

import subprocess

import gpus as fake
import pytest

from ganzoo.environment import gpus
from ganzoo.environment.gpus import Card, compiled_for, nvidia_cards, unsupported, why_no_gpu


@pytest.mark.parametrize(
    ("capability", "usable"),
    [
        ((6, 1), True),
        ((7, 5), True),
        ((8, 6), True),
        ((9, 0), True),
        ((5, 2), False),
        ((10, 0), False),
        ((12, 0), False),
    ],
)
def test_the_cards_that_a_wheel_can_use(capability, usable):
    found = unsupported(Card("RTX", None, capability), fake.WHEEL)
    assert (found is None) is usable
    if not usable:
        assert f"RTX has compute capability {capability[0]}.{capability[1]}, but this TensorFlow is" in found
        assert "for 6.0 to 9.0" in found
        assert "training.device=cpu" in found


def test_a_build_for_new_cards_can_use_them():
    assert compiled_for({"cuda_compute_capabilities": ["sm_90a", "compute_120"]}) == [(9, 0), (12, 0)]
    assert unsupported(Card("RTX", None, (12, 0)), {"cuda_compute_capabilities": ["compute_120"]}) is None
    assert unsupported(Card("RTX", None, (12, 0)), {}) is None


def test_the_cards_of_the_driver(monkeypatch):
    answer = "NVIDIA H100 PCIe, 81559, 9.0\nTesla K80, [N/A], [N/A]\n\n"
    monkeypatch.setattr(subprocess, "run", lambda *words, **options: subprocess.CompletedProcess(words, 0, answer))
    assert nvidia_cards() == [Card("NVIDIA H100 PCIe", 81559 << 20, (9, 0)), Card("Tesla K80")]
    assert str(nvidia_cards()[0]) == "NVIDIA H100 PCIe, 85.5 GB, compute capability 9.0"


def test_no_driver_has_no_cards(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert nvidia_cards() == []


@pytest.mark.parametrize("files", ["", "proc/driver/nvidia/version", "dev/nvidia0", "dev/dxg"])
@pytest.mark.parametrize("libraries", [True, False])
@pytest.mark.parametrize("failure", [None, "the NVIDIA driver does not start (CUDA_ERROR_NO_DEVICE)"])
def test_why_there_is_no_gpu(tmp_path, monkeypatch, files, libraries, failure):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(gpus, "_is_installed", lambda package: libraries)
    monkeypatch.setattr(gpus, "_driver_failure", lambda: failure)
    if files:
        (tmp_path / files).parent.mkdir(parents=True)
        (tmp_path / files).touch()
    found = why_no_gpu(fake.WHEEL, root=tmp_path)
    assert found.is_expected is bool(files or libraries)
    if not files:
        assert "there is no NVIDIA driver" in found.reason
    elif failure:
        assert found.reason == failure
    else:
        assert ("CUDA libraries of TensorFlow are not installed" in found.reason) is not libraries


def test_hidden_gpus_are_the_choice_of_the_user(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    found = why_no_gpu(fake.WHEEL, root=tmp_path)
    assert "CUDA_VISIBLE_DEVICES='-1' hides all GPUs" in found.reason
    assert not found.is_expected


def test_a_tensorflow_without_cuda(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert why_no_gpu({"is_cuda_build": False}, root=tmp_path) == ("this TensorFlow is built without CUDA", "", False)


def test_a_driver_that_cannot_be_loaded(monkeypatch):
    def missing(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr("ctypes.CDLL", missing)
    assert gpus._driver_failure() == "the NVIDIA driver cannot be loaded (libcuda.so.1: cannot open shared object file)"
