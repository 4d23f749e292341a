"""Blocks of StyleGAN2 (Karras et al. 2020, arXiv:1912.04958): modulated convolutions, and images that are summed.

Left out: the noise inputs, so that a seed is one image, and the equalized learning rate.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field

from ganzoo.blocks.base import Block, Shape, UpBlock, discriminator_blocks, generator_blocks
from ganzoo.blocks.fields import Interpolation, activate, upsample
from ganzoo.blocks.heads import GeneratorHead
from ganzoo.errors import ConfigError

if TYPE_CHECKING:
    from keras import KerasTensor

    from ganzoo.blocks.context import BuildContext


class StyledBlock(Block):
    """Base of the blocks of modulated convolutions. Each also adds an image, which the head uses.

    Attributes:
        kernel_size: of the modulated convolutions.
        slope: negative slope of the leaky ReLU after each of them.
    """

    kernel_size: int = Field(3, ge=1, le=9)
    slope: float = Field(0.2, ge=0, lt=1)

    @property
    def needs_style(self) -> bool:
        return True

    @property
    def adds_image(self) -> bool:
        return True

    def convolve(
        self, x: KerasTensor, name: str, context: BuildContext, *, enlarge: Interpolation | None = None
    ) -> KerasTensor:
        """A modulated convolution and a leaky ReLU: ``[b, h, w, c] -> [b, h, w, channels]``, or twice the size."""
        from ganzoo.blocks._modulated_conv import ModulatedConv2D

        gain = math.sqrt(2.0 / (1.0 + self.slope**2))  # keeps the variance through the leaky ReLU
        layer = ModulatedConv2D(
            self.wanted_channels(), self.kernel_size, gain=gain, enlarge=enlarge, name=f"{name}_conv"
        )
        x = layer([x, _scales(x.shape[-1], name, context)])
        return activate(x, "leaky_relu", self.slope, name)

    def add_image(self, x: KerasTensor, context: BuildContext, interpolation: Interpolation = "bilinear") -> None:
        """Append the image of features ``[b, h, w, c]``, plus the enlarged earlier image if there is one."""
        import keras

        from ganzoo.blocks._modulated_conv import ModulatedConv2D

        name = f"{context.name}_image"
        layer = ModulatedConv2D(context.sample_shape[-1], 1, demodulate=False, name=f"{name}_conv")
        image = layer([x, _scales(x.shape[-1], name, context)])
        if context.images:
            earlier = upsample(context.images[-1], interpolation, f"{name}_up")
            image = keras.layers.Add(name=f"{name}_add")([earlier, image])
        context.images.append(image)


def _scales(channels: int, name: str, context: BuildContext) -> KerasTensor:
    """The affine layer of one convolution: float32 ``[b, d] -> [b, channels]``, close to one at first."""
    import keras

    if context.style is None:
        raise ConfigError(f"block '{context.name}' needs a style; add a mapping network with generator.mapping={{}}")
    layer = keras.layers.Dense(channels, bias_initializer="ones", dtype="float32", name=f"{name}_style")
    return layer(context.style.tensor)


@generator_blocks.register("constant_stem")
class ConstantStem(StyledBlock):
    """A learned small image and one modulated convolution: ``[b, d] -> [b, height, width, channels]``.

    The latent has an effect through the style only.

    Attributes:
        height, width: size of the small image in pixels. The compact form derives them from the resolution.
    """

    height: int | None = Field(None, ge=1, le=1024)
    width: int | None = Field(None, ge=1, le=1024)

    def output_shape(self, shape: Shape) -> Shape:
        self.expect(shape, "vector")
        return (self.height or 4, self.width or self.height or 4, self.wanted_channels())

    def build(self, x: KerasTensor, context: BuildContext) -> KerasTensor:
        from ganzoo.blocks._modulated_conv import Constant

        constant = Constant(self.output_shape(tuple(x.shape[1:])), name=f"{context.name}_constant")(x)
        x = self.convolve(constant, context.name, context)
        self.add_image(x, context)
        return x


@generator_blocks.register("styled_upsample")
class StyledUpsample(StyledBlock, UpBlock):
    """Upsample, then two modulated convolutions: ``[b, h, w, c] -> [b, 2h, 2w, channels]``.

    Attributes:
        interpolation: ``bilinear`` is the paper's filter, [1, 3, 3, 1], except at the border.
    """

    interpolation: Interpolation = "bilinear"

    def build(self, x: KerasTensor, context: BuildContext) -> KerasTensor:
        x = self.convolve(x, f"{context.name}_1", context, enlarge=self.interpolation)
        x = self.convolve(x, f"{context.name}_2", context)
        self.add_image(x, context, self.interpolation)
        return x


@generator_blocks.register("skip_head")
class SkipHead(GeneratorHead):
    """The sum of the images that the blocks added, through tanh: ``[b, h, w, c] -> [b, h, w, 1, 3 or 4]``."""

    @property
    def needs_image(self) -> bool:
        return True

    def output_shape(self, shape: Shape) -> Shape:
        height, width, _ = self.expect(shape, "image")
        return (height, width, self.sample_shape()[-1])

    def build(self, x: KerasTensor, context: BuildContext) -> KerasTensor:
        import keras

        return keras.layers.Activation("tanh", dtype="float32", name=f"{context.name}_tanh")(context.images[-1])


@discriminator_blocks.register("blurred_down")
class BlurredDown(Block):
    """Convolve, blur, convolve with stride 2; plus a blurred 1x1 shortcut. ``[b, h, w, c] -> [b, h/2, w/2, channels]``.

    The sum is divided by the square root of two, which keeps its variance.

    Attributes:
        kernel_size: of the first convolution; that of the second is 3.
        slope: negative slope of the leaky ReLU after each convolution.
        from_image: begin with a 1x1 convolution, from the image to features.
    """

    scale: ClassVar[float] = 0.5

    kernel_size: int = Field(3, ge=1, le=9)
    slope: float = Field(0.2, ge=0, lt=1)
    from_image: bool = False

    def output_shape(self, shape: Shape) -> Shape:
        height, width, _ = self.expect(shape, "image")
        return (height // 2, width // 2, self.wanted_channels())

    def build(self, x: KerasTensor, context: BuildContext) -> KerasTensor:
        import keras

        from ganzoo.blocks._modulated_conv import Blur

        name, channels = context.name, self.wanted_channels()
        if self.from_image:
            x = keras.layers.Conv2D(channels, 1, name=f"{name}_from_image")(x)
            x = activate(x, "leaky_relu", self.slope, f"{name}_from_image")
        shortcut = Blur(pad=1, stride=2, name=f"{name}_shortcut_blur")(x)
        shortcut = keras.layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_shortcut")(shortcut)
        x = keras.layers.Conv2D(x.shape[-1], self.kernel_size, padding="same", name=f"{name}_conv1")(x)
        x = activate(x, "leaky_relu", self.slope, f"{name}_1")
        x = Blur(pad=2, name=f"{name}_blur")(x)
        x = keras.layers.Conv2D(channels, 3, strides=2, name=f"{name}_conv2")(x)
        x = activate(x, "leaky_relu", self.slope, f"{name}_2")
        return keras.layers.Add(name=f"{name}_add")([x, shortcut]) * math.sqrt(0.5)

    def at_input(self) -> Self:
        return self.model_copy(update={"from_image": True})
