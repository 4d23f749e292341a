"""SAN's last layer: the gradients against the formulas of the paper, written out in NumPy."""

import numpy as np
import pytest
import tensorflow as tf
from helpers import tiny, tiny_vectors

from ganzoo.blocks import _calling
from ganzoo.blocks._san_layers import SlicedLinear
from ganzoo.blocks.san import SanHead
from ganzoo.errors import ConfigError
from ganzoo.losses import losses
from ganzoo.objectives.adversarial import Adversarial
from ganzoo.penalties import Judged, penalties
from ganzoo.training.session import start

RNG = np.random.RandomState(0)
REAL, FAKE = 1.5 * RNG.standard_normal((2, 6, 5))
W = RNG.standard_normal(5)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# Slopes of the discriminator's loss by the logits of real and of fake samples, and the weight of a sample in the
# direction's loss.
FORMULAS = {
    "hinge": (lambda f: -1.0 * (f < 1), lambda f: 1.0 * (f > -1), np.ones_like),
    "wasserstein": (lambda f: -np.ones_like(f), np.ones_like, np.ones_like),
    "non_saturating": (lambda f: -sigmoid(-f), sigmoid, lambda f: sigmoid(-f)),
    "saturating": (lambda f: -sigmoid(-f), sigmoid, sigmoid),
}


def layer(w=W):
    made = SlicedLinear(name="sliced")
    made.build([(None, len(w))])
    made.kernel.assign(w[:, None])
    return made


def judged(made, samples, *more):
    with _calling.further_outputs() as further:
        logits = made([tf.constant(samples, tf.float32), *more], training=True)
    return logits, further


def gradients(name, made, real, fake, *more):
    """The discriminator's gradient by the features of both batches, and by the layer's weights."""
    loss = losses.create(name)
    real, fake = (tf.constant(batch, tf.float32) for batch in (real, fake))
    with tf.GradientTape() as tape:
        tape.watch([real, fake])
        of_real, of_fake = (judged(made, batch, *more) for batch in (real, fake))
        total = loss.discriminator(of_real[0], of_fake[0]) + SanHead().loss_term(loss, of_real[1], of_fake[1])
    return [np.asarray(found) for found in tape.gradient(total, [real, fake, made.kernel.value])]


@pytest.mark.parametrize("name", FORMULAS)
def test_the_gradients_are_those_of_the_paper(name):
    real_slope, fake_slope, weight = FORMULAS[name]
    norm = np.linalg.norm(W)
    of_real, of_fake = REAL @ W, FAKE @ W
    slopes = real_slope(of_real) / len(REAL), fake_slope(of_fake) / len(FAKE)
    shares = [weight(f) / weight(f).sum() for f in (of_real, of_fake)]

    by_real, by_fake, by_w = gradients(name, layer(), REAL, FAKE)

    # The features and the norm: the GAN loss of <h, w>, with the direction held fixed.
    np.testing.assert_allclose(by_real, slopes[0][:, None] * W, atol=1e-5)
    np.testing.assert_allclose(by_fake, slopes[1][:, None] * W, atol=1e-5)
    along = (slopes[0] @ REAL + slopes[1] @ FAKE) @ (W / norm) * (W / norm)
    # The direction: the difference of the weighted means of |w| <h, w / |w|>, with h and |w| held fixed.
    means = shares[1] @ FAKE - shares[0] @ REAL
    across = means - means @ (W / norm) * (W / norm)
    np.testing.assert_allclose(by_w[:, 0], along + across, atol=1e-5)


def test_the_direction_goes_where_the_classes_differ_most():
    """Minimized alone, the direction's term turns the direction to the difference of the means."""
    made, loss = layer(), losses.create("hinge")
    for _ in range(30):
        with tf.GradientTape() as tape:
            (_, real), (_, fake) = judged(made, REAL), judged(made, FAKE)
            term = SanHead().loss_term(loss, real, fake)
        made.kernel.assign_sub(2.0 * tape.gradient(term, made.kernel.value))
    found, wanted = np.asarray(made.kernel)[:, 0], REAL.mean(axis=0) - FAKE.mean(axis=0)
    cosine = found @ wanted / np.linalg.norm(found) / np.linalg.norm(wanted)
    assert cosine > 0.999


def test_the_logit_is_the_inner_product_in_training_and_afterwards():
    made, x = layer(), tf.constant(REAL, tf.float32)
    np.testing.assert_allclose(made([x], training=True)[:, 0], REAL @ W, rtol=1e-4)
    np.testing.assert_allclose(made([x], training=False)[:, 0], REAL @ W, rtol=1e-4)


