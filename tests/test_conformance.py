"""Every registered part passes the checks that plug-ins use."""

import numpy as np
import pytest

from ganzoo import testing
from ganzoo.activations import activations
from ganzoo.architectures.base import discriminator_architectures, generator_architectures
from ganzoo.augmentations import augmentations
from ganzoo.blocks.base import discriminator_blocks, generator_blocks
from ganzoo.blocks.dense import Dense
from ganzoo.data.base import Dataset, data_sources
from ganzoo.exporters import exporters
from ganzoo.initializers import initializers
from ganzoo.losses import losses
from ganzoo.metrics.base import metrics
from ganzoo.norms import norms
from ganzoo.objectives.base import objectives
from ganzoo.optimizers import optimizers
from ganzoo.parts import all_registries
from ganzoo.penalties import penalties
from ganzoo.schedules import schedules

pytest.importorskip("tensorflow")

CHECKS = {
    generator_architectures: testing.check_generator_architecture,
    discriminator_architectures: testing.check_discriminator_architecture,
    generator_blocks: testing.check_generator_block,
    discriminator_blocks: testing.check_discriminator_block,
    norms: testing.check_norm,
    activations: testing.check_activation,
    initializers: testing.check_initializer,
    schedules: testing.check_schedule,
    losses: testing.check_loss,
    objectives: testing.check_objective,
    penalties: testing.check_penalty,
    augmentations: testing.check_augmentation,
    optimizers: testing.check_optimizer,
    metrics: testing.check_metric,
    exporters: testing.check_exporter,
    data_sources: testing.check_data_source,
}
PARTS = [(registry, name) for registry in CHECKS if registry is not data_sources for name in registry.names()]

