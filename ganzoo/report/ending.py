"""Whether a run is in training, and how its last training ended."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import Literal, cast, get_args

from ganzoo.environment import files, locks
from ganzoo.runs import TRAINING_LOCK, Run, read_small_json

State = Literal["training", "finished", "stopped", "interrupted", "collapsed"]
"""``stopped``: before the last step, as the user asked, by ``max_steps``, ``max_minutes`` or a callback."""

FILE = "ended.json"
"""File in a run's folder, written when a training of the run ends. A killed training has none."""


@dataclass(frozen=True)
class Ending:
    """The state of a run.

    Attributes:
        state: of the run.
        step: last step; 0 if unknown.
        reason: why it ended, in one or more lines for the user; may be empty.
    """

    state: State
    step: int = 0
    reason: str = ""

    def write(self, run: Run) -> None:
        """Write the state into the run's folder.

        Raises:
            OSError: if it cannot be written.
        """
        values = {"state": self.state, "step": self.step, "reason": self.reason}
        files.write_file(run.folder / FILE, json.dumps(values).encode())


def forget(run: Run) -> None:
    """Remove the ending of an earlier training, because the run is trained again."""
    with contextlib.suppress(OSError):
        (run.folder / FILE).unlink()


def ending_of(run: Run, *, step: int, steps: int | None) -> Ending:
    """The state of a run, read from its folder.

    Args:
        run: the run.
        step: its last logged step.
        steps: length of the whole training; None if unknown.
    """
    if locks.is_beating(run.folder / TRAINING_LOCK):
        return Ending("training", step)
    written = _written(run)
    if written is not None and written.step >= step:
        return written
    if steps is not None and step >= steps:
        return Ending("finished", step)
    return Ending("interrupted", step)


def _written(run: Run) -> Ending | None:
    try:
        values = read_small_json(run.folder / FILE, dict)
        state, step, reason = values["state"], int(values["step"]), str(values["reason"])
    except (OSError, ValueError, LookupError, TypeError, OverflowError):
        return None
    return Ending(cast("State", state), step, reason) if state in get_args(State) else None
