"""Reacts to a sign of collapse: reports it, goes back to an earlier checkpoint, or stops the training.

A rollback loads an earlier checkpoint and saves it with the number of rollbacks, which sets the learning rates. The
steps are then repeated with the same random draws at half the learning rates. A training that is killed during a
rollback resumes from a checkpoint before the sign. It finds the sign again and reaches the same state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ganzoo.errors import RunError, TrainingError
from ganzoo.runs import CHECKPOINTS
from ganzoo.training import checkpoint
from ganzoo.training.collapse_watch import KINDS, Sign
from ganzoo.training.log import Log
from ganzoo.training.state import TrainingState

Info = Callable[[str], None]


def as_notes(signs: Sequence[Sign]) -> dict[str, Any]:
    """Return the signs in the form of the log; empty if there are none."""
    return {"warnings": [{"kind": sign.kind, "text": sign.text} for sign in signs]} if signs else {}


def react(state: TrainingState, signs: Sequence[Sign], *, log: Log, info: Info) -> bool:
    """Report the signs, and act on them as ``on_collapse`` sets. Returns whether the training went back.

    Raises:
        TrainingError: if a sign triggers an action and ``on_collapse`` is ``stop``.
    """
    serious = [sign for sign in signs if KINDS[sign.kind].triggers_action]
    if serious and state.config.training.watch.on_collapse == "stop":
        good_step = state.last_good_step()
        advice = f"The checkpoint of step {good_step} is older than the first sign." if good_step else ""
        raise TrainingError("\n".join([sign.text for sign in signs] + [advice]).rstrip())
    for sign in signs:
        info(sign.text)
    return bool(serious) and go_back(state, serious, log=log, info=info)


def go_back(state: TrainingState, signs: Sequence[Sign], *, log: Log, info: Info) -> bool:
    """Go back to the last good checkpoint and halve the learning rates, if ``on_collapse`` is ``rollback``.

    Returns whether the training went back. It does not after ``max_rollbacks``, or without a good checkpoint.
    """
    watch, settings = state.watch, state.config.training.watch
    if watch is None or settings.on_collapse != "rollback":
        return False
    if watch.rollbacks >= settings.max_rollbacks:
        info(f"No rollback: the limit training.watch.max_rollbacks={settings.max_rollbacks} is reached.")
        return False
    found_at, count = state.step, watch.rollbacks + 1
    try:
        found = checkpoint.load_newest(state.run.folder / CHECKPOINTS, up_to=state.last_good_step())
    except RunError as error:
        info(f"No rollback: {error}")
        return False
    if found is None:
        info("No rollback: there is no checkpoint older than the first sign.")
        return False
    best = state.best.mark() if state.best else None
    state.load(found)
    if state.best and best:
        state.best.set_mark(best)  # weights that were measured before the sign stay valid
    watch.rollbacks = count
    state.scale_rates(state.rate_factor)
    checkpoint.drop_after(state.run.folder / CHECKPOINTS, found.step)
    state.save()
    log.go_back(found.step)
    log.write(found.step, {}, notes={"rollback": count, "from_step": found_at, **as_notes(signs)})
    info(
        f"Went back from step {found_at} to step {found.step}; both learning rates are now {0.5**count:g} times the "
        f"config's (rollback {count} of at most {settings.max_rollbacks})."
    )
    return True
