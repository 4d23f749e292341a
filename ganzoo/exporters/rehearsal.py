"""Checks before training that the generator can be exported."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ganzoo.architectures.shapes import trace
from ganzoo.bundle.onnx_guard import check_onnx
from ganzoo.environment.requirements import EXPORT, is_installed
from ganzoo.errors import BundleError, ConfigError, ExportError
from ganzoo.exporters.bundle import bundle_config, plugin_packages
from ganzoo.exporters.truncation import style_mean

if TYPE_CHECKING:
    from ganzoo.config.experiment import Config

LARGE = 1 << 24
"""Values in a feature map. A generator with a larger feature map may exceed the memory limit of a bundle."""


def check_exportable(config: Config, class_names: Sequence[str] = (), *, info: Callable[[str], None]) -> None:
    """Check that the generator of an experiment can be exported as a bundle.

    This creates the bundle's config. If a block is from a plug-in or a feature map is large, and tf2onnx is installed,
    it also builds and converts the generator, which takes seconds to a minute. Built-in blocks always convert.

    Args:
        config: the experiment.
        class_names: class names of the data.
        info: called with a message if the bundle's class names will differ from these, and before slow work.

    Raises:
        ConfigError: if the generator cannot be exported.
    """
    names = tuple(class_names) if config.num_classes else ()
    try:
        described = bundle_config(config, class_names=names or None)
        _report_names(names, described.class_names, info)
        if plugin_packages(config) or _largest_map(config) > LARGE:
            _check_graph(config, info)
    except (BundleError, ExportError) as error:
        raise ConfigError(f"'{config.name}' could be trained, but not exported: {error}") from error


def _report_names(names: tuple[str, ...], shown: tuple[str, ...] | None, info: Callable[[str], None]) -> None:
    if names and shown is None:
        info(f"The names of the {len(names):,} classes do not fit into a bundle; it will have only class numbers.")
        return
    changed = [new for old, new in zip(names, shown or (), strict=False) if new != old]
    if changed:
        info(
            f"{len(changed)} of {len(names)} class names have characters that are not allowed in a bundle, are too "
            f"long, or are not unique; the bundle uses names such as {changed[0]!a}."
        )


def _largest_map(config: Config) -> int:
    shapes = trace(config.generator.expand(config.sample_shape), (config.latent_width,))
    return max(math.prod(shape) for shape in shapes)


def _check_graph(config: Config, info: Callable[[str], None]) -> None:
    """Build the generator, and convert it as in an export.

    Raises:
        BundleError, ExportError: if this fails, or the names of the weights differ between two builds.
    """
    from ganzoo.training import networks

    generator = networks.build_generator(config)
    again = networks.build_generator(config)
    for one, other in zip(generator.variables, again.variables, strict=True):
        if one.path != other.path:
            raise ExportError(
                f"the weight '{one.path}' is named '{other.path}' when the generator is built again, so checkpoints "
                "cannot be loaded; give every layer of the block a name that begins with the block's name"
            )
    if not all(map(is_installed, EXPORT)):
        return
    from ganzoo.exporters.onnx import to_onnx

    info("Checking that the generator can be exported ...")
    model = to_onnx(generator, num_classes=config.num_classes, style_mean=style_mean(generator, config))
    check_onnx(model.SerializeToString(), bundle_config(config))
