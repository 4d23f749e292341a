"""Tests the plain progress lines without a terminal."""

from ganzoo.environment.progress import PlainProgress


class Clock:
    """Seconds that a test sets."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_a_line_after_five_seconds_and_then_at_most_one_in_thirty(capfd):
    clock = Clock()
    progress = PlainProgress("Reading images", 1000, clock=clock)
    for second in range(1, 101):
        clock.now = 100.0 + second
        progress.report(10 * second)
    out, err = capfd.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "Reading images: 50 of 1000, elapsed 0:00:05, left 0:01:35",
        "Reading images: 350 of 1000, elapsed 0:00:35, left 0:01:05",
        "Reading images: 650 of 1000, elapsed 0:01:05, left 0:00:35",
        "Reading images: 950 of 1000, elapsed 0:01:35, left 0:00:05",
    ]


def test_without_a_standard_error_nothing_goes_to_standard_output(capfd, monkeypatch):
    monkeypatch.setattr("sys.stderr", None)
    PlainProgress("a", 2, free_lines=1).report(1)
    assert capfd.readouterr() == ("", "")


def test_the_first_lines_and_the_last_come_at_once(capfd):
    clock = Clock()
    progress = PlainProgress("a: step", 50, first=20, free_lines=2, clock=clock)
    for done in (25, 30, 35, 40):
        clock.now += 1
        progress.report(done, details="D loss 1.000")
    progress.report(50, details="D loss 0.500", always=True)
    lines = capfd.readouterr().err.splitlines()
    assert lines == [
        "a: step: 25 of 50, D loss 1.000, elapsed 0:00:01, left 0:00:05",
        "a: step: 30 of 50, D loss 1.000, elapsed 0:00:02, left 0:00:04",
        "a: step: 50 of 50, D loss 0.500, elapsed 0:00:04",
    ]
