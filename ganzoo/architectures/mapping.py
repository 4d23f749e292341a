"""The mapping network of style-based generators (Karras et al. 2019, arXiv:1812.04948, section 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ConfigDict, Field

from ganzoo.config.model import ConfigModel

if TYPE_CHECKING:
    from keras import KerasTensor


class MappingConfig(ConfigModel):
    """Dense layers from the latent, scaled to unit mean square, to the style.

    Attributes:
        layers: number of layers.
        width: features of each layer, and length of the style.
        learning_rate_factor: learning rate of these layers, relative to that of the generator. Their weights are stored
            divided by it, so it has this effect with optimizers such as Adam, whose steps do not depend on the size of
            the gradient. StyleGAN2 uses 0.01 with 8 layers.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    layers: int = Field(4, ge=1, le=16)
    width: int = Field(128, ge=1, le=4096)
    learning_rate_factor: float = Field(1.0, ge=1e-4, le=1)

    @property
    def last_layer(self) -> str:
        """Name of the Keras layer whose output is the style."""
        return f"mapping_{self.layers - 1}_act"

    def build(self, latent: KerasTensor) -> KerasTensor:
        """Add the layers: float32 ``[b, d]`` (latent, with the label's embedding if any) -> ``[b, width]``."""
        import keras

        from ganzoo.blocks import _keras_layers

        x = _keras_layers.PixelNorm(name="mapping_norm")(latent)
        for number in range(self.layers):
            name = f"mapping_{number}_dense"
            if self.learning_rate_factor == 1:
                layer = keras.layers.Dense(self.width, kernel_initializer="he_normal", name=name)
            else:
                layer = _keras_layers.SlowDense(self.width, self.learning_rate_factor, name=name)
            x = layer(x)
            x = keras.layers.LeakyReLU(negative_slope=0.2, name=f"mapping_{number}_act")(x)
        return x
