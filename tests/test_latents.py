from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganzoo import latents
from ganzoo.errors import GanzooError

SEEDS = st.integers(0, 2**32 - 1)


def test_the_latent_of_a_seed_is_the_one_that_was_promised():
    """Numbers of RandomState(7), written down once: they may never change."""
    normal = latents.latents([7], dim=3)[0]
    uniform = latents.latents([7], dim=3, distribution="uniform")[0]
    np.testing.assert_array_equal(normal, np.array([1.690525703800356, -0.4659373705408328, 0.0328201636785844], "f4"))
    np.testing.assert_array_equal(uniform, np.array([-0.84738341, 0.55983757, -0.12318154], "f4"))
    assert normal.dtype == np.float32


@given(seed=SEEDS, others=st.lists(SEEDS, max_size=4), dim=st.integers(1, 40))
def test_a_latent_depends_on_its_own_seed_alone(seed, others, dim):
    alone = latents.latents([seed], dim=dim)[0]
    np.testing.assert_array_equal(latents.latents([*others, seed], dim=dim)[-1], alone)
    np.testing.assert_array_equal(alone, np.random.RandomState(seed).standard_normal(dim).astype(np.float32))


@given(seed=SEEDS, classes=st.integers(1, 1000))
def test_the_class_of_a_seed_is_in_range_and_follows_its_rule(seed, classes):
    label = latents.labels([seed], num_classes=classes)
    assert label.dtype == np.int32
    assert 0 <= label[0] < classes
    assert label[0] == int(np.random.RandomState([seed, 1]).random_sample() * classes)


def test_classes_of_seeds_are_even():
    counts = np.bincount(latents.labels(range(6000), num_classes=6), minlength=6)
    assert counts.min() > 850
    assert counts.max() < 1150


def test_uniform_latents_stay_in_their_cube_and_normal_ones_do_not():
    assert np.abs(latents.latents(range(50), dim=50, distribution="uniform")).max() <= 1
    assert np.abs(latents.latents(range(50), dim=50)).max() > 2


@pytest.mark.parametrize("seed", [-1, 2**32, 1.0, "7", True, None, np.float32(3), [1]])
def test_what_is_no_seed_is_refused(seed):
    with pytest.raises(GanzooError, match=r"whole number from 0 to 4294967295; received"):
        latents.check_seed(seed)


def test_numpy_integers_are_seeds():
    assert latents.check_seeds(np.arange(3, dtype=np.uint8)) == [0, 1, 2]
    assert type(latents.check_seed(np.int64(5))) is int


@pytest.mark.parametrize("seeds", ["12", b"1", 5])
def test_what_is_no_list_of_seeds_is_refused(seeds):
    with pytest.raises(GanzooError, match="Seeds are several whole numbers"):
        latents.check_seeds(seeds)


def test_no_seeds_are_refused():
    with pytest.raises(GanzooError, match="no seeds"):
        latents.latents([], dim=3)


def test_an_unknown_distribution_names_the_nearest():
    with pytest.raises(GanzooError, match="Did you mean 'normal'"):
        latents.latents([1], dim=3, distribution="nromal")  # type: ignore[arg-type]


def test_seeds_of_the_command_line():
    assert latents.parse_seeds("0-3,70, 5,5") == [0, 1, 2, 3, 70, 5, 5]
    assert latents.parse_seeds("4294967295") == [2**32 - 1]


@given(st.lists(SEEDS, min_size=1, max_size=20))
def test_seeds_written_with_commas_read_back(seeds):
    assert latents.parse_seeds(",".join(map(str, seeds))) == seeds


@pytest.mark.parametrize("text", ["", "a", "1,,2", "-1", "1-", "1--3", "1.5", "٣", "0x10", "1 2", "4294967296"])
def test_wrong_seeds_of_the_command_line_are_one_line(text):
    with pytest.raises(GanzooError) as caught:
        latents.parse_seeds(text)
    assert "\n" not in str(caught.value)


def test_a_backward_range_is_turned_round_in_the_message():
    with pytest.raises(GanzooError, match="write 3-9"):
        latents.parse_seeds("9-3")


