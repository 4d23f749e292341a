"""Every loss against its formula in NumPy, and its gradient against finite differences."""

import numpy as np
import pytest
import tensorflow as tf

from ganzoo.losses import losses

# Written from the papers with probabilities, not from the code with logits.


def probability(logit):
    return 1 / (1 + np.exp(-logit))


def cross_entropy(target, logit):
    p = probability(logit)
    return np.mean(-target * np.log(p) - (1 - target) * np.log(1 - p))


def relu(x):
    return np.where(x > 0, x, 0)


FORMULAS = {
    "non_saturating": (
        lambda real, fake: cross_entropy(1, real) + cross_entropy(0, fake),
        lambda real, fake: cross_entropy(1, fake),
    ),
    "saturating": (
        lambda real, fake: cross_entropy(1, real) + cross_entropy(0, fake),
        lambda real, fake: np.mean(np.log(1 - probability(fake))),
    ),
    "least_squares": (
        lambda real, fake: np.mean((real - 1) ** 2) / 2 + np.mean(fake**2) / 2,
        lambda real, fake: np.mean((fake - 1) ** 2) / 2,
    ),
    "hinge": (
        lambda real, fake: np.mean(relu(1 - real)) + np.mean(relu(1 + fake)),
        lambda real, fake: -np.mean(fake),
    ),
    "wasserstein": (
        lambda real, fake: np.mean(fake) - np.mean(real),
        lambda real, fake: -np.mean(fake),
    ),
    "relativistic": (
        lambda real, fake: np.mean(-np.log(probability(real - fake))),
        lambda real, fake: np.mean(-np.log(probability(fake - real))),
    ),
}
NETWORKS = ("discriminator", "generator")


def logits(seed=0, count=7):
    return 2 * np.random.RandomState(seed).standard_normal((2, count, 1))


def differences(function, at, *, step=1e-6):
    """Central differences of a function of one array, by that array."""
    gradient = np.zeros_like(at)
    for place in np.ndindex(at.shape):
        move = np.zeros_like(at)
        move[place] = step
        gradient[place] = (function(at + move) - function(at - move)) / (2 * step)
    return gradient


PERFECT = {"least_squares": (1.0, 0.0), "hinge": (1.0, -1.0), "non_saturating": (9.0, -9.0), "relativistic": (9.0, 0.0)}


@pytest.mark.parametrize("name", PERFECT)
def test_a_perfect_discriminator_is_seen_as_saturated(name):
    """The collapse watch needs probabilities of at least 0.99 and at most 0.01."""
    loss = losses.create(name)
    real, fake = loss.realness_scores(*(tf.fill([4, 1], logit) for logit in PERFECT[name]))
    assert np.all(loss.probability(real) >= 0.99)
    assert np.all(loss.probability(fake) <= 0.01)
    middle = loss.realness_scores(*[tf.fill([4, 1], 0.5 if name == "least_squares" else 0.0)] * 2)
    assert np.all(np.asarray([loss.probability(scores) for scores in middle]) == 0.5)


def test_every_loss_has_its_formula_here():
    assert sorted(FORMULAS) == losses.names()


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("name", FORMULAS)
def test_a_loss_is_its_formula(name, network):
    formula = FORMULAS[name][NETWORKS.index(network)]
    for seed in range(3):
        real, fake = logits(seed)
        value = getattr(losses.create(name), network)(tf.constant(real), tf.constant(fake))
        np.testing.assert_allclose(value, formula(real, fake), rtol=1e-12)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("name", FORMULAS)
