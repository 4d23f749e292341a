"""From resolution and base channels to blocks, for every generator block and every size."""

import pytest
from helpers import tiny, values

from ganzoo.architectures.base import discriminator_architectures, generator_architectures
from ganzoo.architectures.shapes import halvings, trace
from ganzoo.blocks.base import UpBlock, generator_blocks
from ganzoo.config.experiment import Config
from ganzoo.errors import ConfigError

SIZES = [28, 32, 48, 64, 96, 128]
UP_BLOCKS = [
    name
    for name in generator_blocks.names()
    if issubclass(generator_blocks.get(name), UpBlock) and not generator_blocks.get(name)().needs_style
]


def generator(**values):
    return generator_architectures.create(values)


def discriminator(**values):
    return discriminator_architectures.create(values)


def dress(block):
    return block.norm.registered_name, block.activation.registered_name


def names(blocks):
    return [block.registered_name for block in blocks]


def channels(blocks):
    return [block.channels for block in blocks]


@pytest.mark.parametrize(
    ("size", "count"), [(4, 0), (7, 0), (8, 1), (28, 2), (32, 3), (48, 3), (64, 4), (96, 4), (128, 5)]
)
def test_halvings_stop_at_4_pixels_or_an_odd_size(size, count):
    assert halvings(size, size) == count
    assert halvings(2 * size, size) == count


def test_the_up_blocks_are_all_tried_here():
    assert {"conv_transpose", "upsample_conv", "pixel_shuffle", "residual_up"} <= set(UP_BLOCKS)


