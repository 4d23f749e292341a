"""Trained encoders in bundles: parity, the checkpoint that they are from, the card, and interrupted exports."""

from __future__ import annotations

import signal
import subprocess
import sys

import numpy as np
import pytest
from helpers import samples, tiny, tiny_vectors, trainer

from exporters.generators import randomise
from ganzoo.bundle.folder import ENCODER, read_bundle
from ganzoo.bundle.onnx_guard import check_encoder
from ganzoo.config.yaml_files import dump
from ganzoo.errors import ExportError, RunError
from ganzoo.exporters import encoder as exporters_encoder
from ganzoo.exporters import export_bundle, export_run
from ganzoo.exporters.bundle import bundle_config
from ganzoo.exporters.encoder import export_encoder
from ganzoo.exporters.restore import load_averaged
from ganzoo.inference.generator import Generator
from ganzoo.runs import BEST
from ganzoo.training import checkpoint

pytest.importorskip("tensorflow")
from ganzoo.training.weight_names import named_variables

BLOCKS = {
    "batch norm": {"model": "dcgan", "base_channels": 4, "block": {"name": "strided_conv", "norm": "batch"}},
    "spectral residual": {
        "model": "residual",
        "base_channels": 4,
        "block": {"name": "residual_down", "norm": "spectral"},
    },
    "dropout, layer norm": {
        "model": "dcgan",
        "base_channels": 4,
        "block": {"name": "strided_conv", "norm": "layer", "dropout": 0.3},
    },
    "dense": {"model": "dense", "hidden": [16]},
}


def read(encoder=None, **changes):
    return tiny(objective={"name": "bigan", "encoder": encoder}, **changes)


def trained(config):
    averages = config.objective.averages(config)
    return randomise(averages["generator"]), randomise(averages["encoder"], 1)


@pytest.mark.slow
@pytest.mark.parametrize(("blocks", "latent"), [*((name, "normal") for name in BLOCKS), ("batch norm", "uniform")])
def test_every_encoder_is_exported_as_keras_computes_it(blocks, latent):
    config = read(BLOCKS[blocks], generator={"latent": latent})
    generator, encoder = trained(config)
    content, error = export_encoder(config, bundle_config(config), encoder, generator)
    assert check_encoder(content, bundle_config(config)).multiply_adds > 0
    assert 0 <= error < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("num_classes", [0, 3])
def test_a_bundle_has_the_encoder_and_its_card_says_so(tmp_path, num_classes):
    config = read(num_classes=num_classes)
    generator, encoder = trained(config)
    export_bundle(generator, config, tmp_path / "b", encoder=encoder, fp16=True)
    bundle = read_bundle(tmp_path / "b")
    assert ENCODER in bundle.metadata.files
    assert 0 <= bundle.metadata.facts.training["encoder"]["parity_error"] < 1e-5
    card = (tmp_path / "b/README.md").read_text(encoding="utf-8")
    assert "- `onnx/encoder.onnx` is the encoder" in card
    assert "generator.encode(images)" in card
    images = np.random.RandomState(0).randint(0, 256, (9, 8, 8, 1)).astype(np.uint8)
    expected = np.asarray(encoder([images / np.float32(127.5) - 1.0], training=False))
    np.testing.assert_allclose(Generator.from_bundle(bundle).encode(images), expected, atol=1e-5)
    export_bundle(generator, config, tmp_path / "b")
    assert ENCODER not in read_bundle(tmp_path / "b").files
    assert "encode" not in (tmp_path / "b/README.md").read_text(encoding="utf-8")


