"""One update of a small model of points by gradient descent, and the parts of a slow implementation of it."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ganzoo.config.experiment import Config
from ganzoo.training.step import LABEL, LATENT, TrainStep

RATE = 0.05
BATCH = 6
NUMBER = 3
"""The number of the step that is tested."""
INDICES = np.array([[5, 0, 9, 17, 30, 2]], np.int32)


def points(objective: Any, *, num_classes: int = 8, update: str = "alternating", **discriminator: Any) -> Config:
    """Points around eight centers, with a dense generator and discriminator, and no penalty."""
    return Config.read(
        {
            "data": {"source": "ring8", "count": 64},
            "num_classes": num_classes,
            "generator": {"model": "dense", "latent_dim": 5, "hidden": [8]},
            "discriminator": {"model": "dense", "hidden": [8], **discriminator},
            "objective": objective,
            "training": {"batch_size": BATCH, "update": update, "evaluation": None},
        }
    )


def updated(config: Config) -> tuple[dict[str, Any], dict[str, float]]:
    """The networks after one update from their first weights, and its metrics."""
    networks = config.objective.networks(config)
    optimizers = {"g_optimizer": keras.optimizers.SGD(RATE), "d_optimizer": keras.optimizers.SGD(RATE)}
    step = TrainStep(config, networks, config.objective.averages(config), optimizers)
    dataset = config.data.load()
    rows = step(dataset.samples, dataset.labels, tf.constant(INDICES), tf.constant(NUMBER, tf.int64))
    return networks, dict(zip(config.objective.metrics(config), np.asarray(rows).tolist(), strict=True))


def drawn(config: Config) -> tuple[Any, Any]:
    """The latents and, for classes that are not those of the data, the labels of the step."""
    seed, number = config.training.seed * 8, NUMBER * 2**20
    z = tf.random.stateless_normal([BATCH, config.generator.latent_dim], seed=[seed + LATENT, number])
    if not config.num_classes:
        return z, None
    shape, count = [BATCH], config.num_classes
    return z, tf.random.stateless_uniform(shape, seed=[seed + LABEL, number], maxval=count, dtype=tf.int32)


def descend(model: Any, loss: Any) -> None:
    """Move the weights of a model one step downhill."""
    with tf.GradientTape() as tape:
        value = loss()
    weights = model.trainable_variables
    gradients = tape.gradient(value, [weight.value for weight in weights])
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.assign_sub(RATE * tf.convert_to_tensor(gradient))


def play(config: Config, networks: dict[str, Any], d_loss: Any, g_loss: Any) -> None:
    """Update both networks as ``training.update`` says, each by its loss, a function of (generator, discriminator)."""
    generator, discriminator = networks["generator"], networks["discriminator"]
    frozen = keras.models.clone_model(discriminator)
    frozen.set_weights(discriminator.get_weights())
    descend(discriminator, lambda: d_loss(generator, discriminator))
    against = frozen if config.training.update == "simultaneous" else discriminator
    descend(generator, lambda: g_loss(generator, against))


def adversarial(real: Any, fake: Any) -> tuple[Any, Any]:
    """The non-saturating losses of D and G."""
    d_loss = tf.reduce_mean(tf.nn.softplus(-real)) + tf.reduce_mean(tf.nn.softplus(fake))
    return d_loss, tf.reduce_mean(tf.nn.softplus(-fake))


def cross_entropy(logits: Any, labels: Any) -> Any:
    """The mean of ``-log p(label)``, from the definition of the softmax."""
    probabilities = tf.exp(logits) / tf.reduce_sum(tf.exp(logits), axis=1, keepdims=True)
    return -tf.reduce_mean(tf.math.log(tf.gather(probabilities, labels, axis=1, batch_dims=1)))


def assert_equal(networks: dict[str, Any], wanted: dict[str, Any], config: Config) -> None:
    """Both networks have moved, to the same weights."""
    first = config.objective.networks(config)
    for name, network in networks.items():
        for weight, other, start in zip(network.weights, wanted[name].weights, first[name].weights, strict=True):
            np.testing.assert_allclose(weight, other, atol=2e-6, err_msg=f"{name}/{weight.path}")
            assert weight.path.endswith("bias") or not np.array_equal(weight, start), f"{name}/{weight.path}"
