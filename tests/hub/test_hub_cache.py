"""What ``ganzoo cache`` lists and removes, on caches made by hand in the layout of the Hub's client."""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path

import pytest
import tiny_bundles

from ganzoo.bundle.folder import ONNX
from ganzoo.errors import GanzooError
from ganzoo.hub.cache import cache_entries, remove

COMMIT, OTHER = "a" * 40, "b" * 40


@pytest.fixture
def cache(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "ganzoo"))
    return tmp_path / "hub"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return tiny_bundles.image_bundle(tmp_path_factory.mktemp("bundle") / "b")


def put(cache: Path, name: str, bundle, *, shared: bool = False) -> Path:
    """A model in the cache; with ``shared``, its graph is in the store that all models of the cache share."""
    repo = cache / f"models--{name.replace('/', '--')}"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text(COMMIT)
    for file in bundle.files:
        content = (bundle.folder / file).read_bytes()
        blob = repo / "blobs" / hashlib.sha256(content).hexdigest()
        blob.parent.mkdir(exist_ok=True)
        if shared and file == ONNX:
            share(cache, blob, content)
        elif not blob.exists():
            blob.write_bytes(content)
        link = repo / "snapshots" / COMMIT / file
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    return repo


def share(cache: Path, blob: Path, content: bytes) -> None:
    """As huggingface_hub 2.4 does: the file in a store, a link to it in the model, and a list of the links."""
    stored = cache / "blobs" / blob.name[:2] / blob.name
    stored.parent.mkdir(parents=True, exist_ok=True)
    (cache / "blobs" / ".huggingface-shared-blobs").write_text("1\n")
    stored.write_bytes(content)
    blob.symlink_to(os.path.relpath(stored, blob.parent))
    with stored.with_name(f"{stored.name}.refs").open("a") as links:
        links.write(f"{blob.relative_to(cache).as_posix()}\n")


def test_interrupted_and_damaged_models_are_listed_and_removed(cache, bundle):
    put(cache, "someone/whole", bundle)
    (put(cache, "someone/new-commit", bundle) / "refs" / "main").write_text(OTHER)
    damaged = put(cache, "someone/damaged", bundle)
    (damaged / "snapshots" / COMMIT / ONNX).resolve().unlink()
    (put(cache, "someone/unfinished", bundle) / "blobs" / "x.incomplete").write_bytes(bytes(5000))
    (cache / "models--bert").mkdir()
    found = {entry.name: entry.bytes for entry in cache_entries()}
    assert list(found) == ["someone/damaged", "someone/new-commit", "someone/unfinished", "someone/whole"]
    assert found["someone/new-commit"] == found["someone/whole"] > found["someone/damaged"]
    assert found["someone/unfinished"] == found["someone/whole"] + 5000
    remove(["someone/new-commit", "someone/damaged", "someone/unfinished"])
    assert [entry.name for entry in cache_entries()] == ["someone/whole"], "others have the same commit and stay"
    assert (cache / "models--bert").is_dir()


def test_downloaded_data_are_listed_and_removed(cache):
    downloads = cache.parent / "ganzoo" / "downloads"
    shard = downloads / "hub" / "datasets--someone--photos" / "snapshots" / COMMIT / "a.parquet"
    for path in (downloads / "mnist" / "images.gz", shard, downloads / "hub" / "verified" / "sha256-1"):
        path.parent.mkdir(parents=True)
        path.write_bytes(bytes(7))
    found = [(entry.kind, entry.name, entry.bytes, entry.revisions) for entry in cache_entries()]
    assert found == [("download", "datasets/someone/photos", 7, (COMMIT,)), ("download", "mnist", 7, ())]
    remove(["mnist", "datasets/someone/photos"])
    assert cache_entries() == []
    assert not shard.exists()


def test_a_file_that_models_share_counts_for_each_and_goes_with_the_last(cache, bundle):
    for name in ("someone/one", "someone/two"):
        put(cache, name, bundle, shared=True)
    put(cache, "someone/own", bundle)
    (stored,) = (path for path in (cache / "blobs").glob("??/*") if path.suffix != ".refs")
    assert len({entry.bytes for entry in cache_entries()}) == 1
    remove(["someone/one"])
    assert stored.exists()
    assert [entry.name for entry in cache_entries()] == ["someone/own", "someone/two"]
    remove(["someone/two"])
    assert not stored.exists()


def test_a_model_that_cannot_be_deleted_gives_one_line(cache, bundle, monkeypatch, caplog):
    put(cache, "someone/locked", bundle)

    def refuse(path, *_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("shutil.rmtree", refuse)
    monkeypatch.setattr(logging.getLogger("huggingface_hub"), "handlers", [caplog.handler])
    with pytest.raises(GanzooError, match=r"Cannot delete '.*models--someone--locked': Permission denied\.$"):
        remove(["someone/locked"])
    assert not caplog.records
