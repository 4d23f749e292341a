"""The base class of data sources that read images from shards: large files with many images each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from ganzoo.data.base import Dataset
from ganzoo.data.image_files import ImageFilesSource
from ganzoo.data.reading.collection import LabeledImages
from ganzoo.data.reading.shards import shard_names
from ganzoo.data.reading.validation import indices_of, part_note
from ganzoo.errors import DataError


class ShardedSource(ImageFilesSource):
    """A source of images in shards. Subclass, add fields, implement ``find_images``.

    Attributes:
        split: ``auto`` uses the shards named train if the names have several splits, ``all`` uses all shards. A name
            uses that split.
    """

    suffix: ClassVar[str]
    """Suffix of the shards, with its dot."""

    @classmethod
    def images_in(cls, path: Path) -> LabeledImages | None:
        try:
            names = shard_names(path, cls.suffix)[1]
        except DataError:
            return None
        if not any(name.lower().endswith(cls.suffix) for name in names):
            return None
        return cls(path=path).find_images(cache_dir=None, quiet=True)

    def find_images(self, *, cache_dir: Path | None, quiet: bool) -> LabeledImages:
        """Find the images and their labels. The images are not read.

        Args:
            cache_dir: folder for downloads. Default: the user's cache folder.
            quiet: do not show a progress bar.

        Raises:
            DataError: if the data are missing or invalid.
        """
        raise NotImplementedError

    def load(self, *, cache_dir: Path | None = None, quiet: bool = False) -> Dataset:
        found = self.find_images(cache_dir=cache_dir, quiet=quiet)
        if not len(found.files):
            raise DataError(f"{found.files.path} has no images.")
        found = self._part(found)
        passed_over = {**found.files.passed_over, **found.passed_over}
        return self.prepare(replace(found, passed_over=passed_over), cache_dir=cache_dir, quiet=quiet)

    def _part(self, found: LabeledImages) -> LabeledImages:
        """The training or the validation part."""
        if not self.validation_split or self.subset == "both":
            return found
        kept = indices_of(found, validation_split=self.validation_split, subset=self.subset)
        note = part_note(len(kept), len(found.files), validation_split=self.validation_split, subset=self.subset)
        labels = None if found.labels is None else [found.labels[index] for index in kept]
        return LabeledImages(found.files.part(kept), labels, found.class_names, [*found.notes, note], found.passed_over)
