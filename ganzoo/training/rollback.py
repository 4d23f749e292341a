"""What is done about a sign of collapse: say it, go back, or stop.

Going back is a checkpoint like any other: the state of the step it goes back to, with the number of rollbacks in it,
from which the learning rates follow. The steps are then repeated with the same draws at half the rate. A training that
is killed anywhere here is resumed from a checkpoint before the sign, sees the sign again, and comes to the same state.
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
    """The signs as they stand in the log; nothing if there are none."""
    return {"warnings": [{"kind": sign.kind, "text": sign.text} for sign in signs]} if signs else {}


def react(state: TrainingState, signs: Sequence[Sign], *, log: Log, info: Info) -> bool:
    """Say the signs and do what ``on_collapse`` asks for, if one is of a kind that is gone back from. Returns whether
    the training went back.

    Raises:
        TrainingError: if it asks to stop.
    """
    acted_on = [sign for sign in signs if KINDS[sign.kind].gone_back_from]
    if acted_on and state.config.training.watch.on_collapse == "stop":
        good = state.last_good_step()
        kept = f"The checkpoint of step {good} is from before the first sign." if good else ""
        raise TrainingError("\n".join([sign.text for sign in signs] + [kept]).rstrip())
    for sign in signs:
        info(sign.text)
    return bool(acted_on) and go_back(state, acted_on, log=log, info=info)


def go_back(state: TrainingState, signs: Sequence[Sign], *, log: Log, info: Info) -> bool:
    """Go back to the last good checkpoint with the learning rates halved, if ``on_collapse`` says so and it can be."""
    watch, settings = state.watch, state.config.training.watch
    if watch is None or settings.on_collapse != "rollback":
        return False
    if watch.rollbacks >= settings.max_rollbacks:
        info(f"It went back {watch.rollbacks} times already, which is training.watch.max_rollbacks.")
        return False
    seen_at, count = state.step, watch.rollbacks + 1
    try:
        found = checkpoint.load_newest(state.run.folder / CHECKPOINTS, up_to=state.last_good_step())
    except RunError as error:
        info(f"It cannot go back: {error}")
        return False
    if found is None:
        info("It cannot go back: there is no checkpoint from before the first sign.")
        return False
    best = state.best.mark() if state.best else None
    state.load(found)
    if state.best and best:
        state.best.set_mark(best)  # what was good before the sign stays good
    watch.rollbacks = count
    state.scale_rates()
    checkpoint.drop_after(state.run.folder / CHECKPOINTS, found.step)
    state.save()
    log.go_back(found.step)
    log.write(found.step, {}, notes={"rollback": count, "from_step": seen_at, **as_notes(signs)})
    info(
        f"Went back from step {seen_at} to step {found.step}; both learning rates are now {0.5**count:g} times the "
        f"config's (rollback {count} of at most {settings.max_rollbacks})."
    )
    return True