@pytest.mark.parametrize("block", UP_BLOCKS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("colors", [1, 3])
@pytest.mark.parametrize("head", [None, {"name": "image_head"}])
def test_every_up_block_reaches_every_size(block, size, colors, head):
    for model in ("dcgan", "residual"):
        expanded = generator(model=model, block=block, base_channels=4, head=head).expand((size, size, colors))
        shapes = trace(expanded, (100,))
        assert shapes[-1] == (size, size, colors)
        assert 4 <= shapes[0][0] <= 7
        assert all(
            wide >= narrow for wide, narrow in zip(channels(expanded[:-1]), channels(expanded[1:-1]), strict=False)
        )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("model", ["dense", "dcgan", "residual"])
def test_every_discriminator_ends_every_size_in_one_logit(size, model):
    for packing, minibatch_stddev in ((1, False), (2, True)):
        config = discriminator(model=model, packing=packing, minibatch_stddev=minibatch_stddev)
        assert trace(config.expand((size, size, 3)), (size, size, 3))[-1] == (1,)


def test_dcgan_of_the_paper():
    """Radford et al. 2016, figure 1: 4x4x1024, 512, 256, 128, and the image from a transposed convolution."""
    blocks = generator(base_channels=128).expand((64, 64, 3))
    assert names(blocks) == ["dense_stem", *["conv_transpose"] * 3, "image_head"]
    assert channels(blocks)[:4] == [1024, 512, 256, 128]
    assert [shape[:2] for shape in trace(blocks, (100,))] == [(4, 4), (8, 8), (16, 16), (32, 32), (64, 64)]
    blocks = discriminator(base_channels=64, block={"name": "strided_conv", "norm": "batch"}).expand((64, 64, 3))
    assert channels(blocks)[:4] == [64, 128, 256, 512]
    assert [block.norm.registered_name for block in blocks] == ["none", "batch", "batch", "batch", "none"]


def test_max_channels_ends_the_doubling():
    assert channels(generator(base_channels=64, max_channels=100).expand((64, 64, 3)))[:4] == [100, 100, 100, 64]
    assert channels(discriminator(base_channels=64, max_channels=100).expand((64, 64, 3)))[:4] == [
        64,
        100,
        100,
        100,
    ]


def test_a_dense_model_has_a_block_for_each_hidden_layer():
    blocks = generator(model="dense", hidden=[5, 6]).expand((8, 8, 1))
    assert names(blocks) == ["dense", "dense", "dense_image_head"]
    assert channels(blocks)[:2] == [5, 6]
    assert names(generator(model="dense", hidden=[5]).expand((3,))) == ["dense", "vector_head"]
    assert names(discriminator(model="dense", hidden=[]).expand((3,))) == ["logit_head"]
    assert names(generator(model="dense", hidden=[]).expand((3,))) == ["vector_head"]


def test_explicit_blocks_say_everything():
    spec = [{"name": "conv_transpose", "channels": 6}, {"name": "pixel_shuffle", "channels": 4}]
    blocks = generator(blocks=spec).expand((32, 32, 3))
    assert names(blocks) == ["dense_stem", "conv_transpose", "pixel_shuffle", "image_head"]
    assert trace(blocks, (9,))[-1] == (32, 32, 3)


def test_an_odd_up_block_leaves_off_a_row_and_a_column():
    """Digits that begin at 4 px, as in Unrolled GAN (Metz et al. 2017, arXiv:1611.02163): 4, 7, 14, 28."""
    spec = [{"name": "conv_transpose", "channels": 6, "kernel_size": size, "odd": size < 5} for size in (3, 5, 5)]
    stem = {"name": "dense_stem", "channels": 3, "height": 4}
    blocks = generator(blocks=spec, stem=stem, head="image_head").expand((28, 28, 3))
    assert [shape[:2] for shape in trace(blocks, (9,))] == [(4, 4), (7, 7), (14, 14), (28, 28), (28, 28)]


def test_a_stem_of_a_given_height_is_square_unless_it_says_more():
    stem = {"name": "dense_stem", "channels": 3, "height": 2}
    spec = [{"name": "conv_transpose", "channels": 6}]
    blocks = generator(blocks=spec, stem=stem, head="image_head").expand((4, 4, 1))
    assert trace(blocks, (9,)) == [(2, 2, 3), (4, 4, 6), (4, 4, 1)]


def test_images_that_are_not_square_work_too():
    assert trace(generator().expand((32, 48, 3)), (9,))[-1] == (32, 48, 3)
    assert trace(discriminator().expand((32, 48, 3)), (32, 48, 3))[-1] == (1,)


@pytest.mark.parametrize(
    ("block", "stem", "head"),
    [
        ({"name": "conv_transpose", "norm": "layer", "activation": "elu"}, ("layer", "elu"), "none"),
        ({"name": "upsample_conv", "norm": "spectral"}, ("spectral", "relu"), "spectral"),
        ({"name": "conv_transpose", "norm": "batch"}, ("batch", "relu"), "none"),
    ],
)
def test_stem_and_head_are_dressed_like_the_block(block, stem, head):
    blocks = generator(block=block).expand((16, 16, 3))
    assert dress(blocks[0]) == stem
    assert blocks[-1].norm.registered_name == head


def test_a_residual_generator_normalizes_in_its_head():
    blocks = generator(model="residual").expand((32, 32, 3))
    assert dress(blocks[0]) == ("none", "linear")
    assert (*dress(blocks[-1]), blocks[-1].upsample) == ("batch", "relu", "none")
    judge = discriminator(model="residual", block={"name": "residual_down", "norm": "spectral"}).expand((32, 32, 3))
    assert [block.preactivation for block in judge[:-1]] == [False, True, True]
    assert (judge[-1].pool, *dress(judge[-1])) == ("sum", "spectral", "relu")


def test_pack_size_counts_the_packing_of_blocks():
    spec = [{"name": "packing", "samples": 3}, {"name": "dense", "channels": 4}]
    network = {"model": "dense", "block": None, "packing": 2, "blocks": spec}
    assert tiny(discriminator=network, training={"batch_size": 12}).pack_size == 6
    assert tiny().pack_size == 1


def test_an_impossible_network_names_the_network():
    with pytest.raises(ConfigError, match="generator block 1: block 'dense_stem' takes a vector"):
        Config.read(
            values(generator={"model": "dense", "block": None, "blocks": [{"name": "dense_stem", "channels": 2}] * 2})
        )


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
def test_keras_agrees_with_every_traced_shape(size):
    """The real networks have the shapes that were computed without Keras."""
    from ganzoo.training import networks

    for block in UP_BLOCKS:
        model = "residual" if block == "residual_up" else "dcgan"
        judge = {"model": model, "block": {"dcgan": "strided_conv", "residual": "residual_down"}[model]}
        config = tiny(resolution=size, generator={"model": model, "block": block}, discriminator=judge)
        generator, discriminator = networks.build_generator(config), networks.build_discriminator(config)
        assert generator.output.shape == (None, size, size, 1)
        assert discriminator.output.shape == (None, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "stem"),
    [
        ("128x64", (8, 4)),
        ("64x128", (4, 8)),
        ("96x64", (6, 4)),
        ("64x48", (8, 6)),
        ("48x32", (6, 4)),
        ("40x8", (20, 4)),
    ],
)
@pytest.mark.parametrize("channels", [3, 4])
def test_images_that_are_not_square_in_every_family(size, stem, channels):
    """Stems, blocks and heads of every family, packing and minibatch_stddev; Keras agrees with the traced shapes."""
    from ganzoo.training import networks

    shape = (*map(int, size.split("x")), channels)
    for block in (*UP_BLOCKS, "dense"):
        model = {"residual_up": "residual", "dense": "dense"}.get(block, "dcgan")
        judge = {"dcgan": "strided_conv", "residual": "residual_down", "dense": "dense"}[model]
        config = tiny(
            resolution=size,
            channels=channels,
            generator={"model": model, "block": block, "hidden": [8]},
            discriminator={"model": model, "block": judge, "hidden": [8], "packing": 2, "minibatch_stddev": True},
        )
        assert config.sample_shape == shape
        if model != "dense":
            found = config.generator.expand(shape)[0]
            assert (found.height, found.width) == stem
        assert networks.build_generator(config).output.shape == (None, *shape)
        assert networks.build_discriminator(config).output.shape == (None, 1)


