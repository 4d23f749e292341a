"""The GPUs that TensorFlow can use, and the reason if it cannot use a GPU of this machine."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, NamedTuple

from ganzoo.environment.quantities import bytes_text

Capability = tuple[int, int]
"""Compute capability: major and minor number."""

INSTALL = "Run: pip install 'ganzoo-keras[train-gpu]'"
_CUDA_PACKAGE = "nvidia-cudnn-cu12"
"""The extra train-gpu installs it, with the other CUDA libraries."""
_HIDDEN = ("", "-1", "NoDevFiles")
_SECONDS = 20.0


class Card(NamedTuple):
    """A GPU: its name, its memory in bytes and its compute capability, as far as they are known."""

    name: str
    memory: int | None = None
    capability: Capability | None = None

    def __str__(self) -> str:
        memory = [] if self.memory is None else [bytes_text(self.memory)]
        capability = [] if self.capability is None else [f"compute capability {version(self.capability)}"]
        return ", ".join([self.name, *memory, *capability])


class NoGpu(NamedTuple):
    """Why TensorFlow has no GPU.

    Attributes:
        reason: the reason, without a period.
        advice: what to do, as sentences.
        is_expected: the machine has a GPU or CUDA, so the user would expect that a GPU is used.
    """

    reason: str
    advice: str
    is_expected: bool


def version(capability: Capability) -> str:
    """Format a compute capability: ``9.0``."""
    return f"{capability[0]}.{capability[1]}"


def grow_memory(tf: Any) -> None:
    """Let TensorFlow take the memory of GPUs as needed. By default it takes all of it.

    A setting of the user, and a GPU that is in use already, stay as they are.
    """
    for device in tf.config.list_physical_devices("GPU"):
        with contextlib.suppress(RuntimeError, ValueError):
            if tf.config.experimental.get_memory_growth(device) is None:
                tf.config.experimental.set_memory_growth(device, True)


def card_of(tf: Any, device: Any, *, listed: Iterable[Card] = ()) -> Card:
    """Describe a GPU of TensorFlow. Its memory is that of the card of this name in ``listed``."""
    details = tf.config.experimental.get_device_details(device)
    name = details.get("device_name", device.name)
    memory = next((card.memory for card in listed if card.name == name), None)
    return Card(name, memory, details.get("compute_capability"))


def unsupported(card: Card, build: Mapping[str, Any]) -> str | None:
    """Return why a TensorFlow cannot use a card, as a sentence; None if it can, as far as known.

    A program runs on newer cards of the generation that it was compiled for: code for 8.0 runs on 8.6. For a newer
    generation, the CUDA libraries of an older TensorFlow have no code (tensorflow/tensorflow#89272, #97387).

    Args:
        card: the card.
        build: the result of ``tf.sysconfig.get_build_info()``.
    """
    compiled = compiled_for(build)
    if card.capability is None or not compiled:
        return None
    major, minor = card.capability
    if any(known == major and least <= minor for known, least in compiled):
        return None
    first, last = version(min(compiled)), version(max(compiled))
    return (
        f"{card.name} has compute capability {version(card.capability)}, but this TensorFlow is compiled for "
        f"{first} to {last}. Install a TensorFlow that is compiled for this card, such as NVIDIA's container of "
        "TensorFlow, or train on the CPU with training.device=cpu."
    )


def compiled_for(build: Mapping[str, Any]) -> list[Capability]:
    """Return the compute capabilities that a TensorFlow has code for; empty if they are unknown."""
    found = (re.search(r"(\d+)(\d)[a-z]?$", text) for text in build.get("cuda_compute_capabilities", ()))
    return sorted({(int(match[1]), int(match[2])) for match in found if match})


def nvidia_cards() -> list[Card]:
    """Return the cards that the NVIDIA driver lists; empty without a working driver."""
    query = ["nvidia-smi", "--query-gpu=name,memory.total,compute_cap", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=_SECONDS, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [card for line in answer.splitlines() if (card := _card(line))]


def _card(line: str) -> Card | None:
    """The card of a line such as ``NVIDIA H100 PCIe, 81559, 9.0``. Unknown values are ``[N/A]``."""
    name, memory, capability = ([word.strip() for word in line.rsplit(",", 2)] + ["", ""])[:3]
    found = re.fullmatch(r"(\d+)\.(\d+)", capability)
    if not name:
        return None
    size = int(memory) << 20 if memory.isascii() and memory.isdigit() else None
    return Card(name, size, (int(found[1]), int(found[2])) if found else None)


def why_no_gpu(build: Mapping[str, Any], *, root: Path = Path("/")) -> NoGpu:
    """Return why TensorFlow lists no GPU.

    Args:
        build: the result of ``tf.sysconfig.get_build_info()``.
        root: the folder that has ``proc`` and ``dev``.
    """
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden in _HIDDEN:
        return NoGpu(f"the environment variable CUDA_VISIBLE_DEVICES='{hidden}' hides all GPUs", "Unset it.", False)
    has_driver = any(_driver_files(root))
    if not build.get("is_cuda_build"):
        return NoGpu("this TensorFlow is built without CUDA", INSTALL if has_driver else "", has_driver)
    has_libraries = _is_installed(_CUDA_PACKAGE)
    if not has_driver:
        reason = "there is no NVIDIA driver: neither /proc/driver/nvidia nor /dev/nvidia* exists"
        advice = "Install the driver; in a container, start it with access to the GPU (docker run --gpus all)."
        return NoGpu(reason, advice, has_libraries)
    failure = _driver_failure()
    if failure is not None:
        return NoGpu(failure, "Check the driver with nvidia-smi.", True)
    if not has_libraries:
        return NoGpu("the CUDA libraries of TensorFlow are not installed", INSTALL, True)
    return NoGpu("CUDA is installed but does not start", "See why: TF_CPP_MIN_LOG_LEVEL=0 ganzoo doctor", True)


def _driver_files(root: Path) -> Iterable[Path]:
    """The files of a NVIDIA driver; ``dxg`` is that of the Windows Subsystem for Linux."""
    yield from (path for path in (root / "proc/driver/nvidia/version", root / "dev/dxg") if path.exists())
    with contextlib.suppress(OSError):
        yield from (root / "dev").glob("nvidia[0-9]*")


def _driver_failure() -> str | None:
    """Start the driver. Returns why it does not start; None if it starts."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
        code = driver.cuInit(0)
        if code == 0:
            return None
        name = ctypes.c_char_p()
        driver.cuGetErrorName(code, ctypes.byref(name))
    except (OSError, AttributeError) as error:
        return f"the NVIDIA driver cannot be loaded ({error})"
    return f"the NVIDIA driver does not start ({(name.value or b'error %d' % code).decode(errors='replace')})"


def _is_installed(package: str) -> bool:
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True
