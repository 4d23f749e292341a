from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import tiny_bundles
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ganzoo.bundle import folder as bundle_module
from ganzoo.bundle.folder import CONFIG, METADATA, ONNX, WEIGHTS, BundleConfig, BundleFacts, LatentSpec, read_bundle
from ganzoo.bundle.strict_json import check_tree, read_json, write_json
from ganzoo.bundle.writing import add_file, write_bundle
from ganzoo.errors import BundleError


@pytest.fixture
def folder(tmp_path):
    return tiny_bundles.image_bundle(tmp_path / "b", num_classes=2, class_names=("cat", "dog")).folder


def rehash(folder: Path, **changes: object) -> None:
    """Make metadata.json say what is there, as somebody who wants to be believed would."""
    metadata = json.loads((folder / METADATA).read_text())
    for name in metadata["files"]:
        content = (folder / name).read_bytes()
        metadata["files"][name] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / METADATA).write_text(json.dumps({**metadata, **changes}))


def change_config(folder: Path, **changes: object) -> None:
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps({**config, **changes}))
    rehash(folder)


def test_what_was_written_is_read(folder):
    bundle = read_bundle(folder)
    assert bundle.config == tiny_bundles.image_config(
        num_classes=2, class_names=("cat", "dog"), model={"blocks": [{"channels": 4}]}
    )
    assert bundle.files == ["config.json", "metadata.json", "model.safetensors", ONNX, "samples.png"]
    assert bundle.metadata.facts.metrics["fid"]["value"] == 12.5
    assert bundle.metadata.facts.training_step == 10
    np.testing.assert_array_equal(bundle.weights()["dense/kernel"], np.ones((8, 64), np.float32))
    assert bundle.read("samples.png") == tiny_bundles.PNG


def test_the_same_content_gives_the_same_bytes(tmp_path):
    a, b = (tiny_bundles.image_bundle(tmp_path / name) for name in "ab")
    assert a.metadata == b.metadata
    assert (a.folder / METADATA).read_bytes() == (b.folder / METADATA).read_bytes()


def test_hashes_are_those_of_the_files(folder):
    metadata = json.loads((folder / METADATA).read_text())
    for name, record in metadata["files"].items():
        content = (folder / name).read_bytes()
        assert record == {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    assert set(metadata["files"]) | {METADATA} == {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS, ONNX, "samples.png"])
def test_one_altered_byte_is_found_and_named(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(BundleError, match=f"{name} is damaged or altered"):
        read_bundle(folder)


@pytest.mark.parametrize("name", [CONFIG, METADATA, WEIGHTS, ONNX, "samples.png"])
def test_a_cut_file_is_found_and_named(folder, name):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(BundleError, match=name):
        read_bundle(folder)


@pytest.mark.parametrize("name", [CONFIG, METADATA, WEIGHTS, ONNX])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(BundleError, match=name):
        read_bundle(folder)


FOREIGN = ["model.keras", "a.pkl", "onnx/model.onnx.data", "onnx/x/y", "saved_model.pb", "a\x1b[2J", "notes.txt"]
SYSTEM = [".DS_Store", "onnx/.DS_Store", "Thumbs.db", "desktop.ini", "Desktop.ini", "._README.md", "Icon\r"]


@pytest.mark.parametrize("name", FOREIGN + SYSTEM)
def test_a_file_of_another_name_is_never_opened(folder, name, monkeypatch):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"x")
    opened = []
    real = Path.open
    monkeypatch.setattr(
        Path, "open", lambda self, *args, **options: opened.append(self) or real(self, *args, **options)
    )
    bundle = read_bundle(folder)
    bundle.weights()
    assert {file.relative_to(folder).as_posix() for file in opened} <= set(bundle_module.LIMITS)
    assert name not in bundle.files
    with pytest.raises(BundleError, match="has no"):
        bundle.read(name)


def test_a_listed_file_of_another_name_is_refused(folder):
    (folder / "notes.txt").write_bytes(b"x")
    metadata = json.loads((folder / METADATA).read_text())
    metadata["files"]["notes.txt"] = {"size": 1, "sha256": hashlib.sha256(b"x").hexdigest()}
    (folder / METADATA).write_text(json.dumps(metadata))
    with pytest.raises(BundleError, match=r"'notes\.txt' is not a file of a bundle"):
        read_bundle(folder)


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 12345\n"


