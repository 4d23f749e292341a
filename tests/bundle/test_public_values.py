"""No place on the machine that trained a model leaves it, however it was written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import tiny_bundles
from pydantic import BaseModel, Field, FilePath

from ganzoo.bundle.folder import BundleFacts
from ganzoo.bundle.public_values import local_text, public_command, public_facts, public_values
from ganzoo.bundle.writing import write_bundle
from ganzoo.config.experiment import Config
from ganzoo.config.paths import NAME_OR_PATH
from ganzoo.data.base import data_sources
from ganzoo.errors import BundleError
from ganzoo.extractors.base import Extractor
from ganzoo.hub.publish import Publication, publish

CANARY = "canary-7f3a"


@pytest.fixture
def home(tmp_path, monkeypatch):
    folder = tmp_path / CANARY
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


class Inner(BaseModel):
    table: FilePath | None = None
    size: int = 3


@dataclass
class Plain:
    where: Path
    size: int = 3


class Traveller(Extractor):
    """A part of a plug-in, with paths of every form."""

    one: Path
    some: tuple[Path, ...] = ()
    named: dict[str, Path] = Field(default_factory=dict)
    either: Path | str | None = None
    inner: Inner = Inner()
    plain: Plain | None = None
    start: Annotated[str | None, NAME_OR_PATH] = None
    text: str = ""
    node: str = ""


def test_every_path_field_of_any_part_is_left_out(home):
    (home / "t").touch()
    part = Traveller(
        one="relative/one",
        some=("a/b", home / "c"),
        named={"x": home},
        either="relative/two",
        inner=Inner(table=home / "t"),
        plain=Plain(Path("relative/three")),
        start=f"{home}/run",
        text=f"see file://{home}/x",
        node="/pool/out",
    )
    public = public_values(part, part.model_dump(mode="json"))
    assert public == {"some": [], "named": {}, "inner": {"size": 3}, "plain": {"size": 3}, "node": "/pool/out"}
    assert public_values(Traveller(one="x", start="faces-64"), {"one": "x", "start": "faces-64"}) == {
        "start": "faces-64"
    }


@pytest.mark.parametrize("name", data_sources.names())
def test_every_source_that_reads_files_hides_them(name, home):
    source = data_sources.get(name)
    if source.accepts_path:
        part = source(path="relative/place")
        assert "relative" not in str(public_values(part, data_sources.spec(part)))


@pytest.mark.parametrize("name", ["user/model", "hf://user/model@main", "https://huggingface.co/u/m", "faces-64"])
def test_a_model_that_others_can_fetch_stays(name):
    values = {"data": "ring8", "training": {"init_from": name}, "generator": {"latent_dim": 2}}
    config = Config.read(values | {"generator": {"model": "dense"}, "discriminator": {"model": "dense"}})
    assert public_values(config, config.to_dict())["training"]["init_from"] == name


@pytest.mark.parametrize("name", ["/srv/b", "~/b", "./b", "runs/faces/001", "faces/001", "some/bundle", "C:\\b", "b"])
def test_a_model_on_this_machine_goes(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "some/bundle").mkdir(parents=True)
    assert public_values(None, {"init_from": name}) == {}


CONFIG = {
    "data": {"source": "image_folder", "resolution": 64, "crop": "center"},
    "training": {"loss": {"name": "hinge"}, "steps": 20, "g_optimizer": {"lr": 2e-4}, "penalties": [{"name": "r1"}]},
}


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("ganzoo train x training.steps=20 --seed 3 --max-minutes 2", None),
        ("ganzoo train x training.loss=hinge training.g_optimizer.lr=2e-4 training.penalties.0=r1", None),
        ("ganzoo train /HOME/deep/x.yaml data.path=/HOME/photos", "ganzoo train x.yaml"),
        ("ganzoo train 'C:\\HOME\\x.yaml'", "ganzoo train x.yaml"),
        ("ganzoo train x data.path=HOME/relative 'data.path=\"~/HOME\"' data.path=file:///HOME/x", "ganzoo train x"),
        ("ganzoo train x --data /HOME/x training.steps=20", "ganzoo train x --data PATH training.steps=20"),
        ("ganzoo train x --data=/HOME/y training.steps=20", "ganzoo train x training.steps=20"),
        (
            "ganzoo train x 'data={source: image_folder, path: HOME/x, crop: center}'",
            """ganzoo train x 'data={"source": "image_folder", "crop": "center"}'""",
        ),
        ("ganzoo train x 'data={path: HOME/x}' training.steps=20", "ganzoo train x training.steps=20"),
        ("ganzoo train x 'training={init_from: HOME, steps: 20}'", """ganzoo train x 'training={"steps": 20}'"""),
        ("ganzoo train x training.init_from=HOME/b training.evaluation.extractor.path=HOME/n.onnx", "ganzoo train x"),
        (
            "ganzoo train x training.penalties=[r1,HOME] 'data={path: HOME' unknown=HOME --odd=HOME HOME",
            "ganzoo train x",
        ),
    ],
)
def test_a_command_has_nothing_that_the_public_config_has_not(typed, shown):
    typed = typed.replace("HOME", CANARY)
    assert public_command(typed, CONFIG) == (shown or typed)
    assert public_command(shown or typed, CONFIG) == (shown or typed), "a public command stays as it is"


@pytest.mark.parametrize("command", ["", "'", "ganzoo", None, 3])
def test_a_command_of_another_form_is_left_out(command):
    assert public_command(command, CONFIG) is None


def old_facts(home: Path) -> BundleFacts:
    """As versions before this wrote them, of a config that cannot be read here: its data source is not installed."""
    config = {
        "data": {"source": "not_installed", "image_path": "photos/mine", "resolution": 8},
        "training": {"init_from": f"{home}/b", "evaluation": {"extractor": {"name": "onnx", "path": f"{home}/n.onnx"}}},
    }
    command = f"ganzoo train x 'data={{source: not_installed, image_path: {home}}}' training.init_from={home}/b"
    training = {"config": config, "command": command, "machine": {"cpus": 2, "devices": ["/physical_device:CPU:0"]}}
    return BundleFacts(training=training)


def test_facts_of_a_config_that_cannot_be_read_lose_paths_by_their_keys(home):
    facts = public_facts(old_facts(home))
    assert CANARY not in str(facts)
    assert "photos" not in str(facts)
    assert facts.training["machine"] == {"cpus": 2, "devices": ["/physical_device:CPU:0"]}
    assert facts.training["command"] == """ganzoo train x 'data={"source": "not_installed"}'"""
    assert public_facts(facts) == facts


def tiny(folder: Path, facts: BundleFacts, **model: object) -> Path:
    config, onnx = tiny_bundles.image_config(model=model), tiny_bundles.image_model().SerializeToString()
    write_bundle(folder, config=config, onnx=onnx, weights={}, facts=facts)
    return folder


@pytest.mark.slow
def test_what_an_older_version_exported_is_published_without_places(home):
    folder = tiny(home / "b", old_facts(home))
    assert CANARY in (folder / "metadata.json").read_text(encoding="utf-8")
    sent = {}

    def sending(api, model, reference, contents, card, **options):
        sent.update(contents)
        return Publication("user/name", None, None, {}, card)

    with pytest.MonkeyPatch.context() as patch:
        for name in ("_check", "_opened"):
            patch.setattr(f"ganzoo.hub.publish.{name}", lambda *_, **__: None)
        patch.setattr("ganzoo.hub.publish._commit", sending)
        publish(folder, "user/name")
    assert json.loads(sent["metadata.json"])["training"]["machine"]["cpus"] == 2
    assert not [name for name, content in sent.items() if CANARY.encode() in content]
    assert CANARY not in publish(folder, "user/name", dry_run=True).card


def test_a_place_that_a_generator_is_built_from_is_not_published(home):
    folder = tiny(home / "b", BundleFacts(), generator={"blocks": [{"weights": str(home / "w")}]})
    with pytest.raises(BundleError, match="Export the run again: ganzoo export"):
        publish(folder, "user/name", dry_run=True)
    assert local_text(None, {"blocks": [{"name": "dense", "units": 4}]}) is None
