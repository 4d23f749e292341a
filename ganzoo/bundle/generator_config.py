"""Reads the configs in an untrusted bundle. They have names of registered parts, never import paths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ganzoo.bundle.folder import Bundle
from ganzoo.errors import BundleError

if TYPE_CHECKING:
    from ganzoo.architectures.base import GeneratorConfig
    from ganzoo.config.experiment import Config


def generator_config(bundle: Bundle) -> GeneratorConfig:
    """The config of a bundle's generator. Nothing is built.

    Raises:
        BundleError: if the config is invalid, or uses a part that is not registered. The message lists the packages of
            the bundle that are not installed.
    """
    from pydantic import ValidationError

    from ganzoo.architectures.base import GeneratorConfig, read_generator
    from ganzoo.config.validation import explain

    try:
        return read_generator(bundle.config.model.get("generator"))
    except ValidationError as error:
        first = explain(error, GeneratorConfig)[0].line.splitlines()[0]
        raise BundleError(f"Bundle '{bundle.folder}': config.json, {first}{_absent_packages(bundle)}") from error


def recorded_config(bundle: Bundle) -> Config:
    """The config of the training of a bundle, without the weights that it started from.

    Raises:
        BundleError: if the bundle does not have it.
        ConfigError: if it is not valid.
    """
    from ganzoo.config.experiment import Config

    values = bundle.metadata.facts.training.get("config")
    if not isinstance(values, Mapping):
        raise BundleError(
            f"The bundle '{bundle.folder}' does not record its training's config, so its discriminator is unknown. "
            "Name a config with the same generator, and these weights in overrides: training.init_from=NAME"
        )
    config = Config.read(values, what=f"{bundle.folder.name}, config of the training")
    return config.replace(**{"training.init_from": None})


def _absent_packages(bundle: Bundle) -> str:
    """A sentence about the plug-in packages of a bundle that are not installed, or ""."""
    from ganzoo.environment.versions import LIBRARIES, installed_version

    absent = [
        f"{name} {number}"
        for name, number in bundle.config.versions.items()
        if name not in LIBRARIES and installed_version(name) is None
    ]
    return f" It was exported with {', '.join(absent)}, which is not installed." if absent else ""
