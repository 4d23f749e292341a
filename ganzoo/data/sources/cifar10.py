"""CIFAR-10: 32 x 32 color images in ten classes. Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ganzoo.data.base import DataNotes, Dataset, ImageSource, data_sources
from ganzoo.data.reading.cifar_pickle import Batch, read_pickled_batch
from ganzoo.data.reading.download import Remote, downloaded, keras_datasets_folder
from ganzoo.data.reading.prepared_cache import Chunk, Recipe, prepared, stamp_of
from ganzoo.data.reading.resize import Filter, resized_array
from ganzoo.data.resolution import Resolution
from ganzoo.environment.git_lfs import require_content
from ganzoo.errors import DataError, reason

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
PYTHON_ARCHIVE = Remote(
    "cifar-10-python.tar.gz",
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    "sha256:6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    180_000_000,
)

_ARCHIVES = (PYTHON_ARCHIVE.name, "cifar-10-binary.tar.gz", "cifar-10-batches-py.tar.gz")
_FOLDERS = ("cifar-10-batches-py", "cifar-10-batches-bin")
_SIDE = 32
_ROW = 3 * _SIDE * _SIDE
_MAX_BYTES = 1 << 28
_STEMS = {
    "train": tuple(f"data_batch_{number}" for number in range(1, 6)),
    "test": ("test_batch",),
}
_INSTEAD = (
    f"Put {PYTHON_ARCHIVE.name} (or cifar-10-binary.tar.gz, or the folder cifar-10-batches-py) anywhere "
    "and pass it: --data PATH."
)


@data_sources.register("cifar10")
class Cifar10(ImageSource):
    """CIFAR-10, from the publisher's python or binary version, unpacked or as .tar.gz.

    Without ``path``, ganzoo uses the files in the cache of ``keras.datasets``, or downloads them. Pickled batches are
    read without executing them.

    Attributes:
        path: the folder of the batches, its parent folder, or the .tar.gz.
        resolution: 32 is the original size. Other sizes are resized and, if not square, for example 32x16,
            center-cropped.
        split: ``train`` (50,000 images), ``test`` (10,000) or ``all``.
        resize: filter for sizes other than 32.
    """

    accepts_path: ClassVar[bool] = True

    path: Path | None = None
    resolution: Resolution = _SIDE
    channels: Literal[1, 3] = 3
    split: Literal["train", "test", "all"] = "train"
    resize: Filter = "lanczos"

    def class_count(self) -> int:
        return len(CLASSES)

    def notes(self) -> DataNotes:
        return DataNotes(
            credits=(
                "CIFAR-10: Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009 "
                "(https://www.cs.toronto.edu/~kriz/cifar.html). No license is stated.",
            ),
            limits=("Photographs of 32 px in ten classes, collected by web search, with the bias of that search.",),
            hub_dataset="uoft-cs/cifar10",
        )

    def listed_classes(self) -> tuple[str, ...]:
        if self.path is not None:  # without a path, the files can be downloaded
            self._files(_resolved(self.path))
        return CLASSES

    def load(self, *, cache_dir: Path | None = None, quiet: bool = False) -> Dataset:
        path = _resolved(self.path) if self.path else _usual_place(cache_dir, quiet)
        stems, files = self._stems(), self._files(path)

        def batches() -> Iterator[Batch]:
            return map(_from_file, files) if path.is_dir() else _from_tar(path, stems)

        recipe = Recipe(
            source=self.registered_name,
            content=stamp_of(files),
            config=self.model_dump(mode="json", exclude={"path", "flip"}),
            shape=self.sample_shape(),
            count=10_000 * len(stems),
            class_names=CLASSES,
        )
        return prepared(recipe, lambda broken: self._chunks(batches()), cache_dir=cache_dir)

    def _stems(self) -> list[str]:
        return [*(_STEMS["train"] if self.split != "test" else ()), *(_STEMS["test"] if self.split != "train" else ())]

    def _files(self, path: Path) -> list[Path]:
        return [_batch_file(path, stem) for stem in self._stems()] if path.is_dir() else [path]

    def _chunks(self, batches: Iterator[Batch]) -> Iterator[Chunk]:
        for rows, labels in batches:
            images = rows.reshape(-1, 3, _SIDE, _SIDE).transpose(0, 2, 3, 1)
            images = resized_array(images, self.size, self.channels, self.resize)
            yield Chunk(images, np.array(labels, np.int32))


def _usual_place(cache_dir: Path | None, quiet: bool) -> Path:
    keras = keras_datasets_folder()
    for place in (
        keras / "cifar-10-batches-py-target" / _FOLDERS[0],
        keras / _FOLDERS[0],
        *map(keras.joinpath, _ARCHIVES),
    ):
        if place.is_file() or (place / "data_batch_1").is_file():
            return place
    folder = downloaded([PYTHON_ARCHIVE], name="cifar10", instead=_INSTEAD, cache_dir=cache_dir, quiet=quiet)
    return folder / PYTHON_ARCHIVE.name


def _resolved(path: Path) -> Path:
    """The folder of the batches or the .tar.gz: ``path`` itself, or inside ``path``."""
    if path.is_file():
        return path
    if not path.is_dir():
        raise DataError(f"There is no folder or file {path}. {_INSTEAD}")
    for place in (path, *map(path.joinpath, _FOLDERS)):
        if any(
            (place / f"{stem}{suffix}").is_file() for stem in ("data_batch_1", "test_batch") for suffix in ("", ".bin")
        ):
            return place
    for name in _ARCHIVES:
        if (path / name).is_file():
            return path / name
    raise DataError(f"{path} has neither batches of CIFAR-10 nor the .tar.gz. {_INSTEAD}")


def _batch_file(folder: Path, stem: str) -> Path:
    for place in (folder / stem, folder / f"{stem}.bin"):
        if place.is_file():
            return place
    raise DataError(f"{folder} has no {stem} and no {stem}.bin. {_INSTEAD}")


def _from_file(file: Path) -> Batch:
    require_content(file, error=DataError)
    try:
        with file.open("rb") as opened:
            data = opened.read(_MAX_BYTES)
    except OSError as error:
        raise DataError(f"Cannot read {file}: {error.strerror or error}.") from error
    return _batch(data, file)


def _from_tar(path: Path, stems: Sequence[str]) -> Iterator[Batch]:
    """Yield the batches of a .tar.gz in the order of ``stems``, without unpacking it to disk."""
    import tarfile

    require_content(path, error=DataError)
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r:*") as archive:
            for member in archive:
                stem = PurePosixPath(member.name).name.removesuffix(".bin")
                if member.isfile() and stem in stems and member.size <= _MAX_BYTES:
                    file = archive.extractfile(member)
                    found[stem] = file.read() if file else b""
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise DataError(f"Cannot read {path}: it is not a complete .tar.gz ({reason(error)}). {_INSTEAD}") from error
    for stem in stems:
        if stem not in found:
            raise DataError(f"{path} has no {stem}. {_INSTEAD}")
        yield _batch(found.pop(stem), path / stem)


def _batch(data: bytes, name: Path) -> Batch:
    """Read a batch of either version: rows uint8 ``[n, 3072]`` (red, green, blue planes) and labels 0 to 9."""
    try:
        rows, labels = _binary_batch(data) if _is_binary(data) else read_pickled_batch(data)
    except ValueError as error:
        raise DataError(f"{name} {error}.") from error
    if rows.shape != (len(labels), _ROW) or not labels:
        raise DataError(f"{name} has rows {list(rows.shape)} and {len(labels)} labels; expected [n, {_ROW}] and n.")
    if not all(0 <= label < len(CLASSES) for label in labels):
        raise DataError(f"{name} has labels outside 0 to {len(CLASSES) - 1}; is this CIFAR-10?")
    return rows, labels


def _is_binary(data: bytes) -> bool:
    # Pickles of protocol 2 and later begin with byte 0x80; a binary batch begins with a label from 0 to 9.
    return len(data) > 0 and data[0] < len(CLASSES)


def _binary_batch(data: bytes) -> Batch:
    if len(data) % (_ROW + 1):
        raise ValueError(f"is truncated: {len(data)} bytes are not a multiple of {_ROW + 1}")
    records = np.frombuffer(data, np.uint8).reshape(-1, _ROW + 1)
    labels: NDArray[np.uint8] = records[:, 0]
    return records[:, 1:], [int(label) for label in labels]