def test_the_gradient_is_that_of_the_formula(name, network):
    formula = FORMULAS[name][NETWORKS.index(network)]
    real, fake = logits()
    tensors = [tf.constant(real), tf.constant(fake)]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = getattr(losses.create(name), network)(*tensors)
    by_real, by_fake = tape.gradient(value, tensors, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    np.testing.assert_allclose(by_real, differences(lambda x: formula(x, fake), real), atol=1e-8)
    np.testing.assert_allclose(by_fake, differences(lambda x: formula(real, x), fake), atol=1e-8)


@pytest.mark.parametrize("smoothing", [0.1, 0.3, 0.49])
@pytest.mark.parametrize("name", ["non_saturating", "saturating"])
def test_label_smoothing_lowers_the_target_of_reals_alone(name, smoothing):
    real, fake = logits()
    loss = losses.create({"name": name, "label_smoothing": smoothing})
    wanted = cross_entropy(1 - smoothing, real) + cross_entropy(0, fake)
    np.testing.assert_allclose(loss.discriminator(tf.constant(real), tf.constant(fake)), wanted, rtol=1e-12)
    np.testing.assert_allclose(loss.generator(tf.constant(real), tf.constant(fake)), FORMULAS[name][1](real, fake))


@pytest.mark.parametrize("name", sorted(FORMULAS.keys() - {"wasserstein"}))
def test_chance_is_the_least_loss_of_a_discriminator_with_equal_logits(name):
    formula = FORMULAS[name][0]
    assert losses.create(name).chance == pytest.approx(least(formula), abs=1e-6)


@pytest.mark.parametrize("smoothing", [0.1, 0.4])
@pytest.mark.parametrize("name", ["non_saturating", "saturating"])
def test_chance_is_less_with_label_smoothing(name, smoothing):
    loss = losses.create({"name": name, "label_smoothing": smoothing})
    wanted = least(lambda real, fake: cross_entropy(1 - smoothing, real) + cross_entropy(0, fake))
    assert loss.chance == pytest.approx(wanted, abs=1e-6)


def least(formula):
    """The least value where the logits of reals and fakes are one number."""
    return min(formula(logit, logit) for logit in np.linspace(-3, 3, 6001))


@pytest.mark.parametrize("name", sorted(FORMULAS.keys() - {"wasserstein"}))
def test_the_verdicts_of_a_discriminator_that_learned_are_right(name):
    """Two logits go down the gradient of the formula, from the wrong side."""
    formula, both = FORMULAS[name][0], np.array([[-0.8], [0.9]])
    for _ in range(200):
        both -= 0.2 * differences(lambda logits: formula(logits[:1], logits[1:]), both)
    of_real, of_fake = losses.create(name).realness_scores(tf.constant(both[:1]), tf.constant(both[1:]))
    assert of_real.numpy().item() > 0.1
    assert of_fake.numpy().item() < -0.1


def test_the_relativistic_verdict_is_of_pairs_and_blind_to_a_shift():
    loss = losses.create("relativistic")
    shifted = [
        loss.realness_scores(tf.constant([[3.0], [1.0]]) + by, tf.constant([[2.0], [4.0]]) + by) for by in (0, 100)
    ]
    for of_real, of_fake in shifted:
        assert of_real.numpy().tolist() == [[1], [-3]]
        assert of_fake.numpy().tolist() == [[-1], [3]]


def test_wasserstein_alone_is_a_critic_without_chance():
    assert [name for name in losses.names() if losses.get(name).critic] == ["wasserstein"]
    assert losses.create("wasserstein").chance is None


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("name", FORMULAS)
def test_large_logits_stay_finite(name, network):
    """A discriminator that is sure of itself must not make the training NaN."""
    real, fake = (tf.constant([[value], [-value]], tf.float32) for value in (1e4, -1e4))
    with tf.GradientTape() as tape:
        tape.watch([real, fake])
        value = getattr(losses.create(name), network)(real, fake)
    gradients = tape.gradient(value, [real, fake], unconnected_gradients=tf.UnconnectedGradients.ZERO)
    assert all(np.isfinite(number).all() for number in (value, *gradients))


def test_only_the_relativistic_generator_reads_reals():
    assert [name for name in losses.names() if losses.get(name).generator_needs_real] == ["relativistic"]
