"""The blocks of a config with their output shapes, and fields for their costs.

Shapes come from the config alone. ``ganzoo.training.network_costs`` fills in the costs, which needs Keras.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ganzoo.architectures.shapes import BlockChain, trace
from ganzoo.blocks.base import Shape
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
    """The networks of a config, and estimates of memory in bytes (None if they were not built).

    Attributes:
        networks: all networks of the objective by name: ``generator``, ``discriminator`` and, for example, ``encoder``.
        training_bytes: weights, gradients, optimizers, averaged weights and the activations of one batch; without the
            data and the libraries.
        generation_bytes: weights and activations for one sample.
    """

    networks: Mapping[str, NetworkSummary]
    training_bytes: int | None = None
    generation_bytes: int | None = None

    @property
    def generator(self) -> NetworkSummary:
        """The generator."""
        return self.networks["generator"]

    @property
    def discriminator(self) -> NetworkSummary:
        """The discriminator."""
        return self.networks["discriminator"]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        networks = {
            name: asdict(network) | {"parameters": network.parameters, "multiply_adds": network.multiply_adds}
            for name, network in self.networks.items()
        }
        return networks | {"training_bytes": self.training_bytes, "generation_bytes": self.generation_bytes}


def summarize(config: Config) -> Summary:
    """The blocks of all networks with their shapes. No network is built, so the costs are None."""
    objective = config.objective
    chains = objective.block_chains(config)
    names = (*objective.generator_side, *objective.discriminator_side)
    return Summary({name: NetworkSummary(_rows(chains[name]) if name in chains else ()) for name in names})


def _rows(chain: BlockChain) -> tuple[Row, ...]:
    shapes = trace(tuple(chain.blocks.values()), chain.input_shape)
    return tuple(Row(name, shape) for name, shape in zip(chain.blocks, shapes, strict=True))


def _total(values: Iterable[int | None]) -> int | None:
    numbers = list(values)
    return None if None in numbers else sum(number for number in numbers if number is not None)
