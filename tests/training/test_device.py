"""The choice of the device. TensorFlow's GPUs are replaced, because tests run without one."""

import gpus
import pytest
import tensorflow as tf
from helpers import samples, tiny

from ganzoo.environment.gpus import Card, NoGpu
from ganzoo.environment.quantities import bytes_text
from ganzoo.errors import TrainingError
from ganzoo.training.device import choose_device, description, uses_gpu
from ganzoo.training.input_pipeline import InputPipeline


def chosen(**training):
    """The messages of the choice."""
    said = []
    choose_device(tiny(training=training).training, info=said.append)
    return said


@pytest.fixture
def driver_fails(monkeypatch):
    missing = NoGpu("the NVIDIA driver does not start (CUDA_ERROR_UNKNOWN)", "Check the driver with nvidia-smi.", True)
    monkeypatch.setattr("ganzoo.training.device.why_no_gpu", lambda build: missing)


def test_auto_uses_a_gpu_and_takes_its_memory_as_needed(monkeypatch):
    found = gpus.pretend(monkeypatch, gpus.H100)
    assert chosen() == []
    assert uses_gpu()
    assert found.growing == list(found.details)


def test_cpu_hides_all_gpus(monkeypatch):
    found = gpus.pretend(monkeypatch, gpus.H100, gpus.H100)
    assert chosen(device="cpu") == []
    assert found.visible == []
    with pytest.raises(TrainingError, match=r"this process has hidden its GPUs\. .* Start a new process\.$"):
        chosen(device="gpu")
    assert chosen() == []


def test_the_cpu_of_a_process_that_already_uses_the_gpu(monkeypatch):
    gpus.pretend(monkeypatch, gpus.H100).is_started = True
    with pytest.raises(TrainingError, match="CUDA_VISIBLE_DEVICES=-1"):
        chosen(device="cpu")


@pytest.mark.usefixtures("driver_fails")
def test_cuda_that_does_not_start(monkeypatch):
    gpus.pretend(monkeypatch)
    expected = "the NVIDIA driver does not start (CUDA_ERROR_UNKNOWN). Check the driver with nvidia-smi."
    assert chosen() == [f"The CPU is used, because {expected}"]
    assert chosen(device="cpu") == []
    with pytest.raises(TrainingError) as error:
        chosen(device="gpu")
    assert str(error.value) == f"training.device=gpu, but there is no usable GPU: {expected}"


def test_a_card_that_tensorflow_has_no_code_for(monkeypatch):
    found = gpus.pretend(monkeypatch, gpus.RTX_5090, gpus.H100)
    (line,) = chosen(device="gpu")
    assert line.startswith("A GPU is not used: NVIDIA GeForce RTX 5090 has compute capability 12.0, but this")
    assert found.visible == [list(found.details)[1]]
    found = gpus.pretend(monkeypatch, gpus.RTX_5090)
    with pytest.raises(TrainingError, match=r"no usable GPU: NVIDIA GeForce RTX 5090 has compute capability 12\.0"):
        chosen(device="gpu")
    assert len(chosen()) == 1
    assert found.visible == []


def test_the_first_line_of_a_training(monkeypatch):
    config = tiny()
    pipeline = InputPipeline(config, samples(config, count=500), memory_limit=0)
    monkeypatch.setattr("ganzoo.training.device.cpu_count", lambda: 1)
    assert description(config.training, pipeline) == (
        f"Device: CPU, 1 core. Precision: float32. Data: {bytes_text(pipeline.size)}, streamed from the disk."
    )
    gpus.pretend(monkeypatch, gpus.H100)
    cards = [Card("NVIDIA H100 PCIe", 81559 << 20, (9, 0))]
    monkeypatch.setattr("ganzoo.training.device.nvidia_cards", lambda: cards)
    assert description(config.training, pipeline).startswith(
        "Device: NVIDIA H100 PCIe, 85.5 GB, compute capability 9.0. Precision: "
    )


def test_deterministic_operations(monkeypatch):
    calls = []
    monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", lambda: calls.append(1))
    chosen()
    assert calls == []
    chosen(deterministic=True)
    assert calls == [1]


@pytest.mark.skipif(not tf.config.list_physical_devices("GPU"), reason="needs a GPU")
def test_a_gpu_computes():
    assert chosen(device="gpu") == []
    with tf.device("GPU:0"):
        assert float(tf.reduce_sum(tf.ones([64, 64]) @ tf.ones([64, 64]))) == 64**3
