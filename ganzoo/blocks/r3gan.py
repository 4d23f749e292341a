"""The residual blocks of R3GAN (Huang et al. 2024, arXiv:2501.05441), without normalization."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from ganzoo.blocks.base import Block, Shape, UpBlock, discriminator_blocks, generator_blocks
from ganzoo.blocks.fields import activate, upsample
from ganzoo.errors import ConfigError

if TYPE_CHECKING:
    from keras import KerasTensor

    from ganzoo.blocks.context import BuildContext

SLOPE = 0.2
"""Negative slope of the leaky ReLU."""


class R3ganStage(Block):
    """Residual blocks at one resolution, with a 1x1 convolution before them where the number of channels changes.

    Each adds to its input: a 1x1 convolution to ``expansion`` times the channels, leaky ReLU, a grouped convolution,
    leaky ReLU, a 1x1 convolution back. Nothing is normalized. The last convolution starts at zero, so that a new
    network is a chain of identities, and the others start smaller in a deeper network (fix-up initialization, Zhang et
    al. 2019, arXiv:1901.09321). These weights have their own distribution, and not the network's ``initializer``.

    Attributes:
        residual_blocks: number of residual blocks.
        group_width: channels of each group of the grouped convolution. A narrower convolution has one group.
        expansion: the inner convolution has this many times the channels of the block.
        kernel_size: of the grouped convolution.
        network_depth: number of residual blocks in the whole network, for the initialization. The architecture
            ``r3gan`` sets it; elsewhere the default is ``residual_blocks``.
    """

    residual_blocks: int = Field(2, ge=1, le=16)
    group_width: int = Field(16, ge=1, le=1024)
    expansion: int = Field(2, ge=1, le=8)
    kernel_size: int = Field(3, ge=1, le=9)
    network_depth: int | None = Field(None, ge=1, le=1024)

    def groups(self) -> int:
        """Number of groups of the grouped convolution.

        Raises:
            ConfigError: if ``group_width`` does not divide its channels.
        """
        inner = self.expansion * self.wanted_channels()
        if inner % min(self.group_width, inner):
            raise ConfigError(
                f"block '{self.registered_name}' has {inner} inner channels, which groups of {self.group_width} do not "
                f"divide; use group_width: {math.gcd(inner, self.group_width)}, or other channels"
            )
        return inner // min(self.group_width, inner)

    def to_channels(self, x: KerasTensor, name: str) -> KerasTensor:
        """A 1x1 convolution to ``channels``, unless ``x`` has them."""
        import keras

        if x.shape[-1] == self.wanted_channels():
            return x
        return keras.layers.Conv2D(self.wanted_channels(), 1, use_bias=False, name=f"{name}_channels")(x)

    def residuals(self, x: KerasTensor, name: str) -> KerasTensor:
        """The residual blocks, which keep the shape."""
        import keras

        from ganzoo.blocks import _r3gan_layers

        channels = self.wanted_channels()
        # He et al. 2015 for this activation, times depth^(-1 / (2 m - 2)) for branches of m = 3 convolutions.
        scale = 2.0 / (1.0 + SLOPE**2) / math.sqrt(self.network_depth or self.residual_blocks)
        scaled = keras.initializers.VarianceScaling(scale, mode="fan_in", distribution="untruncated_normal")
        for number in range(self.residual_blocks):
            own = f"{name}_{number}"
            y = keras.layers.Conv2D(self.expansion * channels, 1, kernel_initializer=scaled, name=f"{own}_widen")(x)
            y = activate(y, "leaky_relu", SLOPE, f"{own}_1")
            y = _r3gan_layers.GroupedConv2D(
                self.expansion * channels,
                self.kernel_size,
                padding="same",
                groups=self.groups(),
                kernel_initializer=scaled,
                name=f"{own}_grouped",
            )(y)
            y = activate(y, "leaky_relu", SLOPE, f"{own}_2")
            y = keras.layers.Conv2D(channels, 1, use_bias=False, kernel_initializer="zeros", name=f"{own}_narrow")(y)
            x = keras.layers.Add(name=f"{own}_add")([x, y])
        return x


@generator_blocks.register("r3gan_stem")
class R3ganStem(R3ganStage):
    """From the latent to a small image: ``[b, d] -> [b, height, width, channels]``, then residual blocks.

    A linear layer makes one number for each channel, which weights the learned image of this channel.

    Attributes:
        height, width: size of the small image in pixels. The compact form derives them from the resolution.
    """

    height: int | None = Field(None, ge=1, le=1024)
    width: int | None = Field(None, ge=1, le=1024)

    def output_shape(self, shape: Shape) -> Shape:
        self.expect(shape, "vector")
        self.groups()
        return (self.height or 4, self.width or self.height or 4, self.wanted_channels())

    def build(self, x: KerasTensor, context: BuildContext) -> KerasTensor:
        import keras

        from ganzoo.blocks import _r3gan_layers

        name = context.name
        height, width, channels = self.output_shape(tuple(x.shape[1:]))
        x = keras.layers.Dense(channels, use_bias=False, name=f"{name}_dense")(x)
        return self.residuals(_r3gan_layers.Basis(height, width, name=f"{name}_basis")(x), name)


@generator_blocks.register("r3gan_up")
class R3ganUp(R3ganStage, UpBlock):
    """Doubles the image by bilinear interpolation, then residual blocks: ``[b, h, w, c] -> [b, 2h, 2w, channels]``."""

    def output_shape(self, shape: Shape) -> Shape:
        self.groups()
        return super().output_shape(shape)

    def build(self, x: KerasTensor, context: BuildContext) -> KerasTensor:
        name = context.name
        return self.residuals(upsample(self.to_channels(x, name), "bilinear", f"{name}_up"), name)


@discriminator_blocks.register("r3gan_down")
class R3ganDown(R3ganStage):
    """Residual blocks, then bilinear interpolation to half the size: ``[b, h, w, c] -> [b, h/2, w/2, channels]``.

    At half the size, bilinear interpolation is the mean of four pixels.

    Attributes:
        downsample: False keeps height and width, as in the last stage of a discriminator.
    """

    scale: ClassVar[float] = 0.5

    downsample: bool = True

    def output_shape(self, shape: Shape) -> Shape:
        height, width, _ = self.expect(shape, "image")
        self.groups()
        halved = (height // 2, width // 2) if self.downsample else (height, width)
        return (*halved, self.wanted_channels())

    def build(self, x: KerasTensor, context: BuildContext) -> KerasTensor:
        import keras

        name = context.name
        x = self.residuals(self.to_channels(x, name), name)
        return keras.layers.AveragePooling2D(2, name=f"{name}_down")(x) if self.downsample else x
