"""The base class of data sources that read images from shards: large files with many images each."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from ganzoo.data.base import Dataset, ImageSource
from ganzoo.data.reading.collection import LabeledImages
from ganzoo.data.reading.decode import Crop
from ganzoo.data.reading.image_job import ImageJob, load_images
from ganzoo.data.reading.resize import Filter
from ganzoo.data.reading.shards import shard_names
from ganzoo.data.reading.validation import Subset, indices_of, part_note
from ganzoo.errors import DataError


class ShardedSource(ImageSource):
    """A source of images in shards. Subclass, add fields, implement ``find_images``.

    Attributes:
        split: ``auto`` uses the shards named train if the names have several splits, ``all`` uses all shards. A name
            uses that split.
        validation_split: fraction of each class to hold out for measuring, 0 to below 1. The names of the images decide
            which ones.
        subset: the part to read: ``training``, ``validation`` or ``both``. ``validation`` needs ``validation_split``.
        crop: ``center`` crops the largest center part with the aspect ratio of ``resolution``, ``stretch`` ignores the
            aspect ratio, ``pad`` adds white bars (transparent bars with ``channels: 4``).
        resize: filter, ``lanczos`` or ``area``.
        max_broken: largest fraction of broken images, 0 to 1. They are skipped; with more, loading fails.
    """

    suffix: ClassVar[str]
    """Suffix of the shards, with its dot."""

    accepts_path: ClassVar[bool] = True

    path: Path | None = None
    split: str = Field("auto", min_length=1, max_length=255)
    validation_split: float = Field(0.0, ge=0, lt=1)
    subset: Subset = "training"
    crop: Crop = "center"
    resize: Filter = "lanczos"
    max_broken: float = Field(0.01, ge=0, le=1)

    @model_validator(mode="after")
    def _has_a_validation_part(self) -> Self:
        if self.subset == "validation" and not self.validation_split:
            raise ValueError("subset: validation needs validation_split, for example 0.1")
        return self

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
        config: dict[str, Any] = self.model_dump(mode="json", include={"resolution", "channels", "crop", "resize"})
        job = ImageJob(
            source=self,
            files=found.files,
            config=config,
            crop_of=lambda entry: self.crop,
            resample=self.resize,
            max_broken=self.max_broken,
            labels=found.labels,
            class_names=found.class_names,
            notes=found.notes,
            passed_over={**found.files.passed_over, **found.passed_over},
        )
        return load_images(job, cache_dir=cache_dir, quiet=quiet)

    def _part(self, found: LabeledImages) -> LabeledImages:
        """The training or the validation part."""
        if not self.validation_split or self.subset == "both":
            return found
        kept = indices_of(found, validation_split=self.validation_split, subset=self.subset)
        note = part_note(len(kept), len(found.files), validation_split=self.validation_split, subset=self.subset)
        labels = None if found.labels is None else [found.labels[index] for index in kept]
        return LabeledImages(found.files.part(kept), labels, found.class_names, [*found.notes, note], found.passed_over)
