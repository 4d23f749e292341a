"""Reads the data of the next steps in a background thread, while the device works on the present ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, NamedTuple, TypeVar

from ganzoo.errors import DataError, GanzooError, reason

T = TypeVar("T")
THREAD_NAME = "ganzoo-prefetch"


class Piece(NamedTuple, Generic[T]):
    """The data of one part, and which of its steps a call asked for: ``[start, stop)``, counted in the part."""

    data: T
    start: int
    stop: int


class Prefetch(Generic[T]):
    """Reads ahead in parts of a fixed number of steps.

    The parts do not depend on the steps of a call of ``take``, so no length has to be guessed. Up to twice the steps of
    the longest call are read ahead, because the training loop at most doubles its chunks. A call that does not continue
    the previous one, such as after a rollback, drops what was read and starts again at its first step.

    Args:
        read: returns the data of ``[first, first + steps)``. Called in the background thread.
        part: steps per part.
        most: the most steps that are read ahead.
        last: steps from this one on are read only when they are asked for.
    """

    def __init__(self, read: Callable[[int, int], T], *, part: int, most: int, last: int) -> None:
        self._read, self._part, self._most, self._last = read, part, most, last
        self._pool: ThreadPoolExecutor | None = None
        self._parts: deque[tuple[int, Future[T]]] = deque()
        self._next: int | None = None
        self._longest = 0

    def take(self, *, first: int, steps: int) -> list[Piece[T]]:
        """Return the pieces of ``[first, first + steps)`` in order, and go on reading in the background.

        Raises:
            DataError: if reading failed.
        """
        if first != self._next:
            self.close()
        self._next = None  # an interrupted call must not be continued
        self._longest = max(self._longest, steps)
        pieces, step, end = [], first, first + steps
        while step < end:
            self._submit(step, end)
            begin, future = self._parts[0]
            data, stop = self._result(begin, future), min(begin + self._part, end)
            pieces.append(Piece(data, step - begin, stop - begin))
            step = stop
            if stop == begin + self._part:
                self._parts.popleft()
        self._submit(end, end)
        self._next = end
        return pieces

    def close(self) -> None:
        """Drop what was read ahead, and end the thread. A later ``take`` starts it again."""
        self._next = None
        self._parts.clear()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def _submit(self, step: int, end: int) -> None:
        """Start to read the parts ahead of ``step``, but at least the next part before ``end``."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, THREAD_NAME)
        begin = self._parts[-1][0] + self._part if self._parts else step
        ahead = step + min(self._most, 2 * max(self._longest, self._part))
        while (begin + self._part <= ahead and begin < self._last) or (not self._parts and begin < end):
            self._parts.append((begin, self._pool.submit(self._read, begin, self._part)))
            begin += self._part

    def _result(self, begin: int, future: Future[T]) -> T:
        try:
            return future.result()
        except GanzooError:
            raise
        except Exception as error:
            raise DataError(
                f"Cannot read the samples of steps {begin} to {begin + self._part - 1}: {reason(error)}"
            ) from error
