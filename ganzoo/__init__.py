"""ganzoo: a pluggable GAN model zoo for TensorFlow/Keras.

    import ganzoo

    run = ganzoo.train("dcgan-faces-32", steps=2000)  # needs TensorFlow: pip install 'ganzoo-keras[train]'
    run.export()
    ganzoo.load("dcgan-faces-32").generate(7)  # a PIL image; ONNX Runtime alone

Names are imported when they are first used, so ``import ganzoo`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganzoo import errors, registries
    from ganzoo.bundle import Bundle, read_bundle
    from ganzoo.config import Config
    from ganzoo.errors import GanzooError
    from ganzoo.evaluation import evaluate
    from ganzoo.hub import pull
    from ganzoo.inference import Generator
    from ganzoo.launch import resume, train
    from ganzoo.loading import load
    from ganzoo.publishing import publish
    from ganzoo.runs import Run, find_run, list_runs
    from ganzoo.zoo import list_models, load_config

__version__ = "0.1.0"

__all__ = [
    "Bundle",
    "Config",
    "GanzooError",
    "Generator",
    "Run",
    "__version__",
    "errors",
    "evaluate",
    "find_run",
    "list_models",
    "list_runs",
    "load",
    "load_config",
    "publish",
    "pull",
    "read_bundle",
    "registries",
    "resume",
    "train",
]

_HOMES = {
    "Bundle": "bundle",
    "Config": "config",
    "GanzooError": "errors",
    "Generator": "inference",
    "Run": "runs",
    "evaluate": "evaluation",
    "find_run": "runs",
    "list_models": "zoo",
    "list_runs": "runs",
    "load": "loading",
    "load_config": "zoo",
    "publish": "publishing",
    "pull": "hub",
    "read_bundle": "bundle",
    "resume": "launch",
    "train": "launch",
}
"""Public name -> the module it comes from."""

_MODULES = ("errors", "registries")


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return import_module(f"ganzoo.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'ganzoo' has no attribute '{name}'")
    value = getattr(import_module(f"ganzoo.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
