"""A run on real paths of a home folder, exported and published: the folder's name is in no file of the bundle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ganzoo import publish
from ganzoo.api import export
from ganzoo.bundle.folder import read_bundle
from ganzoo.cli.main import app
from ganzoo.extractors.base import extractors
from ganzoo.extractors.pixels import Pixels
from ganzoo.runs import find_run

pytest.importorskip("tensorflow")

CANARY = "canary-7f3a"
YAML = """
data: {source: numpy, resolution: 8, path: photos/data.npz}
generator: {model: dense, hidden: [4], latent_dim: 3}
discriminator: {model: dense, hidden: [4]}
training: {batch_size: 4, steps: 2, evaluation: {samples: 16, extractor: {name: traveller, weights: ~/nets/a.onnx}}}
"""


class Traveller(Pixels):
    weights: Path | None = None
    note: str = ""


@pytest.fixture
def home(tmp_path, monkeypatch):
    folder = tmp_path / CANARY
    (folder / "photos").mkdir(parents=True)
    np.savez(folder / "photos/data.npz", samples=np.random.default_rng(0).integers(0, 256, (32, 8, 8, 3), np.uint8))
    (folder / "mine.yaml").write_text(YAML, encoding="utf-8")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(extractors._parts, "traveller", Traveller)
    return folder


def ganzoo(*arguments: object) -> None:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output


def leaks(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]


@pytest.mark.slow
def test_no_place_is_in_a_bundle_or_in_what_is_published(home):
    ganzoo("train", home / "mine.yaml", "-q")
    first = export(None, home / "first")
    assert not leaks(first)
    ganzoo(
        "train",
        f"{CANARY}/mine.yaml",
        "-q",
        "data={source: numpy, resolution: 8, path: '~/photos/data.npz'}",
        f"training.init_from={home}/first",
        f"training.evaluation.extractor.note='file://{home}/x'",
        "--seed",
        2,
    )
    run = find_run()
    assert run.config.training.init_from == str(first)
    folder = export(run)
    assert not leaks(folder)
    training = read_bundle(folder).metadata.facts.training
    shown = """ganzoo train mine.yaml 'data={"source": "numpy", "resolution": 8}' --seed 2"""
    assert training["command"] == shown
    assert training["config"]["data"]["resolution"] == 8
    assert "init_from" not in training["config"]["training"]
    publication = publish(folder, "user/name", dry_run=True)
    assert CANARY not in publication.card
    assert "- Initial weights: not published." in publication.card


@pytest.mark.slow
def test_a_run_whose_command_was_kept_by_an_older_version(home):
    ganzoo("train", home / "mine.yaml", "-q")
    run = find_run()
    versions = run.folder / "versions.json"
    text = versions.read_text(encoding="utf-8").rstrip("}\n ")
    words = f"'data={{source: numpy, path: {home}}}' training.evaluation.extractor.weights={home}"
    text = text[: text.index('"command"')] + f'"command": "ganzoo train mine.yaml {words}"}}'
    versions.write_text(text, encoding="utf-8")
    folder = export(run)
    assert not leaks(folder)
    shown = """ganzoo train mine.yaml 'data={"source": "numpy"}'"""
    assert read_bundle(folder).metadata.facts.training["command"] == shown