# Values of fields that make another graph; every other field keeps its default.
VARIANTS = [
    *(
        (generator_blocks, {"name": name, "norm": norm})
        for name in ("conv_transpose", "upsample_conv", "pixel_shuffle", "residual_up", "dense_stem", "dense")
        for norm in ("none", "layer", "pixel", "spectral")
    ),
    (generator_blocks, {"name": "conv_transpose", "kernel_size": 5, "activation": "leaky_relu"}),
    *((generator_blocks, {"name": "conv_transpose", "odd": True, "kernel_size": size}) for size in (3, 4)),
    (generator_blocks, {"name": "upsample_conv", "interpolation": "bilinear", "activation": "silu"}),
    (generator_blocks, {"name": "residual_up", "interpolation": "bilinear", "activation": "gelu"}),
    (generator_blocks, {"name": "image_head", "upsample": "conv_transpose", "kernel_size": 4}),
    (generator_blocks, {"name": "image_head", "norm": "batch", "activation": "relu"}),
    (generator_blocks, {"name": "image_head", "norm": "spectral"}),
    (generator_blocks, {"name": "palette_head", "norm": "batch", "activation": "relu", "colors": 2}),
    (generator_blocks, {"name": "palette_head", "norm": "spectral", "kernel_size": 1}),
    (generator_blocks, {"name": "dense", "dropout": 0.2}),
    *((generator_blocks, {"name": name, "group_width": 2}) for name in ("r3gan_stem", "r3gan_up")),
    (generator_blocks, {"name": "r3gan_up", "residual_blocks": 1, "expansion": 3, "kernel_size": 5}),
    (generator_blocks, {"name": "self_attention", "norm": "spectral", "key_reduction": 1}),
    *(
        (discriminator_blocks, {"name": name, "norm": norm})
        for name in ("strided_conv", "channelwise_conv", "residual_down", "dense")
        for norm in ("batch", "layer", "pixel", "spectral")
    ),
    (discriminator_blocks, {"name": "strided_conv", "stride": 1, "dropout": 0.3}),
    (discriminator_blocks, {"name": "strided_conv", "stride": 3, "kernel_size": 5}),
    (discriminator_blocks, {"name": "residual_down", "downsample": False, "preactivation": False}),
    (discriminator_blocks, {"name": "logit_head", "pool": "sum", "norm": "spectral", "dropout": 0.1}),
    (discriminator_blocks, {"name": "logit_head", "pool": "mean", "activation": "relu"}),
    (discriminator_blocks, {"name": "logit_head", "pool": "basis"}),
    (discriminator_blocks, {"name": "r3gan_down", "group_width": 2}),
    (discriminator_blocks, {"name": "r3gan_down", "downsample": False}),
    (discriminator_blocks, {"name": "self_attention", "norm": "spectral", "value_reduction": 1}),
    *((discriminator_blocks, {"name": "san_head", "pool": pool}) for pool in ("sum", "mean")),
    (discriminator_blocks, {"name": "packing", "samples": 4}),
    (
        generator_architectures,
        {"model": "dcgan", "base_channels": 4, "mapping": {"layers": 2}, "self_modulation": True},
    ),
    (
        generator_architectures,
        {"model": "stylegan2", "base_channels": 4, "mapping": {"layers": 2, "learning_rate_factor": 0.1}},
    ),
    (generator_blocks, {"name": "styled_upsample", "interpolation": "nearest", "kernel_size": 4}),
    (generator_blocks, {"name": "constant_stem", "height": 3, "width": 5, "kernel_size": 1}),
    (discriminator_blocks, {"name": "blurred_down", "from_image": True, "kernel_size": 1}),
    (objectives, {"name": "bigan", "reconstruction": 1.0, "latent_features": 3, "joint_features": 5}),
    (generator_architectures, {"model": "dcgan", "base_channels": 4, "attention": [4, 8]}),
    (generator_architectures, {"model": "r3gan", "base_channels": 4}),
    (discriminator_architectures, {"model": "r3gan", "base_channels": 4, "attention": 8}),
    (losses, {"name": "non_saturating", "label_smoothing": 0.1}),
    (objectives, {"name": "infogan", "codes": 1, "variance": "learned"}),
    (objectives, {"name": "infogan", "codes": 0}),
    (losses, {"name": "saturating", "label_smoothing": 0.1}),
    (augmentations, {"name": "diff_augment", "policy": ["color"]}),
    (augmentations, {"name": "diff_augment", "policy": ["translation"], "translation": 0.3}),
    (augmentations, {"name": "diff_augment", "policy": ["cutout"], "cutout": 0.3}),
    (data_sources, {"source": "faces", "resolution": "16x8", "channels": 4, "count": 5}),
    *((data_sources, {"source": name, "count": 99}) for name in ("ring8", "grid25")),
]


@pytest.mark.slow
@pytest.mark.parametrize(("registry", "name"), PARTS, ids=lambda value: getattr(value, "name", value))
def test_every_part_conforms(registry, name):
    CHECKS[registry](registry.get(name))


@pytest.mark.parametrize(("registry", "spec"), VARIANTS, ids=lambda value: getattr(value, "name", None) or str(value))
def test_every_variant_conforms(registry, spec):
    CHECKS[registry](registry.create(spec))


def test_there_is_a_check_for_every_kind_of_part():
    checks = {name.removeprefix("check_") for name in testing.__all__}
    assert checks == {registry.kind.replace(" ", "_") for registry in all_registries()} | {"part"}


def test_a_data_source_of_files_conforms(tmp_path):
    np.savez(tmp_path / "x.npz", images=np.zeros((5, 8, 8, 3), np.uint8))
    testing.check_data_source(
        data_sources.create({"source": "numpy", "path": str(tmp_path / "x.npz"), "resolution": 8, "channels": 3})
    )


