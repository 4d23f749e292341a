"""Normalizations after layers with weights, as registered parts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from ganzoo.errors import ConfigError
from ganzoo.registry import Part, Registry

if TYPE_CHECKING:
    from keras import KerasTensor

    from ganzoo.blocks.context import BuildContext

STYLE_UNITS = 32
"""Hidden units between the latent and the scales and offsets of a self-modulated normalization, as in compare_gan."""


class Norm(Part):
    """What follows a layer with weights. It normalizes the output of the layer, or the weights themselves."""

    has_offset: ClassVar[bool] = False
    """Whether it adds an offset, so that the layer before it needs no bias."""
    mixes_samples: ClassVar[bool] = False
    """Whether one sample is normalized with statistics of the whole batch. A gradient penalty refuses that in D."""
    conditional: ClassVar[bool] = False
    """Whether its scale and offset can depend on the class and on the style."""
    on_weights: ClassVar[bool] = False
    """Whether it changes the weights of the layer, and not its output."""

    def check_channels(self, channels: int) -> None:
        """Check that features with this number of channels can be normalized.

        Raises:
            ConfigError: if they cannot.
        """

    def apply(self, layer: Any, x: KerasTensor) -> KerasTensor:
        """Apply a new Keras layer that is linear in its kernel."""
        return layer(x)

    def build(self, x: KerasTensor, context: BuildContext) -> KerasTensor:
        """Normalize the output ``x`` of a layer. The names of Keras layers begin with ``context.name``."""
        return x


def _only_on_weights(norm: Norm) -> Norm:
    if not norm.on_weights and type(norm) is not NoNorm:
        raise ValueError(f"only weights can be normalized here: none or spectral, received {norm.registered_name}")
    return norm


norms: Registry[Norm] = Registry("norms", kind="norm", base=Norm, package="ganzoo.norms", compact=True)
NormPart = Annotated[Norm, norms.field()]
WeightNormPart = Annotated[Norm, norms.field(), AfterValidator(_only_on_weights)]
"""A norm of weights, or none."""


@norms.register("none")
class NoNorm(Norm):
    """No normalization."""


@norms.register("batch")
class BatchNorm(Norm):
    """Batch normalization (Ioffe and Szegedy 2015, arXiv:1502.03167), with a learned scale and offset.

    They depend on the class under the generator's ``conditioning: batch_norm`` (Dumoulin et al. 2017,
    arXiv:1610.07629), and on the latent under ``self_modulation`` (Chen et al. 2019, arXiv:1810.01365).
    """

    also_known_as: ClassVar[tuple[str, ...]] = ("bn", "batchnorm")
    has_offset: ClassVar[bool] = True
    mixes_samples: ClassVar[bool] = True
    conditional: ClassVar[bool] = True

    def build(self, x: KerasTensor, context: BuildContext) -> KerasTensor:
        import keras

        from ganzoo.blocks import _keras_layers

        name, label, style = context.name, context.norm_label, context.norm_style
        plain = label is None and style is None
        layer = keras.layers.BatchNormalization(
            momentum=0.9, epsilon=1e-5, center=plain, scale=plain, name=f"{name}_norm"
        )
        x = layer(x)
        if style is not None:
            return _modulate(x, style.tensor, context)
        if label is not None:
            return _keras_layers.ClassAffine(label.num_classes, name=f"{name}_by_class")([x, label.tensor])
        return x


@norms.register("layer")
class LayerNorm(Norm):
    """Layer normalization over the channels of each pixel (Ba et al. 2016, arXiv:1607.06450)."""

    also_known_as: ClassVar[tuple[str, ...]] = ("ln", "layernorm")
    has_offset: ClassVar[bool] = True

    def build(self, x: KerasTensor, context: BuildContext) -> KerasTensor:
        import keras

        return keras.layers.LayerNormalization(epsilon=1e-5, name=f"{context.name}_norm")(x)


@norms.register("pixel")
class PixelNorm(Norm):
    """Scales the feature vector of each pixel to unit mean square (Karras et al. 2018, arXiv:1710.10196)."""

    def build(self, x: KerasTensor, context: BuildContext) -> KerasTensor:
        from ganzoo.blocks import _keras_layers

        return _keras_layers.PixelNorm(name=f"{context.name}_norm")(x)


@norms.register("spectral")
class SpectralNorm(Norm):
    """Divides the weights by their largest singular value (Miyato et al. 2018, arXiv:1802.05957)."""

    also_known_as: ClassVar[tuple[str, ...]] = ("sn", "spectralnorm")
    on_weights: ClassVar[bool] = True

    def apply(self, layer: Any, x: KerasTensor) -> KerasTensor:
        from ganzoo.blocks import _keras_layers

        use_bias, layer.use_bias = layer.use_bias, False
        return _keras_layers.SpectralNorm(layer, use_bias=use_bias, name=layer.name)(x)


@norms.register("group")
class GroupNorm(Norm):
    """Normalizes each sample over groups of channels (Wu and He 2018, arXiv:1803.08494), with scale and offset.

    Attributes:
        groups: number of groups; it divides the number of channels.
    """

    also_known_as: ClassVar[tuple[str, ...]] = ("gn", "groupnorm")
    has_offset: ClassVar[bool] = True

    groups: int = Field(4, ge=1, le=1024)

    def check_channels(self, channels: int) -> None:
        if channels % self.groups:
            raise ConfigError(
                f"norm 'group' cannot split {channels} channels into {self.groups} groups; use groups: "
                f"{math.gcd(channels, self.groups)}"
            )

    def build(self, x: KerasTensor, context: BuildContext) -> KerasTensor:
        import keras

        self.check_channels(x.shape[-1])
        return keras.layers.GroupNormalization(self.groups, epsilon=1e-5, name=f"{context.name}_norm")(x)


def _modulate(x: KerasTensor, style: KerasTensor, context: BuildContext) -> KerasTensor:
    """Scale and shift each channel by what one hidden layer makes of the style, plus a part for each class."""
    import keras

    from ganzoo.blocks import _keras_layers
    from ganzoo.blocks.channel_groups import with_channel_groups

    name, width, label = context.name, 2 * x.shape[-1], context.norm_label
    hidden = keras.layers.Dense(
        STYLE_UNITS, activation="relu", kernel_initializer="he_normal", name=f"{name}_style_hidden"
    )(style)
    affine = with_channel_groups(keras.layers.Dense(width, name=f"{name}_style"), 2)(hidden)
    if label is not None:
        table = keras.layers.Embedding(
            label.num_classes, width, embeddings_initializer="zeros", name=f"{name}_class_style"
        )
        by_class = with_channel_groups(table, 2)(label.tensor)
        affine = keras.layers.Add(name=f"{name}_styles")([affine, by_class])
    return _keras_layers.Modulate(name=f"{name}_modulate")([x, affine])
