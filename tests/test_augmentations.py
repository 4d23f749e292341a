"""Tests differentiable augmentation: the effect of each change, the affected samples, and the seeds."""

import numpy as np
import pytest
import tensorflow as tf

from ganzoo.augmentations import augmentations

POLICIES = [["color"], ["translation"], ["cutout"], ["color", "translation", "cutout"]]
IMAGES = np.random.RandomState(0).uniform(-1, 1, (6, 12, 8, 3)).astype(np.float32)


def apply(images, policy, seed=0, **fields):
    made = augmentations.create({"name": "diff_augment", "policy": policy, **fields})
    return np.asarray(made.apply(tf.constant(images, tf.float32), tf.constant([seed, 5], tf.int64)))


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_shape_seed_and_independence(policy):
    changed = apply(IMAGES, policy)
    assert changed.shape == IMAGES.shape
    assert changed.dtype == np.float32
    assert np.array_equal(changed, apply(IMAGES, policy))
    assert not np.array_equal(changed, apply(IMAGES, policy, seed=1))
    others = IMAGES.copy()
    others[1:] = 0.5
    np.testing.assert_array_equal(apply(others, policy)[0], changed[0])


@pytest.mark.parametrize("adaptive", [False, True])
def test_colors_change_and_alpha_does_not(adaptive):
    images = np.random.RandomState(0).uniform(-1, 1, (6, 12, 8, 4)).astype(np.float32)
    made = augmentations.create({"name": "diff_augment", "policy": ["color"]})
    seed = tf.constant([0, 5], tf.int64)
    changed = np.asarray(made.apply_some(images, seed, tf.constant(0.9)) if adaptive else made.apply(images, seed))
    np.testing.assert_array_equal(changed[..., 3], images[..., 3])
    assert np.abs(changed[..., :3] - images[..., :3]).max() > 0.1
    if not adaptive:
        np.testing.assert_allclose(changed[..., :3], apply(images[..., :3], ["color"]), atol=1e-6)


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_samples_of_one_batch_are_changed_differently(policy):
    changed = apply(np.repeat(IMAGES[:1], 32, axis=0), policy)
    assert len(np.unique(changed.round(5), axis=0)) > 4


@pytest.mark.parametrize("padding", ["zero", "reflect"])
@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_the_gradient_is_that_of_finite_differences(policy, padding):
    """Every change is affine in the image, so a difference of any size is exact."""
    image, direction = IMAGES[:2], np.random.RandomState(1).standard_normal((2, 12, 8, 3)).astype(np.float32)
    made = augmentations.create({"name": "diff_augment", "policy": policy, "padding": padding})
    seed = tf.constant([0, 5], tf.int64)
    x = tf.constant(image)
    with tf.GradientTape() as tape:
        tape.watch(x)
        goal = tf.reduce_sum(made.apply(x, seed) * direction)
    gradient = np.asarray(tape.gradient(goal, x), np.float64)
    for number in range(3):
        move = np.random.RandomState(2 + number).standard_normal(image.shape)
        up, down = (apply(image + by, policy, padding=padding) for by in (move, -move))
        slope = np.sum((up - down) / 2.0 * direction, dtype=np.float64)
        np.testing.assert_allclose(np.sum(gradient * move), slope, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("ratio", "side"), [(0.5, (6, 4)), (0.25, (3, 2)), (1.0, (12, 8))])
def test_cutout_makes_one_rectangle_of_at_most_its_size(ratio, side):
    ones = np.ones((200, 12, 8, 3), np.float32)
    changed = apply(ones, ["cutout"], cutout=ratio)
    assert set(np.unique(changed)) == {0.0, 1.0}
    hole = changed[..., 0] == 0
    assert np.array_equal(hole[..., None] & np.ones(3, bool), changed == 0)
    heights, widths = hole.any(axis=2).sum(axis=1), hole.any(axis=1).sum(axis=1)
    assert np.array_equal(hole.sum(axis=(1, 2)), heights * widths)
    for sizes, wanted in ((heights, side[0]), (widths, side[1])):
        assert sizes.max() in (wanted, min(wanted + 1, 12))
        assert sizes.min() >= wanted // 2 - 1
    if ratio == 0.5:
        whole = (heights >= side[0]) & (widths >= side[1])
        assert 0.1 < whole.mean() < 0.6  # most holes are cut by the border; a hole's center may be anywhere


def test_translation_moves_whole_images_by_up_to_its_share():
    marked = np.zeros((400, 12, 8, 1), np.float32)
    marked[:, 6, 4] = 1.0
    changed = apply(marked, ["translation"], translation=0.25)
    places = np.argwhere(changed[..., 0] == 1.0)
    assert np.array_equal(places[:, 0], np.arange(400))  # one mark in every image, none lost
    assert set(places[:, 1] - 6) == {-3, -2, -1, 0, 1, 2, 3}
    assert set(places[:, 2] - 4) == {-2, -1, 0, 1, 2}


def test_translation_shifts_in_gray():
    changed = apply(np.ones((50, 8, 8, 1), np.float32), ["translation"], translation=0.5)
    assert set(np.unique(changed)) == {0.0, 1.0}


@pytest.mark.parametrize("ratio", [0.25, 0.5])
def test_translation_may_mirror_the_image_at_its_edge(ratio):
    images = np.tile(IMAGES[:1], (40, 1, 1, 1))
    reach = [round(12 * ratio), round(8 * ratio)]
    padded = np.pad(IMAGES[0], [(reach[0], reach[0]), (reach[1], reach[1]), (0, 0)], mode="reflect")
    shifts = [(y, x) for y in range(2 * reach[0] + 1) for x in range(2 * reach[1] + 1)]
    crops = np.stack([padded[y : y + 12, x : x + 8] for y, x in shifts])
    changed = apply(images, ["translation"], translation=ratio, padding="reflect")
    found = [np.flatnonzero((crops == one).all(axis=(1, 2, 3))) for one in changed]
    assert all(len(places) == 1 for places in found)
    assert len({int(places[0]) for places in found}) > 20


def test_color_by_its_formula():
    """Brightness, saturation, contrast, in this order, each from a separate draw."""
    made = augmentations.create({"name": "diff_augment", "policy": ["color"]})
    seed = tf.constant([0, 5], tf.int64)
    key = tf.random.experimental.stateless_fold_in(seed, 0)
    draws = np.asarray(tf.random.stateless_uniform([3, len(IMAGES), 1, 1, 1], seed=key), np.float64)
    wanted = IMAGES + (draws[0] - 0.5)
    gray = wanted.mean(axis=3, keepdims=True)
    wanted = gray + (wanted - gray) * 2 * draws[1]
    mean = wanted.mean(axis=(1, 2, 3), keepdims=True)
    wanted = mean + (wanted - mean) * (0.5 + draws[2])
    np.testing.assert_allclose(made.apply(IMAGES, seed), wanted, atol=1e-5)


def test_an_empty_policy_changes_nothing():
    np.testing.assert_array_equal(apply(IMAGES, []), IMAGES)
