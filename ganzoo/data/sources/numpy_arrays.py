"""Samples from NumPy files: ``.npy`` and ``.npz``, without pickle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ganzoo.data.base import DataNotes, DataReport, Dataset, ImageSource, Shape, data_sources
from ganzoo.data.reading.numpy_files import array_in, reading
from ganzoo.data.reading.prepared_cache import Chunk, Recipe, prepared
from ganzoo.data.reading.resize import Filter, resized_array
from ganzoo.environment.devices import available_memory
from ganzoo.environment.git_lfs import require_content
from ganzoo.environment.quantities import bytes_text
from ganzoo.errors import DataError, did_you_mean
from ganzoo.sample_spec import COLOR_MODES

SAMPLE_KEYS = ("samples", "images", "data", "x", "x_train")
LABEL_KEYS = ("labels", "y", "y_train")

_CHUNK = 1024


@data_sources.register("numpy")
class NumpyArrays(ImageSource):
    """Images or vectors from a ``.npy`` or ``.npz`` file, or arrays that Python passes: ``ganzoo.train(data=images)``.

    Images are ``[n, h, w]``, ``[n, h, w, c]`` or ``[n, c, h, w]`` with 1, 3 or 4 channels, uint8 in [0, 255] or floats.
    A ``.npy`` of uint8 images that already have the resolution, grayscale or RGB, is used in place through a memory
    map. Images of other sizes are center-cropped to the aspect ratio of the resolution and resized. Vectors are numbers
    ``[n, d]``; they are converted to float32 and otherwise unchanged. A ``.npz`` is read into memory.

    Attributes:
        path: the file; None for arrays that Python passes.
        vector_dim: length of a vector. If set, the samples are vectors, and resolution, channels and flip have no
            effect.
        samples_key: name of the samples in a ``.npz``. Default: samples, images, data, x, x_train, or the only array.
        labels_key: name of the labels, integers ``[n]`` from 0. Default: labels, y or y_train, if the file has one
            of them.
        layout: ``channels_last`` is ``[n, h, w, c]``; ``channels_first`` is ``[n, c, h, w]``, as in PyTorch. ``auto``
            uses channels_first only if channels_last is impossible.
        values: range of float images: ``signed`` is [-1, 1], ``unit`` is [0, 1]. ``auto`` uses signed if any value is
            negative. Values outside the range are an error.
        resize: filter for images of other sizes.
        description: a sentence about the data, their authors and license, for the model card.
    """

    also_known_as: ClassVar[tuple[str, ...]] = ("npz", "npy", "array")
    how_to_label: ClassVar[str] = "Add an array named labels to the .npz"
    accepts_path: ClassVar[bool] = True
    accepts_arrays: ClassVar[bool] = True

    path: Path | None = None
    vector_dim: int | None = Field(None, ge=1, le=65536)
    samples_key: str | None = None
    labels_key: str | None = None
    layout: Literal["auto", "channels_last", "channels_first"] = "auto"
    values: Literal["auto", "signed", "unit"] = "auto"
    resize: Filter = "lanczos"
    description: str = Field("", max_length=500)

    @property
    def mirrored(self) -> bool:
        return self.flip and self.vector_dim is None

    def sample_shape(self) -> Shape:
        return super().sample_shape() if self.vector_dim is None else (self.vector_dim,)

    def class_count(self) -> int | None:
        return None

    def notes(self) -> DataNotes:
        return DataNotes(credits=(self.description,) if self.description else ())

    def listed_classes(self) -> tuple[str, ...] | None:
        return self._samples_and_labels(self._file())[2]

    def load(self, *, cache_dir: Path | None = None, quiet: bool = False) -> Dataset:
        path = self._file()
        samples, labels, class_names = self._samples_and_labels(path)
        if self.vector_dim is not None:
            return Dataset(self._vectors(samples), labels, class_names, DataReport(files=len(samples)))
        first = self._channels_first(samples)
        notes: tuple[str, ...] = ()
        if first and self.layout == "auto":
            shape = list(samples.shape)
            notes = (f"Layout: channels first, as the array is {shape} (to change: data.layout=channels_last)",)
        samples = self._images(samples, channels_first=first)
        report = DataReport(files=len(samples), notes=notes)
        ready = samples.dtype == np.uint8 and samples.shape[1:] == self.sample_shape()
        if ready and self.channels != 4:  # the colors of transparent pixels must be filled
            return Dataset(samples, labels, class_names, report)
        stat = path.stat()
        recipe = Recipe(
            source=self.registered_name,
            content=f"{path.resolve()} {stat.st_size} {stat.st_mtime_ns}{' channels_first' if first else ''}",
            config=self.model_dump(mode="json", exclude={"flip", "path", "vector_dim", "layout", "description"}),
            shape=self.sample_shape(),
            count=len(samples),
            class_names=class_names,
        )
        dataset = prepared(recipe, lambda broken: self._chunks(samples, labels), cache_dir=cache_dir)
        return replace(dataset, report=replace(dataset.report, notes=notes))

    def _file(self) -> Path:
        if self.path is None:
            raise DataError("The data source 'numpy' needs a .npy or .npz file: --data PATH (or data.path=PATH).")
        return self.path

    def _samples_and_labels(self, path: Path) -> tuple[NDArray[Any], NDArray[np.int32] | None, tuple[str, ...]]:
        samples, raw_labels = self._read(path)
        if samples.size == 0 or samples.ndim == 0:
            raise DataError(f"{path} has no samples: its shape is {list(samples.shape)}.")
        labels, class_names = _as_labels(raw_labels, len(samples), path)
        return samples, labels, class_names

    def _read(self, path: Path) -> tuple[NDArray[Any], NDArray[Any] | None]:
        require_content(path, error=DataError)
        with reading(path):
            with path.open("rb") as file:
                start = file.read(6)
            if start == b"\x93NUMPY":
                return _mapped(path), None
            if start[:4] != b"PK\x03\x04":
                raise DataError(f"{path} is neither a .npy nor a .npz file.")
            with np.load(path, allow_pickle=False) as archive:
                name = self._key(self.samples_key, SAMPLE_KEYS, archive.files, "samples")
                if name is None:
                    raise DataError(
                        f"{path} has {_listed(archive.files)}; choose the samples with data.samples_key=NAME."
                    )
                label_name = self._key(self.labels_key, LABEL_KEYS, [f for f in archive.files if f != name], "labels")
                _check_memory(archive, name, path)
                labels = None if label_name is None else array_in(archive, label_name, path)
                return array_in(archive, name, path), labels

    def _key(self, wanted: str | None, usual: tuple[str, ...], names: list[str], what: str) -> str | None:
        if wanted is not None:
            if wanted in names:
                return wanted
            raise DataError(
                f"{self.path} has no array '{wanted}' for the {what}.{did_you_mean(wanted, names)} "
                f"It has {_listed(names)}."
            )
        found = next((name for name in usual if name in names), None)
        return names[0] if found is None and what == "samples" and len(names) == 1 else found

    def _vectors(self, samples: NDArray[Any]) -> NDArray[np.float32]:
        if samples.ndim != 2 or samples.shape[1] != self.vector_dim or samples.dtype.kind not in "fiu":
            hint = f"; set data.vector_dim={samples.shape[1]}" if samples.ndim == 2 else ""
            raise DataError(
                f"{self.path} has {samples.dtype} {list(samples.shape)}, "
                f"but the config requires numbers [n, {self.vector_dim}]{hint}."
            )
        vectors = np.asarray(samples, np.float32)
        if not np.isfinite(vectors).all():
            raise DataError(f"{self.path} has values that are not finite (NaN or infinity).")
        return vectors

    def _images(self, samples: NDArray[Any], *, channels_first: bool) -> NDArray[Any]:
        """The samples as ``[n, h, w, 1, 3 or 4]`` of uint8 or floats. Raises DataError if they have another form."""
        shape = list(samples.shape)
        if samples.ndim == 3:
            samples = samples[..., None]
        elif channels_first:
            samples = np.moveaxis(samples, 1, 3)
        if samples.ndim != 4 or samples.shape[3] not in COLOR_MODES or 0 in samples.shape:
            hint = f" For vectors set data.vector_dim={samples.shape[1]}." if samples.ndim == 2 else ""
            allowed = "[n, h, w], [n, h, w, 1|3|4] or [n, 1|3|4, h, w]"
            if self.layout != "auto":
                allowed = "[n, h, w, 1|3|4]" if self.layout == "channels_last" else "[n, 1|3|4, h, w]"
                allowed += f" with data.layout={self.layout}"
            raise DataError(f"{self.path} has {shape}, but images are {allowed}.{hint}")
        if samples.dtype != np.uint8 and samples.dtype.kind != "f":
            raise DataError(f"{self.path} has {samples.dtype}, but images are uint8 in [0, 255], or floats.")
        return samples

    def _channels_first(self, samples: NDArray[Any]) -> bool:
        """Whether the second axis is the channel axis: by the config, or because the last axis cannot be."""
        if samples.ndim != 4 or self.layout == "channels_last":
            return False
        return self.layout == "channels_first" or (
            samples.shape[1] in COLOR_MODES and samples.shape[3] not in COLOR_MODES
        )

    def _chunks(self, samples: NDArray[Any], labels: NDArray[np.int32] | None) -> Iterator[Chunk]:
        signed = self.values == "signed"
        if samples.dtype != np.uint8:
            low, high = _range(samples)
            signed = signed or (self.values == "auto" and low < 0)
            if not (-1 if signed else 0) <= low <= high <= 1:
                raise DataError(
                    f"{self.path} has values from {low:g} to {high:g}, but float images are in "
                    f"{'[-1, 1]' if signed else '[0, 1]'}. Rescale them, or store uint8 in [0, 255]."
                )
        for start in range(0, len(samples), _CHUNK):
            images = samples[start : start + _CHUNK]
            if images.dtype != np.uint8:
                levels = (images.astype(np.float64) + 1) * 127.5 if signed else images.astype(np.float64) * 255
                images = np.rint(levels).astype(np.uint8)
            images = resized_array(images, self.size, self.channels, self.resize)
            yield Chunk(images, None if labels is None else labels[start : start + _CHUNK])


def _check_memory(archive: Any, name: str, path: Path) -> None:
    """Raise DataError if an array of a ``.npz`` does not fit into memory."""
    sizes = {entry.filename.removesuffix(".npy"): entry.file_size for entry in archive.zip.infolist()}
    needed, free = sizes.get(name, 0), available_memory()
    if needed > free:
        raise DataError(
            f"The array '{name}' of {path} needs {bytes_text(needed)} of memory; {bytes_text(free)} "
            f"are available. Save it with numpy.save as a .npy file, which is read in parts."
        )


def _mapped(path: Path) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        if "Python objects" in str(error):
            raise DataError(f"{path} has pickled Python objects, which ganzoo does not read; store numbers.") from error
        raise
    return array


def _range(samples: NDArray[Any]) -> tuple[float, float]:
    """Smallest and largest value, computed chunk by chunk; NaN if there is a NaN."""
    parts = [samples[start : start + _CHUNK] for start in range(0, len(samples), _CHUNK)]
    return float(np.min([part.min() for part in parts])), float(np.max([part.max() for part in parts]))


def _as_labels(raw: NDArray[Any] | None, count: int, path: Path) -> tuple[NDArray[np.int32] | None, tuple[str, ...]]:
    """Convert integers from 0 to int32 labels in ``range(k)``, and their values to class names."""
    if raw is None:
        return None, ()
    raw = raw.reshape(-1) if raw.shape == (count, 1) else raw
    if raw.shape != (count,) or raw.dtype.kind not in "iub":
        raise DataError(f"{path} has labels {raw.dtype} {list(raw.shape)}, but labels are integers [{count}].")
    if raw.min() < 0:
        at = int(raw.argmin())
        raise DataError(
            f"{path} has the label {raw[at]} at position {at}; allowed is 0 or more. Leave such images out."
        )
    values, labels = np.unique(raw, return_inverse=True)
    return labels.reshape(-1).astype(np.int32), tuple(str(int(value)) for value in values)


def _listed(names: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names) or "no arrays"
