"""Trains every model of the zoo for a few steps on data in its publisher's format, exports it, and generates."""

import functools
import json

import numpy as np
import publishers
import pytest

import ganzoo
from ganzoo.config.zoo import describe, load_config
from ganzoo.model_list import list_models

EXPECTED = {
    "bigan-faces-32",
    "bigan-mnist",
    "cdcgan-cifar10",
    "cdcgan-faces-64",
    "cdcgan-fashion-mnist",
    "cdcgan-mnist",
    "cdcgan-portraits-64",
    "dcgan-celeba-128",
    "dcgan-celeba-64",
    "dcgan-cifar10",
    "dcgan-faces-32",
    "dcgan-faces-64",
    "dcgan-mnist",
    "dcgan-portraits-128",
    "dcgan-stacked-mnist",
    "dense-celeba-64",
    "dense-fashion-mnist",
    "dense-grid25",
    "dense-mnist",
    "dense-ring8",
    "resnet-celeba-128",
    "resnet-cifar10",
    "wgan-gp-cifar10",
}

MAKERS = {
    "mnist": publishers.mnist,
    "fashion_mnist": publishers.mnist,
    "stacked_mnist": publishers.mnist,
    "cifar10": publishers.cifar10,
    "celeba": publishers.celeba,
    "image_folder": publishers.photographs,
}


def test_the_zoo_is_complete():
    assert set(list_models()) >= EXPECTED


@pytest.mark.parametrize("name", list_models())
def test_the_yaml_opens_with_what_it_is_and_where_it_is_from(name):
    what, source = describe(name)[:2]
    assert len(what) > 20
    assert source.startswith("Recipe:")


@pytest.fixture
def unoptimized():
    """TensorFlow runs its graphs as they are traced. Optimizing a graph takes longer than two steps of it.

    The lessons, the commands of the README and most other tests train with optimized graphs.
    """
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    yield
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})


@pytest.fixture
def eager(monkeypatch):
    """A function that makes trainings run without a graph. Two steps then take a third of the time."""
    from ganzoo.training import steps
    from ganzoo.training.graph_loop import graph_loop

    def without_graph():
        monkeypatch.setattr(steps, "graph_loop", lambda *inputs: graph_loop(*inputs).python_function)

    return without_graph


def kind(config):
    """The parts that the graph of a training consists of, without their sizes."""
    training = config.training
    parts = [config.objective, config.generator, config.discriminator, training.loss, training.augment]
    parts += [*training.penalties, *config.generator.expand(config.sample_shape)]
    parts += config.discriminator.expand(config.sample_shape)
    return bool(config.num_classes), training.update, *sorted({part.registered_name for part in parts if part})


@functools.cache
def smallest():
    """The model with the smallest samples of each kind."""
    configs = {name: load_config(name) for name in list_models()}
    by_size = sorted(configs, key=lambda name: np.prod(configs[name].sample_shape), reverse=True)
    return {kind(configs[name]): name for name in by_size}


def narrow(config, network):
    """Overrides that make a network narrow, with the same layers. The widest networks take minutes."""
    plain = config.to_dict()[network]
    if plain.get("base_channels", 0) > 16:
        yield "base_channels=16"
    if "max_channels" in plain:
        yield "max_channels=64"
    if sum(plain.get("hidden") or []) > 1500:
        yield "hidden=[64,128]"
    blocks = plain.get("blocks") or []
    if max((block.get("channels") or 0 for block in blocks), default=0) >= 128:
        yield f"blocks={json.dumps([narrow_block(block) for block in blocks])}"
        if plain.get("stem"):
            yield f"stem={json.dumps(narrow_block(plain['stem']))}"


def narrow_block(values):
    """With an eighth of the channels. From very few channels, all seeds may give the same sample."""
    channels = values.get("channels")
    return values | ({"channels": min(channels, max(16, channels // 8))} if channels else {})


@pytest.mark.slow
@pytest.mark.usefixtures("unoptimized")
@pytest.mark.parametrize("name", list_models())
def test_trains_exports_and_generates(name, tmp_path, monkeypatch, eager):
    """The smallest model of each kind trains in a graph. The others differ from it in sizes, and train eagerly."""
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "cache"))
    overrides = ["training.batch_size=4", "training.g_optimizer.warmup_steps=0"]
    config = load_config(name)
    source = config.data
    make = MAKERS.get(source.registered_name)
    folders = {"classes": config.num_classes} if source.registered_name == "image_folder" else {}
    data = None if make is None else make(tmp_path / "data", **folders)
    if "count" in type(source).model_fields:
        overrides.append("data.count=60")
    narrowed = ("discriminator",) if config.training.init_from else ("generator", "discriminator")
    overrides += [f"{network}.{text}" for network in narrowed for text in narrow(config, network)]
    if config.training.d_steps > 2:
        overrides.append("training.d_steps=2")  # each one is traced; the last one is unlike the ones before it
    if name not in smallest().values():
        eager()

    run = ganzoo.train(name, steps=2, data=data, overrides=overrides, root=tmp_path / "runs", quiet=True)
    generator = ganzoo.load(ganzoo.export(run))

    config = run.config
    assert run.step == 2
    samples = generator.sample([0, 1, 2])
    assert samples.shape == (3, *config.sample_shape)
    assert samples.dtype == (np.uint8 if len(config.sample_shape) == 3 else np.float32)
    assert len(np.unique(samples.reshape(3, -1), axis=0)) == 3, "different seeds give different samples"
    np.testing.assert_array_equal(generator.sample([1])[0], samples[1])
