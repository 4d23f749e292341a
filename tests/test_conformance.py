"""Every registered part passes the checks that plug-ins use."""

import pytest

from ganzoo import testing
from ganzoo.augmentations import augmentations
from ganzoo.blocks.base import discriminator_blocks, generator_blocks
from ganzoo.losses import losses
from ganzoo.optimizers import optimizers
from ganzoo.penalties import penalties

pytest.importorskip("tensorflow")

CHECKS = {
    generator_blocks: testing.check_generator_block,
    discriminator_blocks: testing.check_discriminator_block,
    losses: testing.check_loss,
    penalties: testing.check_penalty,
    augmentations: testing.check_augmentation,
    optimizers: testing.check_optimizer,
}
PARTS = [(registry, name) for registry in CHECKS for name in registry.names()]

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
    (generator_blocks, {"name": "dense", "dropout": 0.2}),
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
    (discriminator_blocks, {"name": "packing", "samples": 4}),
    (losses, {"name": "non_saturating", "label_smoothing": 0.1}),
    (losses, {"name": "saturating", "label_smoothing": 0.1}),
    (augmentations, {"name": "diff_augment", "policy": ["color"]}),
    (augmentations, {"name": "diff_augment", "policy": ["translation"], "translation": 0.3}),
    (augmentations, {"name": "diff_augment", "policy": ["cutout"], "cutout": 0.3}),
]


@pytest.mark.parametrize(("registry", "name"), PARTS, ids=lambda value: getattr(value, "name", value))
def test_every_part_conforms(registry, name):
    CHECKS[registry](registry.get(name))


@pytest.mark.parametrize(("registry", "spec"), VARIANTS, ids=lambda value: getattr(value, "name", None) or str(value))
def test_every_variant_conforms(registry, spec):
    CHECKS[registry](registry.create(spec))


def test_a_block_that_lies_about_its_shape_is_caught():
    class Liar(type(generator_blocks.create("dense"))):
        def output_shape(self, shape):
            return (9,)

    with pytest.raises(AssertionError, match="output_shape"):
        testing.blocks._check_layers(Liar(channels=4), (5,))


def test_a_block_that_cuts_the_gradient_is_caught():
    class Cut(type(discriminator_blocks.create("dense"))):
        def build(self, x, name):
            import keras

            return super().build(x, name) * 0.0 + keras.ops.sum(x) * 0.0

    with pytest.raises(AssertionError, match="no gradient reaches"):
        testing.blocks._check_layers(Cut(channels=4), (5,))


def test_a_loss_that_pulls_the_wrong_way_is_caught(monkeypatch):
    hinge = losses.get("hinge")
    monkeypatch.setattr(
        hinge, "generator", lambda self, real, fake: -losses.create("wasserstein").generator(real, fake)
    )
    with pytest.raises(AssertionError, match="wrong way"):
        testing.check_loss(hinge)


def test_a_loss_whose_verdicts_are_wrong_is_caught(monkeypatch):
    hinge = losses.get("hinge")
    monkeypatch.setattr(hinge, "verdicts", lambda self, real, fake: (real - 9.0, fake))
    with pytest.raises(AssertionError, match="D takes reals with large logits for fakes"):
        testing.check_loss(hinge)


def test_a_loss_that_is_wrong_about_chance_is_caught(monkeypatch):
    hinge = losses.get("hinge")
    monkeypatch.setattr(hinge, "chance", 1.0)
    with pytest.raises(AssertionError, match="chance is 1, and the least loss of a discriminator with equal logits 2"):
        testing.check_loss(hinge)
