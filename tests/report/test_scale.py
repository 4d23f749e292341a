"""Tests the limits, ticks and thinning of the axes."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganzoo.report.scale import MOST_POINTS, limits, number_text, thinned, ticks

numbers = st.floats(-1e12, 1e12, allow_nan=False)


@given(numbers, st.floats(1e-6, 1e12))
def test_ticks_cover_the_limits_evenly(low, size):
    high = low + size
    if high - low < 1e-6 * max(abs(low), abs(high)):
        return
    found = ticks(low, high)
    gap = found[1] - found[0]
    assert 2 <= len(found) <= 8
    assert found[0] <= low + 1e-6 * gap
    assert found[-1] >= high - 1e-6 * gap
    assert all(math.isclose(b - a, gap, rel_tol=1e-3) for a, b in itertools.pairwise(found))


@given(st.lists(st.floats(), max_size=200))
def test_limits_are_finite_and_apart(values):
    low, high = limits(values)
    assert math.isfinite(low)
    assert math.isfinite(high)
    assert low < high


def test_a_single_peak_among_many_values_is_outside():
    assert limits([1.0, 2.0] * 100 + [1e9]) == (0.0, 2.0)
    assert limits([1.0, 2.0, 1e9]) == (0.0, 1e9)
    assert limits([1.0, 2.0] * 100, [5.0]) == (0.0, 5.0)
    assert limits([0.0], []) == limits([]) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (20000, "20,000"), (0.25, "0.25"), (2e-4, "0.0002"), (0.86041, "0.8604"), (1e9, "1e+09")],
)
def test_numbers(value, text):
    assert number_text(value) == text


def test_thinning_keeps_the_peaks_and_the_order():
    values = [0.0] * 10_000
    values[1234], values[7777], values[50] = 9.0, -9.0, math.nan
    steps, kept = thinned(range(10_000), values)
    assert len(steps) <= MOST_POINTS
    assert steps == sorted(steps)
    assert dict(zip(steps, kept, strict=True)) | {1234: 9.0, 7777: -9.0} == dict(zip(steps, kept, strict=True))
    assert thinned([1, 2], [3, 4]) == ([1, 2], [3, 4])


@pytest.mark.parametrize(
    "values", [[0.000798, 0.0008], [0.00079998, 0.0008], [1.386, 1.3862], [0.5, 0.51], [3e-7, 3.1e-7]]
)
def test_ticks_have_different_texts(values):
    texts = [number_text(tick) for tick in ticks(*limits(values))]
    assert len(set(texts)) == len(texts)
