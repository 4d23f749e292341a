"""Versions of the libraries that ganzoo uses, without importing them."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

LIBRARIES = (
    "ganzoo-keras",
    "numpy",
    "pydantic",
    "huggingface-hub",
    "onnxruntime",
    "onnxruntime-gpu",
    "tensorflow",
    "keras",
    "tf2onnx",
    "onnx",
    "tensorboard",
    "dicebear-core",
    "dicebear-styles",
    "resvg-py",
)

TENSORFLOW_LIBRARIES = ("tensorflow", "keras")
EXPORT_LIBRARIES = ("ganzoo-keras", "keras", "numpy", "onnx", "onnxruntime", "tensorflow", "tf2onnx")
"""The libraries that determine an exported graph; a bundle records their versions."""
EVALUATION_LIBRARIES = ("ganzoo-keras", "numpy", "pillow", "onnxruntime", "onnxruntime-gpu")
"""The libraries that determine the numbers of an evaluation; metrics.json records their versions."""


def installed_version(distribution: str) -> str | None:
    """Return the version of an installed distribution, or None."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def library_versions(libraries: Iterable[str] = LIBRARIES) -> dict[str, str]:
    """Versions of the given libraries by name, in their order, without those that are not installed."""
    found = {name: installed_version(name) for name in libraries}
    return {name: number for name, number in found.items() if number is not None}
