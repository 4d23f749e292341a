"""A wider generator begins with the images of the narrower one."""

import numpy as np
import pytest
from helpers import tiny, tiny_vectors, trainer, values

from ganzoo.bundle.folder import read_bundle
from ganzoo.config.experiment import Config
from ganzoo.errors import ConfigError
from ganzoo.exporters.bundle import export_bundle
from ganzoo.training import init_from, networks
from ganzoo.training.weight_names import named_weights
from ganzoo.training.widen import widened

STEM = {"name": "dense_stem", "channels": 6}
BLOCKS = {
    "transposed, batch norm": [{"name": "conv_transpose", "channels": 4}],
    "nearest": [{"name": "upsample_conv", "channels": 4}],
    "bilinear, no norm": [{"name": "upsample_conv", "channels": 4, "interpolation": "bilinear", "norm": "none"}],
    "pixel shuffle": [{"name": "pixel_shuffle", "channels": 4}],
    "residual": [{"name": "residual_up", "channels": 4}],
    "two": [{"name": "conv_transpose", "channels": 4}, {"name": "upsample_conv", "channels": 4}],
}
CLASSES = {
    "no classes": {},
    "appended": {"num_classes": 3},
    "in the norms": {"num_classes": 3, "conditioning": "batch_norm"},
    "self-modulated": {"self_modulation": True},
    "in the norms, self-modulated": {"num_classes": 3, "conditioning": "batch_norm", "self_modulation": True},
}


def config(blocks, *, more=0, stem=STEM, num_classes=0, training=None, **generator):
    resolution = 4 * 2 ** sum("channels" in block for block in blocks)
    blocks = [{**block, "channels": block["channels"] + more} if "channels" in block else block for block in blocks]
    stem = {**stem, "channels": stem["channels"] + more}
    layers = {"latent_dim": 4, "stem": stem, "block": None, "blocks": blocks, **generator}
    return Config.read(values(resolution=resolution, num_classes=num_classes, generator=layers, training=training))


def with_random_weights(config):
    """A generator as after a training: also its statistics are not those of the start."""
    generator = networks.build_generator(config)
    rng = np.random.RandomState(3)
    for variable in named_weights(generator).values():
        value = rng.standard_normal(variable.shape)
        variable.assign(np.abs(value) + 0.1 if "variance" in variable.path else 0.3 * value)
    return generator


def images(generator, num_classes):
    latents = np.random.RandomState(0).standard_normal((6, 4)).astype(np.float32)
    labels = [np.arange(6, dtype=np.int32) % num_classes] if num_classes else []
    return np.array(generator([latents, *labels], training=False))


def weights_of(generator):
    return {name: variable.numpy() for name, variable in named_weights(generator).items()}


@pytest.mark.parametrize("more", [1, 6])
@pytest.mark.parametrize("classes", CLASSES)
@pytest.mark.parametrize("blocks", BLOCKS)
def test_the_images_are_the_same(blocks, classes, more):
    narrow, wide = (config(BLOCKS[blocks], more=extra, **CLASSES[classes]) for extra in (0, more))
    trained = with_random_weights(narrow)
    generator = networks.build_generator(wide)
    fresh = weights_of(generator)
    for name, value in widened(generator, weights_of(trained), what="x").items():
        named_weights(generator)[name].assign(value)
    expected = images(trained, narrow.num_classes)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(images(generator, wide.num_classes), expected, atol=1e-5)
    kernels = [name for name in fresh if name.endswith("kernel") and "style" not in name]
    for name in kernels[:-1]:
        value = named_weights(generator)[name].numpy()
        assert np.isin(value, fresh[name]).mean() > 0.1, f"{name}: its new channels are random"


DEEPER = {
    "one at the end": [*BLOCKS["two"], {"name": "residual"}],
    "one between, one at the end": [BLOCKS["two"][0], {"name": "residual"}, BLOCKS["two"][1], {"name": "residual"}],
    "two in a row": [*BLOCKS["two"], {"name": "residual"}, {"name": "residual", "norm": "none"}],
}


@pytest.mark.parametrize("more", [0, 3])
@pytest.mark.parametrize("classes", ["no classes", "in the norms, self-modulated"])
@pytest.mark.parametrize("blocks", DEEPER)
def test_new_residual_blocks_keep_the_images(blocks, classes, more):
    narrow, wide = config(BLOCKS["two"], **CLASSES[classes]), config(DEEPER[blocks], more=more, **CLASSES[classes])
    trained = with_random_weights(narrow)
    generator = networks.build_generator(wide)
    for name, value in widened(generator, weights_of(trained), what="x").items():
        named_weights(generator)[name].assign(value)
    expected = images(trained, narrow.num_classes)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(images(generator, wide.num_classes), expected, atol=1e-5)


def test_a_new_residual_block_learns_from_the_first_step():
    import tensorflow as tf

    generator = networks.build_generator(config([*BLOCKS["two"], {"name": "residual"}]))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(generator([tf.random.stateless_normal((8, 4), (1, 2))], training=True)))
    last = next(variable for variable in generator.trainable_variables if "residual_conv2/kernel" in variable.path)
    assert not np.any(last.numpy())
    assert np.any(np.array(tape.gradient(loss, last)))


