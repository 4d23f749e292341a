"""Fills a generator with the weights of one that has fewer channels or layers, so that it begins with the same images.

The weights from new to old channels are zero, so the old channels compute what they did. All other weights of the new
channels are random, and learn from the first step on. A new layer keeps its initial weights, so it must begin as the
identity, as the block ``residual`` does. The idea is that of Net2Net (Chen et al. 2016, arXiv:1511.05641), which splits
channels instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ganzoo.blocks.channel_groups import channel_groups
from ganzoo.errors import ConfigError
from ganzoo.training.weight_names import named_weights

if TYPE_CHECKING:
    import keras

    from ganzoo.architectures.base import GeneratorConfig
    from ganzoo.config.experiment import Config

Weights = Mapping[str, NDArray[np.float32]]
_SAMPLES, _TOLERANCE = 8, 1e-3
"""Number of images that are compared, and the largest difference of their values, which are in [-1, 1]."""
_AXES: dict[str, dict[str, tuple[int | None, int]]] = {
    "Conv2D": {"kernel": (2, 3), "bias": (None, 0)},
    "UpsamplingConv2D": {"kernel": (2, 3), "bias": (None, 0)},
    "Conv2DTranspose": {"kernel": (3, 2), "bias": (None, 0)},
    "Dense": {"kernel": (0, 1), "bias": (None, 0)},
    "Embedding": {"embeddings": (None, 1)},
    "ClassAffine": {"scale": (None, 1), "offset": (None, 1)},
    "BatchNormalization": dict.fromkeys(("gamma", "beta", "moving_mean", "moving_variance"), (None, 0)),
}
"""Class of the layer -> name of the weight -> its axes of input channels (None: it has none) and of output channels."""


def widened(generator: keras.Model, narrow: Weights, *, what: str) -> dict[str, NDArray[np.float32]]:
    """The weights of ``generator`` that make the images of a generator with fewer channels or layers.

    New layers keep their initial weights.

    Args:
        generator: with its initial random weights, which the new channels keep.
        narrow: the weights of the other generator by name.
        what: its name, for errors.

    Raises:
        ConfigError: if a layer is missing, or one of them cannot be widened. The message names the weight.
    """
    variables = named_weights(generator)
    names = matching(variables, narrow)
    for name in sorted(narrow.keys() - set(names.values())):
        raise ConfigError(
            f"training.init_widen: {what} has a weight {name}, and this generator does not. It needs all layers of "
            "the smaller one."
        )
    layers = {id(variable): layer for layer in generator.layers for variable in layer.variables}
    result = {}
    for name, variable in variables.items():
        new = variable.numpy()
        old = narrow[names[name]] if name in names else new
        result[name] = old if old.shape == new.shape else _filled(layers[id(variable)], name, old, new, what)
    return result


def matching(new: Iterable[str], old: Iterable[str]) -> dict[str, str]:
    """Which weight of the smaller generator each weight of a larger one continues: new name -> old name.

    Both have the same blocks in the same order, and the larger one has some more between them. A block is recognized
    by the names of its weights, without the positions that the names begin with.
    """
    rest = list(_by_block(old))
    result = {}
    for block in _by_block(new):
        if rest and rest[0].keys() == block.keys():
            there = rest.pop(0)
            result.update({name: there[key] for key, name in block.items()})
    return result


def _by_block(names: Iterable[str]) -> list[dict[str, str]]:
    """The weights of each block in order, by name without positions: ``conv/kernel`` -> ``0010/01_conv/kernel``.

    Weights outside of blocks, as those of a mapping network, are a block of their own.
    """
    blocks: dict[str, dict[str, str]] = {}
    for name in names:
        path = name.partition("/")[2]
        number, _, rest = path.partition("_")
        block, key = (number, rest) if number.isdecimal() else ("", path)
        blocks.setdefault(block, {})[key] = name
    return [blocks[number] for number in sorted(blocks)]


def checked_widening(
    config: Config, weights: Weights, narrow: GeneratorConfig, *, what: str
) -> dict[str, NDArray[np.float32]]:
    """``widened`` for the generator of a config, if the images of both generators are the same.

    Args:
        config: of the wider generator.
        weights: of the narrower generator, by name.
        narrow: its config.
        what: its name, for errors.

    Raises:
        ConfigError: as ``widened``, or if the images differ, because a layer mixes channels.
    """
    from ganzoo.training.networks import build_generator

    old, new = build_generator(config.model_copy(update={"generator": narrow})), build_generator(config)
    result = widened(new, weights, what=what)
    set_weights(old, weights)
    set_weights(new, result)
    latents = np.random.RandomState(0).standard_normal((_SAMPLES, config.generator.latent_dim)).astype(np.float32)
    labels = [np.arange(_SAMPLES, dtype=np.int32) % config.num_classes] if config.num_classes else []
    before, after = (network([latents, *labels], training=False).numpy() for network in (old, new))
    difference = float(np.abs(before - after).max())
    if not difference < _TOLERANCE:
        raise ConfigError(
            f"training.init_widen: the wider generator does not make the images of {what}; they differ by up to "
            f"{difference:.2g}. {_reason(new, weights)}"
        )
    return result


def _reason(generator: keras.Model, narrow: Weights) -> str:
    """Why a wider generator makes other images, as a sentence."""
    new = named_weights(generator)
    added = sorted(new.keys() - matching(new, narrow).keys())
    if added:
        return f"A new layer must begin as the identity, as that of the block residual does; {added[0]} is new."
    return "One of its layers mixes channels, as pixel norm and attention do, so it cannot grow."


def set_weights(network: keras.Model, weights: Weights) -> None:
    """Assign weights by name."""
    variables = named_weights(network)
    for name, values in weights.items():
        variables[name].assign(values)


def _filled(
    layer: Any, name: str, old: NDArray[np.float32], new: NDArray[np.float32], what: str
) -> NDArray[np.float32]:
    """The larger array with the smaller one in it, and zeros from new to old channels."""
    axes = _AXES.get(type(layer).__name__, {}).get(name.rpartition("/")[2])
    groups = channel_groups(layer)
    known = axes is not None and getattr(layer, "groups", 1) == 1
    if axes is None or not (known and _can_grow(old.shape, new.shape, axes)) or old.shape[axes[1]] % groups:
        raise ConfigError(
            f"training.init_widen: {name} of a {type(layer).__name__} layer has the shape {list(old.shape)} in {what} "
            f"and {list(new.shape)} in this config. Only channels can grow, of {', '.join(sorted(_AXES))} layers."
        )
    source, target = axes
    old_channels: list[NDArray[np.intp]] = [np.arange(size) for size in old.shape]
    old_channels[target] = _positions(old.shape[target], new.shape[target], groups)
    if source is not None:
        from_new = [*old_channels]
        from_new[source] = np.arange(old.shape[source], new.shape[source])
        new[np.ix_(*from_new)] = 0
    new[np.ix_(*old_channels)] = old
    return new


def _can_grow(old: tuple[int, ...], new: tuple[int, ...], axes: tuple[int | None, int]) -> bool:
    """Whether only the axes of channels are larger."""
    if len(old) != len(new):
        return False
    return all(a == b or (a < b and axis in axes) for axis, (a, b) in enumerate(zip(old, new, strict=True)))


def _positions(old: int, new: int, groups: int) -> NDArray[np.intp]:
    """Where the old channels are on an axis that has all channels ``groups`` times."""
    return np.concatenate([np.arange(old // groups) + group * (new // groups) for group in range(groups)])
