"""The auxiliary classifier GAN (Odena et al. 2017, arXiv:1610.09585)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from ganzoo.errors import ConfigError
from ganzoo.objectives.adversarial import Adversarial, Judgment, Terms
from ganzoo.objectives.base import objectives
from ganzoo.objectives.experiment import Experiment

if TYPE_CHECKING:
    from tensorflow import Tensor

    from ganzoo.training.step import Step

CLASSES = "classes"


@objectives.register("acgan")
class Acgan(Adversarial):
    """A second head of the discriminator classifies samples, and the generator makes samples that it recognizes.

    The label is an input of the generator only. The head, float32 ``[b, num_classes]``, has a cross-entropy loss: of
    real and of generated samples for the discriminator (the paper's L_C), of generated ones for the generator.

    Attributes:
        d_weight: weight of both cross entropies in the discriminator's loss.
        g_weight: weight of the cross entropy in the generator's loss.
    """

    conditional_discriminator: ClassVar[bool] = False
    extra_metrics: ClassVar[tuple[str, ...]] = ("d_class_loss", "g_class_loss", "class_accuracy")

    d_weight: float = Field(1.0, gt=0, le=1e3)
    g_weight: float = Field(1.0, gt=0, le=1e3)

    def check(self, config: Experiment) -> None:
        if not config.num_classes:
            raise ConfigError("the objective 'acgan' classifies, so it needs classes; set num_classes")
        if config.pack_size > 1:
            raise ConfigError("a packed discriminator judges several samples at once and cannot classify them")

    def heads(self, config: Experiment) -> dict[str, int]:
        return {CLASSES: config.num_classes}

    def discriminator_terms(self, step: Step, real: Judgment, fake: Judgment) -> Terms:
        return {"d_class_loss": self.d_weight * (class_loss(real) + class_loss(fake))}

    def generator_terms(self, step: Step, fake: Judgment) -> Terms:
        return {"g_class_loss": self.g_weight * class_loss(fake)}

    def measurements(self, step: Step, real: Judgment, fake: Judgment) -> Terms:
        return {"class_accuracy": class_accuracy(real)}


def class_loss(judgment: Judgment) -> Tensor:
    """The mean cross entropy of the head for classes in nats, a scalar: ``log(num_classes)`` for guessing."""
    import tensorflow as tf

    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(judgment.seen.label, judgment.heads[CLASSES])
    return tf.reduce_mean(losses)


def class_accuracy(judgment: Judgment) -> Tensor:
    """The share of samples whose class the head finds, a float32 scalar."""
    import tensorflow as tf

    found = tf.argmax(judgment.heads[CLASSES], axis=1, output_type=tf.int32)
    return tf.reduce_mean(tf.cast(found == judgment.seen.label, tf.float32))