@pytest.mark.parametrize("model", ["dcgan", "residual"])
@pytest.mark.parametrize(("size", "stem", "blocks"), [("128x64", (4, 2), 5), ("64x48", (16, 12), 2), (64, (8, 8), 3)])
def test_a_stem_of_its_own_size_gets_the_blocks_that_it_needs(model, size, stem, blocks):
    block = {"dcgan": "conv_transpose", "residual": "residual_up"}[model]
    own = {"name": "dense_stem", "height": stem[0], "width": stem[1]}
    config = tiny(resolution=size, generator={"model": model, "block": block, "stem": own, "max_channels": 8})
    made = config.generator.expand(config.sample_shape)
    assert (made[0].height, made[0].width) == stem
    head_doubles = model == "dcgan"
    assert len(made) == blocks + 2 - head_doubles


def test_a_stem_that_a_list_of_blocks_reaches():
    blocks = [{"name": "conv_transpose", "channels": 4}] * 4
    made = generator(model="dcgan", blocks=blocks).expand((128, 64, 3))
    assert (made[0].height, made[0].width) == (4, 2)


@pytest.mark.parametrize("size", ["31x20", "64x30", "9x64"])
@pytest.mark.parametrize("model", ["dcgan", "residual"])
def test_sizes_that_cannot_be_halved_are_one_line_with_a_size_that_can(size, model):
    block = {"dcgan": "conv_transpose", "residual": "residual_up"}[model]
    judge = {"dcgan": "strided_conv", "residual": "residual_down"}[model]
    spec = {"generator": {"model": model, "block": block}, "discriminator": {"model": model, "block": judge}}
    try:
        tiny(resolution=size, **spec)
    except ConfigError as error:
        text = str(error)
        assert "\n" not in text
        assert size in text
        hint = text.partition("for example to ")[2].partition(",")[0]
        assert tiny(resolution=hint, **spec).data.resolution == hint
    else:
        assert all(side % 2 == 0 for side in map(int, size.split("x")))


@pytest.mark.slow
def test_first_weights_follow_the_seed_and_the_initializer():
    import numpy as np

    from ganzoo.training import networks

    def weights(build=networks.build_generator, **changes):
        return [np.asarray(weight) for weight in build(tiny(**changes)).weights]

    def equal(first, second):
        return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))

    spectral = {"discriminator": {"block": {"name": "strided_conv", "norm": "spectral"}}}
    for build in (networks.build_generator, networks.build_discriminator):
        one = weights(build, **spectral)
        assert equal(one, weights(build, **spectral))
        assert not equal(one, weights(build, training={"seed": 2**31 - 1}, **spectral))
    kernels = [w for w in weights(generator={"initializer": "normal_0.02", "base_channels": 64}) if w.ndim == 4]
    assert all(abs(kernel.std() - 0.02) < 0.002 for kernel in kernels)


@pytest.mark.parametrize(("num_classes", "kind"), [(0, "MinibatchStddev"), (3, "ClassStddev")])
def test_a_conditional_discriminator_compares_samples_of_one_class(num_classes, kind):
    from ganzoo.training import networks

    judge = {"minibatch_stddev": True, "block": {"name": "strided_conv", "norm": "batch"}}
    made = networks.build_discriminator(tiny(num_classes=num_classes, discriminator=judge))
    kinds = [type(layer).__name__ for layer in made.layers]
    assert [found for found in kinds if found.endswith("Stddev")] == [kind]
    assert "ClassAffine" not in kinds, "the label conditions the generator's normalizations alone"


def test_spectral_norm_begins_with_kernels_that_are_normalized():
    import numpy as np

    from ganzoo.blocks._keras_layers import SpectralNorm
    from ganzoo.training import networks

    judge = networks.build_discriminator(
        tiny(resolution=16, discriminator={"block": {"name": "strided_conv", "norm": "spectral"}})
    )
    layers = [layer for layer in judge.layers if isinstance(layer, SpectralNorm)]
    assert len(layers) == 3
    for layer in layers:
        matrix = np.asarray(layer.layer.kernel).reshape(-1, layer.layer.kernel.shape[-1])
        stretched = np.linalg.norm(matrix @ np.asarray(layer.vector_u)[0])
        np.testing.assert_allclose(stretched, np.linalg.svd(matrix)[1][0], rtol=0.05)


def test_an_unknown_architecture_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match=r"generator\.model: No generator architecture named 'dcgann'\. Did you mean"):
        Config.read(values(generator={"model": "dcgann"}))


def test_groups_that_do_not_divide_the_channels_are_refused_when_the_config_is_read():
    norm = {"name": "group", "groups": 6}
    with pytest.raises(ConfigError, match=r"cannot split \d+ channels into 6 groups; use groups: 2"):
        Config.read(values(generator={"base_channels": 8, "block": {"name": "conv_transpose", "norm": norm}}))
