"""Tests the formats of numbers in messages."""

import pytest

from ganzoo.environment.quantities import age_text, bytes_text, clock_text, count_text, duration_text, rate_text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (37, "37 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (8192, "8.19 kB"),
        (999_499, "999 kB"),
        (999_999, "1 MB"),
        (3_100_000, "3.1 MB"),
        (999_999_999, "1 GB"),
        (48e12, "48 TB"),
    ],
)
def test_bytes(number, text):
    assert bytes_text(number) == text


def test_counts_and_durations():
    assert (count_text(512), count_text(3400), count_text(1.25e6)) == ("512", "3.4 k", "1.25 M")
    assert (age_text(12), age_text(300), age_text(7200), age_text(5 * 86400)) == ("12 s", "5 min", "2 h", "5 d")
    assert (clock_text(12.9), clock_text(26 * 3600 + 300), clock_text(-1)) == ("0:00:12", "26:05:00", "0:00:00")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "1 s"),
        (89, "89 s"),
        (90, "2 min"),
        (3570, "1 h"),
        (7800, "2 h 10 min"),
        (86_370, "1 day"),
        (27 * 3600, "1 day 3 h"),
        (700_000, "8 days 2 h"),
        (172_800, "2 days"),
    ],
)
def test_durations_in_two_units(seconds, text):
    assert duration_text(seconds) == text


@pytest.mark.parametrize(("rate", "text"), [(0.454, "0.45"), (9.14, "9.1"), (195.6, "196"), (12_345, "12,345")])
def test_rates(rate, text):
    assert rate_text(rate) == text
