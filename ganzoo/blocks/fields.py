"""The fields that many blocks share, normalization and activation, and functions that apply them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field

from ganzoo.activations import Activation, ActivationPart, ReLU, activations
from ganzoo.blocks.base import Block
from ganzoo.norms import NoNorm, Norm, NormPart, norms

if TYPE_CHECKING:
    from keras import KerasTensor

    from ganzoo.blocks.context import BuildContext

Interpolation = Literal["nearest", "bilinear"]


class NormalizedBlock(Block):
    """A block with a normalization and an activation.

    Attributes:
        norm: normalization after each layer with weights.
        activation: after the normalization.
        slope: negative slope of ``leaky_relu``.
    """

    norm: NormPart = NoNorm()
    activation: ActivationPart = ReLU()
    slope: float = Field(0.2, ge=0, lt=1)

    @property
    def mixes_samples(self) -> bool:
        return self.norm.mixes_samples

    @property
    def conditional_norm(self) -> bool:
        return self.norm.conditional

    def wanted_channels(self) -> int:
        channels = super().wanted_channels()
        self.norm.check_channels(channels)
        return channels

    def at_input(self) -> Self:
        return self.model_copy(update={"norm": NoNorm()}) if self.norm.has_offset else self


def weighted(layer: Any, x: KerasTensor, norm: Norm | str) -> KerasTensor:
    """Apply a new layer that is linear in its kernel, with its weights normalized if ``norm`` does that."""
    return norms.create(norm).apply(layer, x)


def normalize(x: KerasTensor, norm: Norm | str, context: BuildContext) -> KerasTensor:
    """Normalize activations, if ``norm`` does that.

    A block that uses a norm that mixes samples returns True from ``mixes_samples``; with one that depends on the class
    or the style, from ``conditional_norm``.
    """
    return norms.create(norm).build(x, context)


def activate(x: KerasTensor, activation: Activation | str, slope: float, name: str) -> KerasTensor:
    """Apply an activation; ``slope`` is the negative slope of ``leaky_relu``."""
    return activations.create(activation).build(x, slope=slope, name=f"{name}_act")


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


def has_bias(norm: Norm | str) -> bool:
    """Whether a layer followed by ``norm`` needs a bias. Batch and layer normalization add an offset themselves."""
    return not norms.create(norm).has_offset
