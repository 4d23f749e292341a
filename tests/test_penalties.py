"""Every penalty against its formula, with a critic whose gradient is known, and against finite differences."""

import numpy as np
import pytest
import tensorflow as tf

from ganzoo.penalties import Generated, Judged, penalties

SEED = tf.constant([3, 4], tf.int64)
RNG = np.random.RandomState(0)
SHAPE = (5, 2, 3, 1)
REAL, FAKE = RNG.standard_normal((2, *SHAPE))
W = RNG.standard_normal((6,))
"""D(x) = tanh(w . x), so grad D = (1 - tanh(w . x)^2) w."""


def flat(x):
    return np.reshape(x, (len(x), -1))


def critic_values(x, w):
    return np.tanh(flat(x) @ w)


def critic_gradient(x, w):
    return (1 - critic_values(x, w) ** 2)[:, None] * w


def critic(w):
    return lambda x: tf.tanh(tf.reshape(x, [tf.shape(x)[0], -1]) @ tf.reshape(tf.cast(w, x.dtype), [-1, 1]))


def squared_norm(x, w):
    return np.sum(critic_gradient(x, w) ** 2, axis=1)


def shares():
    """The draws of WGAN-GP, one a sample."""
    return np.asarray(tf.random.stateless_uniform([len(REAL), 1, 1, 1], seed=SEED), np.float64)


FORMULAS = {
    "r1": lambda w: 3 / 2 * np.mean(squared_norm(REAL, w)),
    "r2": lambda w: 3 / 2 * np.mean(squared_norm(FAKE, w)),
    "wgan_gp": lambda w: 3 * np.mean((np.sqrt(squared_norm((1 - shares()) * REAL + shares() * FAKE, w)) - 1) ** 2),
}


def create(name):
    return penalties.create({"name": name, "weight" if name == "wgan_gp" else "gamma": 3})


def tensors():
    return tf.constant(REAL, tf.float32), tf.constant(FAKE, tf.float32)


def measured(penalty, discriminator, inputs=None, seed=SEED):
    real, fake = (Judged.by(discriminator, x) for x in inputs or tensors())
    return penalty.penalty(real, fake, seed)


def test_every_penalty_has_its_formula_here():
    assert sorted([*FORMULAS, "mode_seeking"]) == penalties.names()


@pytest.mark.parametrize("name", FORMULAS)
def test_a_penalty_is_its_formula(name):
    value = measured(create(name), critic(W))
    np.testing.assert_allclose(value, FORMULAS[name](W), rtol=1e-5)


@pytest.mark.parametrize("name", FORMULAS)
def test_the_gradient_by_the_weights_is_that_of_the_formula(name):
    """The second derivative, which training uses."""
    w = tf.Variable(W, dtype=tf.float32)
    with tf.GradientTape() as tape:
        value = measured(create(name), critic(w))
    slopes = np.zeros_like(W)
    for place in range(len(W)):
        step = 1e-6 * np.eye(len(W))[place]
        slopes[place] = (FORMULAS[name](W + step) - FORMULAS[name](W - step)) / 2e-6
    np.testing.assert_allclose(tape.gradient(value, w), slopes, rtol=2e-4, atol=1e-6)


def test_the_input_gradient_is_the_analytic_one_and_that_of_finite_differences():
    found = np.asarray(Judged.by(critic(W), tf.constant(REAL, tf.float32)).gradient())
    np.testing.assert_allclose(found, critic_gradient(REAL, W), atol=1e-6)
    for place in range(6):
        move = np.zeros((1, 6))
        move[0, place] = 1e-6
        slope = (critic_values(flat(REAL) + move, W) - critic_values(flat(REAL) - move, W)) / 2e-6
        np.testing.assert_allclose(found[:, place], slope, atol=1e-5)


PACKED = {
    "r1": lambda w, share: 3 / 2 * np.mean(squared_norm(packs(REAL6), w)),
    "r2": lambda w, share: 3 / 2 * np.mean(squared_norm(packs(FAKE6), w)),
    "wgan_gp": lambda w, share: (
        3 * np.mean((np.sqrt(squared_norm((1 - share) * packs(REAL6) + share * packs(FAKE6), w)) - 1) ** 2)
    ),
}
REAL6, FAKE6 = RNG.standard_normal((2, 6, 2, 3, 1))


def packs(samples):
    """Three neighboring samples as one row: a packed discriminator is one of such rows."""
    return samples.reshape(2, 18)


@pytest.mark.parametrize("name", PACKED)
def test_the_gradient_of_a_packed_discriminator_is_that_of_a_pack(name):
    w = RNG.standard_normal(18)
    inputs = [tf.constant(x, tf.float32) for x in (REAL6, FAKE6)]
    value = measured(create(name), lambda x: critic(w)(tf.reshape(x, [2, 18])), inputs)
    share = np.asarray(tf.random.stateless_uniform([2, 1], seed=SEED), np.float64)
    np.testing.assert_allclose(value, PACKED[name](w, share), rtol=1e-5)


