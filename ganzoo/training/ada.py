"""How strong an adaptive augmentation is: it follows how much the discriminator overfits."""

from __future__ import annotations

from typing import Any, Self

import keras
import tensorflow as tf

from ganzoo.config.experiment import Config

INTERVAL = 4
"""Steps between two changes (Karras et al. 2020, arXiv:2006.06676, section 3.2)."""


class AdaptiveAugmentation:
    """The probability ``p`` of each change, moved towards where ``E[sign(D(real))]`` is at its target.

    ADA's rule (arXiv:2006.06676, section 3.2): over four batches the mean sign of D on real samples is taken; if it is
    above the target, D overfits and ``p`` rises by a fixed amount, else it falls. From 0 to 1 it takes
    ``adapt_images`` real images. It begins at 0 and stays within [0, 1].
    """

    def __init__(self, config: Config) -> None:
        augment = config.training.augment
        if augment is None:
            raise ValueError("there is no augmentation")
        images = INTERVAL * config.training.batch_size * config.training.d_steps
        self._target = augment.target
        self._amount = images / augment.adapt_images
        self.p = keras.Variable(0.0, dtype="float32", trainable=False, name="p")
        self._signs = keras.Variable(0.0, dtype="float32", trainable=False, name="signs")
        self.variables = (self.p, self._signs)

    @classmethod
    def of(cls, config: Config) -> Self | None:
        """The strength of a config's augmentation; None if it does not adapt."""
        augment = config.training.augment
        return cls(config) if augment is not None and augment.adaptive else None

    def follow(self, step: Any, real_accuracy: Any) -> None:
        """Take in one step, in a graph, outside of the replicas.

        Args:
            step: int64, its number.
            real_accuracy: share of the real samples that D takes for real, so the mean sign is twice that minus one.
        """
        total = self._signs + (2.0 * real_accuracy - 1.0)
        due = tf.equal(step % INTERVAL, INTERVAL - 1)
        move = self._amount * tf.sign(total / INTERVAL - self._target)
        self.p.assign(tf.where(due, tf.clip_by_value(self.p + move, 0.0, 1.0), self.p + 0.0))
        self._signs.assign(tf.where(due, 0.0, total))
