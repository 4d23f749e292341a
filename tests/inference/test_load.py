"""What ``ganzoo.load`` takes, and in which order it looks."""

import json
import shutil

import numpy as np
import pytest
import tiny_bundles

import ganzoo
from ganzoo import resolve
from ganzoo.bundle.folder import BundleFacts
from ganzoo.bundle.writing import write_bundle
from ganzoo.errors import BundleError, ExportError, HubError, MissingDependencyError, RunError, UnknownNameError
from ganzoo.runs import Run

CONFIG = """
data: {source: ring8, count: 32}
generator: {model: dense, hidden: [4], latent_dim: 2}
discriminator: {model: dense, hidden: [4]}
training: {batch_size: 4, steps: 2}
"""


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make_run(place, name="points", *, step=20):
    """A run folder that has a config and, by name, a checkpoint."""
    folder = place / "runs" / name / "001"
    (folder / "checkpoints" / f"step-{step:08d}").mkdir(parents=True)
    (folder / "config.yaml").write_text(f"name: {name}\n{CONFIG}", encoding="utf-8")
    return Run(folder)


def put_bundle(run, *, step):
    """A bundle that was exported from the run at ``step``."""
    content = tiny_bundles.vector_model().SerializeToString()
    write_bundle(
        run.folder / "bundle",
        config=tiny_bundles.vector_config(),
        onnx=content,
        weights={"w": np.ones((4, 2), np.float32)},
        facts=BundleFacts(training_step=step),
    )


@pytest.fixture
def no_export(monkeypatch):
    """Makes an export fail the test's way: nothing is exported, and it is known that it was asked for."""
    asked = []

    def export(run, folder, **options):
        asked.append(run.name)
        raise ExportError("not in this test")

    monkeypatch.setattr("ganzoo.exporters.export_run", export)
    return asked


def test_a_bundle_by_its_folder(place):
    folder = tiny_bundles.image_bundle(place / "b").folder
    for what in ("b", "./b", folder, str(folder)):
        assert ganzoo.load(what).shape == (8, 8, 3)


def test_options_reach_the_session(place):
    tiny_bundles.image_bundle(place / "b")
    assert ganzoo.load("b", device="cpu", threads=1).device == "cpu"
    with pytest.raises(BundleError, match="model_fp16"):
        ganzoo.load("b", precision="float16")


@pytest.mark.parametrize("what", ["points", "points/1", "points/001", "runs/points", "runs/points/001"])
def test_a_run_with_a_bundle_of_its_newest_checkpoint(place, no_export, what):
    put_bundle(make_run(place), step=20)
    assert ganzoo.load(what).sample_spec.kind == "vector"
    assert no_export == []


def test_a_run_by_its_path_object(place, no_export):
    run = make_run(place)
    put_bundle(run, step=20)
    assert resolve.resolve(run.folder, files=[]).folder == run.folder / "bundle"


def test_an_older_bundle_is_exported_anew(place, no_export):
    run = make_run(place, step=20)
    put_bundle(run, step=10)
    messages = []
    with pytest.raises(ExportError, match=r"not in this test\nA bundle of step 10 exists: .*bundle"):
        ganzoo.load("points", info=messages.append)
    assert no_export == ["points/001"]
    assert messages == ["Exporting run points/001 at step 20 ..."]


def test_a_damaged_bundle_is_exported_anew(place, no_export):
    run = make_run(place)
    put_bundle(run, step=20)
    (run.folder / "bundle/config.json").write_text("{}")
    with pytest.raises(ExportError):
        ganzoo.load("points")
    assert no_export == ["points/001"]


def test_a_bundle_without_checkpoints_is_enough(place, no_export):
    run = make_run(place)
    put_bundle(run, step=20)
    shutil.rmtree(run.folder / "checkpoints")
    assert ganzoo.load("points").sample_spec.kind == "vector"


def test_a_run_without_anything(place):
    run = make_run(place)
    shutil.rmtree(run.folder / "checkpoints")
    with pytest.raises(RunError, match="no checkpoint yet"):
        ganzoo.load("points")


def test_an_export_needs_tensorflow(place, monkeypatch):
    make_run(place)
    monkeypatch.setattr("ganzoo.environment.requirements.find_spec", lambda module: None)
    with pytest.raises(MissingDependencyError, match=r"Exporting a run needs .*ganzoo-keras\[train\]"):
        ganzoo.load("points")


