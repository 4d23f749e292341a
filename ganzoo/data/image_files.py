"""The base class of data sources that read many image files: from folders, archives or shards."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field, model_validator

from ganzoo.data.base import Dataset, ImageSource
from ganzoo.data.reading.collection import LabeledImages
from ganzoo.data.reading.decode import Crop
from ganzoo.data.reading.image_job import ImageJob, load_images
from ganzoo.data.reading.resize import Filter
from ganzoo.data.reading.validation import Subset


class ImageFilesSource(ImageSource):
    """A source of image files. Subclass, add fields, find the images and ``prepare`` them.

    Attributes:
        validation_split: fraction of each class to hold out for measuring, 0 to below 1, as in Keras'
            ``image_dataset_from_directory``. The names of the images decide which ones.
        subset: the part to read: ``training``, ``validation`` or ``both``. ``validation`` needs ``validation_split``.
        crop: ``center`` crops the largest center part with the aspect ratio of ``resolution``, ``stretch`` ignores the
            aspect ratio, ``pad`` adds white bars (transparent bars with ``channels: 4``).
        resize: filter, ``lanczos`` or ``area``.
        max_broken: largest fraction of broken images, 0 to 1. They are skipped; with more, loading fails.
    """

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

    def prepare(self, found: LabeledImages, *, cache_dir: Path | None, quiet: bool) -> Dataset:
        """Decode, crop and resize the images, or take them from the cache.

        Raises:
            DataError: if too many images are broken.
        """
        job = ImageJob(
            source=self,
            files=found.files,
            config=self.model_dump(mode="json", include={"resolution", "channels", "crop", "resize"}),
            crop_of=lambda entry: self.crop,
            resample=self.resize,
            max_broken=self.max_broken,
            labels=found.labels,
            class_names=found.class_names,
            notes=found.notes,
            passed_over=found.passed_over,
        )
        return load_images(job, cache_dir=cache_dir, quiet=quiet)
