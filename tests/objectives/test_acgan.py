"""AC-GAN against a slow implementation of the paper's losses, and the heads of a discriminator."""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf
from exporters.generators import TINY, randomise

from ganzoo.blocks.heads import LogitHead
from ganzoo.bundle.onnx_guard import check_critic
from ganzoo.config.experiment import Config
from ganzoo.errors import ConfigError
from ganzoo.exporters.bundle import bundle_config
from ganzoo.exporters.critic import build_critic, export_critic
from ganzoo.training import networks
from ganzoo.training.weight_names import named_variables

from . import plain

SPECTRAL = {"name": "logit_head", "norm": "spectral"}


@pytest.mark.parametrize("update", ["alternating", "simultaneous"])
def test_an_update_is_that_of_the_paper(update):
    config = plain.points({"name": "acgan", "d_weight": 0.7, "g_weight": 0.3}, update=update)
    dataset = config.data.load()
    x, labels = dataset.samples[plain.INDICES[0]], tf.constant(dataset.labels[plain.INDICES[0]])
    z, _ = plain.drawn(config)

    def d_loss(generator, discriminator):
        real, real_classes = discriminator([x])
        fake, fake_classes = discriminator([generator([z, labels])])
        of_classes = plain.cross_entropy(real_classes, labels) + plain.cross_entropy(fake_classes, labels)
        return plain.adversarial(real, fake)[0] + 0.7 * of_classes

    def g_loss(generator, discriminator):
        fake, classes = discriminator([generator([z, labels])])
        return plain.adversarial(fake, fake)[1] + 0.3 * plain.cross_entropy(classes, labels)

    found, metrics = plain.updated(config)
    wanted = config.objective.networks(config)
    first = wanted["discriminator"]([x])[1]
    assert metrics["class_accuracy"] == pytest.approx(np.mean(np.argmax(first, axis=1) == labels))
    total = float(d_loss(wanted["generator"], wanted["discriminator"]))
    assert metrics["d_loss"] + metrics["d_class_loss"] == pytest.approx(total, abs=1e-5)
    plain.play(config, wanted, d_loss, g_loss)
    plain.assert_equal(found, wanted, config)


def test_guessing_costs_the_logarithm_of_the_number_of_classes():
    config = plain.points({"name": "acgan"})
    _, metrics = plain.updated(config)
    assert metrics["g_class_loss"] == pytest.approx(math.log(8), abs=1.0)
    assert metrics["d_class_loss"] == pytest.approx(2 * math.log(8), abs=2.0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"num_classes": 0}, "the objective 'acgan' classifies, so it needs classes; set num_classes"),
        ({"num_classes": 7}, "num_classes is 7, but the data source has 8 classes"),
        ({"packing": 2}, "a packed discriminator judges several samples at once and cannot classify them"),
    ],
)
def test_what_cannot_work_is_one_line(changes, words):
    with pytest.raises(ConfigError, match=words) as caught:
        plain.points("acgan", **changes)
    assert "\n" not in str(caught.value)


def images(head=None, **changes):
    judge = {**TINY["discriminator"], "minibatch_stddev": True} | ({"head": head} if head else {})
    return Config.read({**TINY, "name": "tiny", "discriminator": judge, **changes})


@pytest.mark.parametrize("head", [None, SPECTRAL])
def test_heads_leave_the_other_weights_as_they_are(head):
    config = images(head)
    alone = networks.build_discriminator(config)
    model = networks.build_discriminator(config, heads={"classes": 6, "angle": 1})
    x = np.random.RandomState(0).uniform(-1, 1, (4, *config.sample_shape)).astype(np.float32)
    logits, classes, angle = model([x])
    assert (classes.shape, angle.shape) == ((4, 6), (4, 1))
    np.testing.assert_array_equal(logits, alone([x]))
    weights = {weight.path: np.asarray(weight) for weight in model.weights}
    for weight in alone.weights:
        np.testing.assert_array_equal(weight, weights.pop(weight.path))
    assert {path.split("/")[0] for path in weights} == {"head_classes_dense", "head_angle_dense"}


def test_heads_are_float32_in_mixed_precision():
    model = networks.build_discriminator(images(), precision="mixed_bfloat16", heads={"classes": 6})
    assert [output.dtype for output in model.outputs] == ["float32", "float32"]


def test_a_head_block_without_further_outputs_is_one_line(monkeypatch):
    build = LogitHead.build
    monkeypatch.setattr(LogitHead, "build", lambda self, x, context: build(self, x, _without_heads(context)))
    with pytest.raises(ConfigError, match=r"'acgan' needs further outputs.*its head 'logit_head' makes none"):
        networks.build_discriminator(images(num_classes=6, objective="acgan"), heads={"classes": 6})


def _without_heads(context):
    return dataclasses.replace(context, heads=None)


@pytest.mark.slow
def test_the_discriminator_becomes_a_critic():
    """Its label is an input of the bundle's critic, as in every model with classes, and changes nothing."""
    config = images(num_classes=6, objective="acgan")
    judge = randomise(config.objective.networks(config)["discriminator"])
    weights = {name: np.asarray(variable) for name, variable in named_variables(judge.variables).items()}
    described = bundle_config(config)
    content, error = export_critic(config, described, weights, randomise(networks.build_generator(config)))
    check_critic(content, described)
    assert error < 1e-5
    critic = build_critic(config, weights, {"02_minibatch_stddev": np.zeros(1, np.float32)})
    x = np.random.RandomState(0).uniform(-1, 1, (2, *config.sample_shape)).astype(np.float32)
    np.testing.assert_array_equal(
        critic([tf.constant(x), tf.constant([0, 1])]), critic([tf.constant(x), tf.constant([5, 3])])
    )
