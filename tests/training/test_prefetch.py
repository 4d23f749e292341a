"""What a background thread reads ahead."""

import threading

import pytest

from ganzoo.errors import DataError
from ganzoo.training.prefetch import THREAD_NAME, Prefetch


def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith(THREAD_NAME)]


def steps_of(pieces):
    return [step for piece in pieces for step in piece.data[piece.start : piece.stop]]


def reader(**options):
    """A prefetch of the numbers of the steps, and the parts that it read."""
    read = []

    def steps(first, count):
        read.append(first)
        return list(range(first, first + count))

    return Prefetch(steps, **{"part": 3, "most": 100, "last": 1000} | options), read


@pytest.mark.parametrize("part", [1, 3, 50])
def test_calls_of_any_length_get_their_steps(part):
    prefetch, _ = reader(part=part)
    first = 0
    for steps in (1, 2, 7, 1, 20, 3):
        assert steps_of(prefetch.take(first=first, steps=steps)) == list(range(first, first + steps))
        first += steps
    for first in (2, 4000, 0):  # a rollback, a place after the last step, and a new start
        assert steps_of(prefetch.take(first=first, steps=5)) == list(range(first, first + 5))
    prefetch.close()


def test_each_part_is_read_once_and_ahead_of_its_call():
    prefetch, read = reader()
    prefetch.take(first=0, steps=4)
    prefetch.take(first=4, steps=4)
    prefetch._pool.shutdown(wait=True)
    assert read == [0, 3, 6, 9, 12]  # twice the longest call: up to step 16
    prefetch.close()


def test_no_more_is_read_ahead_than_allowed_and_nothing_after_the_last_step():
    for options, expected in (({"most": 4}, [0, 3, 6]), ({"last": 8}, [0, 3, 6])):
        prefetch, read = reader(**options)
        prefetch.take(first=0, steps=6)
        prefetch._pool.shutdown(wait=True)
        assert read == expected
        prefetch.close()


def test_an_error_is_raised_in_its_call_and_can_be_retried():
    broken = True

    def steps(first, count):
        if broken and first >= 6:
            raise OSError(5, "Input/output error")
        return list(range(first, first + count))

    prefetch = Prefetch(steps, part=3, most=100, last=100)
    prefetch.take(first=0, steps=5)
    with pytest.raises(DataError, match=r"^Cannot read the samples of steps 6 to 8: Input/output error$"):
        prefetch.take(first=5, steps=5)
    broken = False
    assert steps_of(prefetch.take(first=5, steps=5)) == [5, 6, 7, 8, 9]
    prefetch.close()


def test_closing_ends_the_thread():
    prefetch, _ = reader()
    prefetch.take(first=0, steps=4)
    assert threads()
    prefetch.close()
    assert not threads()
