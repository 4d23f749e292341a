"""One training a run: a second one is refused while the first is alive."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from ganzoo.environment import locks
from ganzoo.environment.commands import command, run_word
from ganzoo.errors import RunError
from ganzoo.runs import Run

LOCK = "training.lock"


@contextlib.contextmanager
def training_lock(run: Run, *, info: Callable[[str], None] = lambda text: None) -> Iterator[None]:
    """Hold the run while it is trained.

    Args:
        run: its folder is there.
        info: called if it takes a while to find out whether a process on another machine is alive.

    Raises:
        RunError: if another process trains the run; naming it, and what to do.
    """

    def watch(holder: locks.Holder) -> None:
        info(
            f"Run {run.name} was last trained by {holder}, which did not end as usual. "
            f"Looking for up to {locks.WATCH_SECONDS:.0f} s whether it still runs ..."
        )

    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locks.lock(run.folder / LOCK, on_watch=watch))
        except locks.HeldError as error:
            raise RunError(_held(run, error.holder)) from error
        except OSError as error:
            raise RunError(f"Cannot write in '{run.folder}': {error.strerror or error}.") from error
        yield


def _held(run: Run, holder: locks.Holder | None) -> str:
    resume = f"then: {command('train --resume', run_word(run.folder))}"
    if holder is None:
        return f"Run {run.name} is in training by another process. Wait until it ends, {resume}"
    stop = f"kill {holder.pid}" if holder.is_here else f"kill {holder.pid} on {holder.host}"
    return (
        f"Run {run.name} is in training by {holder}. Wait until it ends, or stop it, which saves it: {stop}; {resume}"
    )
