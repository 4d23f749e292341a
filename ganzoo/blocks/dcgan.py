"""Convolutional blocks of DCGAN (Radford et al. 2016, arXiv:1511.06434) and its usual variants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from ganzoo.activations import ActivationPart, LeakyReLU
from ganzoo.blocks.base import Shape, UpBlock, discriminator_blocks, generator_blocks
from ganzoo.blocks.channel_groups import with_channel_groups
from ganzoo.blocks.fields import (
    Interpolation,
    NormalizedBlock,
    activate,
    drop_out,
    has_bias,
    normalize,
    upsample,
    weighted,
)
from ganzoo.norms import BatchNorm, NormPart

if TYPE_CHECKING:
    import keras
    from keras import KerasTensor

    from ganzoo.blocks.context import BuildContext


class ConvUpBlock(NormalizedBlock, UpBlock):
    """Base of the blocks that double the size and convolve once."""

    kernel_size: int = Field(3, ge=1, le=9)
    norm: NormPart = BatchNorm()

    def upsample(self, x: KerasTensor, name: str) -> KerasTensor:
        """Double height and width and change the channels, before normalization and activation.

        The names of its layers begin with ``name``.
        """
        raise NotImplementedError

    def build(self, x: KerasTensor, context: BuildContext) -> KerasTensor:
        x = normalize(self.upsample(x, context.name), self.norm, context)
        return activate(x, self.activation, self.slope, context.name)


@generator_blocks.register("conv_transpose")
class ConvTranspose(ConvUpBlock):
    """DCGAN's up block, a transposed convolution with stride 2. An even kernel avoids checkerboards.

    Attributes:
        odd: output ``[b, 2h - 1, 2w - 1, channels]``, so that 4 px become 7, and 28 px can be reached from 4.
    """

    kernel_size: int = Field(4, ge=2, le=9)
    odd: bool = False

    def output_shape(self, shape: Shape) -> Shape:
        height, width, channels = super().output_shape(shape)
        return (height - self.odd, width - self.odd, channels)

    def upsample(self, x: KerasTensor, name: str) -> KerasTensor:
        import keras

        layer = keras.layers.Conv2DTranspose(
            self.wanted_channels(),
            self.kernel_size,
            strides=2,
            padding="same",
            # Keras outputs 2h - 2 + kernel_size % 2 + output_padding pixels, and 2h without output_padding.
            output_padding=1 - self.kernel_size % 2 if self.odd else None,
            use_bias=has_bias(self.norm),
            name=f"{name}_conv",
        )
        return weighted(layer, x, self.norm)


@generator_blocks.register("upsample_conv")
class UpsampleConv(ConvUpBlock):
    """Upsample by interpolation, then convolve (Odena et al. 2016, "Deconvolution and Checkerboard Artifacts")."""

    interpolation: Interpolation = "nearest"

    def upsample(self, x: KerasTensor, name: str) -> KerasTensor:
        import keras

        from ganzoo.blocks import _keras_layers

        # Spectral normalization wraps a layer that it knows to be linear, and bilinear weights depend on the border.
        fused = self.interpolation == "nearest" and not self.norm.on_weights
        if not fused:
            x = upsample(x, self.interpolation, f"{name}_up")
        layer = (_keras_layers.UpsamplingConv2D if fused else keras.layers.Conv2D)(
            self.wanted_channels(), self.kernel_size, padding="same", use_bias=has_bias(self.norm), name=f"{name}_conv"
        )
        return weighted(layer, x, self.norm)


@generator_blocks.register("pixel_shuffle")
class PixelShuffle(ConvUpBlock):
    """Convolve to four times the channels, then rearrange them into pixels (Shi et al. 2016, arXiv:1609.05158)."""

    def upsample(self, x: KerasTensor, name: str) -> KerasTensor:
        import keras

        channels = self.wanted_channels()
        height, width = x.shape[1:3]
        layer = keras.layers.Conv2D(
            4 * channels, self.kernel_size, padding="same", use_bias=has_bias(self.norm), name=f"{name}_conv"
        )
        x = weighted(with_channel_groups(layer, 4), x, self.norm)
        x = keras.layers.Reshape((height, width, 2, 2, channels), name=f"{name}_split")(x)
        x = keras.layers.Permute((1, 3, 2, 4, 5), name=f"{name}_permute")(x)
        return keras.layers.Reshape((2 * height, 2 * width, channels), name=f"{name}_merge")(x)


@discriminator_blocks.register("strided_conv")
class StridedConv(NormalizedBlock):
    """DCGAN's down block: ``[b, h, w, c] -> [b, ceil(h / stride), ceil(w / stride), channels]``."""

    kernel_size: int = Field(4, ge=1, le=9)
    stride: int = Field(2, ge=1, le=4)
    activation: ActivationPart = LeakyReLU()
    dropout: float = Field(0.0, ge=0, lt=1)

    def output_shape(self, shape: Shape) -> Shape:
        height, width, _ = self.expect(shape, "image")
        return (-(-height // self.stride), -(-width // self.stride), self.wanted_channels())

    def convolution(self) -> type[keras.layers.Conv2D]:
        """The class of the Keras layer."""
        import keras

        return keras.layers.Conv2D

    def build(self, x: KerasTensor, context: BuildContext) -> KerasTensor:
        name = context.name
        layer = self.convolution()(
            self.wanted_channels(),
            self.kernel_size,
            strides=self.stride,
            padding="same",
            use_bias=has_bias(self.norm),
            name=f"{name}_conv",
        )
        x = normalize(weighted(layer, x, self.norm), self.norm, context)
        return drop_out(activate(x, self.activation, self.slope, name), self.dropout, name)


@discriminator_blocks.register("channelwise_conv")
class ChannelwiseConv(StridedConv):
    """The same filters for each channel: ``[b, h, w, c] -> [b, ceil(h / stride), ceil(w / stride), c * channels]``.

    For samples whose channels are separate images, as in stacked digits. Use it as the first block: there an ordinary
    convolution with few features would lose some of the channels.
    """

    def output_shape(self, shape: Shape) -> Shape:
        height, width, channels = super().output_shape(shape)
        return (height, width, shape[-1] * channels)

    def convolution(self) -> type[keras.layers.Conv2D]:
        from ganzoo.blocks import _keras_layers

        return _keras_layers.ChannelwiseConv2D
