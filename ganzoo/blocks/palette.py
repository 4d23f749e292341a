"""A head for drawings: every pixel is a mixture of a few colors that each image has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from ganzoo.activations import ActivationPart, Linear
from ganzoo.blocks.base import Shape, generator_blocks
from ganzoo.blocks.fields import NormalizedBlock, activate, normalize, weighted
from ganzoo.blocks.heads import GeneratorHead

if TYPE_CHECKING:
    from keras import KerasTensor

    from ganzoo.blocks.context import BuildContext


@generator_blocks.register("palette_head")
class PaletteHead(NormalizedBlock, GeneratorHead):
    """From features to an image in [-1, 1] that is made of a few colors: ``[b, h, w, c] -> [b, h, w, 1, 3 or 4]``.

    Each image has its own colors. A pixel is a weighted mean of them, with the softmax of a convolution as weights. So
    an area can be flat, and a pixel of an edge lies between two colors, as in a vector drawing. The colors depend on
    the style of the network (``self_modulation`` or ``mapping``), else on the mean of the features, and on the class.

    Attributes:
        colors: number of colors of an image.
        width: units of the hidden layer that makes the colors.
        norm, activation: applied to the features first. Residual blocks need it, since they end in a sum.
    """

    kernel_size: int = Field(3, ge=1, le=9)
    activation: ActivationPart = Linear()
    colors: int = Field(16, ge=2, le=256)
    width: int = Field(128, ge=1, le=4096)

    @property
    def uses_style_and_label(self) -> bool:
        return True

    def output_shape(self, shape: Shape) -> Shape:
        height, width, channels = self.expect(shape, "image")
        self.norm.check_channels(channels)
        return (height, width, self.sample_shape()[-1])

    def build(self, x: KerasTensor, context: BuildContext) -> KerasTensor:
        import keras

        from ganzoo.blocks import _palette_layers

        name, channels = context.name, self.sample_shape()[-1]
        x = activate(normalize(x, self.norm, context), self.activation, self.slope, name)
        layer = keras.layers.Conv2D(self.colors, self.kernel_size, padding="same", name=f"{name}_conv")
        shares = keras.layers.Softmax(dtype="float32", name=f"{name}_shares")(weighted(layer, x, self.norm))
        palette = self._palette(x, channels, context)
        return _palette_layers.Mixture(dtype="float32", name=f"{name}_mixture")([shares, palette])

    def _palette(self, x: KerasTensor, channels: int, context: BuildContext) -> KerasTensor:
        """The colors of each image, float32 ``[b, colors, channels]`` in [-1, 1]."""
        import keras

        name = context.name
        if context.style is not None:
            x = context.style.tensor
        else:
            x = keras.layers.GlobalAveragePooling2D(name=f"{name}_mean")(x)
        x = keras.layers.Dense(self.width, kernel_initializer="he_normal", name=f"{name}_hidden")(x)
        if context.label is not None:
            label = context.label
            by_class = keras.layers.Embedding(label.num_classes, self.width, name=f"{name}_class_hidden")(label.tensor)
            x = keras.layers.Add(name=f"{name}_hidden_of_class")([x, by_class])
        x = activate(x, "leaky_relu", 0.2, f"{name}_hidden")
        x = keras.layers.Dense(
            self.colors * channels,
            kernel_initializer="lecun_normal",
            bias_initializer=keras.initializers.RandomUniform(-1.0, 1.0),  # so the colors differ from the start
            name=f"{name}_colors",
        )(x)
        x = keras.layers.Reshape((self.colors, channels), name=f"{name}_palette")(x)
        return keras.layers.Activation("tanh", dtype="float32", name=f"{name}_tanh")(x)
