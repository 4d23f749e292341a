"""The generator's config in a bundle, from whomever it comes: names of registered parts, and never import paths."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganzoo.bundle.folder import Bundle
from ganzoo.errors import BundleError

if TYPE_CHECKING:
    from ganzoo.architectures.networks import GeneratorConfig


def generator_config(bundle: Bundle) -> GeneratorConfig:
    """What the generator of a bundle is built from. Nothing is built.

    Raises:
        BundleError: if the config is of another form, or names a part that is not registered here; with the packages
            that the bundle was made with and that are not installed.
    """
    from pydantic import ValidationError

    from ganzoo.architectures.networks import GeneratorConfig
    from ganzoo.config.validation import explain

    try:
        return GeneratorConfig.model_validate(bundle.config.model.get("generator"))
    except ValidationError as error:
        first = explain(error, GeneratorConfig)[0].line.splitlines()[0]
        raise BundleError(f"Bundle '{bundle.folder}': config.json, {first}{_absent_packages(bundle)}") from error


def _absent_packages(bundle: Bundle) -> str:
    """The packages that a bundle was made with, that are no part of ganzoo, and that are not installed."""
    from ganzoo.environment.versions import LIBRARIES, installed_version

    absent = [
        f"{name} {number}"
        for name, number in bundle.config.versions.items()
        if name not in LIBRARIES and installed_version(name) is None
    ]
    return f" It was made with {', '.join(absent)}, which is not installed here." if absent else ""
