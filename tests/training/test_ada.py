"""Adaptive augmentation: p rises while D overfits, falls while it does not, and is part of a run's state."""

import numpy as np
import pytest
import tensorflow as tf
from helpers import same, samples, state, tiny, trainer

from ganzoo.augmentations import Augmentation, augmentations
from ganzoo.errors import ConfigError
from ganzoo.training.ada import INTERVAL, AdaptiveAugmentation
from ganzoo.training.trainer import Trainer

IMAGES = np.random.RandomState(0).uniform(-1, 1, (400, 8, 8, 1)).astype(np.float32)
SEED = tf.constant([1, 5], tf.int64)


def config(*, augment=None, **training):
    adaptive = {"name": "diff_augment", "adaptive": True, "adapt_images": 80} | (augment or {})
    return tiny(training={"augment": adaptive, "log_every": 1} | training)


def test_the_rule_by_hand():
    """Per four steps of four images p moves by 16 / 80, up if the mean sign is above 0.6, within [0, 1]."""
    ada = AdaptiveAugmentation.of(config())
    accuracies = [1.0] * 12 + [0.5] * 8 + [1.0, 1.0, 1.0, 0.3] + [0.9, 0.7, 0.85, 0.8] + [1.0] * 24 + [0.0] * 32
    wanted, signs, p = [], [], 0.0
    for step, accuracy in enumerate(accuracies):
        signs.append(2 * accuracy - 1)
        if step % 4 == 3:
            p = min(1.0, max(0.0, p + np.sign(np.mean(signs) - 0.6) * 16 / 80))
            signs = []
        wanted.append(p)
    follow = tf.function(ada.follow)
    made = []
    for step, accuracy in enumerate(accuracies):
        follow(tf.constant(step, tf.int64), tf.constant(accuracy))
        made.append(float(ada.p))
    np.testing.assert_allclose(made, wanted, atol=1e-6)
    assert {0.2, 0.6, 1.0} <= set(np.round(made, 3))
    assert made[-1] == 0
    assert INTERVAL == 4


def logged(folder, *, p=0.0, **training):
    """p after each step of a training that begins with it."""
    one = config(steps=16, sample_every=100, checkpoint_every=100, **training)
    made = trainer(one, folder, samples(one, count=4))
    made.state.ada.p.assign(p)
    made.train(quiet=True)
    return [line["augment_p"] for line in made.run.log() if "augment_p" in line]


@pytest.mark.parametrize("loss", ["non_saturating", "hinge", "least_squares", "relativistic"])
def test_p_rises_while_the_discriminator_overfits(tmp_path, loss):
    """Four images, repeated, and a generator that does not change."""
    still, fast = {"name": "adam", "learning_rate": 1e-9}, {"name": "adam", "learning_rate": 0.02}
    curve = logged(tmp_path, loss=loss, g_optimizer=still, d_optimizer=fast, augment={"policy": []})
    assert curve[-1] >= 0.4
    assert curve == sorted(curve)


@pytest.mark.slow
def test_p_falls_while_it_does_not(tmp_path):
    """A discriminator that never learns calls about half of the real images real."""
    still = {"name": "adam", "learning_rate": 1e-9}
    curve = logged(tmp_path, p=0.9, g_optimizer=still, d_optimizer=still, augment={"target": 0.99})
    assert curve[-1] == pytest.approx(0.1, abs=1e-5)
    assert curve == sorted(curve, reverse=True)


@pytest.mark.slow
def test_p_is_saved_and_a_resumed_training_repeats_the_bits(tmp_path):
    one = config(steps=14, checkpoint_every=3, d_steps=2, augment={"target": -0.9})
    data = samples(one)
    whole = trainer(one, tmp_path / "whole", data)
    whole.train(quiet=True)
    broken = trainer(one, tmp_path / "broken", data)
    broken.train(max_steps=5, quiet=True)
    again = Trainer(one, data, broken.run)
    again.state.restore()
    assert 0 < float(again.state.ada.p) < 1
    assert float(again.state.ada.p) == float(broken.state.ada.p)
    again.train(quiet=True)
    assert same(state(again), state(whole))
    assert float(again.state.ada.p) > float(broken.state.ada.p)


@pytest.mark.slow
def test_p_reaches_what_the_discriminator_sees(tmp_path):
    """The first losses of two trainings that differ in p alone."""
    made = []
    for p in (0.0, 1.0):
        one = config(steps=1)
        trained = trainer(one, tmp_path / str(p))
        trained.state.ada.p.assign(p)
        trained.train(quiet=True)
        made.append(trained.run.log()[0]["d_loss"])
    assert made[0] != made[1]


class Negative(Augmentation):
    """Turns images into their negatives; has nothing but ``apply``."""

    def apply(self, images, seed):
        return -images


@pytest.mark.parametrize("made", [Negative(), augmentations.create("diff_augment")], ids=["own", "diff_augment"])
def test_some_images_are_changed_with_the_probability(made):
    def changed(p, seed=SEED):
        seen = np.asarray(made.apply_some(tf.constant(IMAGES), seed, tf.constant(p)))
        return (seen != IMAGES).any(axis=(1, 2, 3))

    assert not changed(0.0).any()
    np.testing.assert_array_equal(made.apply_some(IMAGES, SEED, 1.0), made.apply(IMAGES, SEED))
    independent = len(getattr(made, "policy", "x"))
    assert changed(0.3).mean() == pytest.approx(1 - 0.7**independent, abs=0.08)
    assert not np.array_equal(changed(0.3), changed(0.3, SEED + 1))
    assert (changed(0.3) <= changed(0.6)).all()


def test_one_that_does_not_adapt_has_no_strength_and_no_new_numbers(tmp_path):
    one = tiny(training={"augment": "diff_augment", "steps": 1})
    made = trainer(one, tmp_path)
    assert made.state.ada is None
    assert not any(name.startswith("augment/") for name in state(made))


def test_a_critic_is_refused():
    with pytest.raises(
        ConfigError, match="the loss 'wasserstein' is a critic, which does not classify; use another loss"
    ):
        config(loss="wasserstein")
