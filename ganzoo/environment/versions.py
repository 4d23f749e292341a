"""Versions of the libraries that ganzoo depends on, read without importing them."""

from __future__ import annotations

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


def installed_version(distribution: str) -> str | None:
    """Return the version of an installed distribution, or None."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def library_versions() -> dict[str, str]:
    """Return the installed distributions of ``LIBRARIES`` and their versions."""
    found = {name: installed_version(name) for name in LIBRARIES}
    return {name: number for name, number in found.items() if number is not None}