def test_another_graph_than_keras_is_refused(monkeypatch):
    config = read()
    generator, encoder = trained(config)
    real = exporters_encoder.one_by_one
    monkeypatch.setattr(exporters_encoder, "one_by_one", lambda *inputs: real(*inputs) + 0.1)
    with pytest.raises(ExportError, match="The encoder's export differs from Keras by"):
        export_encoder(config, bundle_config(config), encoder, generator)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished training, measured at every second step."""
    evaluation = {"every": 2, "extractor": "pixels", "samples": 32}
    config = read(training={"evaluation": evaluation, "checkpoint_every": 2, "keep_checkpoints": 9, "ema_decay": 0.5})
    made = trainer(config, tmp_path_factory.mktemp("run"), samples(config, count=64))
    made.train(quiet=True)
    (made.run.folder / "config.yaml").write_text(dump(config.to_dict()))
    return made.run


def arrays(state, group):
    return {name: value.tobytes() for name, value in state[group].items()}


@pytest.mark.slow
def test_the_best_weights_have_every_averaged_network_of_their_step(run):
    best = checkpoint.load_newest(run.folder / BEST)
    there = checkpoint.load_newest(run.folder / "checkpoints", up_to=best.step)
    assert there.step == best.step
    for group in ("ema", "encoder_ema"):
        assert arrays(best.state, group) == arrays(there.state, group)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["best", 2, "newest"])
def test_the_exported_encoder_is_of_the_step_of_the_generator(run, tmp_path, which):
    generator = Generator.from_bundle(export_run(run, tmp_path / "b", checkpoint=which))
    found = load_averaged(run, which)
    assert generator.bundle.metadata.facts.training_step == found.step
    encoder = run.config.objective.averages(run.config)["encoder"]
    for name, variable in named_variables(encoder.variables).items():
        variable.assign(found.state["encoder_ema"][name])
    image = np.full((1, 8, 8, 1), 200, np.uint8)
    expected = np.asarray(encoder([image / np.float32(127.5) - 1.0], training=False))
    np.testing.assert_allclose(generator.encode(image), expected, atol=1e-5)


@pytest.mark.slow
def test_a_checkpoint_without_the_encoder_is_one_line(run, tmp_path):
    best = checkpoint.load_newest(run.folder / BEST)
    folder = tmp_path / "tiny" / "001"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text((run.folder / "config.yaml").read_text())
    checkpoint.save(folder / BEST, step=best.step, state={"ema": best.state["ema"]}, keep=1)
    with pytest.raises(RunError, match=r"The encoder in the checkpoint at step \d .* does not match its config.yaml"):
        export_run(type(run)(folder))
    assert not (folder / "bundle").exists()


@pytest.mark.slow
def test_best_weights_of_an_older_version_are_exported(tmp_path):
    """They have the generator only, as every training without further averaged networks."""
    config = tiny_vectors(ema_decay=0.5)
    made = trainer(config, tmp_path, config.data.load())
    made.train(quiet=True)
    (made.run.folder / "config.yaml").write_text(dump(config.to_dict()))
    newest = checkpoint.load_newest(made.run.folder / "checkpoints")
    checkpoint.save(made.run.folder / BEST, step=3, state={"ema": newest.state["ema"]}, keep=1)
    bundle = read_bundle(export_run(made.run))
    assert bundle.metadata.facts.training_step == 3
    assert ENCODER not in bundle.files


KILLED = """
import os, signal, sys
from pathlib import Path
import ganzoo
from ganzoo.exporters import encoder
real = Path.write_bytes
def write(path, content):
    if path.name == "encoder.onnx":
        real(path, content[: len(content) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    return real(path, content)
Path.write_bytes = write
ganzoo.export(sys.argv[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_kill_during_the_export_leaves_the_older_bundle(run):
    before = read_bundle(export_run(run, checkpoint=2))
    done = subprocess.run([sys.executable, "-c", KILLED, str(run.folder)], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    after = read_bundle(run.folder / "bundle")
    assert after.metadata == before.metadata
    assert after.metadata.facts.training["checkpoint"] == 2, "chosen by the user, so it is not replaced unasked"
    again = read_bundle(export_run(run))
    assert ENCODER in again.files
    assert again.metadata.facts.training_step == run.best_step()
    assert "checkpoint" not in again.metadata.facts.training
