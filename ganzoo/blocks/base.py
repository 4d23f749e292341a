"""What every block is: typed fields, a rule for shapes that needs no Keras, and a method that builds the layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field

from ganzoo.errors import ConfigError
from ganzoo.registry import Part, Registry

if TYPE_CHECKING:
    from keras import KerasTensor

Shape = tuple[int, ...]
"""Shape of one sample, without the batch: ``(features,)`` or ``(height, width, channels)``."""


class Block(Part):
    """One step of a network: tensor in, tensor out.

    Attributes:
        channels: channels (or features) of the output. In a ``blocks:`` list it is given; in the compact form it is
            filled in from ``base_channels``. Blocks that keep the channels ignore it.
    """

    scale: ClassVar[float] = 1
    """Height and width of the output over those of the input."""

    channels: int | None = Field(None, ge=1, le=8192)

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of the output for an input of ``shape``.

        Raises:
            ConfigError: if the block cannot take such an input.
        """
        raise NotImplementedError

    def build(self, x: KerasTensor, name: str) -> KerasTensor:
        """Add the block's Keras layers, their names beginning with ``name``, behind ``x``."""
        raise NotImplementedError

    def at_input(self) -> Self:
        """The form this block takes when it is the first of a discriminator, for example without normalisation."""
        return self

    def wanted_channels(self) -> int:
        """``channels``, or a clear error where a ``blocks:`` list leaves it out."""
        if self.channels is None:
            raise ConfigError(f"block '{self.registered_name}' needs 'channels', for example channels: 64")
        return self.channels

    def expect(self, shape: Shape, what: Literal["image", "vector"]) -> Shape:
        """Return ``shape`` if it is that of an image (three axes) or a vector (one axis)."""
        article = {"image": "an", "vector": "a"}[what]
        if len(shape) != {"image": 3, "vector": 1}[what]:
            raise ConfigError(
                f"block '{self.registered_name}' takes {article} {what}, received the shape {list(shape)}"
            )
        return shape


class SameShapeBlock(Block):
    """A block that leaves the shape as it is."""

    def output_shape(self, shape: Shape) -> Shape:
        return shape


class UpBlock(Block):
    """A block that doubles height and width: ``[b, h, w, c] -> [b, 2h, 2w, channels]``."""

    scale: ClassVar[float] = 2

    def output_shape(self, shape: Shape) -> Shape:
        height, width, _ = self.expect(shape, "image")
        return (2 * height, 2 * width, self.wanted_channels())


generator_blocks: Registry[Block] = Registry(
    "generator_blocks", kind="generator block", base=Block, package="ganzoo.blocks"
)
discriminator_blocks: Registry[Block] = Registry(
    "discriminator_blocks", kind="discriminator block", base=Block, package="ganzoo.blocks"
)
