"""Parameters, multiply-adds and memory, against numbers computed by hand."""

import json

import pytest

from ganzoo.config.experiment import Config
from ganzoo.config.summary import summarize
from ganzoo.config.zoo import load_config
from ganzoo.training.network_costs import summarize_with_costs

NUMPY = {"source": "numpy", "resolution": 8, "channels": 3}


def config(**changes):
    return Config.read({"data": NUMPY, **changes})


def costs(network):
    return {row.name: (row.shape, row.parameters, row.multiply_adds) for row in network.rows}


def test_dcgan_by_hand():
    summary = summarize_with_costs(
        config(
            generator={"base_channels": 4, "latent_dim": 5, "block": {"name": "conv_transpose", "kernel_size": 4}},
            discriminator={"base_channels": 4, "block": {"name": "strided_conv", "kernel_size": 3}},
        )
    )
    # A 4x4 stem with batch normalization (scale, offset, mean, variance), then a 4x4 transposed convolution to 8x8x3.
    assert costs(summary.generator) == {
        "00_dense_stem": ((4, 4, 4), 5 * 64 + 4 * 4, 5 * 64),
        "01_image_head": ((8, 8, 3), 4 * 4 * 4 * 3 + 3, 4 * 4 * 4 * 3 * (4 * 4)),
    }
    # A 3x3 convolution with stride 2 to 4x4x4, then one logit from all of it.
    assert costs(summary.discriminator) == {
        "00_strided_conv": ((4, 4, 4), 3 * 3 * 3 * 4 + 4, 3 * 3 * 3 * 4 * (4 * 4)),
        "head": ((1,), 64 + 1, 64),
    }
    assert summary.generator.parameters == 336 + 195
    assert summary.generator.multiply_adds == 320 + 3072


def test_residual_by_hand():
    summary = summarize_with_costs(
        config(
            generator={
                "model": "residual",
                "base_channels": 2,
                "latent_dim": 3,
                "block": {"name": "residual_up", "norm": "none"},
            },
            discriminator={
                "model": "residual",
                "base_channels": 2,
                "block": {"name": "residual_down", "norm": "spectral"},
            },
        )
    )
    up = costs(summary.generator)["01_residual_up"]
    # 3x3 from 4 to 2 channels and 3x3 from 2 to 2, both at 8x8, and a 1x1 shortcut at 4x4, all with biases.
    assert up == ((8, 8, 2), (72 + 2) + (36 + 2) + (8 + 2), 72 * 64 + 36 * 64 + 8 * 16)
    down = costs(summary.discriminator)["00_residual_down"]
    assert down[2] == (3 * 3 * 3 * 2) * 64 + (3 * 3 * 2 * 2) * 64 + (3 * 2) * 64, (
        "spectral normalization hides no kernel"
    )


def test_channelwise_convolution_works_once_for_each_channel():
    blocks = [{"name": "channelwise_conv", "channels": 2, "kernel_size": 3}]
    discriminator = summarize_with_costs(config(discriminator={"blocks": blocks})).discriminator
    assert costs(discriminator)["00_channelwise_conv"] == ((4, 4, 6), 3 * 3 * 2 + 2, 3 * 3 * 2 * (4 * 4) * 3)


def test_conditional_model():
    summary = summarize_with_costs(
        config(
            num_classes=6,
            generator={"model": "dense", "hidden": [4], "latent_dim": 3, "label_embedding_dim": 5},
            discriminator={"model": "dense", "hidden": [7]},
        )
    )
    assert costs(summary.generator)["label_embedding"] == ((5,), 6 * 5, 0)
    assert costs(summary.generator)["00_dense"] == ((4,), 8 * 4 + 4, 8 * 4)
    # The logit, and the inner product with the label's embedding.
    assert costs(summary.discriminator)["head"] == ((1,), (7 + 1) + 6 * 7, 7 + 7)


def test_packing_shares_the_work():
    network = {"model": "dense", "hidden": [10]}
    alone = summarize_with_costs(config(generator=network, discriminator=network)).discriminator
    packed = summarize_with_costs(config(generator=network, discriminator={**network, "packing": 2})).discriminator
    assert costs(alone)["00_dense"][2] == 192 * 10
    assert costs(packed)["01_dense"][2] == 2 * 192 * 10 // 2
    assert packed.parameters == alone.parameters + 192 * 10


