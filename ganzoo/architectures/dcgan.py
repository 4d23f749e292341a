"""Convolutional networks that double, or halve, the image with each block (Radford et al. 2016, arXiv:1511.06434)."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from pydantic import Field

from ganzoo.architectures.attention import Attention, with_attention
from ganzoo.architectures.base import (
    DiscriminatorConfig,
    GeneratorConfig,
    discriminator_architectures,
    generator_architectures,
    norm_of_weights,
    require_images,
    shared_fields,
    with_values,
)
from ganzoo.architectures.shapes import halvings, nearest_that_halves
from ganzoo.blocks.base import Block, Shape, discriminator_blocks, generator_blocks
from ganzoo.errors import ConfigError


@generator_architectures.register("dcgan")
class DcganGenerator(GeneratorConfig):
    """A stem makes a small image; each block doubles the image and halves the channels.

    Attributes:
        base_channels: channels of the block closest to the image.
        max_channels: upper limit of the channels.
        attention: heights in pixels at which a ``self_attention`` block follows, for example 16 or [8, 16].
    """

    default_block: ClassVar[str] = "conv_transpose"
    sizes: ClassVar[tuple[str, ...]] = ("base_channels", "max_channels", "attention")

    base_channels: int = Field(64, ge=1, le=2048)
    max_channels: int = Field(1024, ge=1, le=8192)
    attention: Attention = ()

    def expand(self, sample_shape: Shape) -> tuple[Block, ...]:
        model = self.registered_name
        head = self.complete_head(sample_shape)
        require_images(sample_shape, model, "generator makes")
        growth = max(1, head.output_shape((4, 4, 1))[0] // 4)
        height, width = sample_shape[:2]
        if self.blocks:
            growth *= math.prod(int(block.scale) for block in self.blocks)
            body, widest = self.blocks, self.blocks[0].wanted_channels()
        else:
            count = self._doublings(height, width) - int(math.log2(growth))
            if count < 0:
                raise ConfigError(
                    f"a {model} generator doubles an image of at least 4 px, and {height}x{width} px cannot be "
                    f"reached by doubling; change data.resolution, for example to {nearest_that_halves(height, width)},"
                    " or use model: dense or head: image_head"
                )
            channels = [min(self.base_channels * 2**k, self.max_channels) for k in reversed(range(count + 1))]
            body = tuple(with_values(self.block, channels=n) for n in channels[1:])
            widest = channels[0]
            growth *= 2**count
        stem = self.stem or generator_blocks.create(self.default_stem())
        size = {"height": max(1, height // growth), "width": max(1, width // growth)}
        filled = size if all(getattr(stem, key, 0) is None for key in size) else {}
        features = (with_values(stem, channels=stem.channels or widest, **filled), *body)
        if not self.blocks:
            features = with_attention(features, (self.latent_dim,), self.attention, generator_blocks)
        return (*features, head)

    def default_stem(self) -> dict[str, Any]:
        """The config of the stem where ``stem`` is left out."""
        return {"name": "dense_stem", **shared_fields(self.block or (self.blocks or (None,))[0])}

    def default_head(self, sample_shape: Shape) -> dict[str, Any]:
        dress = shared_fields(self.block or (self.blocks or (None,))[-1])
        return {"name": "image_head", "kernel_size": 4, "upsample": "conv_transpose", **norm_of_weights(dress)}

    def _doublings(self, height: int, width: int) -> int:
        """Number of doublings of the stem's image, whose size is the stem's, or the smallest that halving can reach."""
        sizes = [getattr(self.stem, key, None) for key in ("height", "width")]
        if isinstance(sizes[0], int):
            least = (sizes[0], sizes[1] or sizes[0])
            for count in range(height.bit_length()):
                if (height, width) == (least[0] << count, least[1] << count):
                    return count
        return halvings(height, width)


@discriminator_architectures.register("dcgan")
class DcganDiscriminator(DiscriminatorConfig):
    """Each block halves the image and doubles the channels.

    Attributes:
        base_channels: channels of the block closest to the image.
        max_channels: upper limit of the channels.
        attention: heights in pixels at which a ``self_attention`` block follows, for example 16 or [8, 16].
    """

    default_block: ClassVar[str] = "strided_conv"
    sizes: ClassVar[tuple[str, ...]] = ("base_channels", "max_channels", "attention")

    base_channels: int = Field(64, ge=1, le=2048)
    max_channels: int = Field(1024, ge=1, le=8192)
    attention: Attention = ()

    def body(self, sample_shape: Shape) -> tuple[Block, ...]:
        model = self.registered_name
        require_images(sample_shape, model, "discriminator judges")
        height, width = sample_shape[:2]
        count = halvings(height, width)
        if not count:
            raise ConfigError(
                f"a {model} discriminator halves the image to no less than 4 px, and {height}x{width} px "
                f"cannot be halved; change data.resolution, for example to {nearest_that_halves(height, width)}, or "
                "use model: dense or a list of blocks"
            )
        channels = [min(self.base_channels * 2**k, self.max_channels) for k in range(count)]
        blocks = tuple(with_values(self.block, channels=n) for n in channels)
        return with_attention(blocks, sample_shape, self.attention, discriminator_blocks)
