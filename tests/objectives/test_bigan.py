"""BiGAN: one step against a slow and simple implementation, its networks, bad configs, and resuming."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import same, samples, state, tiny, trainer, values

from ganzoo.config.experiment import Config
from ganzoo.errors import ConfigError, ExportError
from ganzoo.exporters.critic import check_possible
from ganzoo.losses import losses
from ganzoo.objectives.bigan import Bigan

pytest.importorskip("tensorflow")
import keras
import tensorflow as tf

from ganzoo.training.step import LATENT, TrainStep
from ganzoo.training.trainer import Trainer

RATE = 0.05
SYMMETRIC = ("non_saturating", "saturating", "hinge", "wasserstein", "relativistic")


def points(*, classes=0, objective=None, latent="normal", **training):
    """A dense BiGAN of points in the plane."""
    data = {"source": "ring8", "count": 64}
    return Config.read(
        {
            "name": "points",
            "data": data,
            "num_classes": classes,
            "generator": {"model": "dense", "latent_dim": 3, "hidden": [8], "latent": latent},
            "discriminator": {"model": "dense", "hidden": [8]},
            "objective": {"name": "bigan", **(objective or {})},
            "training": {"batch_size": 4, "steps": 6} | training,
        }
    )


def bigan(**changes):
    """A convolutional BiGAN of images at 8 px."""
    return tiny(**{"objective": {"name": "bigan", "reconstruction": 1.0}, **changes})


def plain_g_loss(name, real, fake):
    """The losses of section 2 of the paper and their usual variants: real pairs shall look fake, fake ones real."""

    def softplus(x):
        return tf.math.log(1.0 + tf.exp(x))

    terms = {
        "non_saturating": softplus(-fake) + softplus(real),
        "saturating": -softplus(fake) - softplus(-real),
        "hinge": real - fake,
        "wasserstein": real - fake,
        "relativistic": softplus(real - fake),
    }
    return tf.reduce_mean(terms[name])


def descended(variables, tape, value):
    """The weights after one step downhill."""
    gradients = tape.gradient(value, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return [
        np.asarray(v) - RATE * np.asarray(tf.convert_to_tensor(g)) for v, g in zip(variables, gradients, strict=True)
    ]


def plain_update(config, nets, data, labels, rows, step):
    """One alternating or simultaneous update with gradient descent, one thing after the other."""
    generator, encoder, discriminator = (nets[name] for name in ("generator", "encoder", "discriminator"))
    training = config.training
    z = tf.random.stateless_normal([4, 3], seed=[training.seed * 8 + LATENT, step * 2**20])
    x = tf.constant(data[rows])
    label = [tf.constant(labels[rows])] if config.num_classes else []
    sides = ([*generator.trainable_variables, *encoder.trainable_variables], discriminator.trainable_variables)

    def logits():
        with tf.GradientTape() as slope:
            slope.watch(x)
            latent = tf.stop_gradient(encoder(x)) if slope_only else encoder(x)
            real = discriminator([x, latent, *label])
            total = tf.reduce_sum(real)
        slopes.append(slope.gradient(total, x) if slope_only else None)
        return real, discriminator([generator([z, *label]), z, *label])

    slopes, slope_only = [], True
    with tf.GradientTape() as tape:
        real, fake = logits()
        d_loss = training.loss.discriminator(real, fake)
        for penalty in training.penalties:
            d_loss += penalty.gamma / 2 * tf.reduce_mean(tf.reduce_sum(slopes[0] ** 2, axis=1))
    moved = descended(sides[1], tape, d_loss)
    if training.update == "alternating":
        for variable, value in zip(sides[1], moved, strict=True):
            variable.assign(value)
    slope_only = False
    with tf.GradientTape() as tape:
        real, fake = logits()
        g_loss = plain_g_loss(training.loss.registered_name, real, fake)
        weight = config.objective.reconstruction
        total = g_loss + weight * tf.reduce_mean(tf.abs(x - generator([encoder(x), *label])))
    for variable, value in zip(sides[0], descended(sides[0], tape, total), strict=True):
        variable.assign(value)
    for variable, value in zip(sides[1], moved, strict=True):
        variable.assign(value)
    return float(d_loss), float(g_loss)


@pytest.mark.slow
@pytest.mark.parametrize("update", ["alternating", "simultaneous"])
@pytest.mark.parametrize(
    ("loss", "classes", "weight"),
    [
        ("non_saturating", 0, 0.0),
        ("saturating", 8, 2.0),
        ("hinge", 0, 0.5),
        ("wasserstein", 0, 0.0),
        ("relativistic", 8, 1.0),
    ],
)
def test_an_update_is_what_a_plain_implementation_does(loss, classes, weight, update):
    penalty = [{"name": "r1", "gamma": 2.0}] if weight else []
    config = points(classes=classes, objective={"reconstruction": weight}, loss=loss, update=update, penalties=penalty)
    dataset = config.data.load()
    ours, plain = config.objective.networks(config), config.objective.networks(config)
    optimizers = {name: keras.optimizers.SGD(RATE) for name in ("g_optimizer", "d_optimizer")}
    train_step = TrainStep(config, ours, config.objective.averages(config), optimizers)
    rng = np.random.RandomState(0)
    for step in range(3):
        rows = rng.randint(0, 64, (1, 4)).astype(np.int32)
        row = train_step(dataset.samples, dataset.labels, tf.constant(rows), tf.constant(step, tf.int64))
        metrics = dict(zip(config.objective.metrics(config), np.asarray(row), strict=True))
        d_loss, g_loss = plain_update(config, plain, dataset.samples, dataset.labels, rows[0], step)
        assert metrics["d_loss"] + metrics["penalty"] == pytest.approx(d_loss, abs=1e-5)
        assert metrics["g_loss"] == pytest.approx(g_loss, abs=1e-5)
        assert ("reconstruction" in metrics) == (weight > 0)
    for name, network in ours.items():
        for mine, other in zip(network.weights, plain[name].weights, strict=True):
            np.testing.assert_allclose(mine, other, atol=5e-6, err_msg=f"{name}/{mine.path}")
    first = config.objective.networks(config)
    assert not np.allclose(first["encoder"].weights[0], ours["encoder"].weights[0], atol=1e-4)


@pytest.mark.slow
def test_augmentation_and_penalties_concern_the_sample_and_not_the_latent():
    config = bigan(
        training={
            "penalties": [{"name": "wgan_gp"}, {"name": "r1", "before_augmentation": True}, {"name": "mode_seeking"}],
            "augment": "diff_augment",
            "d_steps": 2,
        }
    )
    nets, rows = config.objective.networks(config), []
    optimizers = {name: keras.optimizers.SGD(0.0) for name in ("g_optimizer", "d_optimizer")}
    data = samples(config)
    for encoder_shift in (0.0, 1.0):
        nets["encoder"].get_layer("latent_dense").bias.assign([encoder_shift] * 4)
        step = TrainStep(config, nets, {}, optimizers)
        indices = tf.constant([[0, 1, 2, 3]] * 2)
        rows.append(np.asarray(step(data.samples, tf.zeros([24], tf.int32), indices, tf.constant(0, tf.int64))))
    assert np.isfinite(rows).all()
    assert rows[0][0] != rows[1][0], "D sees the latents of real samples"


def test_networks_have_the_interface_that_exports_and_checkpoints_use():
    config = bigan(num_classes=0, generator={"latent": "uniform"})
    nets = config.objective.networks(config)
    assert list(nets) == ["generator", "encoder", "discriminator"]
    assert list(config.objective.averages(config)) == ["generator", "encoder"]
    x = np.random.RandomState(0).uniform(-1, 1, (5, 8, 8, 1)).astype(np.float32)
    latents = np.asarray(nets["encoder"]([x * 1000]))
    assert latents.shape == (5, 4)
    assert np.abs(latents).max() <= 1, "uniform latents are on [-1, 1]"
    assert nets["discriminator"]([x, latents]).shape == (5, 1)


def test_the_encoder_has_blocks_that_see_one_sample():
    blocks = [{"name": "strided_conv", "channels": 4}, {"name": "minibatch_stddev"}]
    config = bigan(discriminator={"base_channels": None, "block": None, "blocks": blocks, "minibatch_stddev": True})
    nets = config.objective.networks(config)
    assert sum("stddev" in layer.name for layer in nets["discriminator"].layers) == 2
    assert not any("stddev" in layer.name for layer in nets["encoder"].layers)
    own = {"name": "bigan", "encoder": {"model": "dense", "hidden": [7]}}
    encoder = bigan(objective=own).objective.networks(bigan(objective=own))["encoder"]
    assert [tuple(weight.shape) for weight in encoder.weights] == [(64, 7), (7,), (7, 4), (4,)]


def test_spectral_normalization_reaches_the_whole_discriminator():
    config = bigan(discriminator={"block": {"name": "strided_conv", "norm": "spectral"}})
    discriminator = config.objective.networks(config)["discriminator"]
    layers = [layer for layer in discriminator.layers if layer.weights]
    assert {type(layer).__name__ for layer in layers} == {"SpectralNorm"}


def test_a_config_survives_yaml():
    config = bigan(objective={"name": "bigan", "encoder": {"base_channels": 3}, "reconstruction": 0.5})
    again = Config.read(config.to_dict())
    assert again == config
    assert again.objective.encoder.base_channels == 3
    config = Config.read(values())
    assert Bigan().metrics(config) == config.objective.metrics(config)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"discriminator": {"packing": 2}}, "judges pairs of one sample and one latent; use packing: 1"),
        ({"training": {"loss": "least_squares"}}, "'least_squares' a logit of 0 is not halfway"),
        ({"objective": {"name": "bigan", "encoder": {"packing": 2}}}, "remove packing from objective.encoder"),
        (
            {"objective": {"name": "bigan", "encoder": {"minibatch_stddev": True}}},
            "remove minibatch_stddev from objective.encoder",
        ),
        (
            {"objective": {"name": "bigan", "encoder": {"blocks": [{"name": "strided_conv"}]}}},
            "objective.encoder: block 0: block 'strided_conv' needs 'channels'",
        ),
        ({"objective": {"name": "bigan", "encoder": 7}}, "objective.encoder"),
        ({"objective": {"name": "bigan", "reconstruction": -1}}, "objective.reconstruction"),
        ({"objective": {"name": "bigan", "latent_features": 0}}, "objective.latent_features"),
    ],
)
def test_mistakes_are_one_line(changes, message):
    with pytest.raises(ConfigError, match=message) as caught:
        bigan(**changes)
    assert "\n" not in str(caught.value)


def test_every_loss_is_accepted_or_refused_by_its_attribute():
    assert {name for name in losses.names() if losses.get(name).zero_is_neutral} >= set(SYMMETRIC)
    for name in SYMMETRIC:
        bigan(training={"loss": name})


def test_the_discriminator_of_pairs_cannot_be_a_critic():
    with pytest.raises(ExportError, match=r"the objective 'bigan' judges more than a sample\. Export it without"):
        check_possible(bigan())


@pytest.mark.slow
@pytest.mark.parametrize("update", ["alternating", "simultaneous"])
def test_a_resumed_training_is_the_same_bits(tmp_path, update):
    encoder = {"base_channels": 4, "block": {"name": "strided_conv", "norm": "batch", "dropout": 0.3}}
    config = bigan(
        training={"update": update, "penalties": [{"name": "r1"}]},
        objective={"name": "bigan", "reconstruction": 1.0, "encoder": encoder},
        discriminator={"block": {"name": "strided_conv", "norm": "spectral"}},
    )
    whole = trainer(config, tmp_path / "whole")
    whole.train(quiet=True)
    part = trainer(config, tmp_path / "part")
    part.train(max_steps=2, quiet=True)
    rest = Trainer(config, samples(config), part.run)
    rest.state.restore()
    assert rest.step == 2
    rest.train(quiet=True)
    assert {"encoder", "encoder_ema", "ema"} <= rest.state.groups().keys()
    assert same(state(whole), state(rest))
    assert not same(state(whole), state(trainer(config, tmp_path / "first")))