@pytest.mark.parametrize("name", [CONFIG, METADATA, WEIGHTS, ONNX, "samples.png", "README.md"])
def test_a_pointer_of_git_lfs_is_called_so(folder, name):
    (folder / name).write_bytes(POINTER)
    with pytest.raises(BundleError, match=f"{name} is a git-lfs pointer.* run: git lfs pull"):
        read_bundle(folder)


def test_a_known_file_without_a_hash_is_refused(folder):
    (folder / "onnx/model_fp16.onnx").write_bytes(b"x")
    with pytest.raises(BundleError, match=r"no hash of onnx/model_fp16.onnx"):
        read_bundle(folder)


def test_a_card_may_be_edited_and_need_not_be_there(folder):
    """It is for people, and its owner may edit it on the Hub at any time; so it has no hash."""
    assert "README.md" not in read_bundle(folder).metadata.files
    (folder / "README.md").write_text("# Mine, with an é and a \U0001f600\u200d\U0001f600\r\n")
    read_bundle(folder)


def test_a_download_may_be_partial_and_lie_beside_other_files(folder):
    (folder / WEIGHTS).unlink()
    (folder / "LICENSE").write_text("mine")
    (folder / "onnx/model_fp16.onnx").write_bytes(b"never read")
    with pytest.raises(BundleError, match=r"no hash of onnx/model_fp16\.onnx"):
        read_bundle(folder)
    bundle = read_bundle(folder, download=True)
    assert bundle.read(ONNX)
    with pytest.raises(BundleError, match=r"model\.safetensors is missing"):
        bundle.weights()
    with pytest.raises(BundleError, match=r"has no 'onnx/model_fp16\.onnx'"):
        bundle.read("onnx/model_fp16.onnx")


def test_hidden_files_of_other_tools_are_left_alone(folder):
    (folder / ".gitattributes").write_text("*.onnx filter=lfs")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "x").write_text("")
    (folder / "onnx" / ".DS_Store").write_text("")
    read_bundle(folder)


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/passwd", "..\\x", "C:\\x", "onnx/../README.md", "a/b", "", METADATA]
)
def test_names_that_lead_elsewhere_are_refused(folder, name):
    (folder.parent / "secret").write_text("x")
    metadata = json.loads((folder / METADATA).read_text())
    metadata["files"][name] = {"size": 1, "sha256": hashlib.sha256(b"x").hexdigest()}
    (folder / METADATA).write_text(json.dumps(metadata))
    with pytest.raises(BundleError, match=r"not a file of a bundle|lists itself"):
        read_bundle(folder)


@pytest.mark.parametrize("name", [CONFIG, METADATA, ONNX, "README.md", "samples.png"])
def test_a_link_out_of_the_folder_is_refused(folder, name):
    (folder / "README.md").write_text("# Mine")
    (folder / name).rename(folder.parent / "secret")
    (folder / name).symlink_to(folder.parent / "secret")
    with pytest.raises(BundleError, match=f"{name} is a link to a file outside of the bundle: '.*secret'") as caught:
        read_bundle(folder)
    assert "\n" not in str(caught.value)


def test_a_link_within_the_folder_is_followed(folder):
    (folder / "classes.png").symlink_to("samples.png")
    read_bundle(folder, download=True)


def test_a_file_that_became_a_link_is_neither_read_nor_copied(folder):
    bundle = read_bundle(folder)
    (folder.parent / "secret").write_text("a key")
    (folder / "README.md").symlink_to(folder.parent / "secret")
    with pytest.raises(BundleError, match=r"README\.md is a link"):
        add_file(bundle, ONNX, b"new")
    assert (folder / "README.md").is_symlink(), "nothing was written"
    (folder / ONNX).unlink()
    (folder / ONNX).symlink_to(folder.parent / "secret")
    with pytest.raises(BundleError, match=r"model\.onnx is a link"):
        bundle.read(ONNX)


