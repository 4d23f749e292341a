"""The registry of every kind of part: ``from ganzoo.parts import losses``.

Each registry is imported at its first use. The registries are not in ``ganzoo`` itself, because ``ganzoo.losses`` is
already a module.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ganzoo.errors import UnknownNameError, did_you_mean

if TYPE_CHECKING:
    from ganzoo.activations import activations
    from ganzoo.architectures.base import discriminator_architectures, generator_architectures
    from ganzoo.augmentations import augmentations
    from ganzoo.blocks.base import discriminator_blocks, generator_blocks
    from ganzoo.data.base import data_sources
    from ganzoo.exporters.base import exporters
    from ganzoo.extractors.base import extractors
    from ganzoo.initializers import initializers
    from ganzoo.losses import losses
    from ganzoo.metrics.base import metrics
    from ganzoo.norms import norms
    from ganzoo.objectives.base import objectives
    from ganzoo.optimizers import optimizers
    from ganzoo.penalties import penalties
    from ganzoo.registry import Registry
    from ganzoo.schedules import schedules

__all__ = [
    "activations",
    "all_registries",
    "augmentations",
    "data_sources",
    "discriminator_architectures",
    "discriminator_blocks",
    "exporters",
    "extractors",
    "find_registry",
    "generator_architectures",
    "generator_blocks",
    "initializers",
    "losses",
    "metrics",
    "norms",
    "objectives",
    "optimizers",
    "penalties",
    "schedules",
]

HOMES = {
    "generator_architectures": "ganzoo.architectures.base",
    "discriminator_architectures": "ganzoo.architectures.base",
    "generator_blocks": "ganzoo.blocks.base",
    "discriminator_blocks": "ganzoo.blocks.base",
    "norms": "ganzoo.norms",
    "activations": "ganzoo.activations",
    "initializers": "ganzoo.initializers",
    "schedules": "ganzoo.schedules",
    "objectives": "ganzoo.objectives.base",
    "losses": "ganzoo.losses",
    "penalties": "ganzoo.penalties",
    "augmentations": "ganzoo.augmentations",
    "optimizers": "ganzoo.optimizers",
    "data_sources": "ganzoo.data.base",
    "exporters": "ganzoo.exporters.base",
    "metrics": "ganzoo.metrics.base",
    "extractors": "ganzoo.extractors.base",
}
"""Name of each registry -> the module that defines it."""


def find_registry(name: str) -> Registry[Any]:
    """Return the registry of one kind of part, for example ``"losses"``.

    Raises:
        UnknownNameError: if there is no such kind. The message lists the closest kinds.
    """
    if name not in HOMES:
        near = did_you_mean(name, HOMES) or f" Kinds: {', '.join(HOMES)}."
        raise UnknownNameError(f"No kind of part named '{name}'.{near}\nSee all: ganzoo parts")
    registry: Registry[Any] = getattr(import_module(HOMES[name]), name)
    return registry


def all_registries() -> list[Registry[Any]]:
    """Return the registries of all kinds of parts."""
    return [find_registry(name) for name in HOMES]


def __getattr__(name: str) -> object:
    if name in HOMES:
        return find_registry(name)
    raise AttributeError(f"module 'ganzoo.parts' has no attribute '{name}'")
