"""A loss of the family of f-divergences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganzoo.losses import Loss, losses

if TYPE_CHECKING:
    from tensorflow import Tensor


@losses.register("pearson")
class Pearson(Loss):
    """Pearson's chi-squared divergence, in f-GAN's variational form (Nowozin et al. 2016, arXiv:1606.00709, table 2).

    The discriminator maximizes ``E[D(real)] - E[D(fake) + D(fake)^2 / 4]``. The generator maximizes ``E[D(fake)]``
    (section 3.2), which does not saturate.
    """

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        import tensorflow as tf  # inside the method, so that reading a config needs no TensorFlow

        return tf.reduce_mean(fake + 0.25 * tf.square(fake)) - tf.reduce_mean(real)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        import tensorflow as tf

        return -tf.reduce_mean(fake)
