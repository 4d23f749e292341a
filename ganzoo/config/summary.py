"""The blocks of a config with their output shapes, and fields for their costs.

Shapes come from the config alone. ``ganzoo.training.network_costs`` fills in the costs, which needs Keras.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from ganzoo.architectures.shapes import block_names, trace
from ganzoo.blocks.base import Block, Shape
from ganzoo.config.experiment import Config


@dataclass(frozen=True)
class Row:
    """One block: its name, its output shape for one sample and, if the network was built, its costs."""

    name: str
    shape: Shape
    parameters: int | None = None
    multiply_adds: int | None = None


@dataclass(frozen=True)
class NetworkSummary:
    """One network.

    Attributes:
        rows: its blocks in order.
        activations: numbers that the forward pass of one sample stores for the backward pass; None if not built.
    """

    rows: tuple[Row, ...]
    activations: int | None = None

    @property
    def parameters(self) -> int | None:
        """Number of weights, with those that are not trained; None if the network was not built."""
        return _total(row.parameters for row in self.rows)

    @property
    def multiply_adds(self) -> int | None:
        """Multiply-adds of one sample's forward pass in the layers that have kernels; None if it was not built."""
        return _total(row.multiply_adds for row in self.rows)


@dataclass(frozen=True)
class Summary:
    """Both networks of a config, and estimates of memory in bytes (None if they were not built).

    Attributes:
        training_bytes: weights, gradients, optimizers, averaged weights and the activations of one batch; without the
            data and the libraries.
        generation_bytes: weights and activations for one sample.
    """

    generator: NetworkSummary
    discriminator: NetworkSummary
    training_bytes: int | None = None
    generation_bytes: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        values = asdict(self)
        for name, network in (("generator", self.generator), ("discriminator", self.discriminator)):
            values[name] |= {"parameters": network.parameters, "multiply_adds": network.multiply_adds}
        return values


def summarize(config: Config) -> Summary:
    """The blocks of both networks with their shapes. No network is built, so the costs are None."""
    g_blocks = config.generator.expand(config.sample_shape)
    d_blocks = config.discriminator.expand(config.sample_shape)
    generator = NetworkSummary(_rows(g_blocks, block_names(g_blocks), (config.latent_width,)))
    d_names = [*block_names(d_blocks[:-1]), "head"]
    discriminator = NetworkSummary(_rows(d_blocks, d_names, config.sample_shape))
    return Summary(generator, discriminator)


def _rows(blocks: tuple[Block, ...], names: list[str], shape: Shape) -> tuple[Row, ...]:
    return tuple(Row(name, shape) for name, shape in zip(names, trace(blocks, shape), strict=True))


def _total(values: Iterable[int | None]) -> int | None:
    numbers = list(values)
    return None if None in numbers else sum(number for number in numbers if number is not None)
