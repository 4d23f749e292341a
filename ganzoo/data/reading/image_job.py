"""Prepares a dataset from many image files: decodes them in parallel, and reports the broken ones."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganzoo.data.base import Dataset, ImageSource
from ganzoo.data.reading.collection import Entry, ImageCollection, UnreadableError
from ganzoo.data.reading.decode import BoxOf, Crop, decode
from ganzoo.data.reading.formats import readers
from ganzoo.data.reading.parallel import ordered_map, worker_count
from ganzoo.data.reading.prepared_cache import BrokenFiles, Chunk, Recipe, prepared
from ganzoo.data.reading.resize import Filter
from ganzoo.environment.commands import command
from ganzoo.environment.progress import progress_bar
from ganzoo.errors import DataError

CHUNK = 64
"""Images per chunk of the cache."""


@dataclass(frozen=True)
class ImageJob:
    """The parameters for preparing a dataset.

    Attributes:
        source: the data source, for its name, resolution and channels.
        files: the images.
        config: fields of the source that change the result, for the cache key.
        crop_of: a function that returns the crop of a file. It may raise ValueError for an unusable file.
        resample: filter.
        max_broken: largest fraction of broken files, 0 to 1.
        labels: one label per file, or None.
        class_names: one name per class.
        extra_key: other inputs that change the result, for the cache key, for example a digest of a list of boxes.
        notes: guesses about the files, for the report.
        passed_over: names of skipped files, by reason. Default: those of ``files``.
    """

    source: ImageSource
    files: ImageCollection
    config: Mapping[str, Any]
    crop_of: Callable[[Entry], Crop | BoxOf]
    resample: Filter
    max_broken: float
    labels: Sequence[int] | None = None
    class_names: tuple[str, ...] = ()
    extra_key: str = ""
    notes: Sequence[str] = ()
    passed_over: Mapping[str, tuple[str, ...]] | None = None


def load_images(job: ImageJob, *, cache_dir: Path | None, quiet: bool) -> Dataset:
    """Decode and resize every file, or read the result from the cache.

    Raises:
        DataError: if all files are broken, or more than ``max_broken`` allows. The message names the first ones.
    """
    labels = b"" if job.labels is None else np.array(job.labels, np.int32).tobytes()
    recipe = Recipe(
        source=job.source.registered_name,
        content=f"{job.files.fingerprint()} {hashlib.sha256(labels).hexdigest()} {job.extra_key}",
        config=job.config,
        shape=job.source.sample_shape(),
        count=len(job.files),
        class_names=job.class_names,
        readers=readers(),
    )
    dataset = prepared(
        recipe,
        lambda broken: _chunks(job, broken, quiet=quiet),
        cache_dir=cache_dir,
        readable=lambda names: _any_readable(job.files, names),
    )
    check_broken(dataset.report.broken, len(job.files), job.max_broken, job.files.path)
    passed_over = job.files.passed_over if job.passed_over is None else job.passed_over
    return replace(dataset, report=replace(dataset.report, notes=tuple(job.notes), passed_over=passed_over))


def check_broken(broken: Mapping[str, str], files: int, allowed: float, path: Path, *, all_read: bool = True) -> None:
    """Raise DataError if too many files are broken."""
    if not broken or (len(broken) <= allowed * files and len(broken) < files):
        return
    first = "; ".join(f"{name}: {why}" for name, why in islice(broken.items(), 3))
    more = f"; and {len(broken) - 3} more" if len(broken) > 3 else ""
    if all_read and len(broken) == files:
        all_of = f"{files} of {files} images in {path} are broken, so none can be used ({first}{more})"
        raise DataError(f"{all_of}. See all: {command('data check', path)}")
    count = f"{'' if all_read else 'At least '}{len(broken)}"
    raise DataError(
        f"{count} of {files} images in {path} are broken, and data.max_broken={allowed:g} allows "
        f"{int(allowed * files)} ({first}{more}). Remove them, or allow more, for example "
        f"data.max_broken={min(1.0, 1.5 * len(broken) / files):.1g}. See all: {command('data check', path)}"
    )


def _chunks(job: ImageJob, broken: BrokenFiles, *, quiet: bool) -> Iterator[Chunk]:
    source, entries = job.source, job.files.entries

    def one(item: tuple[Entry, Callable[[], bytes]]) -> NDArray[np.uint8] | ValueError:
        entry, read = item
        try:
            data, crop = read(), job.crop_of(entry)
            return decode(data, size=source.size, channels=source.channels, crop=crop, resample=job.resample)
        except ValueError as error:  # BrokenImageError among them
            return error

    samples: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    limit = job.max_broken * len(entries)
    with progress_bar("Reading images", len(entries), quiet=quiet) as advance, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's warnings would break the progress bar
        items = zip(entries, job.files.contents(), strict=True)
        for index, result in enumerate(ordered_map(one, items, workers=worker_count())):
            advance(1)
            if isinstance(result, ValueError):
                broken[entries[index].name] = str(result)
                if isinstance(result, UnreadableError):
                    broken.unread.append(entries[index].name)
                if len(broken) > limit + CHUNK:  # too many: do not read the rest
                    check_broken(broken, len(entries), job.max_broken, job.files.path, all_read=False)
                continue
            samples.append(result)
            if job.labels is not None:
                labels.append(job.labels[index])
            if len(samples) == CHUNK:
                yield _chunk(samples, labels)
                samples, labels = [], []
    if samples:
        yield _chunk(samples, labels)
    check_broken(broken, len(entries), job.max_broken, job.files.path)


def _any_readable(files: ImageCollection, names: Sequence[str]) -> bool:
    """Whether the system can read one of these files now. If it was damaged meanwhile, that counts too."""
    wanted = set(names)
    for read in files.part([index for index, entry in enumerate(files.entries) if entry.name in wanted]).contents():
        try:
            read()
        except UnreadableError:
            continue
        except ValueError:
            pass
        return True
    return False


def _chunk(samples: list[NDArray[np.uint8]], labels: list[int]) -> Chunk:
    return Chunk(np.stack(samples), np.array(labels, np.int32) if labels else None)
