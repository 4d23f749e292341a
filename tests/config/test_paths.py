"""A path in a config means the same file wherever and whenever the config is read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import BaseModel, Field

from ganzoo.api import experiment
from ganzoo.config.experiment import Config
from ganzoo.config.paths import absolute_path, located, with_absolute_paths
from ganzoo.config.yaml_files import dump
from ganzoo.config.zoo import load_config
from ganzoo.extractors.base import Extractor, extractors
from ganzoo.runs import Run

NETWORKS = "{generator: {model: dense, latent_dim: 2}, discriminator: {model: dense}, "


class Inner(BaseModel):
    table: Path | None = None


class Nets(Extractor):
    """A part of a plug-in."""

    weights: tuple[Path, ...] = ()
    named: dict[str, Path] = Field(default_factory=dict)
    inner: Inner = Inner()
    label: str = ""


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """An empty present folder, beside the home folder and the folders of configs."""
    for name in ("here", "home", "configs/deep"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setitem(extractors._parts, "nets", Nets)
    return tmp_path


def write(path: Path, text: str) -> Path:
    path.write_text(NETWORKS + text + "}", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("path", "means"),
    [("photos", "configs/photos"), ("~/photos", "home/photos"), ("../photos", "configs/../photos"), (".", "configs")],
)
def test_a_path_in_a_file_is_from_the_folder_of_the_file(place, path, means):
    file = write(place / "configs/x.yaml", f"data: {{source: image_folder, path: {path}}}")
    for what in (file, os.path.relpath(file)):
        for changes in ([], ["training.steps=3"], ["data.source=numpy"]):
            found = load_config(what, changes).data.path
            assert found.is_absolute()
            assert os.path.normpath(found) == os.path.normpath(place / means)


def test_a_path_is_from_the_file_that_names_it(place):
    write(place / "configs/deep/base.yaml", "data: {source: image_folder, path: photos}")
    over = write(place / "configs/x.yaml", "extends: deep/base.yaml, data: {crop: pad}")
    assert load_config(over).data.path == place / "configs/deep/photos"
    over = write(place / "configs/x.yaml", "extends: deep/base.yaml, data: {path: photos}")
    assert load_config(over).data.path == place / "configs/photos"


def test_a_path_on_the_command_line_is_from_the_present_folder(place):
    file = write(place / "configs/x.yaml", "data: {source: image_folder, path: photos}")
    for change in ("data.path=mine", "data={source: image_folder, path: mine}"):
        assert load_config(file, [change]).data.path == place / "here/mine"
    assert load_config(file, ["data.path=~/mine"]).data.path == place / "home/mine"
    for given in ("mine", Path("mine"), place / "here/mine"):
        assert experiment(file, data=given, seed=2).data.path == place / "here/mine"
    assert experiment(file, data="~/a\udc80 b\u00a0é\U0001f600").data.path == place / "home/a\udc80 b\u00a0é\U0001f600"


def test_a_path_of_a_config_in_the_hand_is_from_the_present_folder(place):
    config = load_config(write(place / "configs/x.yaml", "data: image_folder"))
    config = Config.read({**config.to_dict(), "data": {"source": "image_folder", "path": "mine"}})
    assert experiment(config, steps=2).data.path == place / "here/mine"


def test_every_path_of_every_part_is_found_by_its_type(place):
    part = "{name: nets, weights: [a, ~/b], named: {x: c}, inner: {table: d}, label: e}"
    text = f"data: ring8, training: {{evaluation: {{extractor: {part}}}}}"
    made = load_config(write(place / "configs/x.yaml", text)).training.evaluation.extractor
    assert made.weights == (place / "configs/a", place / "home/b")
    assert made.named == {"x": place / "configs/c"}
    assert made.inner.table == place / "configs/d"
    assert made.label == "e"


def test_weights_to_start_from_are_a_path_where_one_is_there_or_it_is_written_as_one(place):
    (place / "configs/runs/a/001").mkdir(parents=True)
    for what, means in (
        ("runs/a/001", str(place / "configs/runs/a/001")),
        ("~/b", str(place / "home/b")),
        ("./b", str(place / "configs/b")),
        ("faces-64", "faces-64"),
        ("user/name@main", "user/name@main"),
    ):
        file = write(place / "configs/x.yaml", f"data: ring8, training: {{init_from: {what}}}")
        assert load_config(file).training.init_from == means
    assert load_config(file, ["training.init_from=../b"]).training.init_from == str(place / "here/../b")


def test_a_resumed_run_finds_its_data_from_another_folder(place, monkeypatch):
    config = load_config(write(place / "configs/x.yaml", "data: {source: image_folder, path: photos}"))
    run = Run(place / "runs/x/001")
    run.folder.mkdir(parents=True)
    (run.folder / "config.yaml").write_text(dump(config.to_dict()), encoding="utf-8")
    monkeypatch.chdir(place / "home")
    assert run.config.data.path == place / "configs/photos"


def test_a_home_that_is_not_there_is_a_name_like_any_other(place):
    assert absolute_path("~nosuchuser/x") == str(place / "here/~nosuchuser/x")
    values = located({"path": "x", "n": 1, "list": ["a"]}, place)
    assert with_absolute_paths(None, values) == {"path": str(place / "x"), "n": 1, "list": ["a"]}
