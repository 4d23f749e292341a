"""The cost of a config's networks: parameters, multiply-adds and memory.

They are counted in the built networks, so they are right for blocks of plug-ins too.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from itertools import accumulate
from operator import mul
from typing import Any

from ganzoo.blocks.base import Block
from ganzoo.config.experiment import Config
from ganzoo.config.summary import NetworkSummary, Row, Summary, summarize

_FLOAT = 4
_SLOTS = 2
"""Numbers per weight in the state of the optimizer: Adam's two moments."""
_VIEWS = ("InputLayer", "Reshape", "Flatten", "Dropout")
"""Layers whose output shares the memory of their input, or needs hardly any more."""


def summarize_with_costs(config: Config) -> Summary:
    """Build all networks of a config's objective and count their cost."""
    shapes, objective = summarize(config), config.objective
    chains, models = objective.block_chains(config), objective.networks(config)
    networks = {
        name: _counted(network, models[name], chains[name].blocks if name in chains else {})
        for name, network in shapes.networks.items()
    }
    generator = networks["generator"]
    return Summary(
        networks,
        training_bytes=_training_bytes(config, networks),
        generation_bytes=_FLOAT * ((generator.parameters or 0) + (generator.activations or 0)),
    )


def _counted(network: NetworkSummary, model: Any, blocks: Mapping[str, Block]) -> NetworkSummary:
    """The network with the cost of each block. Layers with weights outside of the blocks get their own rows.

    Args:
        network: has one row for each block.
        model: the Keras model.
        blocks: by the names of the rows. After a packing block, several samples share one pass.
    """
    packs = accumulate((block.samples_per_output for block in blocks.values()), mul)
    sharing = dict(zip(blocks, packs, strict=True))
    waiting = {row.name: row for row in network.rows}
    rows: dict[str, Row] = {}
    parameters: Counter[str] = Counter()
    multiply_adds: Counter[str] = Counter()
    activations = 0
    for layer in model.layers:
        name = next((name for name in blocks if layer.name.startswith(f"{name}_")), layer.name)
        while name in waiting and name not in rows:  # in the order of the blocks
            first = next(iter(waiting))
            rows[first] = waiting.pop(first)
        if name not in blocks and layer.count_params():
            rows[name] = Row(name, tuple(layer.output.shape[1:]))
        share = sharing.get(name, 1)
        parameters[name] += layer.count_params()
        multiply_adds[name] += _multiply_adds(layer) // share
        if type(layer).__name__ not in _VIEWS:
            activations += math.prod(layer.output.shape[1:]) // share
    rows |= waiting
    counted = [Row(row.name, row.shape, parameters[row.name], multiply_adds[row.name]) for row in rows.values()]
    return NetworkSummary(tuple(counted), activations)


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


def _training_bytes(config: Config, networks: Mapping[str, NetworkSummary]) -> int:
    """Bytes of weights, gradients, optimizers and averaged weights, plus the activations of a real and a fake batch."""
    training, objective = config.training, config.objective
    weights = activations = 0
    for name, network in networks.items():
        copies = 2 + _SLOTS + (name in objective.averaged)
        weights += copies * (network.parameters or 0)
        # A gradient penalty differentiates the gradient, so it stores another pass and its gradients.
        passes = 2 + 2 * bool(training.penalties) if name in objective.discriminator_side else 1
        activations += passes * (network.activations or 0)
    size = _FLOAT if training.precision == "float32" else 2
    return _FLOAT * weights + size * training.batch_size * activations
