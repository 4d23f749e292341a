"""Datasets of the Hub: what is fetched and verified, what a run keeps, and what goes wrong, in fresh processes."""

from __future__ import annotations

import pytest
from data.shards import pngs, write_parquet

pytest.importorskip("pyarrow")
NAME = "datasets/someone/pictures"
LOAD = """
from ganzoo.data import data_sources
d = data_sources.create({{"source": "parquet", "repo": "someone/pictures", "resolution": 16, {more}}}).load(quiet=True)
result = [len(d), int(d.samples.astype("u8").sum()), list(d.class_names), list(d.report.notes)]
"""


def load(**more):
    return LOAD.format(more=", ".join(f"{name!r}: {value!r}" for name, value in more.items()))


@pytest.fixture
def shards(tmp_path):
    """Files of a dataset with two splits, as ``push_to_hub`` of the library ``datasets`` names them."""
    features = {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}
    sizes = {"train-00000-of-00002": 6, "train-00001-of-00002": 4, "test-00000-of-00001": 3}
    return {
        f"data/{name}.parquet": write_parquet(
            tmp_path / f"{name}.parquet", pngs(size, first=size), features=features, label=[0, 1, 0, 1, 0, 1][:size]
        ).read_bytes()
        for name, size in sizes.items()
    }


@pytest.fixture
def commit(hub, shards):
    """``someone/pictures`` on the Hub; its commit."""
    hub.create_dataset("someone/pictures")
    return hub.put(NAME, {**shards, "README.md": b"# Pictures\n"})


def downloads(hub):
    return [request for request in hub.requests if request.startswith("GET /lfs/objects")]


@pytest.mark.slow
def test_only_the_split_is_fetched_once_and_a_second_start_needs_no_network(hub, stranger, commit):
    count, total, names, notes = stranger.value(load(label="label"))
    assert (count, names) == (10, ["cat", "dog"])
    assert notes[0] == f"Dataset: someone/pictures@{commit[:12]}"
    assert len(downloads(hub)) == 2
    hub.requests.clear()
    assert stranger.value(load(label="label", revision=commit))[:3] == [count, total, names]
    assert hub.requests == [], "a pinned commit in the cache asks nobody"
    assert stranger.value(load(label="label"), HF_HUB_OFFLINE="1")[:3] == [count, total, names]
    assert stranger.value(load(label="label"), HF_ENDPOINT="http://127.0.0.1:9")[:3] == [count, total, names]
    assert stranger.value(load(split="test"))[0] == 3
    assert len(downloads(hub)) == 1


@pytest.mark.slow
def test_a_run_keeps_the_commit_after_the_branch_has_moved(hub, stranger, commit, shards):
    pinned = """
from ganzoo.data import data_sources
source = data_sources.create({"source": "parquet", "repo": "someone/pictures", "resolution": 16}).pinned()
result = [data_sources.spec(source)["revision"], int(source.load(quiet=True).samples.astype("u8").sum())]
"""
    revision, total = stranger.value(pinned)
    assert revision == commit
    first, second = sorted(name for name in shards if "train" in name)
    newer = hub.put(NAME, {first: shards[second]})
    assert stranger.value(pinned) != [revision, total]
    assert stranger.value(pinned)[0] == newer
    assert stranger.value(load(revision=commit))[1] == total


@pytest.mark.slow
def test_a_training_writes_the_commit_into_its_config(hub, stranger, commit):
    stranger.ganzoo(
        *("train", "dcgan-faces-32", "data.source=parquet", "data.repo=someone/pictures", "training.batch_size=2"),
        *("training.steps=2", "generator.base_channels=4", "discriminator.base_channels=4", "--quiet"),
    )
    config = next(stranger.folder.glob("runs/*/*/config.yaml")).read_text()
    assert f"revision: {commit}" in config


@pytest.mark.slow
def test_what_is_refused(hub, stranger, commit, shards):
    other = load().replace("pictures", "other")
    said = stranger.refusals([other, load(revision="v2"), load(split="validation"), load(files="cropped/*")])
    wanted = ("No dataset someone/other", "no revision 'v2'", "has the splits test, train", "matches no file")
    assert [text for text, message in zip(wanted, said, strict=True) if text not in message] == []
    assert "not in the cache" in stranger.refusal(load(), HF_HUB_OFFLINE="1")
    hub.create_dataset("someone/csv")
    hub.put("datasets/someone/csv", {"train.csv": b"a,b\n"})
    hub.create_dataset("someone/gated", gated=True)
    hub.put("datasets/someone/gated", shards)
    hub.put(NAME, {"small/train-0.parquet": shards["data/test-00000-of-00001.parquet"]})
    csv, message, gated = stranger.refusals(
        [load().replace("pictures", "csv"), load(), load().replace("pictures", "gated")]
    )
    assert "data.revision=refs/convert/parquet" in csv
    assert "/datasets/someone/gated" in gated
    assert "several versions, in the folders data, small" in message
    assert "data.files='data/*'" in message
    assert stranger.value(load(files="small/*"))[0] == 3


@pytest.mark.slow
def test_the_branch_of_the_hubs_own_conversion(hub, stranger, commit, shards):
    first = shards["data/test-00000-of-00001.parquet"]
    tree = {"default/train/0000.parquet": first, "default/test/0000.parquet": first, "other/train/0000.parquet": first}
    hub.repos[NAME].commit(tree, "convert", branch="refs/convert/parquet")
    count, _, _, notes = stranger.value(load(revision="refs/convert/parquet"))
    assert count == 3
    assert "Version: default" in notes[1]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["swap", "size", "drop"])
def test_a_bad_download_is_refused_and_the_next_start_goes_on(hub, stranger, commit, kind):
    hub.fail("GET /lfs/objects", kind, times=20)
    message = stranger.refusal(load())
    assert "pictures" in message
    if kind == "swap":
        assert "differs from the file on the Hub" in message
    hub.faults.clear()
    assert stranger.value(load())[0] == 10


@pytest.mark.slow
def test_whole_files_are_kept_when_a_later_one_fails(hub, stranger, commit):
    hub.fail("resolve/.*/data/train-00001", "status", times=50, status=403)
    stranger.refusal(load())
    assert len(downloads(hub)) == 1
    hub.faults.clear()
    hub.requests.clear()
    assert stranger.value(load())[0] == 10
    assert len(downloads(hub)) == 1