def test_a_penalty_does_not_move_the_direction():
    made = layer()
    with tf.GradientTape() as tape:
        of_real = Judged.by(lambda x: made([tf.tanh(x)], training=True), tf.constant(REAL, tf.float32))
        value = penalties.create("r1").penalty(of_real, of_real, tf.constant([0, 0], tf.int64))
    gradient = np.asarray(tape.gradient(value, made.kernel.value))[:, 0]
    assert np.linalg.norm(gradient) > 0.01
    np.testing.assert_allclose(gradient, gradient @ W / (W @ W) * W, atol=1e-5)


def test_every_class_has_its_own_direction():
    rows = RNG.standard_normal((6, 5))
    x, embedding = tf.constant(REAL, tf.float32), tf.constant(rows, tf.float32)
    logits = layer()([x, embedding], training=True)
    np.testing.assert_allclose(logits[:, 0], np.sum(REAL * (W + rows), axis=1), rtol=1e-4)
    by_real, _, _ = gradients("wasserstein", layer(), REAL, FAKE, embedding)
    np.testing.assert_allclose(by_real, -(W + rows) / len(REAL), atol=1e-5)


def kernel_after_a_step(update):
    """The weights of the last layer after one real step."""
    from ganzoo.training.step import TrainStep

    config = tiny(discriminator={"head": {"name": "san_head"}}, training={"update": update, "batch_size": 4})
    networks, averages = config.objective.networks(config), config.objective.averages(config)
    training = config.training
    optimizers = {"g_optimizer": training.g_optimizer.build(10), "d_optimizer": training.d_optimizer.build(10)}
    for optimizer, name in zip(optimizers.values(), ("generator", "discriminator"), strict=True):
        optimizer.build(networks[name].trainable_variables)
    samples = tf.constant(np.random.RandomState(1).randint(0, 256, (8, *config.sample_shape)), tf.uint8)
    step = TrainStep(config, networks, averages, optimizers)
    step(samples, tf.zeros([8], tf.int32), tf.constant([[0, 1, 2, 3]]), tf.constant(0, tf.int64))
    return np.asarray(networks["discriminator"].get_layer("head_sliced").kernel)


@pytest.mark.parametrize("update", ["alternating", "simultaneous"])
def test_a_step_has_the_term_of_the_head(update, monkeypatch):
    with_term = kernel_after_a_step(update)
    monkeypatch.setattr(SanHead, "loss_term", lambda *_: None)
    assert not np.allclose(with_term, kernel_after_a_step(update), atol=1e-6)


@pytest.mark.parametrize("loss", ["least_squares", "relativistic"])
def test_a_loss_without_a_formula_is_one_line(loss):
    with pytest.raises(ConfigError, match=f"'san_head' does not work with the loss '{loss}'") as caught:
        tiny(discriminator={"head": {"name": "san_head"}}, training={"loss": loss})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", losses.names())
def test_the_losses_that_say_so_fall_with_the_logit(name):
    loss = losses.create(name)
    logits = tf.constant(np.linspace(-9, 9, 7)[:, None], tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = loss.generator(tf.zeros_like(logits), logits)
    falls = bool(np.all(tape.gradient(value, logits) <= 0))
    assert falls or not loss.falls_with_logit


@pytest.mark.parametrize("objective", ["acgan", "infogan"])
def test_the_head_makes_the_further_outputs_of_an_objective(objective):
    changes = {"discriminator": {"head": "san_head"}, "objective": objective, "training": {"batch_size": 4}}
    config = tiny(num_classes=3, **changes)
    logits, *heads = config.objective.networks(config)["discriminator"](np.zeros((4, *config.sample_shape)))
    assert logits.shape == (4, 1)
    assert [head.shape[1] for head in heads] == list(config.objective.heads(config).values())


def test_networks_that_cannot_be_built_leave_no_run(tmp_path, monkeypatch):
    """A head of a plug-in need not make the further outputs of an objective."""
    monkeypatch.setattr(SanHead, "build_heads", lambda self, x, context: None)
    config = tiny_vectors().replace(**{"discriminator.head": "san_head", "objective": {"name": "infogan", "codes": 1}})
    with pytest.raises(ConfigError, match="its head 'san_head' makes none"):
        start(config, root=tmp_path / "runs", quiet=True)
    assert not list((tmp_path / "runs").glob("*/*"))


def test_spectral_norm_is_refused():
    with pytest.raises(ConfigError, match="norm"):
        tiny(discriminator={"head": {"name": "san_head", "norm": "spectral"}})


def test_an_objective_that_does_not_add_the_heads_loss_refuses_it(monkeypatch):
    monkeypatch.setattr(Adversarial, "adds_loss_term_of_head", False)
    with pytest.raises(ConfigError, match="'san_head' has its own loss, which the objective 'adv"):
        tiny(discriminator={"head": "san_head"})
