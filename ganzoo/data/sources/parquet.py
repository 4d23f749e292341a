"""Images in parquet shards, from a folder or from a dataset on the Hugging Face Hub."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, Field, model_validator

from ganzoo.data.base import DataNotes, data_sources
from ganzoo.data.reading.collection import LabeledImages
from ganzoo.data.reading.parquet_labels import with_labels
from ganzoo.data.reading.parquet_shards import ParquetImages, choose_column, open_shards
from ganzoo.data.reading.shards import Shard, local_shards
from ganzoo.data.sharded import ShardedSource
from ganzoo.environment.requirements import require
from ganzoo.errors import DataError
from ganzoo.hub.reference import is_repo


def _check_repo(repo: str) -> str:
    if not is_repo(repo):
        raise ValueError(f"received '{repo[:100]}'; a dataset on the Hugging Face Hub is named user/name")
    return repo


@data_sources.register("parquet")
class Parquet(ShardedSource):
    """Encoded images in parquet files, for example a dataset on the Hugging Face Hub.

    Needs pyarrow: ``pip install 'ganzoo-keras[parquet]'``. An image is in a binary column, or in the field ``bytes`` of
    a struct column. Files outside the shards are never opened. The formats are those of ``image_folder``.

    Attributes:
        path: a file, a folder or a glob, such as ``photos/train-*.parquet``.
        repo: a dataset on the Hub, ``user/name``, instead of ``path``. Its files are downloaded into ganzoo's cache.
        revision: a branch, tag or commit of ``repo``; the branch ``main`` by default. A new run keeps the commit.
        files: a pattern for the names of the files in ``repo``, such as ``cropped/*``.
        column: the image column. By default the only one.
        label: the column with the labels: integers, texts or truth values. The names of classes are read from the
            metadata of the ``datasets`` library. Images without a label are skipped. By default there are no labels.
    """

    how_to_label: ClassVar[str] = "Name the column of the labels (data.label=COLUMN)"
    suffix: ClassVar[str] = ".parquet"

    repo: Annotated[str, AfterValidator(_check_repo)] | None = None
    revision: str | None = Field(None, min_length=1, max_length=200)
    files: str | None = Field(None, min_length=1, max_length=255)
    column: str | None = Field(None, min_length=1, max_length=255)
    label: str | None = Field(None, min_length=1, max_length=255)

    @model_validator(mode="after")
    def _is_local_or_on_the_hub(self) -> Self:
        if self.repo is not None and self.path is not None:
            raise ValueError("path and repo exclude each other; set one of them to null")
        if self.repo is None and (self.revision is not None or self.files is not None):
            raise ValueError(f"{'files' if self.revision is None else 'revision'} needs repo, a dataset on the Hub")
        return self

    def class_count(self) -> int | None:
        return 0 if self.label is None else None

    def pinned(self) -> Self:
        if self.repo is None:
            return self
        from ganzoo.data.reading.hub_dataset import find_dataset

        return self.model_copy(update={"revision": find_dataset(self.repo, self.revision, cache_dir=None).commit})

    def notes(self) -> DataNotes:
        return DataNotes(hub_dataset=self.repo)

    def find_images(self, *, cache_dir: Path | None, quiet: bool) -> LabeledImages:
        require(["pyarrow"], action="Reading parquet files")
        path, shards, notes = self._shards(cache_dir=cache_dir, quiet=quiet)
        opened = open_shards(shards)
        if not any(shard.rows for shard in opened):
            raise DataError(f"{path} has no rows.")
        images = ParquetImages.of(path, opened, choose_column(opened, self.column))
        found = with_labels(images, self.label)
        return replace(found, notes=[*notes, *found.notes])

    def listed_classes(self) -> tuple[str, ...] | None:
        if self.repo is None:
            self._shards(cache_dir=None, quiet=True)
        return None

    def _shards(self, *, cache_dir: Path | None, quiet: bool) -> tuple[Path, Sequence[Shard], list[str]]:
        """The path for messages, the shards on this machine, and notes."""
        if self.repo is not None:
            from ganzoo.data.reading.hub_dataset import choose_files, fetched, find_dataset

            dataset = find_dataset(self.repo, self.revision, cache_dir=cache_dir)
            chosen = choose_files(dataset, split=self.split, files=self.files)
            shards = fetched(dataset, chosen.names, cache_dir=cache_dir, quiet=quiet)
            folder = Path(str(shards[0].path)[: -len(shards[0].name)])
            return folder, shards, [f"Dataset: {dataset}", *filter(None, [chosen.note])]
        if self.path is None:
            raise DataError(
                "The data source 'parquet' needs a file or folder (--data PATH, or data.path=PATH), or a dataset on "
                "the Hugging Face Hub (data.repo=user/name)."
            )
        shards, note = local_shards(self.path, self.suffix, split=self.split)
        return self.path, shards, list(filter(None, [note]))
