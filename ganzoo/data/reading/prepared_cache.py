"""Caches prepared data on disk: decoded and resized once, then opened as a uint8 memory map.

A prepared dataset is a folder ``<cache>/data/<source>-<key>/`` with ``samples.npy``, ``labels.npy`` and
``manifest.json``. It is written under a temporary name and renamed when it is complete, so that a killed process leaves
no folder that looks complete. The manifest has sizes and a digest; a damaged dataset is prepared again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import math
import shutil
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganzoo.data.base import DataReport, Dataset, Shape
from ganzoo.environment import files, locks
from ganzoo.environment.places import cache_root
from ganzoo.environment.quantities import bytes_text
from ganzoo.errors import DataError, reason

FORMAT = 1
"""Version of the preparation. It is increased when the result changes, so that older caches are not used."""

_log = logging.getLogger("ganzoo")
_HEADER_BYTES = 128
_PROBE_BYTES = 1 << 16
_PROBES = 17


class Chunk(NamedTuple):
    """A block of samples for the cache: uint8 ``[k, ...]`` and labels int32 ``[k]``, or None."""

    samples: NDArray[np.uint8]
    labels: NDArray[np.int32] | None = None


@dataclass(frozen=True)
class Recipe:
    """All inputs that determine the content of a prepared dataset.

    Attributes:
        source: registered name of the source.
        content: identifier of the input, for example a digest of the names, sizes and dates of its files.
        config: the fields that change the result, as JSON values.
        shape: shape of one sample.
        count: largest number of samples.
        class_names: one name per class.
        readers: the supported formats. A dataset with broken files is prepared again if they change. They are not part
            of the folder name, because a dataset without broken files does not depend on them.
    """

    source: str
    content: str
    config: Mapping[str, Any]
    shape: Shape
    count: int
    class_names: tuple[str, ...] = ()
    readers: str = ""

    def folder_name(self) -> str:
        """Name of the dataset's folder in the cache."""
        parts = [FORMAT, self.source, self.content, dict(self.config)]
        parts += [list(self.shape), self.count, list(self.class_names)]
        return f"{self.source}-{hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:20]}"


class BrokenFiles(dict[str, str]):
    """The broken files of a dataset: name -> reason.

    Attributes:
        unread: names of those that the system could not read. They may be intact, so a dataset without them is taken
            from the cache only while they still cannot be read.
    """

    def __init__(self) -> None:
        super().__init__()
        self.unread: list[str] = []


Produce = Callable[[BrokenFiles], Iterable[Chunk]]
"""Produces the samples. The argument collects the broken files."""
Readable = Callable[[Sequence[str]], bool]
"""Whether any of these files, which the system could not read, can be read now."""


def stamp_of(files: Iterable[Path]) -> str:
    """``Recipe.content`` of a few large files: names, sizes, dates, and a digest of the first and last block of each.

    Without the digest, two data sets with the same names and sizes are one if an unpacking program sets one date.

    Raises:
        DataError: if a file cannot be read.
    """
    stamps = []
    for path in files:
        try:
            stat = path.stat()
            with path.open("rb") as file:
                digest = hashlib.sha256(file.read(_PROBE_BYTES))
                file.seek(max(0, stat.st_size - _PROBE_BYTES))
                digest.update(file.read(_PROBE_BYTES))
        except OSError as error:
            raise DataError(f"Cannot read {path}: {reason(error)}.") from error
        stamps.append(f"{path.name} {stat.st_size} {stat.st_mtime_ns} {digest.hexdigest()}")
    return ", ".join(stamps)


def prepared(
    recipe: Recipe, produce: Produce, *, cache_dir: Path | None, readable: Readable = lambda names: True
) -> Dataset:
    """The dataset of ``recipe``: read from the cache, or produced by ``produce`` and cached.

    The samples are never in memory as a whole: they are written chunk by chunk and read through a memory map.

    Args:
        recipe: what the dataset contains.
        produce: produces the samples.
        cache_dir: folder of the cache; None for the usual one.
        readable: called with the files of ``BrokenFiles.unread``. If it returns True, the dataset is produced again.

    Raises:
        DataError: if ``produce`` raises it, or the cache folder is full or not writable.
    """
    folder = cache_root(cache_dir) / "data" / recipe.folder_name()
    dataset = _read(folder, recipe, readable)
    if dataset is not None:
        return dataset
    try:
        made_here = _make(folder, recipe, produce, readable)
    except OSError as error:
        advice = "Free some space, or set" if error.errno in files.FULL else "Set"
        raise DataError(
            f"Cannot write prepared data to {folder.parent}: {error.strerror or error}. "
            f"{advice} the environment variable GANZOO_CACHE to another folder."
        ) from error
    dataset = _read(folder, recipe, lambda names: False)
    if dataset is None:
        raise DataError(
            f"The prepared data in {folder} cannot be read again. Check the disk, or set the environment "
            "variable GANZOO_CACHE to another folder."
        )
    report = DataReport(files=dataset.report.files, broken=dataset.report.broken, cached=not made_here)
    return Dataset(dataset.samples, dataset.labels, dataset.class_names, report)


