"""The check of augmentations."""

from __future__ import annotations

import numpy as np

from ganzoo.augmentations import Augmentation, augmentations
from ganzoo.testing.part import BATCH, check_part, require


def check_augmentation(augmentation: Augmentation | type[Augmentation]) -> None:
    """Check that shape and type are kept, the seed fixes the change, samples do not mix, and the gradient passes.

    Raises:
        AssertionError: with the first check that failed.
    """
    import tensorflow as tf

    augmentation = check_part(augmentations, augmentation)
    first, second = (tf.constant([number, 7], tf.int64) for number in (1, 2))
    for channels in (1, 3, 4):
        images = np.random.RandomState(0).uniform(-1, 1, (BATCH, 8, 6, channels)).astype(np.float32)
        with tf.GradientTape() as tape:
            watched = tf.constant(images)
            tape.watch(watched)
            changed = augmentation.apply(watched, first)
        require(changed.shape == images.shape and changed.dtype == tf.float32, "the shape or type is changed")
        require(bool(np.isfinite(changed).all()), "a value is not finite")
        require(bool(np.any(tape.gradient(changed, watched))), "no gradient passes")
        require(np.array_equal(changed, augmentation.apply(images, first)), "one seed gives two different results")
        require(not np.array_equal(changed, augmentation.apply(images, second)), "two seeds give the same result")
        others = np.concatenate([images[:1], -images[1:]])
        alone = augmentation.apply(others, first)
        require(np.allclose(alone[0], changed[0], atol=1e-6), "a sample depends on the other samples of its batch")