def test_a_packing_block_shares_the_work_from_itself_on():
    packed = [{"name": "dense", "channels": 6}, {"name": "packing", "samples": 2}, {"name": "dense", "channels": 9}]
    counted = costs(summarize_with_costs(config(discriminator={"model": "dense", "blocks": packed})).discriminator)
    assert [counted[name][2] for name in ("00_dense", "02_dense")] == [192 * 6, 2 * 6 * 9 // 2]


@pytest.mark.parametrize(
    "name", ["dcgan-faces-32", "cdcgan-cifar10", "dense-ring8", "wgan-gp-cifar10", "infogan-mnist"]
)
def test_parameters_are_those_of_the_networks(name):
    experiment = load_config(name)
    summary = summarize_with_costs(experiment)
    networks = experiment.objective.networks(experiment)
    assert {key: network.parameters for key, network in summary.networks.items()} == {
        key: network.count_params() for key, network in networks.items()
    }
    assert json.loads(json.dumps(summary.to_dict())).keys() > networks.keys()


def test_an_objective_with_an_encoder_and_joint_layers():
    network = {"model": "dense", "hidden": [7]}
    bigan = {"name": "bigan", "latent_features": 5, "joint_features": 6, "encoder": {"model": "dense", "hidden": [9]}}
    values = {"generator": {"model": "dense", "hidden": [4], "latent_dim": 3}, "discriminator": network}
    experiment = config(**values, objective=bigan)
    summary = summarize_with_costs(experiment)
    assert costs(summary.networks["encoder"]) == {
        "00_dense": ((9,), 192 * 9 + 9, 192 * 9),
        "latent_dense": ((3,), 9 * 3 + 3, 9 * 3),
    }
    assert costs(summary.discriminator) == {
        "00_dense": ((7,), 192 * 7 + 7, 192 * 7),
        "latent_dense": ((5,), 3 * 5 + 5, 3 * 5),
        "joint_dense": ((6,), 12 * 6 + 6, 12 * 6),
        "head": ((1,), 6 + 1, 6),
    }
    assert list(costs(summary.discriminator))[-1] == "head"
    assert [row.shape for row in summarize(experiment).networks["encoder"].rows] == [(9,)]


def test_without_building_there_are_shapes():
    summary = summarize(load_config("dcgan-faces-32"))
    assert [row.shape for row in summary.generator.rows] == [(4, 4, 128), (8, 8, 64), (16, 16, 32), (32, 32, 3)]
    assert summary.generator.parameters is None
    assert summary.discriminator.multiply_adds is None
    assert (summary.training_bytes, summary.generation_bytes) == (None, None)


def test_memory_by_hand():
    network = {"model": "dense", "hidden": [4], "latent_dim": 2}
    training = {"batch_size": 10, "penalties": [], "precision": "float32"}
    values = {
        "data": {"source": "ring8"},
        "generator": network,
        "discriminator": {"model": "dense", "hidden": [4]},
        "training": training,
    }
    summary = summarize_with_costs(Config.read(values))
    # Dense 4 and its activation, dense 2 and its (empty) activation; the discriminator ends in one number.
    g, d = 22, 17
    g_activations, d_activations = 4 + 4 + 2 + 2, 4 + 4 + 1 + 1
    assert (summary.generator.parameters, summary.discriminator.parameters) == (g, d)
    assert summary.training_bytes == 4 * (5 * g + 4 * d) + 4 * 10 * (g_activations + 2 * d_activations)
    assert summary.generation_bytes == 4 * (g + g_activations)
    half = summarize_with_costs(Config.read({**values, "training": {**training, "precision": "mixed_bfloat16"}}))
    assert half.training_bytes == 4 * (5 * g + 4 * d) + 2 * 10 * (g_activations + 2 * d_activations)
    more = summarize_with_costs(Config.read({**values, "training": {**training, "penalties": [{"name": "r1"}]}}))
    assert more.training_bytes > summary.training_bytes
