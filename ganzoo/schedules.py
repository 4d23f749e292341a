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


schedules: Registry[Schedule] = Registry(
    "schedules", kind="schedule", base=Schedule, package="ganzoo.schedules", compact=True
)
SchedulePart = Annotated[Schedule, schedules.field()]


@schedules.register("constant")
class Constant(Schedule):
    """Does not fall."""

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