@pytest.mark.parametrize("shared", [False, True])
def test_links_in_the_hubs_cache_lead_only_to_its_files(folder, shared):
    cache = folder.parent / "hub"
    repo = cache / "models--someone--model"
    snapshot, blob = repo / "snapshots" / ("a" * 40), repo / "blobs" / "x"
    for parent in (snapshot.parent, blob.parent):
        parent.mkdir(parents=True)
    folder.rename(snapshot)
    stored = cache / "blobs" / "xx" / "x" if shared else blob
    stored.parent.mkdir(parents=True, exist_ok=True)
    (snapshot / ONNX).rename(stored)
    if shared:
        blob.symlink_to(os.path.relpath(stored, blob.parent))
    (snapshot / ONNX).symlink_to("../../../blobs/x")
    content = stored.read_bytes()
    (folder.parent / "link").symlink_to(cache)
    for root in (cache, folder.parent / "link"):
        assert read_bundle(root / snapshot.relative_to(cache)).read(ONNX) == content
    blob.unlink()
    (folder.parent / "secret").write_bytes(content)
    blob.symlink_to(folder.parent / "secret")
    with pytest.raises(BundleError, match=r"model\.onnx is a link to a file outside of the bundle"):
        read_bundle(snapshot)
    shutil.rmtree(repo / "blobs")
    (folder.parent / "elsewhere").mkdir()
    (folder.parent / "elsewhere" / "x").write_bytes(content)
    (repo / "blobs").symlink_to(folder.parent / "elsewhere")
    with pytest.raises(BundleError, match=r"model\.onnx is a link to a file outside of the bundle"):
        read_bundle(snapshot)


def test_what_is_no_regular_file_is_refused(folder):
    (folder / "README.md").symlink_to("/dev/zero")
    with pytest.raises(BundleError, match="not a regular file"):
        read_bundle(folder)
    (folder / "README.md").unlink()
    os.mkfifo(folder / "README.md")
    with pytest.raises(BundleError, match="not a regular file"):
        read_bundle(folder)


def test_a_linked_folder_is_refused(folder):
    (folder / "onnx").rename(folder.parent / "elsewhere")
    (folder / "onnx").symlink_to(folder.parent / "elsewhere")
    with pytest.raises(BundleError, match="onnx is not a folder"):
        read_bundle(folder)


def test_a_file_above_its_limit_is_refused_unread(folder, monkeypatch):
    monkeypatch.setitem(bundle_module.LIMITS, WEIGHTS, 10)
    with pytest.raises(BundleError, match="allowed: 10"):
        read_bundle(folder)


def test_a_file_that_changes_after_verification_is_found(folder):
    bundle = read_bundle(folder)
    content = bytearray((folder / ONNX).read_bytes())
    content[-1] ^= 1
    (folder / ONNX).write_bytes(content)
    with pytest.raises(BundleError, match="damaged or altered"):
        bundle.read(ONNX)


def test_a_kept_file_is_verified_and_not_read_again(folder):
    content = bytearray((folder / ONNX).read_bytes())
    bundle = read_bundle(folder, keep=[ONNX])
    assert set(bundle.kept) == {ONNX}
    (folder / ONNX).write_bytes(content[:-1])
    assert bundle.read(ONNX) == content
    content[-1] ^= 1
    (folder / ONNX).write_bytes(content)
    with pytest.raises(BundleError, match="damaged or altered"):
        read_bundle(folder, keep=[ONNX])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format_version": 2}, "pip install -U ganzoo-keras"),
        ({"format_version": "1"}, "format_version"),
        ({"format_version": True}, "format_version"),
        ({"name": "../up"}, "name is"),
        ({"name": "a\x1b[2J"}, "name is"),
        ({"kind": "video"}, "one of image, vector"),
        ({"shape": [8, 8, 2]}, "shape is"),
        ({"shape": [10**9, 8, 3]}, "from 1 to 4096"),
        ({"shape": [8.0, 8, 3]}, "shape is"),
        ({"shape": 8}, "shape is"),
        ({"image_range": [0, 1]}, "image_range"),
        ({"latent": {"dim": 10**9, "distribution": "normal"}}, "latent.dim"),
        ({"latent": {"dim": 8, "distribution": "cauchy"}}, "latent.distribution"),
        ({"latent": {"dim": 8}}, "'distribution' is missing"),
        ({"latent": 8}, "latent is 8"),
        ({"num_classes": 0}, "num_classes"),
        ({"num_classes": 10**9}, "num_classes"),
        ({"class_names": ["cat"]}, "2 names"),
        ({"class_names": ["cat", "cat"]}, "unique names"),
        ({"class_names": ["cat", "d\x1b[0m"]}, "class_names"),
        ({"model": {"channels": 10**9}}, "at most 1048576"),
        ({"model": {"blocks": [{}] * 10_001}}, "at most 10000 entries"),
        ({"model": []}, "a JSON object"),
        ({"versions": {"keras": "\x07"}}, "versions.keras"),
        ({"color": 1}, "unknown key"),
    ],
)
def test_a_config_out_of_bounds_is_one_line(folder, changes, words):
    change_config(folder, **changes)
    with pytest.raises(BundleError, match=words) as caught:
        read_bundle(folder)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("key", ["name", "kind", "latent", "model"])
