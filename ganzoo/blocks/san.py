"""The last layer of SAN, the slicing adversarial network (Takida et al. 2024, arXiv:2301.12811)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import field_validator

from ganzoo import replicas
from ganzoo.blocks.base import discriminator_blocks
from ganzoo.blocks.heads import LogitHead
from ganzoo.errors import ConfigError
from ganzoo.norms import NoNorm, Norm

if TYPE_CHECKING:
    from keras import KerasTensor
    from tensorflow import Tensor

    from ganzoo.blocks.context import BuildContext
    from ganzoo.losses import Loss


@discriminator_blocks.register("san_head")
class SanHead(LogitHead):
    """From features to one logit, with a last layer whose direction has its own loss: ``[b, ...] -> [b, 1]``.

    The logit is ``<h, w>`` for features ``h`` and weights ``w``. The adversarial loss and the penalties train ``h`` and
    the norm of ``w``. The direction ``w / |w|`` learns to separate the features of real and generated samples: it
    maximizes the difference of their means of ``<h, w / |w|>``. With classes, ``w`` is the sum of a common vector and
    the embedding of the label, so each class has its own direction, as in the paper's conditional form. Further heads
    are those of ``logit_head``.

    Attributes:
        norm: none, because the direction has unit norm already.
    """

    has_loss_term: ClassVar[bool] = True

    @field_validator("norm")
    @classmethod
    def _no_norm(cls, norm: Norm) -> Norm:
        if type(norm) is not NoNorm:
            raise ValueError(
                f"the direction of 'san_head' has unit norm already: allowed is none, not {norm.registered_name}"
            )
        return norm

    def check_loss(self, loss: Loss) -> None:
        if not loss.falls_with_logit:
            raise ConfigError(
                f"the head 'san_head' does not work with the loss '{loss.registered_name}': it needs a generator's "
                "loss of single samples that falls as their logit rises, for example non_saturating or hinge"
            )

    def loss_term(self, loss: Loss, real: Mapping[str, Tensor], fake: Mapping[str, Tensor]) -> Tensor:
        """The loss of the direction: the paper's maximal Wasserstein-like term, with the opposite sign.

        ``sum r(f) f / sum r(f)`` of generated samples, less that of real samples. ``f`` is the logit, as a function of
        the direction alone, and the weight ``r`` is the slope of the generator's loss: equal for all samples with the
        losses hinge and wasserstein, ``sigmoid(-f)`` with non_saturating.
        """
        return _weighted_mean(loss, fake["direction"]) - _weighted_mean(loss, real["direction"])

    def build(self, x: KerasTensor, context: BuildContext) -> KerasTensor:
        import keras

        from ganzoo.blocks import _san_layers

        name, label = context.name, context.label
        features = [self.features(x, context)]
        self.build_heads(features[0], context)
        if label is not None:
            width = features[0].shape[-1]
            features.append(keras.layers.Embedding(label.num_classes, width, name=f"{name}_embedding")(label.tensor))
        logit = _san_layers.SlicedLinear(name=f"{name}_sliced")(features)
        return keras.layers.Activation("linear", dtype="float32", name=f"{name}_logit")(logit)


def _weighted_mean(loss: Loss, values: Tensor) -> Tensor:
    """The mean of logits ``[b, 1]``, each weighted by minus the slope of the generator's loss there."""
    import tensorflow as tf

    logits = tf.stop_gradient(values)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = loss.generator(tf.zeros_like(logits), logits)
    weights = tf.stop_gradient(-tape.gradient(value, logits))
    total = replicas.mean(tf.reduce_sum(weights))  # the loss is averaged over the replicas
    return tf.reduce_sum(weights * values) / tf.maximum(total, 1e-12)
