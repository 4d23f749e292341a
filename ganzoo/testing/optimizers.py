"""The check of optimizers."""

from __future__ import annotations

import numpy as np

from ganzoo.optimizers import OptimizerConfig, optimizers
from ganzoo.schedules import Linear
from ganzoo.testing.part import check_part, require


def check_optimizer(optimizer: OptimizerConfig | type[OptimizerConfig]) -> None:
    """Check that ``build`` returns a Keras optimizer that reduces a loss and follows the schedule.

    Raises:
        AssertionError: with the first check that failed.
    """
    import keras

    optimizer = check_part(optimizers, optimizer)
    falling = optimizer.model_copy(update={"schedule": Linear(), "learning_rate": 0.01})
    built = falling.build(100)
    require(isinstance(built, keras.Optimizer), f"build() returns {type(built)}, not a Keras optimizer")
    weight = keras.Variable(np.array([1.0, -2.0], np.float32))
    for _ in range(50):
        built.apply([2.0 * keras.ops.convert_to_tensor(weight)], [weight])
    require(bool(np.linalg.norm(weight) < np.sqrt(5.0) - 0.05), "50 updates do not reduce a loss")
    require(abs(float(built.learning_rate) - 0.005) < 1e-6, "the schedule is not followed: use shared()")
