"""The fields that many blocks share, normalization and activation, and the Keras layers that implement them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field

from ganzoo.blocks.base import Block

if TYPE_CHECKING:
    from keras import KerasTensor

    from ganzoo.blocks.context import BuildContext

Norm = Literal["none", "batch", "layer", "pixel", "spectral"]
"""Normalization after a layer with weights.

``batch`` and ``layer``: Keras' layers, with a learned scale and offset. Under the generator's ``conditioning:
batch_norm``, ``batch`` has a scale and an offset for each class. ``pixel``: scales the feature vector of each pixel to
unit mean square (Karras et al. 2018, arXiv:1710.10196). ``spectral``: divides the weights, not the activations, by
their largest singular value (Miyato et al. 2018, arXiv:1802.05957).
"""

STYLE_UNITS = 32
"""Hidden units between the latent and the scales and offsets of a self-modulated normalization, as in compare_gan."""

Interpolation = Literal["nearest", "bilinear"]

Activation = Literal["linear", "relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid"]


class NormalizedBlock(Block):
    """A block with a normalization and an activation.

    Attributes:
        norm: normalization after each layer with weights.
        activation: after the normalization.
        slope: negative slope of ``leaky_relu``.
    """

    norm: Norm = "none"
    activation: Activation = "relu"
    slope: float = Field(0.2, ge=0, lt=1)

    @property
    def mixes_samples(self) -> bool:
        return self.norm == "batch"

    @property
    def conditional_norm(self) -> bool:
        return self.norm == "batch"

    def at_input(self) -> Self:
        return self if has_bias(self.norm) else self.model_copy(update={"norm": "none"})


def weighted(layer: Any, x: KerasTensor, norm: Norm) -> KerasTensor:
    """Apply a new layer that is linear in its kernel, with spectral normalization if ``norm`` is ``spectral``."""
    if norm != "spectral":
        return layer(x)
    from ganzoo.blocks import _keras_layers

    use_bias, layer.use_bias = layer.use_bias, False
    return _keras_layers.SpectralNorm(layer, use_bias=use_bias, name=layer.name)(x)


def normalize(x: KerasTensor, norm: Norm, context: BuildContext) -> KerasTensor:
    """Normalize activations. ``none`` and ``spectral`` return ``x`` itself.

    Batch normalization is conditional where the network's label enters through normalizations, and self-modulated where
    the network has a style (Chen et al. 2019, arXiv:1810.01365). A block that uses it returns True from
    ``mixes_samples`` and ``conditional_norm``.
    """
    import keras

    from ganzoo.blocks import _keras_layers

    name = context.name
    if norm == "batch":
        by_class, style = context.norm_label, context.norm_style
        plain = by_class is None and style is None
        x = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, center=plain, scale=plain, name=f"{name}_norm")(
            x
        )
        if style is not None:
            return _modulate(x, style.tensor, context)
        if by_class is not None:
            return _keras_layers.ClassAffine(by_class.num_classes, name=f"{name}_by_class")([x, by_class.tensor])
    elif norm == "layer":
        return keras.layers.LayerNormalization(epsilon=1e-5, name=f"{name}_norm")(x)
    elif norm == "pixel":
        return _keras_layers.PixelNorm(name=f"{name}_norm")(x)
    return x


def _modulate(x: KerasTensor, style: KerasTensor, context: BuildContext) -> KerasTensor:
    """Scale and shift each channel by what one hidden layer makes of the style, plus a part for each class."""
    import keras

    from ganzoo.blocks import _keras_layers

    name, width, label = context.name, 2 * x.shape[-1], context.norm_label
    hidden = keras.layers.Dense(
        STYLE_UNITS, activation="relu", kernel_initializer="he_normal", name=f"{name}_style_hidden"
    )(style)
    affine = keras.layers.Dense(width, name=f"{name}_style")(hidden)
    if label is not None:
        by_class = keras.layers.Embedding(
            label.num_classes, width, embeddings_initializer="zeros", name=f"{name}_class_style"
        )(label.tensor)
        affine = keras.layers.Add(name=f"{name}_styles")([affine, by_class])
    return _keras_layers.Modulate(name=f"{name}_modulate")([x, affine])


def activate(x: KerasTensor, activation: Activation, slope: float, name: str) -> KerasTensor:
    """Apply an activation; ``slope`` is the negative slope of ``leaky_relu``."""
    import keras

    if activation == "linear":
        return x
    if activation == "leaky_relu":
        return keras.layers.LeakyReLU(negative_slope=slope, name=f"{name}_act")(x)
    return keras.layers.Activation(activation, name=f"{name}_act")(x)


def upsample(x: KerasTensor, interpolation: Interpolation, name: str) -> KerasTensor:
    """Double height and width: ``[b, h, w, c] -> [b, 2h, 2w, c]``. Exported as one operation, unlike Keras' layer."""
    from ganzoo.blocks import _keras_layers

    return _keras_layers.Upsampling(interpolation=interpolation, name=name)(x)


def drop_out(x: KerasTensor, rate: float, name: str) -> KerasTensor:
    """Apply dropout in training, with draws fixed by the training's seed and step. A rate of 0 returns ``x`` itself."""
    if not rate:
        return x
    from ganzoo.blocks import _keras_layers

    return _keras_layers.Dropout(rate, name=f"{name}_dropout")(x)


def has_bias(norm: Norm) -> bool:
    """Whether a layer followed by ``norm`` needs a bias. Batch and layer normalization add an offset themselves."""
    return norm not in ("batch", "layer")