def test_a_bundle_comes_before_a_run_and_a_run_before_the_zoo(place, no_export):
    put_bundle(make_run(place, "dense-ring8"), step=20)
    assert ganzoo.load("dense-ring8").sample_spec.kind == "vector"
    tiny_bundles.image_bundle(place / "dense-ring8")
    assert ganzoo.load("dense-ring8").sample_spec.kind == "image"


def test_a_folder_of_pictures_with_the_name_of_a_run_is_not_taken_for_it(place, no_export):
    put_bundle(make_run(place), step=20)
    (place / "points").mkdir()
    (place / "points/0001.png").write_bytes(b"")
    assert ganzoo.load("points").sample_spec.kind == "vector"


@pytest.mark.parametrize(
    ("what", "kind", "message"),
    [
        ("dense-ring8", RunError, "Train it: ganzoo train dense-ring8$"),
        ("dense-rin8", UnknownNameError, "Did you mean 'dense-ring8'"),
        ("pionts", UnknownNameError, "Did you mean 'points'"),
        ("zzz", UnknownNameError, "ganzoo list"),
        ("dense-ring8/7", UnknownNameError, "ganzoo runs"),
        ("points/7", UnknownNameError, "Did you mean 'points' or 'points/001'"),
        ("never-seen/001", UnknownNameError, r"No run 'never-seen/001' in '/.*/runs'.*\n.*--runs DIR.*hf://never-seen"),
        ("runs/never-seen", UnknownNameError, "No run 'runs/never-seen'"),
        ("./zzz", BundleError, "the folder does not exist"),
        ("/zzz", BundleError, "the folder does not exist"),
        ("~/zzz-not-here", BundleError, "the folder does not exist"),
        (".", BundleError, r"'\.' is neither a bundle"),
        ("runs/points/001/checkpoints", BundleError, "neither a bundle"),
    ],
)
def test_what_is_not_there(place, what, kind, message):
    make_run(place)
    with pytest.raises(kind, match=message):
        ganzoo.load(what)


def test_a_path_object_is_never_a_name(place):
    with pytest.raises(BundleError, match="the folder does not exist"):
        ganzoo.load(place / "dense-ring8")


def test_a_strange_bundle_is_refused_not_skipped(place):
    (place / "dense-ring8").mkdir()
    (place / "dense-ring8/config.json").write_text(json.dumps({"format_version": 1}))
    with pytest.raises(BundleError, match=r"metadata\.json"):
        ganzoo.load("dense-ring8")


@pytest.mark.parametrize("what", ["someone/some-model", "someone/some-model@main", "hf://someone/some-model"])
def test_a_name_on_the_hub_is_looked_for_in_the_cache_alone_if_told_so(place, what):
    with pytest.raises(HubError, match=r"someone/some-model\S* is not in the cache.*ganzoo pull someone/some-model"):
        ganzoo.load(what, local_files_only=True, cache_dir=place / "cache")


@pytest.mark.parametrize("what", ["faces/001", "faces/1", "runs/faces"])
def test_the_form_of_a_run_never_means_the_hub_unless_it_is_said(place, monkeypatch, what):
    asked = []
    monkeypatch.setattr(
        "ganzoo.hub.fetch.fetch", lambda reference, *args, **options: asked.append(str(reference)) or 1 / 0
    )
    with pytest.raises(UnknownNameError, match="GANZOO_RUNS"):
        ganzoo.load(what)
    assert asked == []
    for said, options in ((f"hf://{what}", {}), (f"{what}@main", {}), (what, {"revision": "main"})):
        with pytest.raises(ZeroDivisionError):
            ganzoo.load(said, **options)
    assert [reference.partition("@")[0] for reference in asked] == [what] * 3


def test_a_folder_is_never_looked_for_on_the_hub(place):
    (place / "some/folder").mkdir(parents=True)
    with pytest.raises(BundleError, match="neither a bundle"):
        ganzoo.load("some/folder")


def test_a_revision_is_of_the_hub(place):
    tiny_bundles.image_bundle(place / "b")
    with pytest.raises(HubError, match="Only models on the Hub have revisions"):
        ganzoo.load("b", revision="main")


def test_a_file_is_no_bundle(place):
    (place / "b.zip").write_bytes(b"PK")
    with pytest.raises(BundleError, match="a bundle is a folder"):
        ganzoo.load("b.zip")
