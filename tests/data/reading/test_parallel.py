import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganzoo.data.reading.parallel import ordered_map, worker_count
from ganzoo.environment.progress import progress_bar


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=60), st.integers(1, 8))
def test_order_is_kept(delays, workers):
    def slow(item):
        time.sleep(delays[item] / 2000)
        return item

    assert list(ordered_map(slow, range(len(delays)), workers=workers)) == list(range(len(delays)))


def test_items_are_taken_only_as_fast_as_results_are():
    taken = []

    def items():
        for number in range(1000):
            taken.append(number)
            yield number

    results = ordered_map(lambda item: item, items(), workers=2)
    next(results)
    assert len(taken) <= 8
    results.close()
    assert len(taken) <= 9


def test_exception_comes_out_in_turn_and_stops_the_rest():
    done = []

    def fail(item):
        if item == 3:
            raise ValueError("three")
        done.append(item)
        return item

    results = ordered_map(fail, range(1000), workers=2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)
    assert len(done) < 50
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ganzoo-data")]


def test_bar_is_silent_without_a_terminal(capfd):
    with progress_bar("Work", 10, quiet=False) as advance:
        advance(10)
    assert capfd.readouterr() == ("", "")


def test_bar_shows_on_a_terminal_unless_quiet(capfd, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_bar("Work", 10, quiet=True) as advance:
        advance(5)
    assert capfd.readouterr() == ("", "")
    with progress_bar("Work", 10, quiet=False) as advance:
        advance(10)
    out, err = capfd.readouterr()
    assert out == ""
    assert "Work" in err


def test_at_least_one_worker():
    assert worker_count() >= 1