def test_a_generator_can_become_deeper_again():
    once, twice = ([*BLOCKS["two"], *[{"name": "residual"}] * count] for count in (1, 2))
    trained = with_random_weights(config(once))
    generator = networks.build_generator(config(twice))
    for name, value in widened(generator, weights_of(trained), what="x").items():
        named_weights(generator)[name].assign(value)
    np.testing.assert_allclose(images(generator, 0), images(trained, 0), atol=1e-5)


def test_new_channels_learn_from_the_first_step():
    import tensorflow as tf

    narrow, wide = (config(BLOCKS["two"], more=extra) for extra in (0, 4))
    generator = networks.build_generator(wide)
    for name, value in widened(generator, weights_of(with_random_weights(narrow)), what="x").items():
        named_weights(generator)[name].assign(value)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(generator([tf.random.stateless_normal((8, 4), (1, 2))], training=True)))
    head = next(variable for variable in generator.trainable_variables if "image_head_conv/kernel" in variable.path)
    gradient = np.array(tape.gradient(loss, head))
    assert np.all(np.abs(gradient[:, :, 4:]).sum(axis=(0, 1, 3)) > 0)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    narrow = config(BLOCKS["two"])
    return read_bundle(export_bundle(with_random_weights(narrow), narrow, tmp_path_factory.mktemp("narrow") / "b"))


def test_a_training_begins_there(bundle, tmp_path):
    training = {"init_from": str(bundle.folder), "init_widen": True}
    wide, weights = init_from.resolve(config(BLOCKS["two"], more=2, training=training))
    made = trainer(wide, tmp_path)
    init_from.begin(made.state, weights, info=print)
    expected = images(with_random_weights(config(BLOCKS["two"])), 0)
    for network in (made.state.generator, made.state.ema):
        np.testing.assert_allclose(images(network, 0), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("wide", "words"),
    [
        (config(BLOCKS["two"], more=-1), "only channels can grow|Only channels can grow"),
        (config(BLOCKS["two"], latent_dim=5), "has 4 latents, and this config has 5"),
        (config(BLOCKS["two"], num_classes=3), "has 0 classes, and this config has 3"),
        (config(BLOCKS["nearest"]), r"has \(16, 16, 1\) values in a sample, and this config has \(8, 8, 1\)"),
        (
            config([BLOCKS["nearest"][0], BLOCKS["transposed, batch norm"][0]]),
            r" has a weight \d{4}/02_.*, and this generator does not",
        ),
    ],
    ids=["fewer channels", "a longer latent", "classes", "fewer blocks", "other blocks"],
)
def test_what_differs_in_more_than_channels_is_one_line(bundle, wide, words):
    wide = wide.replace(**{"training.init_from": str(bundle.folder), "training.init_widen": True})
    with pytest.raises(ConfigError, match=words) as said:
        resolved, weights = init_from.resolve(wide)
        init_from.assign(resolved, weights, [networks.build_generator(resolved)], info=print)
    assert len(str(said.value).splitlines()) == 1


def test_a_layer_that_cannot_grow_is_named():
    narrow, wide = (config([{"name": "pixel_shuffle", "channels": 4, "norm": "layer"}], more=extra) for extra in (0, 2))
    with pytest.raises(ConfigError, match="of a LayerNormalization layer"):
        widened(networks.build_generator(wide), weights_of(networks.build_generator(narrow)), what="x")


@pytest.mark.parametrize(
    "blocks",
    [
        [{"name": "conv_transpose", "channels": 4, "norm": "pixel"}],
        [{"name": "residual_up", "channels": 4, "norm": "pixel"}],
        [{"name": "conv_transpose", "channels": 16}, {"name": "self_attention"}],
    ],
    ids=["pixel norm", "pixel norm, residual", "attention"],
)
def test_layers_that_mix_channels_are_found_by_comparing_the_images(tmp_path, blocks):
    def of(more, **training):
        chosen = [
            block if "channels" not in block else {**block, "channels": block["channels"] + more} for block in blocks
        ]
        layers = {"latent_dim": 4, "stem": STEM, "block": None, "blocks": chosen}
        return Config.read(values(resolution=8, generator=layers, training=training))

    narrow = of(0)
    folder = export_bundle(with_random_weights(narrow), narrow, tmp_path / "b")
    wide, weights = init_from.resolve(of(16, init_from=str(folder), init_widen=True))
    with pytest.raises(ConfigError, match=r"does not make the images|layer has the shape") as said:
        init_from.assign(wide, weights, [networks.build_generator(wide)], info=print)
    assert len(str(said.value).splitlines()) == 1


def test_a_new_layer_that_is_not_the_identity_is_named(tmp_path):
    def of(hidden, **training):
        return tiny_vectors(**training).replace(**{"generator.hidden": hidden})

    folder = export_bundle(with_random_weights(of([8])), of([8]), tmp_path / "b")
    deeper, weights = init_from.resolve(of([8, 8], init_from=str(folder), init_widen=True))
    with pytest.raises(ConfigError, match=r"identity, as that of the block residual does; .* is new\.$") as said:
        init_from.assign(deeper, weights, [networks.build_generator(deeper)], info=print)
    assert len(str(said.value).splitlines()) == 1


def test_two_ways_to_begin_exclude_each_other():
    with pytest.raises(ConfigError, match="choose one"):
        tiny(training={"init_from": "faces-64", "init_widen": True, "init_partial": True})
