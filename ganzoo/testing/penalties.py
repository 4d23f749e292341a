"""The check of penalties."""

from __future__ import annotations

from typing import Any

import numpy as np

from ganzoo.penalties import Generated, Judged, Penalty, penalties
from ganzoo.testing.part import BATCH, check_part, require


def check_penalty(penalty: Penalty | type[Penalty]) -> None:
    """Check that the penalty is a float32 scalar, not negative, fixed by its seed, with a gradient for its network.

    Raises:
        AssertionError: with the first check that failed.
    """
    import tensorflow as tf

    penalty = check_part(penalties, penalty)
    rng = np.random.RandomState(0)
    real, latent = (tf.constant(rng.standard_normal((BATCH, 5)), tf.float32) for _ in range(2))
    discriminator, generator = (tf.Variable(rng.standard_normal((5, n)), dtype=tf.float32) for n in (1, 5))
    seed = tf.constant([1, 2], tf.int64)
    names = {"discriminator": discriminator, "generator": generator}
    require(getattr(penalty, "network", None) in names, f"network is none of {', '.join(names)}")
    weight = names[penalty.network]

    def critic(samples: Any) -> Any:
        return tf.square(samples @ discriminator)

    def value() -> Any:
        fake = tf.tanh(latent @ generator)
        if penalty.network == "generator":
            return penalty.penalty(Generated(fake, latent), seed)  # type: ignore[attr-defined]
        fake = tf.stop_gradient(fake)
        return penalty.penalty(Judged.by(critic, real), Judged.by(critic, fake), seed)  # type: ignore[attr-defined]

    with tf.GradientTape() as tape:
        first = value()
    require(first.shape == () and first.dtype == tf.float32, "the penalty is not a float32 scalar")
    require(bool(first >= 0) and bool(np.isfinite(first)), f"the penalty is {float(first)}")
    require(float(first) == float(value()), "one seed gives two different penalties")
    gradient = tape.gradient(first, weight)
    has_gradient = gradient is not None and bool(np.any(gradient))
    require(has_gradient, f"the penalty's gradient does not reach the {penalty.network}")