def test_a_huge_range_is_refused_at_once():
    with pytest.raises(GanzooError, match="more than 10000000 seeds"):
        latents.parse_seeds("0-4294967295")


@pytest.mark.parametrize("distribution", latents.DISTRIBUTIONS)
def test_candidates_begin_with_the_latent_and_more_only_add(distribution):
    few, many = (latents.candidates([7, 2**32 - 1], n, dim=5, distribution=distribution) for n in (3, 64))
    assert many.shape == (2, 64, 5)
    np.testing.assert_array_equal(few, many[:, :3])
    np.testing.assert_array_equal(few[:, 0], latents.latents([7, 2**32 - 1], dim=5, distribution=distribution))
    assert len(np.unique(many[0])) > 300
    np.testing.assert_array_equal(latents.candidates([7], 3, dim=5, distribution=distribution)[0], few[0])


def test_candidates_are_one_stream_of_numpy():
    expected = np.random.RandomState(7).standard_normal((4, 5)).astype(np.float32)
    np.testing.assert_array_equal(latents.candidates([7], 4, dim=5)[0], expected)
    np.testing.assert_array_equal(latents.candidates([7], 4, dim=5, truncation=0.5)[0], expected * np.float32(0.5))


def test_truncation_scales_and_one_changes_nothing():
    full = latents.latents([3], dim=16)
    np.testing.assert_array_equal(latents.latents([3], dim=16, truncation=1.0), full)
    np.testing.assert_array_equal(latents.latents([3], dim=16, truncation=0.5), full * np.float32(0.5))
    assert not latents.latents([3], dim=16, truncation=0).any()


@pytest.mark.parametrize("truncation", [-0.1, 1.5, float("nan"), "0.5", True])
def test_truncation_out_of_range_is_refused(truncation):
    with pytest.raises(GanzooError, match="Truncation is a number from 0"):
        latents.truncate(np.zeros((1, 2), np.float32), truncation)


@given(a=SEEDS, b=SEEDS, frames=st.integers(2, 20), dim=st.integers(2, 64))
def test_interpolation_includes_its_ends_and_keeps_the_length(a, b, frames, dim):
    start, stop = latents.latents([a, b], dim=dim)
    path = latents.interpolate(start, stop, frames=frames)
    assert path.shape == (frames, dim)
    assert path.dtype == np.float32
    np.testing.assert_array_equal(path[0], start)
    np.testing.assert_array_equal(path[-1], stop)
    lengths = np.linalg.norm(path, axis=1)
    assert lengths.max() <= max(lengths[0], lengths[-1]) * 1.001
    angle = np.dot(start, stop) / lengths[0] / lengths[-1]
    if angle > -0.99:
        assert lengths.min() >= min(lengths[0], lengths[-1]) * 0.999


def test_uniform_latents_interpolate_in_a_straight_line():
    path = latents.interpolate(np.array([-1, 1], "f4"), np.array([1, 1], "f4"), frames=3, distribution="uniform")
    np.testing.assert_array_equal(path, [[-1, 1], [0, 1], [1, 1]])


def test_normal_latents_turn():
    path = latents.interpolate(np.array([2, 0], "f4"), np.array([0, 2], "f4"), frames=3)
    np.testing.assert_allclose(path[1], [np.sqrt(2), np.sqrt(2)], rtol=1e-6)


@pytest.mark.parametrize(("a", "b"), [([1.0, 1.0], [1.0, 1.0]), ([1.0, 0.0], [-1.0, 0.0]), ([0.0, 0.0], [1.0, 2.0])])
def test_interpolation_without_a_plane_stays_finite(a, b):
    path = latents.interpolate(np.array(a, "f4"), np.array(b, "f4"), frames=5)
    assert np.isfinite(path).all()
    np.testing.assert_allclose(path[2], (np.array(a) + b) / 2, atol=1e-6)


@pytest.mark.parametrize("frames", [1, 0, -3, 2.5, True])
def test_too_few_frames_are_refused(frames):
    with pytest.raises(GanzooError, match="at least 2 frames"):
        latents.interpolate(np.zeros(2, "f4"), np.ones(2, "f4"), frames=frames)
