"""Adversarial losses on logits. Each is a registered part with one formula for each network."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from ganzoo.registry import Part, Registry

if TYPE_CHECKING:
    from tensorflow import Tensor


class Loss(Part):
    """A pair of losses. Logits are float32 ``[b, 1]``, larger meaning "more real"; both methods return a scalar."""

    generator_needs_real: ClassVar[bool] = False
    """Whether ``generator`` reads the logits of real samples (otherwise it gets zeros)."""
    critic: ClassVar[bool] = False
    """Whether logits have neither a scale nor a sign that means something. Then D cannot saturate, and an adaptive
    augmentation has nothing to go by."""

    @property
    def chance(self) -> float | None:
        """The discriminator's loss at its least where all logits are equal, so that it tells nothing apart; the
        collapse watch compares with it. None where that says nothing, as for a critic.
        """
        return None

    def realness_scores(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """What D says of real and of fake samples, given their logits: above 0 "real", below it "fake". The log, the
        collapse watch and an adaptive augmentation go by it. As they are, they fit a loss that is undecided at 0.
        """
        return real, fake

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Loss that the discriminator minimises, given the logits of real and of fake samples."""
        raise NotImplementedError

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Loss that the generator minimises, given the logits of real and of fake samples."""
        raise NotImplementedError


losses: Registry[Loss] = Registry("losses", kind="loss", base=Loss, package="ganzoo.losses")


class CrossEntropyLoss(Loss):
    """Losses of a discriminator that is a classifier "real or fake".

    Attributes:
        label_smoothing: the target of a real sample is ``1 - label_smoothing`` (Salimans et al. 2016,
            arXiv:1606.03498, one-sided).
    """

    label_smoothing: float = Field(0.0, ge=0, lt=0.5)

    @property
    def chance(self) -> float:
        real = (1.0 - self.label_smoothing) / 2.0  # of equal numbers of both kinds, what the targets call real
        return -2.0 * (real * math.log(real) + (1.0 - real) * math.log(1.0 - real))

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        import tensorflow as tf

        smoothed = self.label_smoothing * tf.reduce_mean(real)
        return tf.reduce_mean(tf.nn.softplus(-real)) + smoothed + tf.reduce_mean(tf.nn.softplus(fake))


@losses.register("non_saturating")
class NonSaturating(CrossEntropyLoss):
    """The usual loss: G minimises -log D(fake) (Goodfellow et al. 2014, arXiv:1406.2661, section 3)."""

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        import tensorflow as tf

        return tf.reduce_mean(tf.nn.softplus(-fake))


@losses.register("saturating")
class Saturating(CrossEntropyLoss):
    """The minimax loss of the first paper: G minimises log(1 - D(fake)) (Goodfellow et al. 2014, equation 1)."""

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        import tensorflow as tf

        return -tf.reduce_mean(tf.nn.softplus(fake))


@losses.register("least_squares")
class LeastSquares(Loss):
    """Squared distance of the logit to 1 for real and 0 for fake (Mao et al. 2017, arXiv:1611.04076, equation 9)."""

    @property
    def chance(self) -> float:
        return 0.25

    def realness_scores(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        return real - 0.5, fake - 0.5

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

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        import tensorflow as tf

        return tf.reduce_mean(tf.nn.relu(1.0 - real)) + tf.reduce_mean(tf.nn.relu(1.0 + fake))

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        import tensorflow as tf

        return -tf.reduce_mean(fake)


@losses.register("wasserstein")
class Wasserstein(Loss):
    """Difference of the means (Arjovsky et al. 2017, arXiv:1701.07875); use it with the penalty ``wgan_gp``."""

    critic: ClassVar[bool] = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        import tensorflow as tf

        return tf.reduce_mean(fake) - tf.reduce_mean(real)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        import tensorflow as tf

        return -tf.reduce_mean(fake)


@losses.register("relativistic")
class Relativistic(Loss):
    """Relativistic pairing: is this real sample more real than this fake one (Jolicoeur-Martineau 2018,
    arXiv:1807.00734; with zero-centred penalties it is R3GAN's loss, Huang et al. 2024, arXiv:2501.05441).
    """

    generator_needs_real: ClassVar[bool] = True

    @property
    def chance(self) -> float:
        return math.log(2.0)

    def realness_scores(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Of each pair, as R3GAN's code reports them: only differences of logits mean something."""
        return real - fake, fake - real

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        import tensorflow as tf

        return tf.reduce_mean(tf.nn.softplus(fake - real))

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        import tensorflow as tf

        return tf.reduce_mean(tf.nn.softplus(real - fake))
