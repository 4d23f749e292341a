"""MNIST and Fashion-MNIST: 28 x 28 grayscale images in ten classes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ganzoo.data.base import DataNotes, Dataset, ImageSource, data_sources
from ganzoo.data.reading.download import Remote, downloaded, keras_datasets_folder
from ganzoo.data.reading.idx import read_idx
from ganzoo.data.reading.numpy_files import array_in, reading
from ganzoo.data.reading.pixel_csv import find_pixel_csv, read_pixel_csv
from ganzoo.data.reading.prepared_cache import Chunk, Recipe, prepared, stamp_of
from ganzoo.data.reading.resize import Filter, resized_array
from ganzoo.data.resolution import Resolution
from ganzoo.environment.git_lfs import require_content
from ganzoo.errors import DataError

Split = Literal["train", "test", "all"]
Pair = tuple[NDArray[np.uint8], NDArray[np.integer]]

_SIZE = 28
_CHUNK = 2048
_PREFIXES = {"train": ("train",), "test": ("t10k",), "all": ("train", "t10k")}
_HALVES = {"train": "train", "t10k": "test"}
_COUNTS = {"train": 60_000, "test": 10_000, "all": 70_000}
_KERAS_FILES = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
_FASHION_FILES = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"


class IdxImages(ImageSource):
    """Images from the four IDX files of MNIST (gzipped or not), from ``mnist.npz`` of ``keras.datasets``, or from CSV.

    The CSV files are those of Kaggle: ``train.csv`` and ``test.csv``, or ``*_train.csv`` and ``*_test.csv``, with one
    row ``label,pixel0,...,pixel783`` per image, or a .zip of them. In a folder or a .zip, files with the name of the
    other data set (MNIST, Fashion-MNIST) are ignored. Without ``path``, ganzoo uses the files in the cache
    of ``keras.datasets``, or downloads them.

    Attributes:
        path: the folder of the files, or a .npz, .csv or .zip.
        resolution: 28 is the original size; 32 adds two black pixels on each side. Other sizes are resized and, if not
            square, for example 32x16, center-cropped.
        channels: 1, or 3 equal channels.
        split: ``train`` (60,000 images), ``test`` (10,000) or ``all``.
        resize: filter for sizes other than 28 and 32.
    """

    accepts_path: ClassVar[bool] = True
    classes: ClassVar[tuple[str, ...]]
    title: ClassVar[str]
    remote: ClassVar[tuple[Remote, ...]]
    npz: ClassVar[str | None] = None
    """Name of the file of ``keras.datasets`` in a folder."""
    other_tables: ClassVar[str]
    """Pattern of the names of CSV files of other data sets, which may be in the same folder."""

    path: Path | None = None
    resolution: Resolution = _SIZE
    channels: Literal[1, 3] = 1
    split: Split = "train"
    resize: Filter = "lanczos"

    def class_count(self) -> int:
        return len(self.classes)

    def listed_classes(self) -> tuple[str, ...]:
        if self.path is not None:  # without a path, the files can be downloaded
            self._files(self.path)
        return self.classes

    def load(self, *, cache_dir: Path | None = None, quiet: bool = False) -> Dataset:
        path = self.path or self._usual_place(cache_dir, quiet)
        files = self._files(path)
        recipe = Recipe(
            source=self.registered_name,
            content=stamp_of(sorted(files.values())),
            config=self.model_dump(mode="json", exclude={"path", "flip"}),
            shape=self.sample_shape(),
            count=_COUNTS[self.split],
            class_names=self.classes,
        )
        return prepared(recipe, lambda broken: self._chunks(path, files), cache_dir=cache_dir)

    def _usual_place(self, cache_dir: Path | None, quiet: bool) -> Path:
        raise NotImplementedError

    def _instead(self) -> str:
        return (
            f"Put {self.title}'s train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz "
            "and t10k-labels-idx1-ubyte.gz into a folder and pass it: --data PATH. Kaggle's train.csv or its .zip also "
            "works."
        )

    def _files(self, path: Path) -> dict[str, Path]:
        """The files of this split by name: ``train images`` and so on, ``train csv``, or ``npz``."""
        prefixes = _PREFIXES[self.split]
        if not path.exists():
            raise DataError(f"There is no folder or file {path}. {self._instead()}")
        if self.npz is not None and (path / self.npz).is_file():
            return {"npz": path / self.npz}
        tables = {prefix: find_pixel_csv(path, _HALVES[prefix], other=self.other_tables) for prefix in prefixes}
        if path.is_file() and not any(tables.values()):
            return {"npz": path}
        if path.is_file() and path.suffix.lower() == ".csv" and len(prefixes) > 1:
            raise DataError(
                f"data.split={self.split}, but {path} is one file; pass the folder of both files: --data PATH"
            )
        found: dict[str, Path] = {}
        for prefix in prefixes:
            table = tables[prefix]
            idx = {f"{prefix} {kind}": _idx_file(path, prefix, kind) for kind in ("images", "labels")}
            missing = next((name for name, file in idx.items() if file is None), None)
            if missing is None:
                found |= {name: file for name, file in idx.items() if file is not None}
            elif table is not None:
                found[f"{prefix} csv"] = table[0]
            else:
                name = _idx_names(prefix, missing.removeprefix(f"{prefix} "))[0]
                raise DataError(f"{path} has no {name}, with or without .gz. {self._instead()}")
        return found

    def _pair(self, path: Path, files: dict[str, Path], prefix: str) -> Pair:
        """Images uint8 ``[n, 28, 28]`` and labels ``[n]`` of one half of the data set, checked."""
        half = _HALVES[prefix]
        if "npz" in files:
            images, labels = _from_npz(files["npz"], half)
        elif f"{prefix} csv" in files:
            table = files[f"{prefix} csv"]
            file, member = find_pixel_csv(table, half, other=self.other_tables) or (table, None)
            images, labels = read_pixel_csv(file, member, _SIZE)
        else:
            images, labels = read_idx(files[f"{prefix} images"], 3), read_idx(files[f"{prefix} labels"], 1)
        if (
            images.ndim != 3
            or images.shape[1:] != (_SIZE, _SIZE)
            or labels.shape != images.shape[:1]
            or not len(images)
        ):
            raise DataError(
                f"{path} has {prefix} images {list(images.shape)} and labels {list(labels.shape)}; "
                f"{self.title} has 28 x 28 images, and one label per image."
            )
        last = len(self.classes) - 1
        wrong = labels[(labels < 0) | (labels > last)]
        if len(wrong):
            raise DataError(f"{path} has the label {wrong[0]}; labels of {self.title} are from 0 to {last}.")
        return images, labels

    def _chunks(self, path: Path, files: dict[str, Path]) -> Iterator[Chunk]:
        for prefix in _PREFIXES[self.split]:
            images, labels = self._pair(path, files, prefix)
            for start in range(0, len(images), _CHUNK):
                part = images[start : start + _CHUNK, :, :, None]
                if self.resolution == 32:
                    part = np.pad(part, ((0, 0), (2, 2), (2, 2), (0, 0)))
                part = resized_array(part, self.size, self.channels, self.resize)
                yield Chunk(part, labels[start : start + _CHUNK].astype(np.int32))


def _idx_names(prefix: str, kind: str) -> list[str]:
    code = {"images": "idx3", "labels": "idx1"}[kind]
    stems = (f"{prefix}-{kind}-{code}-ubyte", f"{prefix}-{kind}.{code}-ubyte")
    return [stem + suffix for stem in stems for suffix in ("", ".gz")]


def _idx_file(path: Path, prefix: str, kind: str) -> Path | None:
    """One of the four files under any of its names."""
    names = _idx_names(prefix, kind)
    # Some programs unpack a file into a folder of the same name.
    places = [path / name for name in names] + [path / name / name for name in names]
    return next((place for place in places if place.is_file()), None)


def _from_npz(path: Path, half: str) -> Pair:
    require_content(path, error=DataError)
    names = f"x_{half}", f"y_{half}"
    with reading(path, what="it is not a .npz of numbers"), np.load(path, allow_pickle=False) as archive:
        missing = [name for name in names if name not in archive]
        if missing:
            raise DataError(f"{path} is not a dataset of Keras: it has no array '{missing[0]}'.")
        images, labels = (array_in(archive, name, path) for name in names)
    if images.dtype != np.uint8 or labels.dtype.kind not in "iu":
        raise DataError(f"{path} has images {images.dtype} and labels {labels.dtype}; expected uint8 and integers.")
    return images, labels


@data_sources.register("mnist")
class Mnist(IdxImages):
    """MNIST: handwritten digits. LeCun, Cortes, Burges; http://yann.lecun.com/exdb/mnist/."""

    title: ClassVar[str] = "MNIST"
    npz: ClassVar[str | None] = "mnist.npz"
    other_tables: ClassVar[str] = "fashion"
    classes: ClassVar[tuple[str, ...]] = tuple("0123456789")
    remote: ClassVar[tuple[Remote, ...]] = (
        Remote(
            "mnist.npz",
            _KERAS_FILES + "mnist.npz",
            "sha256:731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
            20_000_000,
        ),
    )

    def notes(self) -> DataNotes:
        return DataNotes(
            credits=("MNIST: LeCun, Cortes, Burges (http://yann.lecun.com/exdb/mnist/), CC BY-SA 3.0.",),
            limits=("Digits handwritten in the United States around 1990, centered and scaled to one size.",),
            hub_dataset="ylecun/mnist",
        )

    def _usual_place(self, cache_dir: Path | None, quiet: bool) -> Path:
        usual = keras_datasets_folder() / "mnist.npz"
        if usual.is_file():
            return usual
        return downloaded(self.remote, name="mnist", instead=self._instead(), cache_dir=cache_dir, quiet=quiet)

    def _instead(self) -> str:
        return super()._instead() + " A mnist.npz from keras.datasets also works."


