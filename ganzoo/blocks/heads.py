"""Heads, the last block of a network: a generator outputs an image or a vector, a discriminator a logit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from ganzoo.activations import ActivationPart, Linear
from ganzoo.blocks.base import Block, Shape, discriminator_blocks, generator_blocks
from ganzoo.blocks.fields import NormalizedBlock, activate, drop_out, normalize, weighted
from ganzoo.errors import ConfigError
from ganzoo.norms import NoNorm, WeightNormPart
from ganzoo.sample_spec import SampleSpec

if TYPE_CHECKING:
    from keras import KerasTensor
    from tensorflow import Tensor

    from ganzoo.blocks.context import BuildContext
    from ganzoo.losses import Loss


class GeneratorHead(Block):
    """The last block of a generator.

    Attributes:
        shape: shape of one sample, set from the data source.
    """

    output: ClassVar[Literal["images", "vectors"]] = "images"

    shape: Shape | None = None

    def sample_shape(self) -> Shape:
        """``shape``, which the network's config sets.

        Raises:
            ConfigError: if it is missing, or is not the shape of an image or vector, whichever this head outputs.
        """
        if self.shape is None:
            raise ConfigError(f"head '{self.registered_name}' needs the 'shape' of a sample")
        if SampleSpec(self.shape).is_image != (self.output == "images"):
            raise ConfigError(
                f"head '{self.registered_name}' outputs {self.output}, but a sample has the shape {list(self.shape)}"
            )
        return self.shape


@generator_blocks.register("image_head")
class ImageHead(NormalizedBlock, GeneratorHead):
    """From features to an image in [-1, 1]: ``[b, h, w, c] -> [b, height, width, 1, 3 or 4]``.

    Attributes:
        upsample: ``conv_transpose`` doubles the size in this last layer, as in DCGAN; ``none`` keeps the size.
        norm, activation: applied to the features first. Residual blocks need it, since they end in a sum.
    """

    kernel_size: int = Field(3, ge=1, le=9)
    upsample: Literal["none", "conv_transpose"] = "none"
    activation: ActivationPart = Linear()

    def output_shape(self, shape: Shape) -> Shape:
        height, width, channels = self.expect(shape, "image")
        self.norm.check_channels(channels)
        factor = 2 if self.upsample == "conv_transpose" else 1
        return (factor * height, factor * width, self.sample_shape()[-1])

    def build(self, x: KerasTensor, context: BuildContext) -> KerasTensor:
        import keras

        name, channels = context.name, self.sample_shape()[-1]
        x = activate(normalize(x, self.norm, context), self.activation, self.slope, name)
        if self.upsample == "conv_transpose":
            layer = keras.layers.Conv2DTranspose(
                channels, self.kernel_size, strides=2, padding="same", name=f"{name}_conv"
            )
        else:
            layer = keras.layers.Conv2D(channels, self.kernel_size, padding="same", name=f"{name}_conv")
        return keras.layers.Activation("tanh", dtype="float32", name=f"{name}_tanh")(weighted(layer, x, self.norm))


@generator_blocks.register("dense_image_head")
class DenseImageHead(GeneratorHead):
    """From a vector of features to an image in [-1, 1], with one dense layer: ``[b, d] -> [b, h, w, c]``."""

    def output_shape(self, shape: Shape) -> Shape:
        self.expect(shape, "vector")
        return self.sample_shape()

    def build(self, x: KerasTensor, context: BuildContext) -> KerasTensor:
        import keras

        name = context.name
        x = keras.layers.Dense(math.prod(self.sample_shape()), name=f"{name}_dense")(x)
        x = keras.layers.Reshape(self.sample_shape(), name=f"{name}_reshape")(x)
        return keras.layers.Activation("tanh", dtype="float32", name=f"{name}_tanh")(x)


@generator_blocks.register("vector_head")
class VectorHead(GeneratorHead):
    """From features to an unbounded vector, for data other than images: ``[b, c] -> [b, d]``."""

    output: ClassVar[Literal["images", "vectors"]] = "vectors"

    def output_shape(self, shape: Shape) -> Shape:
        self.expect(shape, "vector")
        return self.sample_shape()

    def build(self, x: KerasTensor, context: BuildContext) -> KerasTensor:
        import keras

        name = context.name
        x = keras.layers.Dense(self.sample_shape()[0], name=f"{name}_dense")(x)
        return keras.layers.Activation("linear", dtype="float32", name=f"{name}_output")(x)


@discriminator_blocks.register("logit_head")
class LogitHead(NormalizedBlock):
    """From features to one logit per sample: ``[b, ...] -> [b, 1]``. With classes, it adds a projection of the label.

    The projection (Miyato and Koyama 2018, arXiv:1802.05637) is the inner product of the pooled features and an
    embedding of the label. Further heads of the discriminator, for example for classes, are linear in the same pooled
    features.

    Attributes:
        pool: how an image of features becomes a vector; ``flatten`` is DCGAN's last convolution, ``basis`` a sum of the
            pixels with learned weights for each channel (R3GAN, Huang et al. 2024, arXiv:2501.05441).
        norm: normalization of the last layer's weights: ``none`` or ``spectral``. The embedding of the label is not
            normalized.
        activation: applied to the features first. Residual blocks need it, since they end in a sum.
    """

    output = "logits"
    has_loss_term: ClassVar[bool] = False
    """Whether a part of the head learns from ``loss_term`` only."""

    pool: Literal["flatten", "sum", "mean", "basis"] = "flatten"
    norm: WeightNormPart = NoNorm()
    activation: ActivationPart = Linear()
    dropout: float = Field(0.0, ge=0, lt=1)

    def output_shape(self, shape: Shape) -> Shape:
        return (1,)

    def check_loss(self, loss: Loss) -> None:
        """Check that the head works with a loss.

        Raises:
            ConfigError: with one line that names both.
        """

    def loss_term(self, loss: Loss, real: Mapping[str, Tensor], fake: Mapping[str, Tensor]) -> Tensor | None:
        """A term that the discriminator minimizes in addition to its loss, a float32 scalar. None without one.

        Args:
            loss: of the training.
            real, fake: the further outputs of the discriminator for both batches, from ``_calling.add_output``.
        """
        return None

    def features(self, x: KerasTensor, context: BuildContext) -> KerasTensor:
        """The input of the last layer, after activation, pooling and dropout: ``[b, ...] -> [b, d]``."""
        import keras

        from ganzoo.blocks import _r3gan_layers

        name = context.name
        x = activate(x, self.activation, self.slope, name)
        if len(x.shape) > 2 and self.pool == "flatten":
            x = keras.layers.Flatten(name=f"{name}_flatten")(x)
        elif len(x.shape) > 2 and self.pool == "basis":
            x = _r3gan_layers.WeightedPooling(name=f"{name}_basis")(x)
        elif len(x.shape) > 2:
            x = keras.layers.GlobalAveragePooling2D(name=f"{name}_pool")(x) * (
                math.prod(x.shape[1:3]) if self.pool == "sum" else 1
            )
        return drop_out(x, self.dropout, name)

    def build_heads(self, x: KerasTensor, context: BuildContext) -> None:
        """Make the further outputs of the discriminator, if there are any, from ``features``."""
        import keras

        name = context.name
        if context.heads is not None:
            for other, width in context.heads.widths.items():
                values = weighted(keras.layers.Dense(width, name=f"{name}_{other}_dense"), x, self.norm)
                output = keras.layers.Activation("linear", dtype="float32", name=f"{name}_{other}")
                context.heads.outputs[other] = output(values)

    def build(self, x: KerasTensor, context: BuildContext) -> KerasTensor:
        import keras

        name, label = context.name, context.label
        x = self.features(x, context)
        logit = weighted(keras.layers.Dense(1, name=f"{name}_dense"), x, self.norm)
        self.build_heads(x, context)
        if label is not None:
            embedding = keras.layers.Embedding(label.num_classes, x.shape[-1], name=f"{name}_embedding")(label.tensor)
            logit = keras.layers.Add(name=f"{name}_projection")(
                [logit, keras.layers.Dot(axes=-1, name=f"{name}_dot")([x, embedding])]
            )
        return keras.layers.Activation("linear", dtype="float32", name=f"{name}_logit")(logit)
