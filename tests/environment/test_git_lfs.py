"""In a clone without git-lfs, every file that ganzoo reads may be a pointer. The message then names the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganzoo.config.zoo import load_config
from ganzoo.data.base import data_sources
from ganzoo.data.reading.celeba_tables import read_table
from ganzoo.environment.git_lfs import is_pointer, require_content
from ganzoo.errors import ConfigError, DataError, GanzooError
from ganzoo.extractors.base import extractors

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 12345\n"
MNIST = [f"train-{name}-ubyte" for name in ("images-idx3", "labels-idx1")]
CIFAR = [f"data_batch_{number}" for number in range(1, 6)]
DATA = {
    "numpy": ("numpy", ["x.npy"], "x.npy"),
    "images": ("image_folder", ["a/1.png", "b/2.jpg"], ""),
    "zip": ("image_folder", ["x.zip"], "x.zip"),
    "idx": ("mnist", MNIST, ""),
    "gzipped idx": ("mnist", [f"{name}.gz" for name in MNIST], ""),
    "npz": ("mnist", ["mnist.npz"], ""),
    "batches": ("cifar10", CIFAR, ""),
    "tar": ("cifar10", ["cifar-10-python.tar.gz"], ""),
    "celeba": ("celeba", ["img_align_celeba.zip"], ""),
}


def put(folder: Path, names: list[str]) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(POINTER)


@pytest.mark.parametrize("row", DATA)
def test_data(tmp_path, row):
    source, names, path = DATA[row]
    put(tmp_path / "data", names)
    made = data_sources.create({"source": source, "path": str(tmp_path / "data" / path)})
    with pytest.raises(DataError, match=r"is a git-lfs pointer.* run: git lfs pull") as caught:
        made.load(cache_dir=tmp_path / "cache", quiet=True)
    assert "\n" not in str(caught.value)
    assert Path(names[0]).name in str(caught.value)


def test_other_files(tmp_path):
    put(tmp_path, ["list_attr_celeba.txt", "net.onnx", "x.yaml"])
    with pytest.raises(DataError, match="git lfs pull"):
        read_table(tmp_path / "list_attr_celeba.txt")
    with pytest.raises(GanzooError, match="git lfs pull"):
        extractors.create({"name": "onnx", "path": str(tmp_path / "net.onnx")}).load((8, 8, 3))
    with pytest.raises(ConfigError, match="git lfs pull"):
        load_config(tmp_path / "x.yaml")


def test_what_is_no_pointer(tmp_path):
    assert not is_pointer(b"version: 1")
    for content in (b"", POINTER[:20], b"x" * 2000, POINTER + b"x" * 2000):
        (tmp_path / "x").write_bytes(content)
        require_content(tmp_path / "x", error=DataError)
    require_content(tmp_path, error=DataError)
    require_content(tmp_path / "none", error=DataError)
