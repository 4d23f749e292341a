"""A generator block with a gate for each pixel and channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from ganzoo.blocks.base import UpBlock, generator_blocks
from ganzoo.blocks.fields import normalize, upsample

if TYPE_CHECKING:
    from keras import KerasTensor

    from ganzoo.blocks.context import BuildContext


@generator_blocks.register("gated_upsample")
class GatedUpsample(UpBlock):
    """Upsample, then a gated convolution (Dauphin et al. 2017, arXiv:1612.08083).

    ``[b, h, w, c] -> [b, 2h, 2w, channels]``

    Attributes:
        kernel_size: size of both convolutions, in pixels of the output.
        openness: first bias of the gates; 0 passes half of the signal, 4 nearly all.
    """

    kernel_size: int = Field(3, ge=1, le=9)
    openness: float = Field(1.0, ge=-8, le=8)

    @property
    def conditional_norm(self) -> bool:
        return True

    def build(self, x: KerasTensor, context: BuildContext) -> KerasTensor:
        import keras  # inside the method, so that reading a config needs no Keras

        name, channels = context.name, self.wanted_channels()
        x = upsample(x, "nearest", f"{name}_up")
        value = keras.layers.Conv2D(channels, self.kernel_size, padding="same", use_bias=False, name=f"{name}_conv")(x)
        value = normalize(value, "batch", context)
        bias = keras.initializers.Constant(self.openness)  # a network keeps the initializers that a block sets
        gate = keras.layers.Conv2D(
            channels, self.kernel_size, padding="same", activation="sigmoid", bias_initializer=bias, name=f"{name}_gate"
        )(x)
        return keras.layers.Multiply(name=f"{name}_gated")([value, gate])