def test_a_missing_key_is_named(folder, key):
    config = json.loads((folder / CONFIG).read_text())
    del config[key]
    (folder / CONFIG).write_text(json.dumps(config))
    rehash(folder)
    with pytest.raises(BundleError, match=f"'{key}' is missing"):
        read_bundle(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"files": None},
        {"files": {"README.md": 3}},
        {"files": {"README.md": {"size": 1, "sha256": "A" * 64}}},
        {"files": {"README.md": {"size": -1, "sha256": "a" * 64}}},
        {"files": {"README.md": {"size": True, "sha256": "a" * 64}}},
        {"format_version": 9},
        {"parity_error": "small"},
        {"training_step": 1.5},
        {"metrics": {"fid": 12}},
        {"metrics": {"fid": {"value": 3}}},
        {"surprise": 1},
    ],
)
def test_metadata_out_of_bounds_is_refused(folder, changes):
    rehash(folder, **changes)
    with pytest.raises(BundleError) as caught:
        read_bundle(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"a": NaN}', '{"a": 1, "a": 2}', "[" * 100_000, '{"a": ' * 5000, "\xff", "1" * 5000]
)
def test_json_is_read_strictly(text):
    with pytest.raises(BundleError, match=r"x\.json"):
        read_json(text.encode("latin-1"), "x.json")


def test_deep_trees_are_refused():
    tree: dict[str, object] = {}
    for _ in range(30):
        tree = {"a": tree}
    with pytest.raises(BundleError, match="16 levels"):
        check_tree(tree, "model", max_number=1)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**20), 2**20) | st.text("abc é", max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=10,
)


@pytest.mark.slow
@given(
    side=st.integers(1, 4096),
    channels=st.sampled_from([1, 3]),
    dim=st.integers(1, 65536),
    distribution=st.sampled_from(["normal", "uniform"]),
    classes=st.none() | st.integers(1, 100_000),
    model=st.dictionaries(st.text("abc", max_size=3), JSON, max_size=3),
)
def test_every_config_reads_back(side, channels, dim, distribution, classes, model):
    config = BundleConfig(
        name="a",
        kind="image",
        shape=(side, side, channels),
        latent=LatentSpec(dim=dim, distribution=distribution),
        num_classes=classes,
        model=model,
    )
    assert BundleConfig.from_dict(read_json(write_json(config.to_dict()), "config.json")) == config


@pytest.mark.slow
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_a_mutated_bundle_is_refused_and_never_crashes(folder, data):
    """Any change to any byte of any file, with metadata.json telling the truth about it or not."""
    copy = folder.parent / "mutated"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy)
    name = data.draw(st.sampled_from([CONFIG, METADATA, ONNX, WEIGHTS]))
    content = bytearray((copy / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    (copy / name).write_bytes(content)
    if data.draw(st.booleans()) and name != METADATA:
        rehash(copy)
    try:
        bundle = read_bundle(copy)
        bundle.weights()
    except BundleError as error:
        assert len(str(error)) < 1000
    else:
        assert name == METADATA or bundle.read(name) == bytes(content)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(tmp_path, value):
    weights = {"w": np.array([1, value], np.float32)}
    bundle = write_bundle(tmp_path / "b", config=tiny_bundles.vector_config(), onnx=b"", weights=weights)
    with pytest.raises(BundleError, match="finite"):
        bundle.weights()


def test_weights_of_another_type_are_refused(tmp_path):
    weights = {"w": np.array([1, 2], np.int64)}
    with pytest.raises(BundleError, match="'w' is 'I64'; allowed: F32 or F16"):
        write_bundle(tmp_path / "b", config=tiny_bundles.vector_config(), onnx=b"", weights=weights)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "content", [b"", b"\x80\x04K\x01.", b"\xff" * 8 + b"{}", b"\x89HDF\r\n\x1a\n", b"\x02\0\0\0\0\0\0\0{}trailing"]
)
def test_weights_that_are_no_safetensors_are_refused(folder, content):
    (folder / WEIGHTS).write_bytes(content)
    rehash(folder)
    with pytest.raises(BundleError, match="not readable as safetensors"):
        read_bundle(folder).weights()


def test_an_older_bundle_is_replaced_as_a_whole(folder):
    shutil.copy(folder / ONNX, folder / "onnx/model_fp16.onnx")
    metadata = json.loads((folder / METADATA).read_text())
    metadata["files"]["onnx/model_fp16.onnx"] = metadata["files"][ONNX]
    (folder / METADATA).write_text(json.dumps(metadata))
    read_bundle(folder)
    tiny_bundles.vector_bundle(folder)
    assert read_bundle(folder).config.kind == "vector"
    assert not (folder / "onnx/model_fp16.onnx").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["b"]


@pytest.mark.parametrize("name", ["notes.txt", ".git", "onnx/mine.txt", "onnx/mine/x", "a\x1b[2J", ".DS_Store/x"])
def test_a_bundle_with_a_persons_files_is_left_alone(folder, name):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("mine")
    top = name.removesuffix("/x")
    with pytest.raises(BundleError, match="not part of the bundle, so it was not replaced") as caught:
        tiny_bundles.vector_bundle(folder)
    assert f"not replaced: {top!a}. Move them" in str(caught.value)
    assert str(caught.value).isprintable()
    assert (folder / name).read_text() == "mine"
    assert (folder / "samples.png").exists()


@pytest.mark.parametrize("name", SYSTEM)
def test_files_of_a_file_manager_are_in_nobodys_way(folder, name):
    (folder / name).write_text("")
    tiny_bundles.vector_bundle(folder)
    assert read_bundle(folder).config.kind == "vector"
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / ".DS_Store").write_text("")
    tiny_bundles.vector_bundle(folder)


