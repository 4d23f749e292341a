"""Tests the order of the data: each epoch has each sample once, and depends only on the seed."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ganzoo.training.data_order import batch_indices

sizes = {"count": st.integers(1, 40), "per_step": st.tuples(st.integers(1, 3), st.integers(1, 9))}


@given(**sizes, seed=st.integers(0, 2**31 - 1), steps=st.integers(1, 30))
def test_every_epoch_covers_each_sample_once(count, per_step, seed, steps):
    indices = batch_indices(first=0, steps=steps, per_step=per_step, count=count, seed=seed)
    assert indices.shape == (steps, *per_step)
    assert indices.dtype == np.int32
    flat = indices.reshape(-1)
    for start in range(0, len(flat) - count + 1, count):
        assert sorted(flat[start : start + count]) == list(range(count))
    rest = flat[len(flat) // count * count :]
    assert len(set(rest)) == len(rest)
    assert all(0 <= index < count for index in rest)


@given(**sizes, seed=st.integers(0, 99), first=st.integers(0, 50), steps=st.integers(1, 10))
def test_a_step_sees_the_same_however_it_is_reached(count, per_step, seed, first, steps):
    options = {"per_step": per_step, "count": count, "seed": seed}
    whole = batch_indices(first=0, steps=first + steps, **options)
    np.testing.assert_array_equal(whole[first:], batch_indices(first=first, steps=steps, **options))


def test_epochs_and_seeds_have_orders_of_their_own():
    options = {"steps": 1, "per_step": (1, 50), "count": 50}
    orders = [tuple(batch_indices(first=f, seed=s, **options).reshape(-1)) for f in range(4) for s in range(4)]
    assert len(set(orders)) == 16


def test_late_steps_of_long_trainings_work():
    indices = batch_indices(first=10**9 - 1, steps=1, per_step=(5, 64), count=30_000, seed=1)
    assert len(set(indices.reshape(-1))) == 320
