"""From a name to a verified bundle: which one, and that each file is hashed once."""

import hashlib
import os

import numpy as np
import pytest
import tiny_bundles
from typer.testing import CliRunner

import ganzoo
from ganzoo.bundle.folder import METADATA, WEIGHTS, BundleFacts
from ganzoo.bundle.writing import write_bundle
from ganzoo.cli.main import app
from ganzoo.config.experiment import Config
from ganzoo.errors import BundleError, UnknownNameError
from ganzoo.hub.pretrained import find_pretrained, pretrained_models, shipped_folder
from ganzoo.resolve import resolve
from ganzoo.runs import CONFIG
from ganzoo.training import init_from

NAME = "faces-64"


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GANZOO_RUNS", raising=False)
    return tmp_path


@pytest.fixture
def hashed(monkeypatch):
    """Numbers of bytes that were hashed, one for each call."""
    sizes, of_bytes, of_file = [], hashlib.sha256, hashlib.file_digest

    def sha256(content=b"", **options):
        sizes.append(len(content))
        return of_bytes(content, **options)

    def file_digest(file, *arguments):
        sizes.append(os.fstat(file.fileno()).st_size)
        return of_file(file, *arguments)

    monkeypatch.setattr(hashlib, "sha256", sha256)
    monkeypatch.setattr(hashlib, "file_digest", file_digest)
    return sizes


def make_run(folder, *, name=NAME):
    """The run ``name/001`` in a folder of runs, with a bundle of vectors and a checkpoint of the same step."""
    run = folder / name / "001"
    (run / "checkpoints/step-00000005").mkdir(parents=True)
    (run / CONFIG).write_text("data: ring8\n", encoding="utf-8")
    content = tiny_bundles.vector_model().SerializeToString()
    facts = BundleFacts(training_step=5)
    weights = {"w": np.ones((4, 2), np.float32)}
    write_bundle(run / "bundle", config=tiny_bundles.vector_config(), onnx=content, weights=weights, facts=facts)
    return run


def recorded(bundle):
    """Sizes of the files whose hashes metadata.json records."""
    return sorted(record.size for record in bundle.metadata.files.values())


@pytest.mark.parametrize(
    "use",
    [
        ganzoo.load,
        lambda what: ganzoo.Generator.from_bundle(ganzoo.load(what).bundle.folder),
        lambda what: ganzoo.publish(what, "someone/tiny", dry_run=True),
        lambda what: resolve(what, files=[WEIGHTS]).weights(),
    ],
    ids=["load", "from_bundle", "publish", "weights"],
)
def test_each_file_of_a_bundle_is_hashed_once(place, hashed, use, request):
    bundle = tiny_bundles.image_bundle(place / "b")
    hashed.clear()
    use("b")
    times = 2 if request.node.callspec.id == "from_bundle" else 1
    assert [hashed.count(size) for size in recorded(bundle)] == [times] * 4


def test_each_file_of_a_run_s_bundle_is_hashed_once(place, hashed):
    make_run(place / "runs", name="points")
    hashed.clear()
    generator = ganzoo.load("points")
    assert sorted(hashed) == recorded(generator.bundle)
    assert not generator.bundle.kept, "the session has the graph"


def test_each_file_of_a_pretrained_model_is_hashed_once(hashed):
    bundle = ganzoo.load(NAME).bundle
    there = [record.size for name, record in bundle.metadata.files.items() if (bundle.folder / name).is_file()]
    assert sorted(hashed) == sorted([*there, (bundle.folder / METADATA).stat().st_size])


def test_listing_runs_hashes_nothing(place, hashed):
    make_run(place / "runs", name="points")
    hashed.clear()
    listed = CliRunner().invoke(app, ["runs"], prog_name="ganzoo").stdout.splitlines()
    assert listed[1].split()[-2:] == ["5", "-"], "the exported step, and no warnings"
    assert hashed == []


def test_a_name_with_several_meanings(place, caplog):
    make_run(place / "runs")
    assert ganzoo.load(NAME).sample_spec.kind == "vector"
    assert caplog.messages == [f"'{NAME}' has several meanings: used run:{NAME}/001. For the other: zoo:{NAME}"]
    caplog.clear()
    tiny_bundles.image_bundle(place / NAME)
    assert ganzoo.load(NAME).name == "tiny"
    others = f"run:{NAME}/001 or zoo:{NAME}"
    assert caplog.messages == [f"'{NAME}' has several meanings: used ./{NAME}. For the other: {others}"]


def test_names_with_one_meaning(place, caplog):
    make_run(place / "runs")
    tiny_bundles.image_bundle(place / NAME)
    for what in (f"./{NAME}", place / NAME, str(place / NAME)):
        assert ganzoo.load(what).name == "tiny"
    for what in (f"run:{NAME}", f"run:{NAME}/1", f"run:{NAME}/001"):
        assert ganzoo.load(what).sample_spec.kind == "vector"
        assert ganzoo.find_run(what).name == f"{NAME}/001"
    shipped = shipped_folder(pretrained_models()[NAME])
    assert ganzoo.load(f"zoo:{NAME}").bundle.folder == shipped
    assert ganzoo.pull(f"zoo:{NAME}") == shipped
    assert caplog.messages == []


def test_a_folder_of_images_with_the_name_of_a_model_is_not_a_meaning(place, caplog):
    (place / NAME).mkdir()
    (place / NAME / "0001.png").write_bytes(b"")
    assert ganzoo.load(NAME).shape == (64, 64, 3)
    assert caplog.messages == []


def test_the_same_run_as_a_folder_and_by_its_name_is_one_meaning(place, caplog):
    make_run(place)
    assert ganzoo.load(f"{NAME}/001", root=place).sample_spec.kind == "vector"
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("run:pionts", r"No run 'pionts' in '.*/runs'. Did you mean 'points'"),
        (f"run:{NAME}", f"No run '{NAME}' in "),
        (f"zoo:{NAME}x", f"No pretrained model named '{NAME}x'. Did you mean '{NAME}'"),
        ("zoo:points", "No pretrained model named 'points'"),
        (f"{NAME}@77", f"The pretrained model '{NAME}' has no version '77'. It has {NAME}@1"),
        (f"zoo:{NAME}@main", f"The pretrained model '{NAME}' has no version 'main'. It has {NAME}@1"),
    ],
)
def test_a_prefixed_name_that_fits_nothing(place, what, message):
    make_run(place / "runs", name="points")
    with pytest.raises(UnknownNameError, match=message):
        ganzoo.load(what)


def test_what_is_published_is_on_this_machine():
    with pytest.raises(BundleError, match=f"'{NAME}' is a pretrained model; a bundle or run"):
        ganzoo.publish(NAME, "someone/tiny", dry_run=True)


def test_a_training_keeps_the_name_with_one_meaning(place):
    values = {
        "data": {"source": "faces"},
        "training": {"init_from": NAME, "init_partial": True},
        "generator": {"model": "dcgan"},
    }
    config = Config.read({**values, "discriminator": {"model": "dcgan"}})
    started, _ = init_from.resolve(config)
    exact = pretrained_models()[NAME].exact_name
    assert started.training.init_from == f"zoo:{exact}", "a newer version must not change a run"
    assert find_pretrained(started.training.init_from) == pretrained_models()[NAME]
    tiny_bundles.image_bundle(place / NAME)
    bundle = resolve(NAME, files=[WEIGHTS])
    assert init_from.exact_name(NAME, bundle) == str(place / NAME)