@data_sources.register("fashion_mnist")
class FashionMnist(IdxImages):
    """Fashion-MNIST: articles of clothing. Xiao, Rasul, Vollgraf 2017 (arXiv:1708.07747), MIT license."""

    title: ClassVar[str] = "Fashion-MNIST"
    other_tables: ClassVar[str] = "^(?!.*fashion).*mnist"
    classes: ClassVar[tuple[str, ...]] = (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    )
    # The MD5 sums are from the publisher's README.
    remote: ClassVar[tuple[Remote, ...]] = tuple(
        Remote(name, _FASHION_FILES + name, f"md5:{md5}", 40_000_000)
        for name, md5 in (
            ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
            ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
            ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
            ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
        )
    )

    def notes(self) -> DataNotes:
        return DataNotes(
            credits=(
                "Fashion-MNIST: Xiao, Rasul, Vollgraf 2017 (arXiv:1708.07747), copyright Zalando SE, MIT license.",
            ),
            limits=("Product photographs of one shop, downsampled to 28 px and converted to grayscale.",),
            hub_dataset="zalando-datasets/fashion_mnist",
        )

    def _usual_place(self, cache_dir: Path | None, quiet: bool) -> Path:
        usual = keras_datasets_folder() / "fashion-mnist"
        if usual.is_dir():
            return usual
        return downloaded(self.remote, name="fashion-mnist", instead=self._instead(), cache_dir=cache_dir, quiet=quiet)
