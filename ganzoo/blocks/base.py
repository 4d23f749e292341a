"""The base class of blocks: typed fields, a shape rule that needs no Keras, and a method that adds the Keras layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field

from ganzoo.errors import ConfigError
from ganzoo.registry import Part, Registry

if TYPE_CHECKING:
    from keras import KerasTensor

    from ganzoo.blocks.context import BuildContext

Shape = tuple[int, ...]
"""Shape of one sample, without the batch: ``(features,)`` or ``(height, width, channels)``."""


class Block(Part):
    """One step of a network: tensor in, tensor out.

    Attributes:
        channels: channels (or features) of the output. A ``blocks:`` list sets it; the compact form derives it from
            ``base_channels``. Blocks that keep the number of channels ignore it.
    """

    scale: ClassVar[float] = 1
    """Height and width of the output, divided by those of the input."""
    output: ClassVar[Literal["features", "images", "vectors", "logits"]] = "features"
    """Content of the output. Only the last block of a network, its head, outputs something else than features."""

    channels: int | None = Field(None, ge=1, le=8192)

    @property
    def samples_per_output(self) -> int:
        """How many samples of the batch share one output, as in packing."""
        return 1

    @property
    def mixes_samples(self) -> bool:
        """Whether one sample is normalized with statistics of the whole batch, as in batch normalization.

        A gradient penalty refuses such a block in a discriminator. A feature that only describes the batch, as that of
        ``minibatch_stddev``, does not count.
        """
        return False

    @property
    def statistic_channels(self) -> int:
        """How many of the last channels of the output describe the whole batch, as those of ``minibatch_stddev``.

        They are equal at every pixel. The critic of a bundle has their mean instead, so that it can score one sample.
        """
        return 0

    @property
    def uses_style_and_label(self) -> bool:
        """Whether it uses the style and the class of a network that has them, in another way than a normalization."""
        return False

    @property
    def conditional_norm(self) -> bool:
        """Whether a normalization has a scale and an offset for each class under ``conditioning: batch_norm``, and for
        each latent under ``self_modulation``.
        """
        return False

    @property
    def needs_style(self) -> bool:
        """Whether the block needs ``context.style``: the latent, or the output of the generator's mapping network."""
        return False

    @property
    def adds_image(self) -> bool:
        """Whether the block appends to ``context.images``. The head then needs them."""
        return False

    @property
    def needs_image(self) -> bool:
        """Whether the block reads ``context.images``."""
        return False

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of the output for an input of ``shape``.

        Raises:
            ConfigError: if the block cannot take such an input.
        """
        raise NotImplementedError

    def build(self, x: KerasTensor, context: BuildContext) -> KerasTensor:
        """Apply the block's Keras layers to ``x``. Their names begin with ``context.name``.

        The network's ``initializer`` sets the weights of Keras layers whose ``*_initializer`` argument is Keras'
        default. An initializer that the block passes is kept, so ``kernel_initializer="zeros"`` starts a gate at zero.
        """
        raise NotImplementedError

    def at_input(self) -> Self:
        """The form of this block at the input of a discriminator, for example without normalization."""
        return self

    def wanted_channels(self) -> int:
        """``channels``.

        Raises:
            ConfigError: if a ``blocks:`` list leaves it out.
        """
        if self.channels is None:
            raise ConfigError(f"block '{self.registered_name}' needs 'channels', for example channels: 64")
        return self.channels

    def expect(self, shape: Shape, what: Literal["image", "vector"]) -> Shape:
        """Return ``shape`` if it is the shape of an image (three axes) or of a vector (one axis).

        Raises:
            ConfigError: if it is another shape.
        """
        article = {"image": "an", "vector": "a"}[what]
        if len(shape) != {"image": 3, "vector": 1}[what]:
            raise ConfigError(
                f"block '{self.registered_name}' takes {article} {what}, received the shape {list(shape)}"
            )
        return shape


class SameShapeBlock(Block):
    """A block that keeps the shape."""

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
