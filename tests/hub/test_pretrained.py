"""The index of pretrained models, without a network. ``tests/hub/test_publish.py`` has the rest."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import tiny_bundles

import ganzoo
from ganzoo.bundle.folder import CRITIC, ONNX, WEIGHTS, read_bundle
from ganzoo.errors import BundleError, HubError
from ganzoo.hub import pretrained
from ganzoo.hub.reference import HubReference, parse_reference
from ganzoo.inference.generator import Generator

FILE = Path(__file__).parents[2] / "tools/pretrained.py"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def tool():
    """``tools/pretrained.py`` as a module."""
    spec = importlib.util.spec_from_file_location("pretrained_tool", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """An index and a package of the test's own."""
    monkeypatch.setattr(pretrained, "index_file", lambda: tmp_path / "pretrained.json")
    monkeypatch.setattr(pretrained, "SHIPPED", tmp_path / "shipped")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_real_index_can_be_read(monkeypatch):
    monkeypatch.undo()
    for model in pretrained.pretrained_models().values():
        assert model.files


def test_no_index_is_an_empty_one():
    assert pretrained.pretrained_models() == {}


def test_shipped_and_written_and_read(place, tool):
    folder = tiny_bundles.image_bundle(place / "b").folder
    entry = tool.ship("tiny-1", folder, repo="someone/tiny")
    assert pretrained.pretrained_models() == {"tiny-1": entry}
    assert pretrained.place(entry) == "with ganzoo"
    assert ganzoo.load("tiny-1").generate(0).size == (8, 8)
    published = entry._replace(revision=COMMIT)
    tool.write_entry(published)
    assert pretrained.pretrained_models()["tiny-1"] == published
    assert ganzoo.load("tiny-1", revision=COMMIT).name == "tiny"


@pytest.mark.slow
def test_the_wheel_takes_what_generating_needs(place, tool, monkeypatch):
    folder = tiny_bundles.image_bundle(place / "b").folder
    entry = tool.ship("tiny-1", folder, repo="someone/tiny")
    assert WEIGHTS in entry.files
    for name in tool.STAYS_OUT:
        (place / "shipped/tiny-1" / name).unlink(missing_ok=True)
    assert ganzoo.load("tiny-1").generate(0).size == (8, 8)
    with pytest.raises(HubError, match=f"published yet, and the copy that comes with ganzoo lacks its {WEIGHTS}"):
        ganzoo.pull("tiny-1")
    with pytest.raises(HubError, match="Did you mean 'tiny-1'"):
        ganzoo.pull("tinny-1")
    size = sum(path.stat().st_size for path in (place / "shipped/tiny-1").rglob("*") if path.is_file())
    tolerance = 50  # the card tells the speed, which has more or fewer digits
    monkeypatch.setattr(tool, "SHIPPED_LIMIT", size + tolerance)
    tool.ship("tiny-1", folder, repo="someone/tiny")
    monkeypatch.setattr(tool, "SHIPPED_LIMIT", size - tolerance)
    with pytest.raises(BundleError, match=rf"would take \d+ bytes of the wheel; allowed: {size - tolerance}"):
        tool.ship("tiny-2", folder, repo="someone/tiny")


def test_a_critic_ships_in_a_checkout_and_is_missed_by_name_in_the_wheel(place, tool, monkeypatch):
    bundle = tiny_bundles.image_bundle(place / "b", critic=tiny_bundles.critic_model())
    size = sum((bundle.folder / name).stat().st_size for name in bundle.files if name not in tool.STAYS_OUT)
    monkeypatch.setattr(tool, "SHIPPED_LIMIT", size + 4000)  # the card is smaller, and the critic does not count
    entry = tool.ship("tiny-1", bundle.folder, repo="someone/tiny")
    assert CRITIC in entry.files
    best = ganzoo.load("tiny-1").sample([7], best_of=4)
    np.testing.assert_array_equal(best, Generator.from_bundle(bundle).sample([7], best_of=4))
    (place / "shipped/tiny-1" / CRITIC).unlink()
    generator = ganzoo.load("tiny-1")
    assert generator.has_critic
    assert generator.sample([7]).shape == (1, 8, 8, 3)
    with pytest.raises(HubError, match=r"not been published yet, and the copy .* lacks its onnx/critic\.onnx") as said:
        generator.sample([7], best_of=4)
    assert "\n" not in str(said.value)


def test_what_was_measured_ships_with_the_card(place, tool):
    bundle = tiny_bundles.image_bundle(place / "b")
    numbers = {"frechet (pixels)": {"value": 12.5, "protocol": "100 samples"}}
    measured = {"format_version": 1, "model": {"onnx_sha256": bundle.metadata.files[ONNX].sha256}, "metrics": numbers}
    (place / "metrics.json").write_text(json.dumps(measured))
    tool.ship("tiny-1", bundle.folder, repo="someone/tiny")
    card = (place / "shipped/tiny-1/README.md").read_text()
    assert "| frechet (pixels) | 12.5 | - | - | - |" in card
    assert "ONNX Runtime made" in card
    assert 'ganzoo.load("someone/tiny")' in card
    assert read_bundle(place / "shipped/tiny-1").metadata.facts.metrics.items() >= numbers.items()


@pytest.mark.parametrize(
    "change",
    [
        {"repo": "tiny"},
        {"repo": "../../x"},
        {"revision": "main"},
        {"revision": 7},
        {"files": {"../x": {"size": 1, "sha256": "a" * 64}}},
        {"files": {"config.json": {"size": 1, "sha256": "short"}}},
        {"files": []},
    ],
)
def test_a_damaged_index_is_one_line(place, change):
    entry = {"repo": "someone/tiny", "revision": None, "files": {}, **change}
    (place / "pretrained.json").write_text(json.dumps({"models": {"tiny-1": entry}}))
    with pytest.raises(BundleError, match="index of pretrained models") as said:
        pretrained.pretrained_models()
    assert "\n" not in str(said.value)


@pytest.mark.parametrize(
    ("text", "repo", "revision"),
    [
        ("user/name", "user/name", None),
        ("user/name@v1.0", "user/name", "v1.0"),
        ("hf://user/name@refs/pr/1", "user/name", "refs/pr/1"),
        ("https://huggingface.co/user/name", "user/name", None),
        ("https://huggingface.co/user/name/tree/dev", "user/name", "dev"),
    ],
)
def test_names_on_the_hub(text, repo, revision):
    assert parse_reference(text) == HubReference(repo, revision)


@pytest.mark.parametrize("text", ["name", "a/b/c", "./a/b", "a/..", "../b", "a--b/c", "a/b.git", "a b/c", "", "/a/b"])
def test_what_is_no_name_on_the_hub(text):
    assert parse_reference(text) is None


def test_two_revisions():
    with pytest.raises(HubError, match="Two revisions"):
        parse_reference("user/name@a", revision="b")