FAULTS = {
    "a norm that forgets its weights": (
        (norms, "group", "build", lambda self, x, context: x * 0.0),
        "no gradient reaches|not finite|changes nothing",
    ),
    "an activation that cannot learn": (
        (activations, "relu", "build", lambda self, x, slope, name: x * 0.0),
        "no gradient reaches",
    ),
    "an initializer without a seed": (
        (initializers, "normal", "build", lambda self: constant()),
        "has no seed",
    ),
    "a schedule that does not fall": (
        (schedules, "cosine", "factor", lambda self, progress, ops: 1.0 - 0.5 * progress),
        "ends at 0.5, not at 0",
    ),
    "an objective that moves only one network": (
        (objectives, "adversarial", "generator_loss", lambda self, step, real, fake: mean(fake) * 0.0),
        "steps do not move generator/",
    ),
    "an objective without a metric": (
        (objectives, "adversarial", "extra_metrics", ("d_loss",)),
        "repeats a name",
    ),
    "an objective whose encoder is not averaged": (
        (objectives, "bigan", "averaged", ("generator",)),
        "the encoder 'encoder' is not in averaged",
    ),
    "an architecture that makes other samples": (
        (generator_architectures, "dense", "expand", lambda self, shape: (Dense(channels=9),)),
        r"the last block outputs \(9,\)",
    ),
    "a block with another shape than it declares": (
        (generator_blocks, "dense", "output_shape", lambda self, shape: (9,)),
        r"output_shape\(\) is \(9,\), Keras outputs \(4,\)",
    ),
    "a block without a gradient": (
        (discriminator_blocks, "dense", "build", lambda self, x, context: flat(x) * 0.0 + dense(x, context.name) * 0.0),
        "no gradient reaches block_dense/kernel",
    ),
    "a block with random numbers from elsewhere": (
        (
            generator_blocks,
            "dense",
            "build",
            lambda self, x, context: dense(x, context.name, kernel_initializer=unseeded),
        ),
        "block_dense/kernel differs between two builds with one seed",
    ),
    "a block with a weight that has another name each time": (
        (generator_blocks, "dense", "build", lambda self, x, context: dense(x, None)),
        r"the weight dense_?\d*/kernel is named dense_\d+/kernel in a second build",
    ),
    "a block that ignores the label": (
        (generator_blocks, "dense", "conditional_norm", True),
        "the label changes nothing",
    ),
    "a block with a statistic of the batch that it does not declare": (
        (discriminator_blocks, "minibatch_stddev", "statistic_channels", 0),
        "depends on the batch",
    ),
    "a block with a batch normalization that it does not declare": (
        (discriminator_blocks, "dense", "build", lambda self, x, context: batch_normalized(dense(x, context.name))),
        "depends on the batch",
    ),
    "a norm of the batch that does not say so": (
        (norms, "batch", "mixes_samples", False),
        "mixes_samples is False, but the output of a sample depends on the batch",
    ),
    "a norm of single samples that says it mixes them": (
        (norms, "layer", "mixes_samples", True),
        "mixes_samples is True, but the output of a sample does not depend on the batch",
    ),
    "a block whose form at the input has another shape": (
        (discriminator_blocks, "dense", "at_input", lambda self: self.model_copy(update={"channels": 99})),
        "at_input",
    ),
    "a loss that pulls the wrong way": (
        (losses, "hinge", "generator", lambda self, real, fake: fake[0, 0] * 0.0 + mean(fake)),
        "wrong way",
    ),
    "a loss that rises with large logits": (
        (losses, "least_squares", "falls_with_logit", True),
        "falls_with_logit is True, but the generator's loss rises with a logit",
    ),
    "a loss of pairs that says it is one of single samples": (
        (losses, "relativistic", "falls_with_logit", True),
        "or depends on real logits",
    ),
    "a loss that compares with the mean of the batch": (
        (losses, "relativistic", "discriminator", lambda self, real, fake: mean(softplus(fake - mean(real)))),
        "the loss of the discriminator is not the mean over the halves of a batch: set needs_whole_batch",
    ),
    "a loss whose perfect discriminator is not sure": (
        (losses, "hinge", "probability", lambda self, scores: 0.5 + 0.001 * scores),
        "probability is not near 1 and 0",
    ),
    "a loss with wrong scores": (
        (losses, "hinge", "realness_scores", lambda self, real, fake: (real - 9.0, fake)),
        "D takes reals with large logits for fakes",
    ),
    "a loss with another neutral logit than 0": (
        (losses, "least_squares", "zero_is_neutral", True),
        "zero_is_neutral is True, but the scores of negated logits are not",
    ),
    "a loss with a wrong value at chance": (
        (losses, "hinge", "chance", 1.0),
        "chance is 1, but .* equal logits is 2",
    ),
    "a penalty below zero": (
        (penalties, "r1", "penalty", lambda self, real, fake, seed: -mean(real.logits)),
        "the penalty is -",
    ),
    "a penalty that the critic does not see": (
        (penalties, "r1", "penalty", lambda self, real, fake, seed: mean(real.samples**2)),
        "does not reach the discriminator",
    ),
    "an augmentation that ignores its seed": (
        (augmentations, "diff_augment", "apply", lambda self, images, seed: images * 0.5),
        "two seeds",
    ),
    "an augmentation that mixes samples": (
        (augmentations, "diff_augment", "apply", lambda self, images, seed: images + images[::-1] * scalar(seed)),
        "depends on the other samples",
    ),
    "an optimizer that goes uphill": (
        (optimizers, "adam", "build", lambda self, updates: adam(-0.01)),
        "do not reduce",
    ),
    "an optimizer without the schedule": (
        (optimizers, "adam", "build", lambda self, updates: adam(0.01)),
        "schedule",
    ),
    "a metric that is not finite": (
        (metrics, "frechet", "measure", lambda self, real, generated, subject: {"frechet": float("inf")}),
        "not finite",
    ),
    "a metric with a value per class that asks for no labels": (
        (metrics, "frechet", "measure", lambda self, real, generated, subject: {"frechet": np.zeros(3)}),
        "only a metric with needs_labels has a value per class",
    ),
    "a metric with other classes than there are": (
        (metrics, "label_response", "measure", lambda self, real, generated, subject: {"label_response": np.ones(2)}),
        r"has the shape \(2,\), not \(3,\)",
    ),
    "a metric that can measure no class": (
        (metrics, "label_response", "measure", lambda self, *_: {"label_response": np.full(3, np.nan)}),
        "not finite",
    ),
    "a metric with a sweep of classes that asks for no labels": (
        (metrics, "label_response", "needs_labels", False),
        "needs_class_sweep is set, and needs_labels is not",
    ),
    "a data source with floats for images": (
        (data_sources, "faces", "load", lambda self, **_: Dataset(np.zeros((2, 64, 64, 3)))),
        "samples are float64, not uint8",
    ),
    "a data source with other classes than it declares": (
        (data_sources, "ring8", "class_count", lambda self: 3),
        "class_count",
    ),
    "an exporter that computes something else": (
        (exporters, "onnx", "load", lambda self, path: lambda latents, labels=None: np.zeros((len(latents), 4, 6, 3))),
        "differ",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_check_can_fail(fault, monkeypatch):
    (registry, name, method, wrong), message = FAULTS[fault]
    monkeypatch.setattr(registry.get(name), method, wrong)
    with pytest.raises(AssertionError, match=message):
        CHECKS[registry](registry.get(name))


def test_a_part_without_a_docstring_is_caught(monkeypatch):
    monkeypatch.setattr(losses.get("hinge"), "__doc__", None)
    with pytest.raises(AssertionError, match="Hinge has no docstring"):
        testing.check_part(losses, losses.get("hinge"))


def constant():
    import keras

    return keras.initializers.Constant(0.1)


def flat(x):
    import keras

    return keras.layers.Dense(4, trainable=False, name="flat")(keras.layers.Flatten()(x))


def dense(x, name, **options):
    import keras

    return keras.layers.Dense(4, name=name and f"{name}_dense", **options)(keras.layers.Flatten()(x))


def batch_normalized(x):
    import keras

    return keras.layers.BatchNormalization(name="block_norm")(x)


def unseeded(shape, dtype=None):
    return np.random.standard_normal(shape)


def mean(x):
    import tensorflow as tf

    return tf.reduce_mean(x)


def softplus(x):
    import tensorflow as tf

    return tf.nn.softplus(x)


def scalar(seed):
    import tensorflow as tf

    return 0.1 * tf.random.stateless_uniform([], seed=seed)


def adam(rate):
    import keras

    return keras.optimizers.Adam(rate)
