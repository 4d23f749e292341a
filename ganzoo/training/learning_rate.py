"""The learning rate over a training."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops


class WarmupThenDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Linear rise over ``warmup_steps`` updates, then constant, or a cosine or linear fall to zero at ``updates``.

    ``factor`` is a variable, 1 at first, that ``scale`` sets.
    """

    def __init__(self, peak: float, *, schedule: str, warmup_steps: int, updates: int) -> None:
        self.peak = peak
        self.schedule = schedule
        self.warmup_steps = warmup_steps
        self.updates = updates
        self.factor = keras.Variable(1.0, dtype="float32", trainable=False, name="factor")

    def __call__(self, step: Any) -> Any:
        step = ops.cast(step, "float32")
        rise = ops.minimum(1.0, (step + 1.0) / max(1, self.warmup_steps))
        progress = ops.clip((step - self.warmup_steps) / max(1, self.updates - self.warmup_steps), 0.0, 1.0)
        if self.schedule == "cosine":
            fall = 0.5 * (1.0 + ops.cos(math.pi * progress))
        else:
            fall = 1.0 - progress if self.schedule == "linear" else 1.0
        return self.peak * rise * fall * self.factor

    def get_config(self) -> dict[str, Any]:
        return {
            "peak": self.peak,
            "schedule": self.schedule,
            "warmup_steps": self.warmup_steps,
            "updates": self.updates,
        }


def scale(optimizer: keras.Optimizer, factor: float, *, peak: float) -> None:
    """Make the learning rate ``factor`` times what the config says, from the next update on.

    Args:
        optimizer: with a schedule of this module, or a constant rate.
        factor: above 0.
        peak: the config's learning rate, which a constant rate is a multiple of.
    """
    schedule = optimizer._learning_rate  # Keras hands out only its present value
    if isinstance(schedule, WarmupThenDecay):
        schedule.factor.assign(factor)
    else:
        optimizer.learning_rate = factor * peak
