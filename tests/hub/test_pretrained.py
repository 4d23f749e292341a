"""The index of pretrained models, without a network. ``tests/hub/test_publish.py`` has the rest."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_bundles
from PIL import Image

import ganzoo
from ganzoo.bundle.folder import CRITIC, NEAREST, ONNX, WEIGHTS, read_bundle
from ganzoo.errors import BundleError, EvaluationError, GanzooError, HubError, UnknownNameError
from ganzoo.evaluation.record import check_target
from ganzoo.hub import load_name, pretrained
from ganzoo.hub.pretrained_index import Facts, Metric, main_metric
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


FIRST = {"repo": "someone/tiny", "description": "noise", "license": "mit"}
"""What the first version of a model needs."""


def other_bundle(folder, seed=1):
    """A bundle with other weights than ``tiny_bundles.image_bundle``."""
    return tiny_bundles.write_bundle(
        folder,
        config=tiny_bundles.image_config(),
        onnx=tiny_bundles.image_model(seed=seed).SerializeToString(),
        weights={"dense/kernel": np.ones((8, 64), np.float32)},
    ).folder


def test_the_real_index_agrees_with_the_bundles_in_the_package(monkeypatch):
    monkeypatch.undo()
    versions = pretrained.pretrained_versions()
    assert 1 in versions["faces-64"]
    for model in [model for models in versions.values() for model in models.values()]:
        bundle = pretrained.shipped_bundle(model)
        assert bundle is not None, model.exact_name
        assert model.facts == Facts.of(bundle, description=model.facts.description)
        assert all((model.facts.license, model.facts.metric, model.facts.config))


def test_the_wheel_is_small(monkeypatch, tool):
    monkeypatch.undo()
    newest = pretrained.pretrained_models()
    assert sum(tool.wheel_bytes(model) for model in newest.values()) <= tool.TOTAL_LIMIT
    for name, versions in pretrained.pretrained_versions().items():
        for model in versions.values():
            limit = tool.MODEL_LIMIT if model == newest[name] else tool.OLDER_LIMIT
            assert 0 < tool.wheel_bytes(model) <= limit, model.exact_name


def test_no_index_is_an_empty_one():
    assert pretrained.pretrained_models() == {}


def test_versions(place, tool):
    one = tool.ship("tiny-1", tiny_bundles.image_bundle(place / "a").folder, **FIRST)
    old = ganzoo.load("tiny-1").sample([7])
    two = tool.ship("tiny-1", other_bundle(place / "b"), license="cc0-1.0")
    assert (one.version, two.version) == (1, 2)
    assert (two.repo, two.facts.description) == (one.repo, one.facts.description), "as before"
    assert pretrained.pretrained_versions() == {"tiny-1": {1: one, 2: two}}
    assert pretrained.pretrained_models() == {"tiny-1": two}
    new = ganzoo.load("tiny-1").sample([7])
    assert not np.array_equal(old, new)
    for name in ("tiny-1@1", "tiny-1@v1", "zoo:tiny-1@1"):
        assert np.array_equal(ganzoo.load(name).sample([7]), old)
    for name in ("tiny-1@2", "zoo:tiny-1"):
        assert np.array_equal(ganzoo.load(name).sample([7]), new)
    has = "has no version '{}'. It has tiny-1@1, tiny-1@2 .the newest."
    for version in ("3", "0", "", "v", "main", "1.0"):
        for use in (ganzoo.load, ganzoo.pull):
            with pytest.raises(UnknownNameError, match=has.format(version)):
                use(f"tiny-1@{version}")
    with pytest.raises(
        HubError, match=r"always means the same weights, so it has no revision 'main'. Versions: tiny-1@1"
    ):
        ganzoo.load("tiny-1", revision="main")


def test_the_names_of_old_and_new_versions(place, tool):
    one = tool.ship("tiny-1", tiny_bundles.image_bundle(place / "a").folder, **FIRST)
    assert ganzoo.load("tiny-1@1").name == "tiny-1", "the newest version needs no number"
    tool.ship("tiny-1", other_bundle(place / "b"), license="cc0-1.0")
    assert [ganzoo.load(what).name for what in ("tiny-1@1", "tiny-1", "tiny-1@2")] == ["tiny-1@1", "tiny-1", "tiny-1"]
    old, new = (ganzoo.load(what).bundle for what in ("tiny-1@1", "tiny-1@2"))
    assert [load_name.load_name(bundle) for bundle in (old, new)] == ["tiny-1@1", "tiny-1@2"]
    assert [load_name.short_name(bundle) for bundle in (old, new)] == ["tiny-1", "tiny-1"]
    tool.write_entry(one._replace(revision=COMMIT))
    fetched = replace(old, folder=place / "models--someone--tiny" / "snapshots" / COMMIT)
    assert load_name.command_word(fetched) == "tiny-1@1", "a pretrained model in the Hub's cache"


def test_numbers_of_another_version_are_not_replaced(place, tool):
    tool.ship("tiny-1", tiny_bundles.image_bundle(place / "a").folder, **FIRST)
    tool.ship("tiny-1", other_bundle(place / "b"), license="cc0-1.0")
    old, new = (ganzoo.load(what).bundle for what in ("tiny-1@1", "tiny-1"))
    (place / "metrics.json").write_text(json.dumps({"model": {"name": "tiny-1"}}))
    check_target(place / "metrics.json", new, asked=False)
    with pytest.raises(EvaluationError, match="is not an evaluation of 'tiny-1@1', so it is not replaced"):
        check_target(place / "metrics.json", old, asked=False)


def test_an_older_version_is_never_changed(place, tool):
    folder = tiny_bundles.image_bundle(place / "a").folder
    one = tool.ship("tiny-1", folder, **FIRST)
    with pytest.raises(GanzooError, match=r"already 'tiny-1@1'. To write its card and facts anew: --replace 1"):
        tool.ship("tiny-1", folder)
    again = tool.ship("tiny-1", folder, license="mit", data_license="public domain", replaced=1)
    assert again.version == 1
    assert pretrained.pretrained_versions() == {"tiny-1": {1: again}}
    tool.write_entry(again._replace(revision=COMMIT))
    for change in (lambda: tool.ship("tiny-1", folder, license="mit", replaced=1), lambda: tool.shrink("tiny-1@1")):
        with pytest.raises(HubError, match="'tiny-1@1' is published, so its files never change"):
            change()
    with pytest.raises(UnknownNameError, match="has no version '2'"):
        tool.ship("tiny-1", folder, license="mit", replaced=2)
    with pytest.raises(BundleError, match="is not that of 'tiny-1@1', whose files never change"):
        tool.publish("tiny-1", other_bundle(place / "b"), dry_run=True)
    assert one.files[ONNX] == pretrained.pretrained_versions()["tiny-1"][1].files[ONNX]


@pytest.mark.parametrize(
    ("left_out", "message"),
    [("repo", "'tiny-1' is new"), ("description", "'tiny-1' is new"), ("license", "no license of its weights")],
)
def test_what_a_first_version_needs(place, tool, left_out, message):
    folder = tiny_bundles.image_bundle(place / "a").folder
    with pytest.raises(GanzooError, match=message):
        tool.ship("tiny-1", folder, **{key: value for key, value in FIRST.items() if key != left_out})
    with pytest.raises(GanzooError, match="is not a license identifier of the Hub"):
        tool.ship("tiny-1", folder, **{**FIRST, "license": "public domain"})
    assert pretrained.pretrained_models() == {}
    assert not (place / "shipped").exists() or not list((place / "shipped").rglob("*.onnx"))


def test_license_and_credit_are_on_the_card_and_in_the_metadata(place, tool):
    credit = "Biographical Directory of the United States Congress"
    entry = tool.ship(
        "tiny-1",
        tiny_bundles.image_bundle(place / "a").folder,
        **{**FIRST, "license": "cc0-1.0"},
        data_license="public domain",
        credits=[credit],
    )
    folder = pretrained.shipped_folder(entry)
    card = (folder / "README.md").read_text()
    assert "\nlicense: cc0-1.0\n" in card
    assert f"- {credit}\n- License of the data: public domain.\n" in card
    training = read_bundle(folder).metadata.facts.training
    assert (training["license"], training["data_license"]) == ("cc0-1.0", "public domain")
    assert training["data_credits"] == [credit]
    assert (entry.facts.license, entry.facts.data_license) == ("cc0-1.0", "public domain")


def test_sizes_in_the_wheel(place, tool, monkeypatch):
    one = tool.ship("tiny-1", tiny_bundles.image_bundle(place / "a").folder, **FIRST)
    size = tool.wheel_bytes(one)
    other = other_bundle(place / "b")
    monkeypatch.setattr(tool, "OLDER_LIMIT", size - 1)
    with pytest.raises(BundleError, match=f"older version 'tiny-1@1' takes {size} bytes.* shrink tiny-1@1"):
        tool.ship("tiny-1", other, license="mit")
    monkeypatch.setattr(tool, "OLDER_LIMIT", size)
    tool.ship("tiny-1", other, license="mit")
    monkeypatch.setattr(tool, "TOTAL_LIMIT", size + 200)
    with pytest.raises(
        BundleError, match=rf"All newest versions would take \d+ bytes of the wheel; allowed: {size + 200}"
    ):
        tool.ship("tiny-2", tiny_bundles.image_bundle(place / "a").folder, **FIRST)
    assert list(pretrained.pretrained_models()) == ["tiny-1"]
    assert not pretrained.SHIPPED.joinpath("tiny-2", "v1").exists()


def test_shipped_and_written_and_read(place, tool):
    folder = tiny_bundles.image_bundle(place / "b").folder
    entry = tool.ship("tiny-1", folder, **FIRST)
    assert pretrained.pretrained_models() == {"tiny-1": entry}
    assert pretrained.place(entry) == "with ganzoo"
    assert ganzoo.load("tiny-1").generate(0).size == (8, 8)
    published = entry._replace(revision=COMMIT)
    tool.write_entry(published)
    assert pretrained.pretrained_models()["tiny-1"] == published
    assert ganzoo.load("tiny-1", revision=COMMIT).name == "tiny-1"
    assert pretrained.place(published) == "with ganzoo"


@pytest.mark.slow
def test_the_wheel_takes_what_generating_needs(place, tool, monkeypatch):
    folder = tiny_bundles.image_bundle(place / "b").folder
    entry = tool.ship("tiny-1", folder, **FIRST)
    assert WEIGHTS in entry.files
    for name in tool.STAYS_OUT:
        (place / "shipped/tiny-1/v1" / name).unlink(missing_ok=True)
    assert ganzoo.load("tiny-1").generate(0).size == (8, 8)
    with pytest.raises(HubError, match=f"published yet, and the copy that comes with ganzoo lacks its {WEIGHTS}"):
        ganzoo.pull("tiny-1")
    with pytest.raises(HubError, match="Did you mean 'tiny-1'"):
        ganzoo.pull("tinny-1")
    size = sum(path.stat().st_size for path in (place / "shipped/tiny-1/v1").rglob("*") if path.is_file())
    tolerance = 50  # the card tells the speed, which has more or fewer digits
    monkeypatch.setattr(tool, "MODEL_LIMIT", size + tolerance)
    tool.ship("tiny-1", folder, **FIRST, replaced=1)
    monkeypatch.setattr(tool, "MODEL_LIMIT", size - tolerance)
    with pytest.raises(BundleError, match=rf"would take \d+ bytes of the wheel; allowed: {size - tolerance}"):
        tool.ship("tiny-2", folder, **FIRST)


def test_a_critic_ships_in_a_checkout_and_is_missed_by_name_in_the_wheel(place, tool, monkeypatch):
    bundle = tiny_bundles.image_bundle(place / "b", critic=tiny_bundles.critic_model())
    size = sum((bundle.folder / name).stat().st_size for name in bundle.files if name not in tool.STAYS_OUT)
    monkeypatch.setattr(tool, "MODEL_LIMIT", size + 4000)  # the card is smaller, and the critic does not count
    entry = tool.ship("tiny-1", bundle.folder, **FIRST)
    assert CRITIC in entry.files
    best = ganzoo.load("tiny-1").sample([7], best_of=4)
    np.testing.assert_array_equal(best, Generator.from_bundle(bundle).sample([7], best_of=4))
    (place / "shipped/tiny-1/v1" / CRITIC).unlink()
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
    entry = tool.ship("tiny-1", bundle.folder, **FIRST)
    assert entry.facts.metric == Metric(12.5, "pixels")
    card = (place / "shipped/tiny-1/v1/README.md").read_text()
    assert "| Frechet distance | 12.5 | - | - | - |" in card
    assert "ONNX Runtime made" in card
    assert 'ganzoo.load("tiny-1@1")' in card
    assert read_bundle(place / "shipped/tiny-1/v1").metadata.facts.metrics.items() >= numbers.items()


def test_cards_are_written_anew_and_nothing_else(place, tool):
    entry = tool.ship("tiny-1", tiny_bundles.image_bundle(place / "a").folder, **FIRST)
    folder = pretrained.shipped_folder(entry)
    before = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    index = pretrained.index_file().read_bytes()
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    assert tool.write_cards() == [folder / "README.md"]
    assert "\n# tiny-1\n" in (folder / "README.md").read_text()
    (folder / "README.md").write_bytes(before["README.md"])
    assert tool.write_cards("tiny-1") == [folder / "README.md"]
    assert {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before, "and the speed"
    assert pretrained.index_file().read_bytes() == index
    (folder / "README.md").write_text("# Mine")
    with pytest.raises(GanzooError, match="was edited by hand, so it is not replaced"):
        tool.write_cards("tiny-1@1")


def test_a_picture_of_the_nearest_training_images_is_added(place, tool):
    entry = tool.ship("tiny-1", tiny_bundles.image_bundle(place / "a").folder, **FIRST)
    Image.new("L", (40, 20)).save(place / "picture.webp")
    with_picture = tool.add_nearest("tiny-1", place / "picture.webp", scale=0.5)
    assert with_picture.files[ONNX] == entry.files[ONNX]
    bundle = pretrained.shipped_bundle(with_picture)
    with Image.open(bundle.folder / NEAREST) as image:
        assert (image.format, image.size) == ("PNG", (20, 10))
    assert f"({NEAREST})" in (bundle.folder / "README.md").read_text()
    assert NEAREST in tool.STAYS_OUT
    with pytest.raises(GanzooError, match=r"'none.png' is not a readable picture"):
        tool.add_nearest("tiny-1", Path("none.png"))
    tool.write_entry(with_picture._replace(revision=COMMIT))
    with pytest.raises(HubError, match="is published, so its files never change"):
        tool.add_nearest("tiny-1", place / "picture.webp")


ENTRY = {
    "repo": "someone/tiny",
    "revision": None,
    "description": "noise",
    "shape": [8, 8, 3],
    "num_classes": None,
    "license": "mit",
    "data_license": None,
    "config": None,
    "metric": None,
    "files": {},
}


@pytest.mark.parametrize("versions", [{}, {"0": ENTRY}, {"-1": ENTRY}, {"one": ENTRY}, {"1": {}}, ENTRY, []])
def test_a_damaged_list_of_versions_is_one_line(place, versions):
    (place / "pretrained.json").write_text(json.dumps({"models": {"tiny-1": versions}}))
    with pytest.raises(BundleError, match="index of pretrained models") as said:
        pretrained.pretrained_models()
    assert "\n" not in str(said.value)


def test_a_whole_index_is_read(place):
    (place / "pretrained.json").write_text(json.dumps({"models": {"tiny-1": {"2": ENTRY, "10": ENTRY, "1": ENTRY}}}))
    assert list(pretrained.pretrained_versions()["tiny-1"]) == [1, 2, 10]
    assert pretrained.pretrained_models()["tiny-1"].version == 10


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, None),
        ({"recall (small_cnn)": 0.5}, None),
        ({"frechet (pixels)": 2.0}, Metric(2.0, "pixels")),
        ({"frechet (pixels)": 2.0, "frechet (small_cnn)": 4.0}, Metric(4.0, "small_cnn")),
        ({"frechet (small_cnn)": 4.0, "FID": 9.0}, Metric(9.0, "inception_v3")),
    ],
)
def test_the_main_metric(values, expected):
    assert main_metric({name: {"value": value, "protocol": ""} for name, value in values.items()}) == expected


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
        {"metric": 4.5},
        {"shape": None},
    ],
)
def test_a_damaged_index_is_one_line(place, change):
    (place / "pretrained.json").write_text(json.dumps({"models": {"tiny-1": {"1": {**ENTRY, **change}}}}))
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
