"""The self-attention of SAGAN (Zhang et al. 2019, arXiv:1805.08318)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from ganzoo.blocks.base import SameShapeBlock, Shape, discriminator_blocks, generator_blocks
from ganzoo.blocks.fields import weighted
from ganzoo.norms import NoNorm, WeightNormPart

if TYPE_CHECKING:
    from keras import KerasTensor

    from ganzoo.blocks.context import BuildContext


@generator_blocks.register("self_attention")
@discriminator_blocks.register("self_attention")
class SelfAttention(SameShapeBlock):
    """Self-attention: adds a weighted mean over all pixels to each pixel, ``[b, h, w, c] -> [b, h, w, c]``.

    The weights of the mean depend on the features of both pixels. The mean has a learned factor ``gamma``, which
    starts at zero, so a new block changes nothing. Time and memory grow with the square of the number of pixels.

    Attributes:
        key_reduction: queries and keys have this fraction of the channels.
        value_reduction: values have this fraction of the channels, as in the authors' code. A last 1x1
            convolution restores them.
        norm: spectral normalization of the four 1x1 convolutions.
    """

    key_reduction: int = Field(8, ge=1, le=64)
    value_reduction: int = Field(2, ge=1, le=64)
    norm: WeightNormPart = NoNorm()

    def output_shape(self, shape: Shape) -> Shape:
        return self.expect(shape, "image")

    def build(self, x: KerasTensor, context: BuildContext) -> KerasTensor:
        import keras

        from ganzoo.blocks import _attention_layers

        name = context.name
        height, width, channels = x.shape[1:]
        key_width, value_width = (max(1, channels // part) for part in (self.key_reduction, self.value_reduction))
        rows = []
        for part, features in (("query", key_width), ("key", key_width), ("value", value_width)):
            y = self._linear(x, features, f"{name}_{part}")
            rows.append(keras.layers.Reshape((height * width, features), name=f"{name}_{part}_rows")(y))
        y = _attention_layers.Attention(name=f"{name}_attention")(rows)
        y = keras.layers.Reshape((height, width, value_width), name=f"{name}_image")(y)
        return _attention_layers.Gate(name=f"{name}_gate")([x, self._linear(y, channels, f"{name}_output")])

    def _linear(self, x: KerasTensor, channels: int, name: str) -> KerasTensor:
        import keras

        return weighted(keras.layers.Conv2D(channels, 1, use_bias=False, name=name), x, self.norm)
