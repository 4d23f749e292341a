"""The fields that many blocks share, normalisation and activation, and the Keras layers they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from ganzoo.blocks._conditioning import Label, current_label

if TYPE_CHECKING:
    from keras import KerasTensor

Norm = Literal["none", "batch", "layer", "pixel", "spectral"]
"""Normalisation behind a weight layer.

``batch`` and ``layer``: Keras' layers, with a learned scale and offset (``batch`` with one for each class where a
generator's ``conditioning`` says so). ``pixel``: every pixel's feature vector to unit
mean square (Karras et al. 2018, arXiv:1710.10196). ``spectral``: the weights, not the activations, are divided by their
largest singular value (Miyato et al. 2018, arXiv:1802.05957).
"""

Interpolation = Literal["nearest", "bilinear"]

Activation = Literal["linear", "relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid"]


def weighted(layer: Any, x: KerasTensor, norm: Norm) -> KerasTensor:
    """Apply a new layer that is linear in its kernel, spectrally normalised if ``norm`` says so."""
    if norm != "spectral":
        return layer(x)
    from ganzoo.blocks import _keras_layers

    use_bias, layer.use_bias = layer.use_bias, False
    return _keras_layers.SpectralNorm(layer, use_bias=use_bias, name=layer.name)(x)


def normalize(x: KerasTensor, norm: Norm, name: str) -> KerasTensor:
    """Apply a normalisation of activations; ``none`` and ``spectral`` leave ``x`` as it is."""
    import keras

    if norm == "batch":
        label = current_label()
        plain = label is None or not label.in_norms
        x = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, center=plain, scale=plain, name=f"{name}_norm")(
            x
        )
        return x if label is None or not label.in_norms else _by_class(x, label, name)
    if norm == "layer":
        return keras.layers.LayerNormalization(epsilon=1e-5, name=f"{name}_norm")(x)
    if norm == "pixel":
        from ganzoo.blocks import _keras_layers

        return _keras_layers.PixelNorm(name=f"{name}_norm")(x)
    return x


def _by_class(x: KerasTensor, label: Label, name: str) -> KerasTensor:
    from ganzoo.blocks import _keras_layers

    return _keras_layers.ClassAffine(label.num_classes, name=f"{name}_by_class")([x, label.tensor])


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
    """Apply dropout while training, its draws fixed by the training's seed and step; a rate of 0 leaves ``x``."""
    if not rate:
        return x
    from ganzoo.blocks import _keras_layers

    return _keras_layers.Dropout(rate, name=f"{name}_dropout")(x)


def has_bias(norm: Norm) -> bool:
    """Whether a weight layer in front of ``norm`` needs a bias (batch and layer normalisation bring their own)."""
    return norm not in ("batch", "layer")
