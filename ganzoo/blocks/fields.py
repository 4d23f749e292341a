"""The fields that many blocks share, normalisation and activation, and the Keras layers they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from keras import KerasTensor

Norm = Literal["none", "batch", "layer", "pixel", "spectral"]
"""Normalisation behind a weight layer.

``batch`` and ``layer``: Keras' layers, with a learned scale and offset. ``pixel``: every pixel's feature vector to unit
mean square (Karras et al. 2018, arXiv:1710.10196). ``spectral``: the weights, not the activations, are divided by their
largest singular value (Miyato et al. 2018, arXiv:1802.05957).
"""

Activation = Literal["linear", "relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid"]


def weighted(layer: Any, x: KerasTensor, norm: Norm) -> KerasTensor:
    """Apply a layer that has a kernel, spectrally normalised if ``norm`` says so."""
    import keras

    if norm == "spectral":
        layer = keras.layers.SpectralNormalization(layer, name=layer.name)
    return layer(x)


def normalise(x: KerasTensor, norm: Norm, name: str) -> KerasTensor:
    """Apply a normalisation of activations; ``none`` and ``spectral`` leave ``x`` as it is."""
    import keras

    if norm == "batch":
        return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_norm")(x)
    if norm == "layer":
        return keras.layers.LayerNormalization(epsilon=1e-5, name=f"{name}_norm")(x)
    if norm == "pixel":
        return keras.layers.UnitNormalization(axis=-1, name=f"{name}_norm")(x) * float(x.shape[-1]) ** 0.5
    return x


def activate(x: KerasTensor, activation: Activation, slope: float, name: str) -> KerasTensor:
    """Apply an activation; ``slope`` is the negative slope of ``leaky_relu``."""
    import keras

    if activation == "linear":
        return x
    if activation == "leaky_relu":
        return keras.layers.LeakyReLU(negative_slope=slope, name=f"{name}_act")(x)
    return keras.layers.Activation(activation, name=f"{name}_act")(x)


def has_bias(norm: Norm) -> bool:
    """Whether a weight layer in front of ``norm`` needs a bias (batch and layer normalisation bring their own)."""
    return norm not in ("batch", "layer")
