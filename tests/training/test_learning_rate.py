"""The learning rate schedule equals values computed by hand."""

import math

import numpy as np
import pytest
from helpers import tiny_vectors, trainer

from ganzoo.optimizers import optimizers
from ganzoo.training.learning_rate import WarmupThenDecay, scale

FALLS = {"constant": lambda t: 1.0, "linear": lambda t: 1 - t, "cosine": lambda t: (1 + math.cos(math.pi * t)) / 2}


@pytest.mark.parametrize("warmup", [0, 4])
@pytest.mark.parametrize("kind", FALLS)
def test_it_rises_then_falls_to_zero_at_the_end(kind, warmup):
    schedule = WarmupThenDecay(0.2, schedule=kind, warmup_steps=warmup, updates=20)
    for step in range(21):
        rise = min(1.0, (step + 1) / warmup) if warmup else 1.0
        fall = FALLS[kind](max(0, step - warmup) / (20 - warmup))
        np.testing.assert_allclose(schedule(step), 0.2 * rise * fall, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(schedule(1000), 0.2 * FALLS[kind](1), atol=1e-7)


def test_a_warmup_longer_than_the_training_only_rises():
    schedule = WarmupThenDecay(1.0, schedule="cosine", warmup_steps=100, updates=10)
    assert [round(float(schedule(step)), 4) for step in (0, 4, 9)] == [0.01, 0.05, 0.1]


def test_it_comes_back_from_its_config():
    schedule = WarmupThenDecay(0.2, schedule="linear", warmup_steps=3, updates=20)
    again = WarmupThenDecay(**schedule.get_config())
    assert [float(again(n)) for n in range(20)] == [float(schedule(n)) for n in range(20)]


def test_an_optimizer_takes_a_schedule_only_if_it_needs_one():
    assert float(optimizers.create("adam").build(10).learning_rate) == pytest.approx(2e-4)
    warm = optimizers.create({"name": "adam", "warmup_steps": 4, "learning_rate": 0.4}).build(10)
    assert float(warm.learning_rate) == pytest.approx(0.1)


def test_each_network_has_a_rate_of_its_own_which_scale_multiplies(tmp_path):
    """Two time-scales (TTUR, Heusel et al. 2017, arXiv:1706.08500) are one line: another rate for D."""
    one = tiny_vectors(
        steps=10,
        g_optimizer={"name": "adam", "learning_rate": 1e-4, "schedule": "linear"},
        d_optimizer={"name": "adam", "learning_rate": 4e-4},
    )
    made = trainer(one, tmp_path, one.data.load())
    rates = [made.state.optimizers["g_optimizer"], made.state.optimizers["d_optimizer"]]
    assert [float(optimizer.learning_rate) for optimizer in rates] == pytest.approx([1e-4, 4e-4])
    for factor in (0.5, 0.25):
        for optimizer, peak in zip(rates, (1e-4, 4e-4), strict=True):
            scale(optimizer, factor, peak=peak)
        assert [float(optimizer.learning_rate) for optimizer in rates] == pytest.approx([factor * 1e-4, factor * 4e-4])
