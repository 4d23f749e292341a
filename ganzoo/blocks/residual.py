"""Residual blocks of the spectral-normalization GAN (Miyato et al. 2018, arXiv:1802.05957, tables 4 and 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field

from ganzoo.blocks.base import SameShapeBlock, Shape, UpBlock, discriminator_blocks, generator_blocks
from ganzoo.blocks.fields import Interpolation, NormalizedBlock, activate, has_bias, normalize, upsample, weighted
from ganzoo.norms import BatchNorm, Norm, NormPart

if TYPE_CHECKING:
    from keras import KerasTensor

    from ganzoo.blocks.context import BuildContext


def _conv(x: KerasTensor, channels: int, kernel_size: int, norm: Norm, name: str, *, bias: bool = True) -> KerasTensor:
    import keras

    layer = keras.layers.Conv2D(channels, kernel_size, padding="same", use_bias=bias, name=name)
    return weighted(layer, x, norm)


@generator_blocks.register("residual_up")
class ResidualUp(NormalizedBlock, UpBlock):
    """Norm, activation, upsample, convolve, norm, activation, convolve; plus an upsampled 1x1 shortcut."""

    kernel_size: int = Field(3, ge=1, le=9)
    interpolation: Interpolation = "nearest"
    norm: NormPart = BatchNorm()

    def output_shape(self, shape: Shape) -> Shape:
        self.norm.check_channels(self.expect(shape, "image")[-1])
        return super().output_shape(shape)

    def build(self, x: KerasTensor, context: BuildContext) -> KerasTensor:
        import keras

        name, channels = context.name, self.wanted_channels()
        shortcut = _conv(x, channels, 1, self.norm, f"{name}_shortcut")
        shortcut = upsample(shortcut, self.interpolation, f"{name}_shortcut_up")
        x = activate(normalize(x, self.norm, context.named(f"{name}_1")), self.activation, self.slope, f"{name}_1")
        x = upsample(x, self.interpolation, f"{name}_up")
        x = _conv(x, channels, self.kernel_size, self.norm, f"{name}_conv1", bias=has_bias(self.norm))
        x = activate(normalize(x, self.norm, context.named(f"{name}_2")), self.activation, self.slope, f"{name}_2")
        x = _conv(x, channels, self.kernel_size, self.norm, f"{name}_conv2")
        return keras.layers.Add(name=f"{name}_add")([x, shortcut])


@generator_blocks.register("residual")
class Residual(NormalizedBlock, SameShapeBlock):
    """Adds to its input: norm, activation, convolve, norm, activation, convolve. ``[b, h, w, c] -> [b, h, w, c]``.

    The last convolution starts at zero (fix-up initialization, Zhang et al. 2019, arXiv:1901.09321), so a new block is
    the identity. A trained generator can get one more and begin with the same images (``training.init_widen``).
    """

    kernel_size: int = Field(3, ge=1, le=9)
    norm: NormPart = BatchNorm()

    def output_shape(self, shape: Shape) -> Shape:
        self.norm.check_channels(self.expect(shape, "image")[-1])
        return shape

    def build(self, x: KerasTensor, context: BuildContext) -> KerasTensor:
        import keras

        name, channels, shortcut = context.name, x.shape[-1], x
        x = activate(normalize(x, self.norm, context.named(f"{name}_1")), self.activation, self.slope, f"{name}_1")
        x = _conv(x, channels, self.kernel_size, self.norm, f"{name}_conv1", bias=has_bias(self.norm))
        x = activate(normalize(x, self.norm, context.named(f"{name}_2")), self.activation, self.slope, f"{name}_2")
        # Without a norm of weights: spectral normalization would divide these zeros by their singular value, 0.
        last = keras.layers.Conv2D(
            channels, self.kernel_size, padding="same", kernel_initializer="zeros", name=f"{name}_conv2"
        )
        return keras.layers.Add(name=f"{name}_add")([shortcut, last(x)])


@discriminator_blocks.register("residual_down")
class ResidualDown(NormalizedBlock):
    """Activation, convolve, activation, convolve, average; plus a 1x1 shortcut. ``[b, h, w, c] -> [b, h/2, w/2, c']``.

    Attributes:
        downsample: False keeps height and width, without average pooling.
        preactivation: False at the image, where the first activation would discard half of the values.
    """

    scale: ClassVar[float] = 0.5

    kernel_size: int = Field(3, ge=1, le=9)
    downsample: bool = True
    preactivation: bool = True

    def output_shape(self, shape: Shape) -> Shape:
        height, width, channels = self.expect(shape, "image")
        if self.preactivation:
            self.norm.check_channels(channels)
        halved = (height // 2, width // 2) if self.downsample else (height, width)
        return (*halved, self.wanted_channels())

    def build(self, x: KerasTensor, context: BuildContext) -> KerasTensor:
        import keras

        name, channels = context.name, self.wanted_channels()
        shortcut = x
        if self.preactivation:
            x = activate(normalize(x, self.norm, context.named(f"{name}_1")), self.activation, self.slope, f"{name}_1")
        x = _conv(x, channels, self.kernel_size, self.norm, f"{name}_conv1", bias=has_bias(self.norm))
        x = activate(normalize(x, self.norm, context.named(f"{name}_2")), self.activation, self.slope, f"{name}_2")
        x = _conv(x, channels, self.kernel_size, self.norm, f"{name}_conv2")
        shortcut = _conv(shortcut, channels, 1, self.norm, f"{name}_shortcut")
        x = keras.layers.Add(name=f"{name}_add")([x, shortcut])
        return keras.layers.AveragePooling2D(2, name=f"{name}_pool")(x) if self.downsample else x

    def at_input(self) -> Self:
        return self.model_copy(update={"preactivation": False})
