"""Fine-tuning starts from exactly the weights of the bundle."""

import numpy as np
import pytest
from helpers import tiny, trainer

from ganzoo.api import export, train
from ganzoo.bundle.folder import read_bundle
from ganzoo.config import yaml_files
from ganzoo.errors import BundleError, ConfigError, UnknownNameError
from ganzoo.exporters.bundle import export_bundle
from ganzoo.training import init_from
from ganzoo.training.weight_names import named_weights


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A bundle of a generator with random weights, and these weights."""
    from ganzoo.training import networks

    config = tiny()
    generator = networks.build_generator(config)
    rng = np.random.RandomState(3)
    for variable in generator.variables:
        if variable.dtype == "float32":
            variable.assign(rng.standard_normal(variable.shape) * 0.1)
    return read_bundle(export_bundle(generator, config, tmp_path_factory.mktemp("source") / "b"))


def test_the_generator_and_its_average_begin_there_and_the_rest_anew(bundle, tmp_path):
    config, weights = init_from.resolve(tiny(training={"init_from": str(bundle.folder)}))
    made, fresh = (trainer(config, tmp_path / name) for name in "ab")
    init_from.begin(made.state, weights, info=print)
    for network in (made.state.generator, made.state.ema):
        found = named_weights(network)
        assert found.keys() == bundle.weights().keys()
        assert all(np.array_equal(found[name], bundle.weights()[name]) for name in found)
    for a, b in zip(
        made.state.networks["discriminator"].variables, fresh.state.networks["discriminator"].variables, strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_a_generator_of_another_size_is_one_line(bundle, tmp_path):
    config, weights = init_from.resolve(
        tiny(generator={"base_channels": 8}, training={"init_from": str(bundle.folder)})
    )
    with pytest.raises(
        ConfigError,
        match=r"does not fit this generator: the shape of 0000/\S+ is \[.*\] there, and \[.*\] in this",
    ) as said:
        init_from.begin(trainer(config, tmp_path).state, weights, info=print)
    assert len(str(said.value).splitlines()) == 1


CHANGED = {
    "latent": (
        {"latent": "uniform"},
        r"has normal latents, and this config has uniform ones.* generator.latent=normal",
    ),
    "activation": (
        {"block": {"name": "conv_transpose", "norm": "none", "activation": "silu"}},
        "does not fit this generator: 'activation' of block 0 is relu there, and silu in this.*init_partial=true",
    ),
    "slope": (
        {"block": {"name": "conv_transpose", "norm": "none", "slope": 0.5}},
        "'slope' of block 0 is 0.2 there, and 0.5 in this config",
    ),
    "head": (
        {"head": {"name": "image_head", "upsample": "conv_transpose", "kernel_size": 4, "activation": "silu"}},
        "'activation' of block 1 is linear there, and silu in this config",
    ),
}


@pytest.mark.parametrize("case", CHANGED)
def test_a_generator_that_computes_something_else_is_one_line(bundle, case):
    changes, message = CHANGED[case]
    with pytest.raises(ConfigError, match=message) as said:
        init_from.resolve(tiny(generator=changes, training={"init_from": str(bundle.folder)}))
    assert len(str(said.value).splitlines()) == 1
    partial = {"init_from": str(bundle.folder), "init_partial": True}
    if case == "latent":
        with pytest.raises(ConfigError, match=message):
            init_from.resolve(tiny(generator=changes, training=partial))
    else:
        init_from.resolve(tiny(generator=changes, training=partial))


def test_names_that_mean_nothing_fail_before_the_data_are_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownNameError, match="zzz"):
        train(tiny(training={"init_from": "zzz"}))
    with pytest.raises(BundleError, match="the folder does not exist"):
        train(tiny(training={"init_from": "./zzz"}))
    assert not (tmp_path / "runs").exists()


def test_training_from_the_command_keeps_where_it_came_from(bundle, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("data.npy", np.random.RandomState(0).randint(0, 256, (24, 8, 8, 1)).astype(np.uint8))
    run = train(tiny(training={"init_from": str(bundle.folder), "steps": 2}), data="data.npy", quiet=True)
    kept = yaml_files.read_mapping(run.folder / "config.yaml")["training"]["init_from"]
    assert kept == str(bundle.folder)
    exported = read_bundle(export(run)).metadata.facts.training["config"]
    assert "init_from" not in exported["training"], "a path of this machine is nobody's business"


def test_a_larger_generator_grows_from_the_layers_that_fit(bundle, tmp_path):
    layers = {
        "stem": {"name": "dense_stem", "channels": 4, "norm": "none"},
        "block": None,
        "blocks": [{"name": "conv_transpose", "channels": 4, "norm": "none"}],
    }
    settings = {"init_from": str(bundle.folder), "init_partial": True}
    config, weights = init_from.resolve(tiny(resolution=16, generator=layers, training=settings))
    made, fresh = (trainer(config, tmp_path / name) for name in "ab")
    said = []
    init_from.begin(made.state, weights, info=said.append)
    variables, others = named_weights(made.state.generator), named_weights(fresh.state.generator)
    taken = [name for name in variables if name in weights and weights[name].shape == tuple(variables[name].shape)]
    assert 0 < len(taken) < len(variables)
    for name, variable in variables.items():
        np.testing.assert_array_equal(variable, weights[name] if name in taken else others[name])
        np.testing.assert_array_equal(variable, named_weights(made.state.ema)[name])
    assert said == [
        f"{len(taken)} of the generator's {len(variables)} weight arrays are those of {bundle.folder}; "
        "the others are new."
    ]


def test_a_generator_of_which_nothing_fits_is_refused(bundle, tmp_path):
    settings = {"init_from": str(bundle.folder), "init_partial": True}
    config, _ = init_from.resolve(tiny(training=settings))
    with pytest.raises(ConfigError, match=r"no layer of .* has the name and shape"):
        init_from.begin(trainer(config, tmp_path).state, {"0000/x": np.zeros(3, np.float32)}, info=print)
