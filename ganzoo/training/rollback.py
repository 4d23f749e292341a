"""What is done about a sign of collapse: say it, go back, or stop.

Going back is a checkpoint like any other: the state of the step it goes back to, with the number of rollbacks in it,
from which the learning rates follow. The steps are then repeated with the same draws at half the rate. A training that
is killed anywhere here is resumed from a checkpoint before the sign, sees the sign again, and comes to the same state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ganzoo.errors import RunError, TrainingError
from ganzoo.runs import CHECKPOINTS
from ganzoo.training import checkpoint
from ganzoo.training.collapse_watch import KINDS, Sign
from ganzoo.training.log import Log

if TYPE_CHECKING:
    from ganzoo.training.trainer import Trainer

Say = Callable[[str], None]


def as_notes(signs: Sequence[Sign]) -> dict[str, Any]:
    """The signs as they stand in the log; nothing if there are none."""
    return {"warnings": [{"kind": sign.kind, "text": sign.text} for sign in signs]} if signs else {}


def last_good_step(trainer: Trainer) -> int:
    """The step of the last regular checkpoint before any sign. Those of interruptions do not count, so that a training
    goes back to the same step whether it was interrupted or not.
    """
    clean = 0 if trainer.watch is None else trainer.watch.clean_step
    every = trainer.config.training.checkpoint_every
    return clean // every * every


def react(trainer: Trainer, signs: Sequence[Sign], *, log: Log, say: Say) -> bool:
    """Say the signs and do what ``on_collapse`` asks for, if one is of a kind that is gone back from. Returns whether
    the training went back.

    Raises:
        TrainingError: if it asks to stop.
    """
    acted_on = [sign for sign in signs if KINDS[sign.kind].gone_back_from]
    if acted_on and trainer.config.training.watch.on_collapse == "stop":
        good = last_good_step(trainer)
        kept = f"The checkpoint of step {good} is from before the first sign." if good else ""
        raise TrainingError("\n".join([sign.text for sign in signs] + [kept]).rstrip())
    for sign in signs:
        say(sign.text)
    return bool(acted_on) and go_back(trainer, acted_on, log=log, say=say)


def go_back(trainer: Trainer, signs: Sequence[Sign], *, log: Log, say: Say) -> bool:
    """Go back to the last good checkpoint with the learning rates halved, if ``on_collapse`` says so and it can be."""
    watch, settings = trainer.watch, trainer.config.training.watch
    if watch is None or settings.on_collapse != "rollback":
        return False
    if watch.rollbacks >= settings.max_rollbacks:
        say(f"It went back {watch.rollbacks} times already, which is training.watch.max_rollbacks.")
        return False
    seen_at, count = trainer.step, watch.rollbacks + 1
    try:
        found = checkpoint.load_newest(trainer.run.folder / CHECKPOINTS, up_to=last_good_step(trainer))
    except RunError as error:
        say(f"It cannot go back: {error}")
        return False
    if found is None:
        say("It cannot go back: there is no checkpoint from before the first sign.")
        return False
    best = trainer.best.mark() if trainer.best else None
    trainer.load(found)
    if trainer.best and best:
        trainer.best.set_mark(best)  # what was good before the sign stays good
    watch.rollbacks = count
    trainer.scale_rates()
    checkpoint.drop_after(trainer.run.folder / CHECKPOINTS, found.step)
    trainer.save()
    log.go_back(found.step)
    log.write(found.step, {}, notes={"rollback": count, "from_step": seen_at, **as_notes(signs)})
    say(
        f"Went back from step {seen_at} to step {found.step}; both learning rates are now {0.5**count:g} times the "
        f"config's (rollback {count} of at most {settings.max_rollbacks})."
    )
    return True