def _make(folder: Path, recipe: Recipe, produce: Produce, readable: Readable) -> bool:
    """Prepare a dataset. Returns False if another process has prepared it meanwhile."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    files.remove_leftovers(folder.parent, folder.name)
    with _lock(folder):
        if _read(folder, recipe, readable) is not None:
            return False
        _check_space(folder.parent, recipe.count * math.prod(recipe.shape))
        # Without locks (another machine, a file system without them), the result of the faster process is used.
        with files.replacing_folder(folder, unless=lambda: _read(folder, recipe, readable) is not None) as temporary:
            _write(temporary, recipe, produce)
    return True


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"Prepared data needs {bytes_text(needed)}, but {folder} has {bytes_text(free)} free. "
            "Free some space, or set the environment variable GANZOO_CACHE to another folder."
        )


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Lock a dataset while it is prepared, so that several processes prepare it once: the others wait.

    The lock ends with its process, also after ``kill -9``.
    """
    path = folder.parent.parent / "locks" / f"{folder.name}.lock"
    path.parent.mkdir(exist_ok=True)

    def on_wait(holder: locks.Holder | None) -> None:
        _log.warning("Waiting for %s, which prepares the same data", holder or "another process")

    with locks.lock(path, wait=True, on_wait=on_wait):
        yield


def _write(folder: Path, recipe: Recipe, produce: Produce) -> None:
    broken = BrokenFiles()
    labels: list[NDArray[np.int32]] = []
    count = 0
    # No memory map for writing: on a full disk, a write raises, but a store through a memory map kills the process.
    with (folder / "samples.npy").open("wb") as file:
        file.write(_header((recipe.count, *recipe.shape)))
        for chunk in produce(broken):
            if chunk.samples.dtype != np.uint8 or chunk.samples.shape[1:] != recipe.shape:
                raise TypeError(f"{recipe.source} made {chunk.samples.dtype} {chunk.samples.shape}, not {recipe.shape}")
            file.write(np.ascontiguousarray(chunk.samples).data)
            count += len(chunk.samples)
            if chunk.labels is not None:
                labels.append(chunk.labels)
        file.seek(0)
        file.write(_header((count, *recipe.shape)))
    if labels:
        with (folder / "labels.npy").open("wb") as file:
            file.write(files.npy_content(np.concatenate(labels).astype(np.int32)))
    sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    manifest = {
        "format": FORMAT,
        "source": recipe.source,
        "config": dict(recipe.config),
        "shape": [count, *recipe.shape],
        "class_names": list(recipe.class_names),
        "files": count + len(broken),
        "broken": broken,
        "unread": broken.unread,
        "readers": recipe.readers,
        "sizes": sizes,
        "digest": _digest(folder, sizes),
    }
    with (folder / "manifest.json").open("w", encoding="utf-8") as file:
        json.dump(manifest, file, indent=1)


def _read(folder: Path, recipe: Recipe, readable: Readable) -> Dataset | None:
    """The dataset in ``folder``; None if it is missing or damaged, or if more of its files are readable now."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        sizes = manifest["sizes"]
        if any((folder / name).stat().st_size != size for name, size in sizes.items()):
            return None
        if manifest["digest"] != _digest(folder, sizes):
            return None
        if manifest["broken"] and manifest.get("readers", "") != recipe.readers:
            return None
        unread = manifest.get("unread")
        if unread and readable(unread):
            return None
        samples = np.load(folder / "samples.npy", mmap_mode="r", allow_pickle=False)
        labels = np.load(folder / "labels.npy", allow_pickle=False) if "labels.npy" in sizes else None
        if list(samples.shape) != manifest["shape"] or samples.shape[1:] != recipe.shape:
            return None
        report = DataReport(files=manifest["files"], broken=manifest["broken"], cached=True)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError):
        return None
    return Dataset(samples, labels, recipe.class_names, report)


def _header(shape: Shape) -> bytes:
    """Header of a uint8 .npy file (format 1.0). Its length does not depend on the shape, so it can be overwritten."""
    text = repr({"descr": "|u1", "fortran_order": False, "shape": tuple(shape)}).encode()
    body = text.ljust(_HEADER_BYTES - 11) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(body)) + body


def _digest(folder: Path, sizes: Mapping[str, int]) -> str:
    """SHA-256 over evenly spaced blocks of each file. It detects holes without reading the whole file."""
    digest = hashlib.sha256()
    for name in sorted(sizes):
        with (folder / name).open("rb") as file:
            last = max(0, sizes[name] - _PROBE_BYTES)
            for probe in range(_PROBES):
                file.seek(last * probe // (_PROBES - 1))
                digest.update(file.read(_PROBE_BYTES))
    return digest.hexdigest()
