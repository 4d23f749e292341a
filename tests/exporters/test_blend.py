"""A blend is the average of the weights before and after a fine-tuning."""

import numpy as np
import pytest
from helpers import tiny
from typer.testing import CliRunner

import ganzoo
from ganzoo.api import export, train
from ganzoo.bundle.folder import read_bundle
from ganzoo.errors import ExportError, GanzooError, RunError
from ganzoo.exporters.blend import check_blend
from ganzoo.exporters.bundle import export_bundle
from ganzoo.runs import INITIAL
from ganzoo.training.graph_weights import GraphWeights

pytest.importorskip("tensorflow")
from ganzoo.training import networks

IMAGES = np.random.RandomState(0).randint(0, 256, (24, 8, 8, 1)).astype(np.uint8)


def first_bundle(config, folder):
    """A bundle of a generator with random weights."""
    generator = networks.build_generator(config)
    rng = np.random.RandomState(3)
    for variable in generator.variables:
        if variable.dtype == "float32":
            variable.assign(rng.standard_normal(variable.shape) * 0.1)
    return export_bundle(generator, config, folder)


def tuned(folder, **training):
    """A run of two steps from the weights of a bundle."""
    first = first_bundle(tiny(), folder / "first")
    config = tiny(training={"init_from": str(first), "steps": 2, **training})
    return train(config, data=IMAGES, root=folder / "runs", quiet=True)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return tuned(tmp_path_factory.mktemp("tuned"))


@pytest.mark.parametrize("share", [0.25, 1])
def test_every_weight_is_the_average(run, share, tmp_path):
    before = read_bundle(run.folder.parents[2] / "first").weights()
    after = read_bundle(export(run, tmp_path / "whole")).weights()
    blended = read_bundle(export(run, tmp_path / "blended", blend=share))
    weights = blended.weights()
    assert any(not np.array_equal(before[name], after[name]) for name in after)
    for name, value in weights.items():
        np.testing.assert_allclose(value, share * after[name] + (1 - share) * before[name], rtol=1e-5, atol=1e-7)
    assert blended.metadata.facts.training["blend"] == share
    card = (blended.folder / "README.md").read_text(encoding="utf-8")
    assert f"{share:.0%} of this training and {1 - share:.0%} of the initial weights" in card
    assert ganzoo.load(blended.folder).sample([7]).shape == (1, 8, 8, 1)


@pytest.mark.parametrize("share", [0, -0.1, 1.01, float("nan"), True, "half"])
def test_what_is_not_a_share_is_one_line(run, share):
    with pytest.raises(ExportError, match=r"allowed is a number above 0 and up to 1") as said:
        check_blend(run, share)
    assert len(str(said.value).splitlines()) == 1


def test_a_run_from_random_weights_has_nothing_to_blend_with(tmp_path):
    run = train(tiny(training={"steps": 1}), data=IMAGES, root=tmp_path, quiet=True)
    with pytest.raises(ExportError, match="tiny/001 started from random weights"):
        export(run, tmp_path / "b", blend=0.5)
    assert not (tmp_path / "b").exists()


def test_a_part_of_the_weights_is_no_basis_for_an_average(tmp_path):
    run = tuned(tmp_path, init_partial=True)
    with pytest.raises(ExportError, match=r"training\.init_partial"):
        export(run, tmp_path / "b", blend=0.5)


def test_the_run_keeps_the_weights_that_it_began_with(tmp_path):
    run = tuned(tmp_path)
    before = read_bundle(tmp_path / "first").weights()
    first_bundle(tiny(generator={"base_channels": 8}), tmp_path / "first")
    after = read_bundle(export(run, tmp_path / "whole")).weights()
    for name, value in read_bundle(export(run, tmp_path / "b", blend=0.5)).weights().items():
        np.testing.assert_allclose(value, 0.5 * after[name] + 0.5 * before[name], rtol=1e-5, atol=1e-7)


def test_older_runs_are_blended_with_the_weights_of_the_bundle(tmp_path):
    run = tuned(tmp_path)
    expected = read_bundle(export(run, tmp_path / "a", blend=0.5)).weights()
    (run.folder / INITIAL).unlink()
    found = read_bundle(export(run, tmp_path / "b", blend=0.5)).weights()
    assert all(np.array_equal(found[name], expected[name]) for name in expected)
    first_bundle(tiny(generator={"base_channels": 8}), tmp_path / "first")
    with pytest.raises(ExportError, match="are those of another generator"):
        export(run, tmp_path / "c", blend=0.5)
    assert not (tmp_path / "c").exists()


def test_other_numbers_for_the_same_images_are_not_blended(tmp_path, monkeypatch):
    """Weights that are read back from an ONNX file make the same images, but do not lie between others."""
    run = tuned(tmp_path)
    (run.folder / INITIAL).unlink()
    source = GraphWeights(read_bundle(tmp_path / "first"))
    monkeypatch.setattr("ganzoo.training.init_from.resolve", lambda config, root: (config, source))
    with pytest.raises(RunError, match="the weights that it began with are not known"):
        export(run, tmp_path / "b", blend=0.5)


@pytest.mark.parametrize("content", [b"", b"[" * 500])
def test_damaged_first_weights_are_one_line(tmp_path, content):
    run = tuned(tmp_path)
    (run.folder / INITIAL).write_bytes(content)
    (tmp_path / "first" / "config.json").unlink()
    with pytest.raises(GanzooError) as said:
        export(run, tmp_path / "b", blend=0.5)
    assert len(str(said.value).splitlines()) == 1


def test_a_blend_is_next_to_the_bundle_of_the_run(run):
    folder = export(run, blend=0.25)
    assert folder == run.folder / "bundle-blend-0.25"
    assert "blend" not in ganzoo.load(run.folder).bundle.metadata.facts.training
    assert "chosen_by" not in read_bundle(folder).metadata.facts.training


def test_another_format_of_a_blend_has_a_name_of_its_own(run):
    from ganzoo.cli.main import app

    own = export(run, formats=["savedmodel"])
    written = {path: path.stat().st_mtime_ns for path in own.rglob("*")}
    result = CliRunner().invoke(app, ["export", str(run.folder), "--savedmodel", "--onnx", "--blend", "0.5"])
    assert result.exit_code == 0, result.output
    names = [line for line in result.stdout.splitlines() if line.startswith(str(run.folder))]
    assert names == [str(run.folder / name) for name in ("bundle-blend-0.5", "savedmodel-blend-0.5")]
    assert all((run.folder / name).is_dir() for name in names)
    assert {path: path.stat().st_mtime_ns for path in own.rglob("*")} == written
    assert export(run, formats=["savedmodel"], blend=0.25) == run.folder / "savedmodel-blend-0.25"


def test_the_command_blends_and_a_page_shows_the_blend(run, tmp_path):
    from ganzoo.cli.main import app

    folder = tmp_path / "b"
    arguments = ["export", str(run.folder), "--blend", "0.5", "--html", "-o", str(folder)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert read_bundle(folder).metadata.facts.training["blend"] == 0.5
    assert list(folder.parent.glob("*.html"))
