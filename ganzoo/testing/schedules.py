"""The check of schedules."""

from __future__ import annotations

import numpy as np

from ganzoo.schedules import Schedule, schedules
from ganzoo.testing.part import check_part, require


def check_schedule(schedule: Schedule | type[Schedule]) -> None:
    """Check that the factor starts at 1, stays between 0 and 1, ends at 0, and is the same in NumPy and Keras.

    Raises:
        AssertionError: with the first check that failed.
    """
    from keras import ops

    schedule = check_part(schedules, schedule)
    progress = np.linspace(0.0, 1.0, 11, dtype=np.float32)
    factors = np.broadcast_to(np.asarray(schedule.factor(progress, np)), progress.shape)
    in_keras = np.broadcast_to(np.asarray(schedule.factor(ops.convert_to_tensor(progress), ops)), progress.shape)
    require(np.allclose(factors, in_keras, atol=1e-6), "factor() differs between NumPy and Keras")
    require(bool(abs(factors[0] - 1.0) < 1e-6), f"the factor starts at {factors[0]}, not at 1")
    end = 1.0 if schedule.is_constant else 0.0
    require(bool(abs(factors[-1] - end) < 1e-6), f"the factor ends at {factors[-1]}, not at {end}")
    require(bool(((factors >= -1e-6) & (factors <= 1.0 + 1e-6)).all()), "the factor leaves [0, 1]")
