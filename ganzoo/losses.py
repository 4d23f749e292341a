"""Adversarial losses on logits: registered parts with one formula for each network."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from ganzoo.registry import Part, Registry

if TYPE_CHECKING:
    from tensorflow import Tensor


class Loss(Part):
    """A pair of losses, each a scalar. Logits are float32 ``[b, 1]``; a larger logit means "more real"."""

    generator_needs_real: ClassVar[bool] = False
    """Whether ``generator`` uses the logits of real samples. Otherwise it receives zeros."""
    needs_whole_batch: ClassVar[bool] = False
    """Whether the losses are not means over samples, so that a batch cannot be split over several devices."""
    critic: ClassVar[bool] = False
    """Whether the scale and sign of logits have no meaning. Then D cannot saturate, and adaptive augmentation cannot
    measure overfitting."""
    falls_with_logit: ClassVar[bool] = True
    """Whether the generator's loss of a sample depends on its logit alone, and falls as that rises. SAN needs it."""
    zero_is_neutral: ClassVar[bool] = True
    """Whether a logit of 0 is halfway between real and fake, so that the negated logits of real samples can take the
    place of those of fakes. The objective ``bigan`` needs it."""

    @property
    def chance(self) -> float | None:
        """The least loss of a discriminator whose logits are all equal, or None for a critic.

        The collapse watch uses it to detect a discriminator at chance level.
        """
        return None

    def realness_scores(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of real and fake samples, from their logits: D classifies scores above 0 as real.

        The log, the collapse watch and adaptive augmentation use them. By default they are the logits.
        """
        return real, fake

    def probability(self, scores: Tensor) -> Tensor:
        """The probability of being real that ``realness_scores`` mean, from 0 to 1, for the log and the collapse watch.

        By default it is their sigmoid. A loss without it near 0 and 1 for a perfect discriminator overrides it.
        """
        import tensorflow as tf

        return tf.sigmoid(scores)

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """The loss that the discriminator minimizes, from the logits of real and of fake samples."""
        raise NotImplementedError

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """The loss that the generator minimizes, from the logits of real and of fake samples."""
        raise NotImplementedError


losses: Registry[Loss] = Registry("losses", kind="loss", base=Loss, package="ganzoo.losses")


class CrossEntropyLoss(Loss):
    """Losses of a discriminator that classifies samples as real or fake.

    Attributes:
        label_smoothing: the target of a real sample is ``1 - label_smoothing`` (Salimans et al. 2016,
            arXiv:1606.03498, one-sided).
    """

    label_smoothing: float = Field(0.0, ge=0, lt=0.5)

    @property
    def chance(self) -> float:
        real = (1.0 - self.label_smoothing) / 2.0  # the mean target of a batch, half of it real
        return -2.0 * (real * math.log(real) + (1.0 - real) * math.log(1.0 - real))

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        import tensorflow as tf

        smoothed = self.label_smoothing * tf.reduce_mean(real)
        return tf.reduce_mean(tf.nn.softplus(-real)) + smoothed + tf.reduce_mean(tf.nn.softplus(fake))


@losses.register("non_saturating")
class NonSaturating(CrossEntropyLoss):
    """The usual loss: G minimizes -log D(fake) (Goodfellow et al. 2014, arXiv:1406.2661, section 3)."""

    also_known_as: ClassVar[tuple[str, ...]] = ("ns", "logistic", "bce", "binary_crossentropy", "softplus", "vanilla")

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        import tensorflow as tf

        return tf.reduce_mean(tf.nn.softplus(-fake))


@losses.register("saturating")
class Saturating(CrossEntropyLoss):
    """The minimax loss of the original paper: G minimizes log(1 - D(fake)) (Goodfellow et al. 2014, equation 1)."""

    also_known_as: ClassVar[tuple[str, ...]] = ("minimax",)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        import tensorflow as tf

        return -tf.reduce_mean(tf.nn.softplus(fake))


@losses.register("least_squares")
class LeastSquares(Loss):
    """Squared distance of the logit to 1 for real and 0 for fake (Mao et al. 2017, arXiv:1611.04076, equation 9)."""

    also_known_as: ClassVar[tuple[str, ...]] = ("lsgan", "mse")
    falls_with_logit: ClassVar[bool] = False
    zero_is_neutral: ClassVar[bool] = False

    @property
    def chance(self) -> float:
        return 0.25

    def realness_scores(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        return real - 0.5, fake - 0.5

    def probability(self, scores: Tensor) -> Tensor:
        """The logit itself, which is 1 for real and 0 for fake samples in the optimum, cut at both."""
        import tensorflow as tf

        return tf.clip_by_value(scores + 0.5, 0.0, 1.0)

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        import tensorflow as tf

        return 0.5 * (tf.reduce_mean(tf.square(real - 1.0)) + tf.reduce_mean(tf.square(fake)))

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        import tensorflow as tf

        return 0.5 * tf.reduce_mean(tf.square(fake - 1.0))


@losses.register("hinge")
class Hinge(Loss):
    """Hinge loss (Lim and Ye 2017, arXiv:1705.02894; Miyato et al. 2018, arXiv:1802.05957, equations 16 and 17)."""

    @property
    def chance(self) -> float:
        return 2.0

    def probability(self, scores: Tensor) -> Tensor:
        """From 0 to 1 between the margins, at logits of -1 and 1: beyond them, D learns nothing from a sample."""
        import tensorflow as tf

        return tf.clip_by_value((scores + 1.0) / 2.0, 0.0, 1.0)

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        import tensorflow as tf

        return tf.reduce_mean(tf.nn.relu(1.0 - real)) + tf.reduce_mean(tf.nn.relu(1.0 + fake))

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        import tensorflow as tf

        return -tf.reduce_mean(fake)


@losses.register("wasserstein")
class Wasserstein(Loss):
    """Difference of the mean logits (Arjovsky et al. 2017, arXiv:1701.07875). Use it with the penalty ``wgan_gp``."""

    also_known_as: ClassVar[tuple[str, ...]] = ("wgan",)
    critic: ClassVar[bool] = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        import tensorflow as tf

        return tf.reduce_mean(fake) - tf.reduce_mean(real)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        import tensorflow as tf

        return -tf.reduce_mean(fake)


@losses.register("relativistic")
class Relativistic(Loss):
    """Compare each real sample with a fake one (Jolicoeur-Martineau 2018, arXiv:1807.00734).

    With zero-centered penalties it is R3GAN's loss (Huang et al. 2024, arXiv:2501.05441).
    """

    also_known_as: ClassVar[tuple[str, ...]] = ("rgan", "rpgan", "rsgan", "r3gan")
    generator_needs_real: ClassVar[bool] = True
    falls_with_logit: ClassVar[bool] = False

    @property
    def chance(self) -> float:
        return math.log(2.0)

    def realness_scores(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Differences of each pair, as R3GAN's code reports them: single logits have no meaning."""
        return real - fake, fake - real

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        import tensorflow as tf

        return tf.reduce_mean(tf.nn.softplus(fake - real))

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        import tensorflow as tf

        return tf.reduce_mean(tf.nn.softplus(real - fake))
