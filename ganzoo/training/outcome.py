"""How a training ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Reason = Literal["finished", "steps", "minutes", "interrupted", "callback"]


@dataclass(frozen=True)
class Outcome:
    """The last step of a training, and the reason for its end.

    Attributes:
        step: the last step.
        reason: ``finished`` at the config's last step; ``steps`` at ``max_steps``; ``minutes`` after ``max_minutes``;
            ``interrupted`` by Ctrl-C or SIGTERM; ``callback`` if a callback stopped the training.
    """

    step: int
    reason: Reason
