"""Fully connected blocks: hidden layers of dense models, and the stem of image generators."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pydantic import Field

from ganzoo.activations import ActivationPart, LeakyReLU
from ganzoo.blocks.base import Shape, discriminator_blocks, generator_blocks
from ganzoo.blocks.channel_groups import with_channel_groups
from ganzoo.blocks.fields import NormalizedBlock, activate, drop_out, has_bias, normalize, weighted
from ganzoo.norms import BatchNorm, NormPart

if TYPE_CHECKING:
    from keras import KerasTensor

    from ganzoo.blocks.context import BuildContext


@generator_blocks.register("dense")
@discriminator_blocks.register("dense")
class Dense(NormalizedBlock):
    """Hidden layer: flattens any input -> ``[b, channels]``."""

    activation: ActivationPart = LeakyReLU()
    dropout: float = Field(0.0, ge=0, lt=1)

    def output_shape(self, shape: Shape) -> Shape:
        return (self.wanted_channels(),)

    def build(self, x: KerasTensor, context: BuildContext) -> KerasTensor:
        import keras

        name = context.name
        if len(x.shape) > 2:
            x = keras.layers.Flatten(name=f"{name}_flatten")(x)
        layer = keras.layers.Dense(self.wanted_channels(), use_bias=has_bias(self.norm), name=f"{name}_dense")
        x = normalize(weighted(layer, x, self.norm), self.norm, context)
        return drop_out(activate(x, self.activation, self.slope, name), self.dropout, name)


@generator_blocks.register("dense_stem")
class DenseStem(NormalizedBlock):
    """From the latent to a small image: ``[b, d] -> [b, height, width, channels]``.

    Attributes:
        height, width: size of the small image in pixels. The compact form derives them from the resolution.
    """

    height: int | None = Field(None, ge=1, le=1024)
    width: int | None = Field(None, ge=1, le=1024)
    norm: NormPart = BatchNorm()

    def output_shape(self, shape: Shape) -> Shape:
        self.expect(shape, "vector")
        return (self.height or 4, self.width or self.height or 4, self.wanted_channels())

    def build(self, x: KerasTensor, context: BuildContext) -> KerasTensor:
        import keras

        name, shape = context.name, self.output_shape(tuple(x.shape[1:]))
        layer = keras.layers.Dense(math.prod(shape), use_bias=has_bias(self.norm), name=f"{name}_dense")
        layer = with_channel_groups(layer, shape[0] * shape[1])
        x = keras.layers.Reshape(shape, name=f"{name}_reshape")(weighted(layer, x, self.norm))
        return activate(normalize(x, self.norm, context), self.activation, self.slope, name)
