"""Prevents two trainings of the same run at the same time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from ganzoo.environment import locks
from ganzoo.environment.commands import command, run_word
from ganzoo.errors import RunError
from ganzoo.runs import TRAINING_LOCK, Run


@contextlib.contextmanager
def training_lock(run: Run, *, info: Callable[[str], None] = lambda text: None) -> Iterator[None]:
    """Lock a run while it is trained.

    Args:
        run: a run with an existing folder.
        info: called with a message, if it must wait to find out whether a process on another machine still runs.

    Raises:
        RunError: if another process trains the run. The message names the process, and what to do.
    """

    def watch(holder: locks.Holder) -> None:
        info(
            f"Run {run.name} was last trained by {holder}, which did not end normally. "
            f"Checking for up to {locks.WATCH_SECONDS:.0f} s whether it still runs ..."
        )

    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locks.lock(run.folder / TRAINING_LOCK, on_watch=watch))
        except locks.HeldError as error:
            raise RunError(_locked_message(run, error.holder)) from error
        except OSError as error:
            raise RunError(f"Cannot write in '{run.folder}': {error.strerror or error}.") from error
        yield


def _locked_message(run: Run, holder: locks.Holder | None) -> str:
    resume = f"then: {command('train --resume', run_word(run.folder))}"
    if holder is None:
        return f"Run {run.name} is being trained by another process. Wait until it ends, {resume}"
    stop = f"kill {holder.pid}" if holder.is_here else f"kill {holder.pid} on {holder.host}"
    return (
        f"Run {run.name} is being trained by {holder}. Wait until it ends, or stop it (its state is saved): "
        f"{stop}; {resume}"
    )
