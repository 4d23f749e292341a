"""Handles Ctrl-C, so that a training stops at a step boundary."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

STOP_SIGNALS = ("SIGINT", "SIGTERM", "SIGUSR1")
"""Ctrl-C, ``kill``, and what SLURM sends before a time limit (``sbatch --signal=USR1@120``). Windows has no SIGUSR1."""


@contextmanager
def interruptible(*, on_signal: Callable[[], None] = lambda: None) -> Iterator[threading.Event]:
    """Yield an event that Ctrl-C, SIGTERM or SIGUSR1 sets. A second Ctrl-C raises KeyboardInterrupt, as usual.

    Args:
        on_signal: called by the first signal.
    """
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return
    numbers = [getattr(signal, name) for name in STOP_SIGNALS if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}

    def interrupt(number: int, frame: Any) -> None:
        first = not interrupted.is_set()
        interrupted.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if first:
            on_signal()

    try:
        for number in before:
            signal.signal(number, interrupt)
        yield interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
