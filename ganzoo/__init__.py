"""ganzoo: a pluggable GAN model zoo for TensorFlow/Keras.

    import ganzoo

    run = ganzoo.train("dcgan-faces-32", steps=2000)  # needs TensorFlow: pip install 'ganzoo-keras[train]'
    ganzoo.export(run)
    ganzoo.load("dcgan-faces-32").generate(7)  # a PIL image; needs only ONNX Runtime

Each name is imported at its first use, so ``import ganzoo`` is fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganzoo import errors, parts
    from ganzoo.api import export, resume, train
    from ganzoo.bundle.folder import Bundle, read_bundle
    from ganzoo.config.experiment import Config
    from ganzoo.config.zoo import load_config
    from ganzoo.errors import GanzooError
    from ganzoo.evaluation.evaluate import evaluate
    from ganzoo.hub.publish import publish
    from ganzoo.hub.pull import pull
    from ganzoo.inference.generator import Generator
    from ganzoo.inference.load import load
    from ganzoo.keras_models import Networks, create_model
    from ganzoo.model_list import list_models
    from ganzoo.runs import Run, find_run, list_runs
    from ganzoo.training.callbacks import Callback
    from ganzoo.version import __version__

__all__ = [
    "Bundle",
    "Callback",
    "Config",
    "GanzooError",
    "Generator",
    "Networks",
    "Run",
    "__version__",
    "create_model",
    "errors",
    "evaluate",
    "export",
    "find_run",
    "list_models",
    "list_runs",
    "load",
    "load_config",
    "parts",
    "publish",
    "pull",
    "read_bundle",
    "resume",
    "train",
]

_MODULE_OF = {
    "__version__": "version",
    "Bundle": "bundle.folder",
    "Callback": "training.callbacks",
    "Config": "config.experiment",
    "GanzooError": "errors",
    "Generator": "inference.generator",
    "Networks": "keras_models",
    "Run": "runs",
    "create_model": "keras_models",
    "export": "api",
    "evaluate": "evaluation.evaluate",
    "find_run": "runs",
    "list_models": "model_list",
    "list_runs": "runs",
    "load": "inference.load",
    "load_config": "config.zoo",
    "publish": "hub.publish",
    "pull": "hub.pull",
    "read_bundle": "bundle.folder",
    "resume": "api",
    "train": "api",
}
"""Public name -> the module that defines it."""

_PUBLIC_MODULES = ("errors", "parts")


def __getattr__(name: str) -> object:
    if name in _PUBLIC_MODULES:
        return import_module(f"ganzoo.{name}")
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'ganzoo' has no attribute '{name}'")
    value = getattr(import_module(f"ganzoo.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
