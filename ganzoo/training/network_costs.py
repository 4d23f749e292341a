"""The cost of a config's networks: parameters, multiply-adds and memory.

They are counted in the built networks, so they are right for blocks of plug-ins too.
"""

from __future__ import annotations

import math
from itertools import accumulate
from operator import mul
from typing import Any

from ganzoo.blocks.base import Block
from ganzoo.config.experiment import Config
from ganzoo.config.summary import NetworkSummary, Row, Summary, summarize
from ganzoo.training import networks

_FLOAT = 4
_SLOTS = 2
"""Numbers per weight in the state of the optimizer: Adam's two moments."""
_VIEWS = ("InputLayer", "Reshape", "Flatten", "Dropout")
"""Layers whose output shares the memory of their input, or needs hardly any more."""


def summarize_with_costs(config: Config) -> Summary:
    """Build both networks of a config and count their cost."""
    shapes = summarize(config)
    g_blocks = config.generator.expand(config.sample_shape)
    d_blocks = config.discriminator.expand(config.sample_shape)
    generator = _counted(shapes.generator, networks.build_generator(config), g_blocks)
    discriminator = _counted(shapes.discriminator, networks.build_discriminator(config), d_blocks)
    return Summary(
        generator,
        discriminator,
        training_bytes=_training_bytes(config, generator, discriminator),
        generation_bytes=_FLOAT * ((generator.parameters or 0) + (generator.activations or 0)),
    )


def _counted(network: NetworkSummary, model: Any, blocks: tuple[Block, ...]) -> NetworkSummary:
    """The network with the cost of each block. Layers with weights outside of the blocks get their own rows.

    Args:
        network: has one row for each block.
        model: the Keras model.
        blocks: in the order of the rows. After a packing block, several samples share one pass.
    """
    names = [row.name for row in network.rows]
    packs = accumulate((block.samples_per_output for block in blocks), mul)
    sharing = dict(zip(names, packs, strict=True))
    parameters: dict[str, int] = dict.fromkeys(names, 0)
    multiply_adds: dict[str, int] = dict.fromkeys(names, 0)
    extra: dict[str, Row] = {}
    activations = 0
    for layer in model.layers:
        name = next((name for name in names if layer.name.startswith(f"{name}_")), None)
        if name is None and layer.count_params():
            name = layer.name
            extra[name] = Row(name, tuple(layer.output.shape[1:]))
        share = 1 if name is None else sharing.get(name, 1)
        if name is not None:
            parameters[name] = parameters.get(name, 0) + layer.count_params()
            multiply_adds[name] = multiply_adds.get(name, 0) + _multiply_adds(layer) // share
        if type(layer).__name__ not in _VIEWS:
            activations += math.prod(layer.output.shape[1:]) // share
    rows = (*extra.values(), *network.rows)
    return NetworkSummary(
        tuple(Row(row.name, row.shape, parameters[row.name], multiply_adds[row.name]) for row in rows), activations
    )


def _multiply_adds(layer: Any) -> int:
    """Multiply-adds of a layer for one sample.

    There is one for each output number and each weight of its filter; in a transposed convolution, for each input
    number and each weight that reads it. Layers without a kernel (normalization, activations, sums) do not count, as
    usual.
    """
    inner = getattr(layer, "layer", layer)  # spectral normalization wraps the layer that has the kernel
    if type(inner).__name__ == "Dot":
        return int(layer.input[0].shape[-1])
    kernel = getattr(inner, "kernel", None)
    if kernel is None:
        return 0
    ends = layer.input.shape if "Transpose" in type(inner).__name__ else layer.output.shape
    return int(math.prod(kernel.shape[:-1]) * math.prod(ends[1:]))


def _training_bytes(config: Config, generator: NetworkSummary, discriminator: NetworkSummary) -> int:
    """Bytes of weights, gradients, optimizers and averaged weights, plus the activations of a real and a fake batch."""
    training = config.training
    weights = (generator.parameters or 0) * (3 + _SLOTS) + (discriminator.parameters or 0) * (2 + _SLOTS)
    # A gradient penalty differentiates the gradient, so it stores another pass and its gradients.
    passes = 2 + 2 * bool(training.penalties)
    activations = (generator.activations or 0) + passes * (discriminator.activations or 0)
    size = _FLOAT if training.precision == "float32" else 2
    return _FLOAT * weights + size * training.batch_size * activations
