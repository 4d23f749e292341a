"""Self-attention against its formula, and its place in the compact form."""

import keras
import numpy as np
import pytest
from helpers import tiny

from ganzoo.architectures.base import discriminator_architectures, generator_architectures
from ganzoo.architectures.shapes import trace
from ganzoo.blocks.attention import SelfAttention
from ganzoo.blocks.context import BuildContext
from ganzoo.config.experiment import Config
from ganzoo.errors import ConfigError

RNG = np.random.RandomState(0)


def model(shape, **fields):
    x = keras.Input(shape)
    return keras.Model(x, SelfAttention(**fields).build(x, BuildContext("block")))


def test_a_new_block_changes_nothing():
    x = RNG.standard_normal((2, 3, 4, 8)).astype(np.float32)
    np.testing.assert_array_equal(model((3, 4, 8))(x), x)


def test_the_formula_of_the_paper():
    """o_j = v(sum_i beta_ji h(x_i)) with beta_j = softmax_i(f(x_i) . g(x_j)), and y = gamma o + x."""
    made = model((3, 4, 16), value_reduction=4)
    x = RNG.standard_normal((2, 3, 4, 16)).astype(np.float32)
    for weight in made.weights:
        weight.assign(RNG.standard_normal(weight.shape))
    query, key, value, output = (
        np.asarray(made.get_layer(f"block_{name}").kernel)[0, 0] for name in ("query", "key", "value", "output")
    )
    assert (query.shape, key.shape, value.shape, output.shape) == ((16, 2), (16, 2), (16, 4), (4, 16))
    gamma = float(np.asarray(made.get_layer("block_gate").gamma)[0])
    for sample, found in zip(x.reshape(2, 12, 16), np.asarray(made(x)).reshape(2, 12, 16), strict=True):
        for j in range(12):
            scores = np.array([(sample[i] @ key) @ (sample[j] @ query) for i in range(12)])
            beta = np.exp(scores - scores.max())
            beta /= beta.sum()
            o = sum(beta[i] * (sample[i] @ value) for i in range(12)) @ output
            np.testing.assert_allclose(found[j], gamma * o + sample[j], rtol=1e-3, atol=1e-3)


def names(blocks):
    return [block.registered_name for block in blocks]


@pytest.mark.parametrize("model", ["dcgan", "residual", "r3gan"])
def test_the_compact_form_inserts_it(model):
    g = generator_architectures.create({"model": model, "base_channels": 8, "attention": [4, 16]}).expand((32, 32, 3))
    shapes = trace(g, (100,))
    assert [shapes[n][0] for n, name in enumerate(names(g)) if name == "self_attention"] == [4, 16]
    d = discriminator_architectures.create({"model": model, "base_channels": 8, "attention": 8}).expand((32, 32, 3))
    shapes = trace(d, (32, 32, 3))
    assert [shapes[n][0] for n, name in enumerate(names(d)) if name == "self_attention"][:1] == [8]


def test_it_is_spectral_where_the_block_is():
    spec = {"attention": 8, "block": {"name": "strided_conv", "norm": "spectral"}}
    found = {block.norm.registered_name for block in discriminator_architectures.create(spec).expand((16, 16, 3))[:-1]}
    assert found == {"spectral"}


@pytest.mark.parametrize(("network", "heights"), [("generator", "4, 8"), ("discriminator", "8, 4")])
def test_a_height_that_does_not_occur_is_one_line(network, heights):
    with pytest.raises(ConfigError) as caught:
        tiny(resolution=16, **{network: {"attention": [8, 32]}})
    text = str(caught.value)
    assert "\n" not in text
    assert f"attention: 32 is not a height of the features of this network; its blocks output {heights} px" in text


@pytest.mark.parametrize("wrong", [0, "x", [8, -1], 2.5])
def test_wrong_heights_name_the_key(wrong):
    with pytest.raises(ConfigError, match=r"generator\.attention") as caught:
        tiny(resolution=16, generator={"attention": wrong})
    assert "\n" not in str(caught.value)


def test_it_is_read_back_and_has_no_effect_beside_a_list():
    config = tiny(resolution=16, generator={"attention": 8}, discriminator={"attention": [4, 8]})
    assert Config.read(config.to_dict()) == config
    blocks = [{"name": "conv_transpose", "channels": 4}]
    listed = tiny(resolution=16, generator={"attention": 99, "block": None, "blocks": blocks})
    assert "self_attention" not in names(listed.generator.expand(listed.sample_shape))
