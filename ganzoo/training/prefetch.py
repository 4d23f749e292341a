"""Reads the data of the next steps in a background thread, while the device works on the present ones."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from ganzoo.errors import DataError, GanzooError, reason

THREAD_NAME = "ganzoo-prefetch"


class Piece(NamedTuple):
    """Steps of one part: the place of the part in the memory, and the steps ``[start, stop)``, counted in the part."""

    place: int
    start: int
    stop: int


class Prefetch:
    """Reads ahead in parts of a fixed number of steps, into a memory with places for some parts.

    The parts do not depend on the steps of a call of ``take``, so no length has to be guessed. Up to twice the steps of
    the longest call are read ahead, because the training loop at most doubles its chunks. A call that does not continue
    the previous one, such as after a rollback, drops what was read and starts again at its first step.

    Args:
        read: ``read(first, place)`` puts the data of the steps ``[first, first + part)`` in a place of the memory. It
            is called in the background thread.
        part: steps per part.
        places: number of places. Lower places are used first, so that memory is not touched without need.
        last: steps from this one on are read only when a call needs them.

    Attributes:
        most_steps: maximum number of steps in one call of ``take``: half of the memory, so that the other half is read
            meanwhile.
    """

    def __init__(self, read: Callable[[int, int], None], *, part: int, places: int, last: int) -> None:
        if places < 2:
            raise ValueError(f"{places} places: one part is in use, and another is read")
        self._read, self._part, self._places, self._last = read, part, places, last
        self.most_steps = part * max(1, places // 2 - 1)
        self._pool: ThreadPoolExecutor | None = None
        self._next: int | None = None
        self._longest = 0
        self._clear()

    def take(self, *, first: int, steps: int) -> list[Piece]:
        """Return the pieces of ``[first, first + steps)`` in order. They stay in memory until the next call.

        Raises:
            DataError: if reading failed.
            ValueError: if ``steps`` is more than ``most_steps``.
        """
        if steps > self.most_steps:
            raise ValueError(f"{steps} steps, more than {self.most_steps}")
        if first != self._next:
            self.close()
        self._next = None  # an interrupted call must not be continued
        self._longest = max(self._longest, steps)
        self._release(first)
        pieces, step, end = [], first, first + steps
        while step < end:
            self._submit(step, end)
            begin, place, future = next(part for part in self._parts if part[0] <= step < part[0] + self._part)
            self._wait(begin, future)
            stop = min(begin + self._part, end)
            pieces.append(Piece(place, step - begin, stop - begin))
            step = stop
        self._submit(end, end)
        self._next = end
        return pieces

    def close(self) -> None:
        """Drop what was read ahead, and end the thread. A later ``take`` starts it again."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None
        self._next = None
        self._clear()

    def _clear(self) -> None:
        self._parts: deque[tuple[int, int, Future[None]]] = deque()
        self._free = list(range(self._places))

    def _release(self, step: int) -> None:
        """Free the places of the parts that end before ``step``."""
        while self._parts and self._parts[0][0] + self._part <= step:
            heapq.heappush(self._free, self._parts.popleft()[1])

    def _submit(self, step: int, end: int) -> None:
        """Start to read the parts ahead of ``step``, and at least those before ``end``, as far as there are places."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, THREAD_NAME)
        begin = self._parts[-1][0] + self._part if self._parts else step
        ahead = max(end, min(step + 2 * max(self._longest, self._part), self._last))
        while begin < ahead and self._free:
            place = heapq.heappop(self._free)
            self._parts.append((begin, place, self._pool.submit(self._read, begin, place)))
            begin += self._part

    def _wait(self, begin: int, future: Future[None]) -> None:
        try:
            future.result()
        except GanzooError:
            raise
        except Exception as error:
            raise DataError(
                f"Cannot read the samples of steps {begin} to {begin + self._part - 1}: {reason(error)}"
            ) from error
