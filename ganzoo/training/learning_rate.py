"""The learning rate schedule of a training."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from ganzoo.schedules import Schedule, rise_and_fall, schedules


class WarmupThenDecay(keras.optimizers.schedules.LearningRateSchedule):
    """A linear warmup over ``warmup_steps`` updates, then the schedule: a constant rate, or a decay to zero.

    The decay ends at update ``updates``. The variable ``factor``, initially 1, scales the rate; ``scale`` sets it.
    """

    def __init__(self, peak: float, *, schedule: Schedule | str, warmup_steps: int, updates: int) -> None:
        self.peak = peak
        self.schedule = schedules.create(schedule)
        self.warmup_steps = warmup_steps
        self.updates = updates
        self.factor = keras.Variable(1.0, dtype="float32", trainable=False, name="factor")

    def __call__(self, step: Any) -> Any:
        step = ops.cast(step, "float32")
        rise, fall = rise_and_fall(
            step, ops, schedule=self.schedule, warmup_steps=self.warmup_steps, updates=self.updates
        )
        return self.peak * rise * fall * self.factor

    def get_config(self) -> dict[str, Any]:
        return {
            "peak": self.peak,
            "schedule": schedules.spec(self.schedule),
            "warmup_steps": self.warmup_steps,
            "updates": self.updates,
        }


def scale(optimizer: keras.Optimizer, factor: float, *, peak: float) -> None:
    """Set the learning rate to ``factor`` times the config's, from the next update.

    Args:
        optimizer: an optimizer with a schedule of this module, or with a constant rate.
        factor: the factor, above 0.
        peak: the config's learning rate, for an optimizer with a constant rate.
    """
    schedule = optimizer._learning_rate  # the public attribute is only the current value
    if isinstance(schedule, WarmupThenDecay):
        schedule.factor.assign(factor)
    else:
        optimizer.learning_rate = factor * peak