def test_vectors_work_like_images():
    value = measured(create("wgan_gp"), critic(W), [tf.reshape(x, [5, 6]) for x in tensors()])
    np.testing.assert_allclose(value, FORMULAS["wgan_gp"](W), rtol=1e-5)


def test_wgan_gp_is_finite_where_the_gradient_vanishes():
    """The root of zero has no derivative; the penalty must not be NaN there."""
    w = tf.Variable(np.zeros(6), dtype=tf.float32)
    with tf.GradientTape() as tape:
        value = measured(create("wgan_gp"), critic(w))
    np.testing.assert_allclose(value, 3.0, rtol=1e-5)
    assert np.isfinite(tape.gradient(value, w)).all()


def test_wgan_gp_draws_a_place_for_every_sample_from_the_seed():
    penalty = create("wgan_gp")
    first = measured(penalty, critic(W))
    assert float(first) == float(measured(penalty, critic(W)))
    assert float(first) != float(measured(penalty, critic(W), seed=SEED + 1))
    assert len(np.unique(shares())) == len(REAL)


@pytest.mark.parametrize("name", FORMULAS)
def test_a_penalty_of_a_mixed_precision_critic_is_float32(name):
    value = measured(create(name), lambda x: critic(W)(tf.cast(x, tf.bfloat16)))
    assert value.dtype == tf.float32
    np.testing.assert_allclose(value, FORMULAS[name](W), rtol=0.1)


@pytest.mark.parametrize(
    ("schedule", "wanted"),
    [
        ("cosine", {0: 2.0, 5: 1.1 + 0.9 * 2**-0.5, 10: 1.1, 20: 0.2, 99: 0.2}),
        ("linear", {0: 2.0, 5: 1.55, 10: 1.1, 20: 0.2, 99: 0.2}),
    ],
)
@pytest.mark.parametrize("name", ["r1", "r2"])
def test_gamma_goes_to_its_end_and_stays(name, schedule, wanted):
    over_training = {"name": name, "gamma": 2.0, "gamma_end": 0.2, "schedule": schedule}
    for spec, steps in ((over_training, 20), ({**over_training, "schedule_steps": 20}, 1000)):
        penalty = penalties.create(spec)
        for step, gamma in wanted.items():
            scale = penalty.scale(tf.constant(step, tf.int64), steps)
            np.testing.assert_allclose(penalty.gamma * scale, gamma, rtol=1e-5)


def test_without_an_end_nothing_is_scaled():
    assert all(penalties.create(name).scale(tf.constant(3, tf.int64), 10) is None for name in FORMULAS)
    with pytest.raises(ValueError, match="schedule_steps needs gamma_end"):
        penalties.create({"name": "r1", "schedule_steps": 5})


def test_the_gradient_before_an_augmentation_is_that_of_the_chain_rule():
    """An augmentation that triples the samples triples the gradient, and R1 grows to nine times."""
    judged = Judged.by(critic(W), tensors()[0] / 3.0, augment=lambda x: 3.0 * x)
    seen, before = (judged.gradient(before_augmentation=place) for place in (False, True))
    np.testing.assert_allclose(seen, critic_gradient(REAL, W), atol=1e-6)
    np.testing.assert_allclose(before, 3 * critic_gradient(REAL, W), atol=1e-5)
    r1 = penalties.create({"name": "r1", "gamma": 3, "before_augmentation": True})
    np.testing.assert_allclose(r1.penalty(judged, judged, SEED), 9 * FORMULAS["r1"](W), rtol=1e-5)


def test_mode_seeking_is_its_formula():
    latent = RNG.standard_normal((5, 4))

    def distance(x):
        return np.abs(flat(x) - np.roll(flat(x), 1, axis=0)).mean(axis=1)

    ratio = distance(FAKE) / distance(latent)
    penalty = penalties.create({"name": "mode_seeking", "weight": 2.0})
    sample, z = tf.constant(FAKE, tf.float32), tf.constant(latent, tf.float32)
    np.testing.assert_allclose(penalty.penalty(Generated(sample, z), SEED), 2 / (ratio.mean() + 1e-5), rtol=1e-5)
    by_class = penalty.penalty(Generated(sample, z, tf.constant([0, 0, 1, 2, 2])), SEED)
    np.testing.assert_allclose(by_class, 2 / (ratio[[1, 4]].mean() + 1e-5), rtol=1e-5)
    assert float(penalty.penalty(Generated(sample, z, tf.range(5)), SEED)) == 0.0
