"""A training without a terminal prints plain lines."""

import re

import pytest
from helpers import tiny, trainer


@pytest.mark.slow
def test_a_training_without_a_terminal_prints_its_reports(tmp_path, capfd):
    trainer(tiny(training={"steps": 20, "log_every": 2}), tmp_path).train()
    out, err = capfd.readouterr()
    assert out == ""
    lines = [line for line in err.splitlines() if line.startswith("tiny: step")]
    form = (
        r"tiny: step: (\d+) of 20, D loss -?\d+\.\d+, G loss -?\d+\.\d+, \d+ img/s, elapsed \d:\d\d:\d\d"
        r"(, left \d:\d\d:\d\d)?"
    )
    found = [re.fullmatch(form, line) for line in lines]
    assert all(found), lines
    assert [int(match[1]) for match in found] == [2, 4, 6, 20], "the first three, and the last"


def test_quiet_prints_nothing(tmp_path, capfd):
    trainer(tiny(training={"steps": 4, "log_every": 2}), tmp_path).train(quiet=True)
    assert "step" not in capfd.readouterr().err
