"""What no bundle could hold is refused before the first step; what it can hold in another form is exported."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

import ganzoo
from exporters.generators import randomise, tiny_config
from ganzoo.blocks.base import generator_blocks
from ganzoo.bundle.folder import CONFIG, LIMITS, read_bundle
from ganzoo.config.experiment import Config
from ganzoo.config.yaml_files import dump
from ganzoo.data.base import DataNotes, Dataset, DataSource, data_sources
from ganzoo.errors import ConfigError, ExportError, RunError
from ganzoo.exporters import export_run
from ganzoo.exporters.bundle import bundle_config
from ganzoo.exporters.rehearsal import check_exportable
from ganzoo.images import save
from ganzoo.runs import Run, list_runs

pytest.importorskip("tensorflow")
import keras

from ganzoo.blocks.dense import Dense
from ganzoo.training import checkpoint, networks
from ganzoo.training.weight_names import named_variables

ODD = ["no\u00a0break", "\U0001f469\u200d\U0001f680", os.fsdecode(b"byte \xff"), "x" * 120]
SHOWN = ("byte \\udcff", "no\\xa0break", "x" * 83 + "~", "\U0001f469\\u200d\U0001f680")
YAML = """
data: {source: image_folder, resolution: 8, path: photos}
num_classes: 4
generator: {model: dense, hidden: [4], latent_dim: 3}
discriminator: {model: dense, hidden: [4]}
training: {batch_size: 4, steps: 2}
"""


def with_classes(count: int) -> Config:
    values = {**tiny_config().to_dict(), "num_classes": count}
    return Config.read(values | {"data": {"source": "image_folder", "resolution": 16}})


def no_line(text: str) -> None:
    raise AssertionError(text)


@pytest.mark.slow
def test_a_folder_of_any_name_is_trained_exported_and_generated(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "cache"))
    for name in ODD:
        (Path("photos") / name).mkdir(parents=True)
        for number in range(3):
            image = np.random.default_rng(number).integers(0, 256, (8, 8, 3), np.uint8)
            save(image, Path("photos") / name / f"{number}.png")
    Path("odd.yaml").write_text(YAML, encoding="utf-8")
    lines = []
    run = ganzoo.train("odd.yaml", quiet=True, info=lines.append)
    assert any("4 of 4 class names" in line and line.isprintable() for line in lines)
    generator = ganzoo.load(ganzoo.export(run))
    names = generator.class_names
    assert [name.startswith(start) for name, start in zip(names, SHOWN, strict=True)] == [True] * 4
    assert [generator.sample([0], label=name).shape for name in names] == [(1, 8, 8, 3)] * 4


@pytest.fixture
def old_run(tmp_path):
    """A conditional run as older versions left it, with names that its bundle does not hold."""
    config = with_classes(4)
    run = Run(tmp_path / "tiny" / "001")
    run.folder.mkdir(parents=True)
    (run.folder / "config.yaml").write_text(dump(config.to_dict()), encoding="utf-8")
    (run.folder / "class_names.json").write_text(json.dumps(sorted(ODD)), encoding="utf-8")
    model = randomise(networks.build_generator(config))
    ema = {name: np.asarray(v) for name, v in named_variables(model.variables).items()}
    measured = {"chosen_by": {"frechet (x)": np.array(5)}, "measured": {"frechet (x)": np.array(np.nan)}}
    checkpoint.save(run.folder / "best", step=5, state={"ema": ema, **measured}, keep=1)
    return run


def test_a_run_of_an_older_version_is_exported(old_run):
    versions = {"platform": "Linux\u00a0\udcff", "cpus": 2, "devices": [], "command": "ganzoo train x a=\x1b[2J"}
    (old_run.folder / "versions.json").write_text(json.dumps(versions), encoding="utf-8")
    bundle = read_bundle(export_run(old_run, limits=["Not\u00a0good."]))
    assert len(set(bundle.config.class_names)) == 4
    assert bundle.metadata.facts.training["machine"]["platform"] == "Linux\\xa0\\udcff"
    assert bundle.metadata.facts.training["limits"] == ["Not\\xa0good."]
    assert bundle.metadata.facts.training["chosen_by"]["value"] == "nan"


def test_one_limit_is_a_list_too(old_run):
    with pytest.raises(ExportError, match=r"limits: received 'No hands\.'; allowed is a list of sentences"):
        export_run(old_run, limits="No hands.")


@pytest.mark.parametrize("content", ["5", "[" * 100_000])
def test_versions_of_another_form_are_left_out(old_run, content):
    (old_run.folder / "versions.json").write_text(content)
    training = read_bundle(export_run(old_run)).metadata.facts.training
    assert training.keys() & {"command", "machine", "config"} == {"config"}


@pytest.mark.parametrize("content", ['["a", ', '{"a": 1}', "[" * 100_000])
def test_damaged_names_are_one_line(old_run, content):
    (old_run.folder / "class_names.json").write_text(content)
    with pytest.raises(RunError, match=r"class_names\.json is not readable: .* Delete it") as caught:
        export_run(old_run)
    assert "\n" not in str(caught.value)


def test_a_huge_config_is_left_out_of_the_facts(old_run, monkeypatch):
    notes = DataNotes(credits=tuple(f"{number}" * 1000 for number in range(300)))
    monkeypatch.setattr(type(old_run.config.data), "notes", lambda self: notes)
    assert "config" not in read_bundle(export_run(old_run)).metadata.facts.training


def test_names_that_are_too_many_are_left_out_with_a_line():
    config = with_classes(20_000)
    names = tuple(f"{number:090d}" for number in range(20_000))
    lines = []
    check_exportable(config, names, info=lines.append)
    assert lines == ["The names of the 20,000 classes do not fit into a bundle; it will have only class numbers."]
    described = bundle_config(config, class_names=names)
    assert described.class_names is None
    assert described.num_classes == 20_000
    assert len(json.dumps(bundle_config(config, class_names=tuple(map(str, range(20_000)))).to_dict())) < LIMITS[CONFIG]


def test_ordinary_names_need_no_word():
    check_exportable(with_classes(4), ("a", "b", "c", "\u00e9"), info=no_line)
    check_exportable(tiny_config(), ("a\u00a0",), info=no_line)


class Odd(DataSource):
    """Samples of a shape that no bundle holds."""

    def sample_shape(self):
        return (8, 8, 2)

    def load(self, *, cache_dir=None, quiet=False):
        return Dataset(np.zeros((8, 8, 8, 2), np.uint8))


class Big(Dense):
    """A block of a plug-in with a number that no bundle holds."""

    limit: float = 1e9


class Sorting(Dense):
    """An operation that is not allowed in a bundle."""

    def build(self, x, context):
        return keras.ops.sort(super().build(x, context))


class Nameless(Dense):
    """Its weights have another name each time."""

    def build(self, x, context):
        return keras.layers.Dense(self.wanted_channels())(x)


REFUSED = {
    "a shape": ({"data": "odd_samples"}, r"shape is \(8, 8, 2\)"),
    "a number in a block": ({"block": "big"}, "at most 1048576"),
    "an operator": ({"block": "sorting"}, "TopK|Sort|ONNX"),
    "weights without a name": ({"block": "nameless"}, "is named .* give every layer of the block a name"),
}


@pytest.mark.parametrize("row", REFUSED)
def test_what_no_bundle_holds_is_refused_before_a_run_is_made(row, tmp_path, monkeypatch):
    changes, words = REFUSED[row]
    for name, block in (("big", Big), ("sorting", Sorting), ("nameless", Nameless)):
        monkeypatch.setitem(generator_blocks._parts, name, block)
    monkeypatch.setitem(data_sources._parts, "odd_samples", Odd)
    generator = {"model": "dense", "hidden": [4], "latent_dim": 3} | (
        {"block": changes["block"]} if "block" in changes else {}
    )
    values = {
        "data": changes.get("data", {"source": "ring8", "count": 64}),
        "generator": generator,
        "discriminator": {"model": "dense", "hidden": [4]},
        "training": {"batch_size": 4, "steps": 2, "evaluation": None},
    }
    with pytest.raises(ConfigError, match=f"could be trained, but not exported: .*({words})") as caught:
        ganzoo.train(Config.read(values), root=tmp_path, quiet=True)
    assert "\n" not in str(caught.value)
    assert not list_runs(root=tmp_path)


@pytest.mark.parametrize("name", ["a\n", "a\u00a0", "a" * 65, "", "-a", "../a", "caf\u00e9"])
def test_a_name_that_a_config_takes_is_one_that_a_bundle_takes(name):
    with pytest.raises(ConfigError, match="name"):
        Config.read({**tiny_config().to_dict(), "name": name})
    assert bundle_config(Config.read({**tiny_config().to_dict(), "name": "a" * 64})).name == "a" * 64
