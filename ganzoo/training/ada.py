"""The strength of an adaptive augmentation, which follows the overfitting of the discriminator."""

from __future__ import annotations

from typing import Any, Self

import keras
import tensorflow as tf

from ganzoo.objectives.experiment import Experiment

INTERVAL = 4
"""Steps between two changes of the strength (Karras et al. 2020, arXiv:2006.06676, section 3.2)."""


class AdaptiveAugmentation:
    """The probability ``p`` of each change of an image, controlled so that ``E[sign(D(real))]`` reaches a target.

    ADA's rule (arXiv:2006.06676, section 3.2): if the mean sign of D's scores of four real batches is above the target,
    D overfits, and ``p`` rises by a fixed amount; otherwise it falls. ``p`` starts at 0, stays within [0, 1], and can
    rise from 0 to 1 in ``adapt_images`` real images.
    """

    def __init__(self, config: Experiment) -> None:
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
    def of(cls, config: Experiment) -> Self | None:
        """The strength of a config's augmentation, or None if it is not adaptive."""
        augment = config.training.augment
        return cls(config) if augment is not None and augment.adaptive else None

    def follow(self, step: Any, real_accuracy: Any) -> None:
        """Update the strength after one step, in a graph, outside of the replicas.

        Args:
            step: int64, the number of the step.
            real_accuracy: share of the real samples that D classifies as real. The mean sign is twice this minus 1.
        """
        total = self._signs + (2.0 * real_accuracy - 1.0)
        due = tf.equal(step % INTERVAL, INTERVAL - 1)
        move = self._amount * tf.sign(total / INTERVAL - self._target)
        self.p.assign(tf.where(due, tf.clip_by_value(self.p + move, 0.0, 1.0), self.p + 0.0))
        self._signs.assign(tf.where(due, 0.0, total))