def test_a_folder_that_is_no_bundle_is_left_alone(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "README.md").write_text("mine")
    with pytest.raises(BundleError, match="not replaced"):
        tiny_bundles.vector_bundle(tmp_path / "b")
    (tmp_path / "f").write_text("mine")
    with pytest.raises(BundleError, match="not replaced"):
        tiny_bundles.vector_bundle(tmp_path / "f")


def test_an_empty_folder_is_taken(tmp_path):
    (tmp_path / "b").mkdir()
    tiny_bundles.vector_bundle(tmp_path / "b")
    assert (tmp_path / "b" / CONFIG).exists()


def test_a_folder_may_have_a_dot_in_its_name(tmp_path):
    for _ in range(2):
        tiny_bundles.vector_bundle(tmp_path / "my.v1")
    assert read_bundle(tmp_path / "my.v1").config.kind == "vector"


@pytest.mark.parametrize("call", range(8))
@pytest.mark.parametrize("exchanges", [True, False])
def test_a_full_disk_at_any_moment_leaves_the_old_bundle(folder, monkeypatch, call, exchanges):
    """Each file's sync, then each rename, fails in turn; also on a system that cannot exchange two folders."""
    if not exchanges:
        monkeypatch.setattr("ganzoo.environment.files._exchange", lambda one, other: False)
    calls = iter(range(100))
    real = {"fsync": os.fsync, "rename": Path.rename}

    def failing(name):
        def stand_in(*args):
            if next(calls) == call:
                raise OSError(28, "No space left on device")
            return real[name](*args)

        return stand_in

    monkeypatch.setattr(os, "fsync", failing("fsync"))
    monkeypatch.setattr(Path, "rename", failing("rename"))
    try:
        tiny_bundles.vector_bundle(folder)
        kind = "vector"
    except BundleError as error:
        assert "No space left" in str(error)
        kind = "image"
    monkeypatch.undo()
    assert call >= 6 or kind == "image"
    assert read_bundle(folder).config.kind == kind
    assert [path.name for path in folder.parent.iterdir()] == ["b"]


def test_no_folder_and_no_bundle(tmp_path):
    with pytest.raises(BundleError, match="no such folder"):
        read_bundle(tmp_path / "none")
    with pytest.raises(BundleError, match=r"not a ganzoo bundle, because it has no config.json"):
        read_bundle(tmp_path)


def test_facts_out_of_bounds_are_refused():
    with pytest.raises(BundleError, match="parity_error"):
        BundleFacts(parity_error=float("nan"))
    with pytest.raises(BundleError, match="training"):
        BundleFacts(training={"path": b"x"})


@pytest.mark.parametrize("length", [640, 896, 1152, 1408])
def test_weights_whose_header_has_a_length_like_the_first_bytes_of_a_pickle(tmp_path, length):
    from safetensors.numpy import save

    from ganzoo.bundle.content_checks import check_safetensors

    array = {"w": np.ones(1, np.float32)}
    shortest = int.from_bytes(save(array, {"x": ""})[:8], "little")
    content = save(array, {"x": "a" * (length - shortest)})
    assert content[0] == 0x80
    (tmp_path / "model.safetensors").write_bytes(content)
    check_safetensors(tmp_path / "model.safetensors", "model.safetensors")
