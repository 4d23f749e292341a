"""The check of penalties."""

from __future__ import annotations

from typing import Any

import numpy as np

from ganzoo.penalties import Penalty, penalties
from ganzoo.testing.part import BATCH, check_part, require


def check_penalty(penalty: Penalty | type[Penalty]) -> None:
    """Check that the penalty is a float32 scalar, not negative, fixed by its seed, with a gradient for the critic.

    Raises:
        AssertionError: with the first check that failed.
    """
    import tensorflow as tf

    penalty = check_part(penalties, penalty)
    rng = np.random.RandomState(0)
    real, fake = (tf.constant(rng.standard_normal((BATCH, 5)), tf.float32) for _ in range(2))
    weight = tf.Variable(rng.standard_normal((5, 1)), dtype=tf.float32)
    seed = tf.constant([1, 2], tf.int64)

    def value() -> Any:
        return penalty.penalty(lambda x: tf.square(x @ weight), real, fake, seed)

    with tf.GradientTape() as tape:
        first = value()
    require(first.shape == () and first.dtype == tf.float32, "the penalty is not a float32 scalar")
    require(bool(first >= 0) and bool(np.isfinite(first)), f"the penalty is {float(first)}")
    require(float(first) == float(value()), "one seed gives two different penalties")
    gradient = tape.gradient(first, weight)
    require(gradient is not None and bool(np.any(gradient)), "the penalty's gradient does not reach the critic")
