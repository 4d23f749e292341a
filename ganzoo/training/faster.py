"""What makes a long training faster. Each suggestion is made only if it applies to the config and the machine."""

from __future__ import annotations

import math

from ganzoo.architectures.shapes import trace
from ganzoo.config.experiment import Config
from ganzoo.config.zoo import config_files, load_config
from ganzoo.environment.commands import command
from ganzoo.environment.devices import has_bfloat16
from ganzoo.errors import GanzooError

FEWEST_CHANNELS = 8
_FILTER = 16
"""Weights of a typical filter per input channel: 4 x 4."""


def faster_text(config: Config, *, on_gpu: bool, is_resumed: bool, has_limit: bool) -> str | None:
    """What makes this training faster, one suggestion per line. None if there is nothing.

    Args:
        config: the experiment.
        on_gpu: whether a GPU is used.
        is_resumed: the run has steps that are done, so its config cannot change.
        has_limit: whether the training has a time limit.
    """
    lines = [] if is_resumed else _changes(config, on_gpu=on_gpu)
    lines += [] if on_gpu else ["a GPU"]
    lines += [] if has_limit else ["a time limit: --max-minutes 480, later continued with ganzoo train --resume"]
    if not lines:
        return None
    return "\n".join(["That is more than a day. What makes it shorter:", *(f"  {line}" for line in lines)])


def _changes(config: Config, *, on_gpu: bool) -> list[str]:
    """The changes of the config that make a new run faster."""
    lines = []
    if config.training.precision == "float32" and not on_gpu and has_bfloat16():
        lines.append("training.precision=mixed_bfloat16 (this processor has bfloat16 instructions)")
    channels = [text for network in ("generator", "discriminator") if (text := _fewer_channels(config, network))]
    if channels:
        lines.append(f"fewer channels: {' '.join(channels)}")
    model = smaller_model(config)
    if model is not None:
        lines.append(f"a smaller model for the same data: {command('train', model)}")
    elif _is_possible(config, resolution := _half_resolution(config)):
        lines.append(f"smaller images: {resolution}")
    return lines


def smaller_model(config: Config) -> str | None:
    """A model of the zoo for the same data source with at most half the cost, of a sample and of the whole training;
    None if there is none.

    Of several, it is one with as few other kinds of parts as possible, and the largest of these.
    """
    found = []
    for name in config_files():
        other = load_config(name)
        same_data = other.data.registered_name == config.data.registered_name
        is_smaller = 2 * cost(other) <= cost(config) and 2 * _whole_cost(other) <= _whole_cost(config)
        if same_data and is_smaller and bool(other.num_classes) == bool(config.num_classes):
            found.append((-len(_kinds(other) - _kinds(config)), cost(other), name))
    return max(found)[-1] if found else None


def _kinds(config: Config) -> set[type]:
    """The kind of the objective, and the kinds of blocks that the networks have."""
    networks = (config.generator, config.discriminator)
    blocks = {type(block) for network in networks for block in network.expand(config.sample_shape)}
    return {type(config.objective), *blocks}


def cost(config: Config) -> float:
    """Rough number of multiply-adds of both networks for one sample. It ranks models, and needs no Keras."""
    total = 0
    for network, inputs in (
        (config.generator, (config.latent_width,)),
        (config.discriminator, config.sample_shape),
    ):
        shape: tuple[int, ...] = inputs
        for output in trace(network.expand(config.sample_shape), inputs):
            is_convolution = len(shape) == 3 and len(output) == 3
            total += math.prod(output) * (shape[-1] * _FILTER if is_convolution else math.prod(shape))
            shape = output
    return total


def _whole_cost(config: Config) -> float:
    """Rough cost of the whole training."""
    training = config.training
    return cost(config) * training.steps * training.batch_size * training.d_steps


def _fewer_channels(config: Config, network: str) -> str | None:
    """The override that halves a network's channels; None if it has no such key, or few channels already."""
    half = getattr(getattr(config, network), "base_channels", 0) // 2
    override = f"{network}.base_channels={half}"
    return override if half >= FEWEST_CHANNELS and _is_possible(config, override) else None


def _half_resolution(config: Config) -> str:
    height, width = config.sample_shape[:2] if config.sample_spec.is_image else (0, 0)
    return f"data.resolution={height // 2}" + ("" if height == width else f"x{width // 2}")


def _is_possible(config: Config, override: str) -> bool:
    try:
        load_config(config, [override])
    except GanzooError:  # the config has no such key, it has no effect, or the result cannot work
        return False
    return True
