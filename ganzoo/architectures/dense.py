"""Fully connected networks, for small images and for vectors."""

from __future__ import annotations

from typing import Any, ClassVar

from ganzoo.architectures.base import (
    DiscriminatorConfig,
    GeneratorConfig,
    Widths,
    discriminator_architectures,
    generator_architectures,
    with_values,
)
from ganzoo.blocks.base import Block, Shape
from ganzoo.sample_spec import SampleSpec


@generator_architectures.register("dense")
class DenseGenerator(GeneratorConfig):
    """One block for each entry of ``hidden``.

    Attributes:
        hidden: features of the hidden layers, in order.
    """

    default_block: ClassVar[str] = "dense"
    sizes: ClassVar[tuple[str, ...]] = ("hidden",)

    hidden: Widths = (256, 512, 1024)

    def expand(self, sample_shape: Shape) -> tuple[Block, ...]:
        body = self.blocks or tuple(with_values(self.block, channels=n) for n in self.hidden)
        stem = (self.stem,) if self.stem else ()
        return (*stem, *body, self.complete_head(sample_shape))

    def default_head(self, sample_shape: Shape) -> dict[str, Any]:
        return {"name": "dense_image_head" if SampleSpec(sample_shape).is_image else "vector_head"}


@discriminator_architectures.register("dense")
class DenseDiscriminator(DiscriminatorConfig):
    """One block for each entry of ``hidden``.

    Attributes:
        hidden: features of the hidden layers, in order.
    """

    default_block: ClassVar[str] = "dense"
    sizes: ClassVar[tuple[str, ...]] = ("hidden",)

    hidden: Widths = (512, 256)

    def body(self, sample_shape: Shape) -> tuple[Block, ...]:
        return tuple(with_values(self.block, channels=n) for n in self.hidden)
