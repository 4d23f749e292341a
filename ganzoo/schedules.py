"""How a number falls during a training, as registered parts: learning rates, and weights of penalties."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar

from ganzoo.registry import Part, Registry


class Schedule(Part):
    """A factor that falls from 1 to 0."""

    is_constant: ClassVar[bool] = False
    """Whether the factor is always 1, so that the length of the training does not matter."""

    def factor(self, progress: Any, ops: Any) -> Any:
        """The factor at a part of the way.

        Args:
            progress: from 0 (the start) to 1 (the end), an array or tensor.
            ops: the module with functions for it, ``keras.ops`` or ``numpy``.
        """
        raise NotImplementedError


def rise_and_fall(update: Any, ops: Any, *, schedule: Schedule, warmup_steps: int, updates: int) -> tuple[Any, Any]:
    """The two factors of a learning rate: a linear warmup, then the schedule.

    Args:
        update: number of updates so far.
        ops: as for ``Schedule.factor``.
        schedule: what follows the warmup.
        warmup_steps: updates until the highest rate.
        updates: of the whole training. The schedule ends there.
    """
    rise = ops.minimum(1.0, (update + 1.0) / max(1, warmup_steps))
    progress = ops.clip((update - warmup_steps) / max(1, updates - warmup_steps), 0.0, 1.0)
    return rise, schedule.factor(progress, ops)


schedules: Registry[Schedule] = Registry(
    "schedules", kind="schedule", base=Schedule, package="ganzoo.schedules", compact=True
)
SchedulePart = Annotated[Schedule, schedules.field()]


@schedules.register("constant")
class Constant(Schedule):
    """A constant value."""

    is_constant: ClassVar[bool] = True

    def factor(self, progress: Any, ops: Any) -> Any:
        return 1.0


@schedules.register("linear")
class Linear(Schedule):
    """Falls in a straight line."""

    def factor(self, progress: Any, ops: Any) -> Any:
        return 1.0 - progress


@schedules.register("cosine")
class Cosine(Schedule):
    """Falls like half a cosine, slowly at both ends (Loshchilov and Hutter 2017, arXiv:1608.03983)."""

    def factor(self, progress: Any, ops: Any) -> Any:
        return 0.5 * (1.0 + ops.cos(math.pi * progress))
