"""What a background thread reads ahead."""

import threading

import pytest

from ganzoo.errors import DataError
from ganzoo.training.prefetch import THREAD_NAME, Prefetch


def threads():
    """The threads that read ahead, those of earlier tests included, whose data was not closed."""
    return {thread for thread in threading.enumerate() if thread.name.startswith(THREAD_NAME)}


class Reader:
    """A memory of the numbers of the steps, and the parts that were read into it."""

    def __init__(self, *, part=3, places=20, last=1000):
        self.memory, self.parts, self.broken_from = {}, [], None
        self.part = part
        self.prefetch = Prefetch(self.read, part=part, places=places, last=last)

    def read(self, first, place):
        if self.broken_from is not None and first >= self.broken_from:
            raise OSError(5, "Input/output error")
        self.parts.append(first)
        self.memory[place] = list(range(first, first + self.part))

    def take(self, first, steps):
        pieces = self.prefetch.take(first=first, steps=steps)
        self.prefetch._pool.submit(int).result()  # all that is read ahead is there, and overwrote no piece
        return [step for piece in pieces for step in self.memory[piece.place][piece.start : piece.stop]]


@pytest.fixture
def reader():
    made = []

    def make(**options):
        made.append(Reader(**options))
        return made[-1]

    yield make
    for each in made:
        each.prefetch.close()


@pytest.mark.parametrize(("part", "places"), [(1, 2), (1, 9), (3, 2), (3, 4), (3, 20), (50, 2)])
def test_calls_of_any_length_get_their_steps(reader, part, places):
    made = reader(part=part, places=places)
    most = made.prefetch.most_steps
    assert most * 2 <= part * places
    first = 0
    for steps in (1, 2, 7, 1, 20, 3, most, most):
        steps = min(steps, most)
        assert made.take(first, steps) == list(range(first, first + steps))
        first += steps
    for first in (2, 4000, 0):  # a rollback, a place after the last step, and a new start
        assert made.take(first, most) == list(range(first, first + most))


def test_each_part_is_read_once_and_ahead_of_its_call(reader):
    made = reader()
    made.take(0, 4)
    made.take(4, 4)
    assert made.parts == [0, 3, 6, 9, 12, 15]  # twice the longest call: up to step 16
    assert set(made.memory) == {0, 1, 2, 3, 4}  # place 0 was used again


def test_no_more_is_read_ahead_than_there_are_places_and_nothing_after_the_last_step(reader):
    for options, expected in (({"places": 4}, [0, 3, 6, 9]), ({"last": 5}, [0, 3])):
        made = reader(**options)
        made.take(0, 3)
        assert made.parts == expected[: len(made.parts)]
        assert len(made.parts) == min(len(expected), 3)


def test_an_error_is_raised_in_its_call_and_can_be_retried(reader):
    made = reader()
    made.broken_from = 6
    made.take(0, 5)
    with pytest.raises(DataError, match=r"^Cannot read the samples of steps 6 to 8: Input/output error$"):
        made.take(5, 5)
    made.broken_from = None
    assert made.take(5, 5) == [5, 6, 7, 8, 9]


def test_closing_ends_the_thread(reader):
    earlier = threads()
    made = reader()
    made.take(0, 4)
    assert threads() - earlier
    made.prefetch.close()
    assert not threads() - earlier
