"""Makes TensorFlow list GPUs on a machine without one. It can describe and hide them, not compute on them."""

import tensorflow as tf
from tensorflow.config import PhysicalDevice

WHEEL = {"is_cuda_build": True, "cuda_compute_capabilities": ["sm_60", "sm_70", "sm_80", "sm_89", "compute_90"]}
"""What the wheel of TensorFlow 2.21 for Linux tells about itself."""
H100 = {"device_name": "NVIDIA H100 PCIe", "compute_capability": (9, 0)}
RTX_5090 = {"device_name": "NVIDIA GeForce RTX 5090", "compute_capability": (12, 0)}


class Gpus:
    """The GPUs that TensorFlow lists, and those that are visible."""

    def __init__(self, *details):
        self.details = {PhysicalDevice(f"/physical_device:GPU:{n}", "GPU"): each for n, each in enumerate(details)}
        self.visible, self.growing, self.is_started = list(self.details), [], False

    def show(self, devices, device_type):
        if self.is_started:
            raise RuntimeError("Visible devices cannot be modified after being initialized")
        self.visible = list(devices)


def pretend(monkeypatch, *details, build=WHEEL):
    """Let TensorFlow list GPUs with these details; without any, as if none were usable."""
    gpus = Gpus(*details)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: list(gpus.details))
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind=None: gpus.visible)
    monkeypatch.setattr(tf.config, "set_visible_devices", gpus.show)
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda device: gpus.details[device])
    monkeypatch.setattr(tf.config.experimental, "get_memory_growth", lambda device: None)
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", lambda device, on: gpus.growing.append(device))
    monkeypatch.setattr(tf.sysconfig, "get_build_info", lambda: build)
    return gpus
