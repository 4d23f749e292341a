"""Trained-like discriminators as critics: parity, one sample at a time, and what cannot be one. Runs TensorFlow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from exporters.generators import TINY, randomise
from ganzoo.blocks.regularizing import MinibatchStddev
from ganzoo.bundle.folder import CRITIC, ONNX_FP16, WEIGHTS, read_bundle
from ganzoo.bundle.onnx_guard import check_critic
from ganzoo.config.experiment import Config
from ganzoo.config.yaml_files import dump
from ganzoo.errors import ExportError, RunError
from ganzoo.exporters import export_bundle, export_run
from ganzoo.exporters.bundle import bundle_config
from ganzoo.exporters.critic import build_critic, check_possible, export_critic, measured_statistics
from ganzoo.exporters.restore import discriminator_near, load_averaged
from ganzoo.inference.generator import Generator
from ganzoo.resolve import run_bundle
from ganzoo.runs import Run
from ganzoo.training import checkpoint

pytest.importorskip("tensorflow")
from ganzoo.training import networks
from ganzoo.training.weight_names import named_variables

CONV = {"name": "strided_conv", "channels": 8}
STDDEV = {"name": "minibatch_stddev", "num_channels": 2}
DEVIATIONS = "deviation before and after a convolution"
VARIANTS: dict[str, dict[str, Any]] = {
    "convolutions": {"model": "dcgan", "blocks": [CONV, {**CONV, "dropout": 0.3}]},
    DEVIATIONS: {"model": "dcgan", "blocks": [CONV, STDDEV, CONV, STDDEV]},
    "layer norm, gelu": {"model": "dcgan", "blocks": [{**CONV, "norm": "layer", "activation": "gelu"}]},
    "pixel norm, each channel": {"model": "dcgan", "blocks": [{**CONV, "name": "channelwise_conv", "norm": "pixel"}]},
    "spectral residual": {
        "model": "residual",
        "base_channels": 8,
        "block": {"name": "residual_down", "norm": "spectral"},
    },
    "dense": {"model": "dense", "hidden": [16, 8], "block": {"name": "dense", "norm": "none"}},
}


def read(discriminator, *, num_classes=0):
    return Config.read({**TINY, "name": "tiny", "discriminator": discriminator, "num_classes": num_classes})


def trained(config, seed=1):
    """A generator, and the weights of a discriminator as a checkpoint has them."""
    discriminator = randomise(networks.build_discriminator(config), seed)
    weights = {name: np.asarray(v) for name, v in named_variables(discriminator.variables).items()}
    return randomise(networks.build_generator(config)), weights, discriminator


@pytest.mark.slow
@pytest.mark.parametrize(("variant", "num_classes"), [*((name, 0) for name in VARIANTS), (DEVIATIONS, 6), ("dense", 6)])
def test_every_discriminator_becomes_a_critic(variant, num_classes):
    config = read(VARIANTS[variant], num_classes=num_classes)
    generator, weights, _ = trained(config)
    content, error = export_critic(config, bundle_config(config), weights, generator)
    check_critic(content, bundle_config(config))
    assert 0 < error < 1e-5


@pytest.mark.slow
def test_without_statistics_the_critic_is_the_discriminator():
    config = read(VARIANTS["convolutions"])
    generator, weights, discriminator = trained(config)
    assert measured_statistics(config, weights, generator) == {}
    images = np.random.RandomState(0).uniform(-1, 1, (5, 16, 16, 3)).astype(np.float32)
    np.testing.assert_allclose(build_critic(config, weights, {})([images]), discriminator([images]), atol=1e-5)


@pytest.mark.slow
def test_a_statistic_is_replaced_by_its_mean_over_generated_batches():
    """With the mean of one batch as the constant, that batch gets the logits of the discriminator."""
    config = read({"model": "dcgan", "blocks": [CONV, STDDEV]})
    generator, weights, discriminator = trained(config)
    found = measured_statistics(config, weights, generator)
    (name,) = found
    assert found[name].shape == (2,)
    assert (found[name] > 0.01).all()
    images = np.random.RandomState(0).uniform(-1, 1, (4, 16, 16, 3)).astype(np.float32)
    import keras

    layer = discriminator.get_layer(f"{name}_stddev")
    statistic = np.asarray(keras.Model(discriminator.inputs, layer.output)([images]))[0, 0, 0, -2:]
    same = build_critic(config, weights, {name: statistic})
    np.testing.assert_allclose(same([images]), discriminator([images]), atol=1e-4)
    other = build_critic(config, weights, {name: statistic + 1})
    assert np.abs(np.asarray(other([images])) - np.asarray(discriminator([images]))).max() > 1e-2
    np.testing.assert_allclose(same([images[:1]]), np.asarray(same([images]))[:1], atol=1e-5)


@pytest.mark.parametrize(
    ("discriminator", "words"),
    [
        ({"model": "dcgan", "packing": 2}, "'packing' of its discriminator judges 2 samples together"),
        (
            {"model": "dcgan", "block": {"name": "strided_conv", "norm": "batch"}},
            "'strided_conv' of its discriminator normalizes a sample with the statistics of the whole batch",
        ),
    ],
)
def test_what_cannot_be_a_critic_is_one_line(discriminator, words):
    with pytest.raises(ExportError, match=words) as caught:
        check_possible(read(discriminator))
    assert str(caught.value).endswith("Export it without --critic.")
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_statistic_that_no_block_declares_is_found(monkeypatch):
    config = read({"model": "dcgan", "blocks": [CONV, STDDEV]})
    generator, weights, _ = trained(config)
    monkeypatch.setattr(MinibatchStddev, "statistic_channels", 0)
    with pytest.raises(ExportError, match="logit of a sample changes by"):
        export_critic(config, bundle_config(config), weights, generator)


@pytest.mark.slow
def test_weights_of_another_discriminator_are_refused():
    config = read({"model": "dcgan", "blocks": [CONV, CONV]})
    generator, _, _ = trained(config)
    _, others, _ = trained(read({"model": "dcgan", "blocks": [CONV]}))
    with pytest.raises(ExportError, match="does not match the config of 'tiny' in 01_strided_conv_conv"):
        export_critic(config, bundle_config(config), others, generator)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_a_bundle_with_a_critic_generates_the_best(tmp_path, precision):
    config = read({"model": "dcgan", "blocks": [CONV, STDDEV]}, num_classes=6)
    generator, weights, _ = trained(config)
    export_bundle(generator, config, tmp_path / "b", fp16=True, discriminator=weights)
    facts = read_bundle(tmp_path / "b").metadata.facts
    assert 0 < facts.training["critic"]["parity_error"] < 1e-5
    assert CRITIC in (tmp_path / "b/README.md").read_text(encoding="utf-8")
    loaded = Generator.from_bundle(tmp_path / "b", precision=precision)
    statistics = measured_statistics(config, weights, generator)
    critic = build_critic(config, weights, statistics)
    for seed in (3, 4):
        z = np.random.RandomState(seed).standard_normal((5, 16)).astype(np.float32)
        label = np.full(5, loaded.labels([seed])[0], np.int32)
        images = np.asarray(generator([z, label], training=False))
        logits = np.sort(np.asarray(critic([images, label], training=False))[:, 0])
        assert logits[-1] - logits[-2] > 0.05, "a clear choice, also for float16"
        best = images[np.asarray(critic([images, label], training=False))[:, 0].argmax()]
        chosen = loaded.sample([seed], best_of=5)[0].astype(float)
        assert np.abs(chosen - (best + 1) * 127.5).max() <= (1 if precision == "float32" else 4)


@pytest.fixture
def run(tmp_path):
    """A run with the best weights at step 7, without a discriminator, and checkpoints at steps 5 and 10."""
    config = read({"model": "dcgan", "blocks": [CONV, STDDEV]})
    run = Run(tmp_path / "tiny" / "001")
    run.folder.mkdir(parents=True)
    (run.folder / "config.yaml").write_text(dump(config.to_dict()))

    def ema(step):
        model = randomise(networks.build_generator(config), seed=step)
        return {name: np.asarray(v) for name, v in named_variables(model.variables).items()}

    for step in (5, 10):
        state = {"ema": ema(step), "discriminator": trained(config, seed=step)[1]}
        checkpoint.save(run.folder / "checkpoints", step=step, state=state, keep=2)
    checkpoint.save(run.folder / "best", step=7, state={"ema": ema(7)}, keep=1)
    return run


@pytest.mark.slow
def test_the_discriminator_is_of_the_nearest_intact_checkpoint(run):
    assert discriminator_near(run, load_averaged(run, "newest")).step == 10
    best = load_averaged(run)
    assert (best.step, discriminator_near(run, best).step) == (7, 5)
    file = run.folder / "checkpoints/step-00000005/discriminator.safetensors"
    file.write_bytes(file.read_bytes()[:-9])
    facts = read_bundle(export_run(run, formats=["critic"])).metadata.facts
    assert (facts.training_step, facts.training["critic"]["step"]) == (7, 10)
    (run.folder / "checkpoints/step-00000010/discriminator.safetensors").unlink()
    with pytest.raises(RunError, match="no intact checkpoint with a discriminator"):
        export_run(run, formats=["critic"])
    assert CRITIC not in read_bundle(export_run(run)).files, "without a critic it needs none"


@pytest.mark.slow
def test_a_newer_export_keeps_what_the_user_asked_for(run, tmp_path):
    later = [run.folder / "best", run.folder / "checkpoints" / "step-00000010"]
    for number, path in enumerate(later):
        path.rename(tmp_path / str(number))
    stated = {"license": "cc-by-4.0", "limits": ["No hands."]}
    first = read_bundle(export_run(run, formats=["critic", "fp16"], license="cc-by-4.0", limits=["No hands."]))
    assert {CRITIC, ONNX_FP16, WEIGHTS} <= set(first.files)
    assert first.metadata.facts.training_step == 5
    for number, path in enumerate(later):
        (tmp_path / str(number)).rename(path)
    newer = run_bundle(run)
    assert newer.metadata.facts.training_step == 7
    assert {CRITIC, ONNX_FP16} <= set(newer.files)
    assert newer.metadata.facts.training.items() >= stated.items()
