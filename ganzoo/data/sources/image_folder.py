"""Any folder or zip of images."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, Field, model_validator

from ganzoo.data.base import Dataset, ImageSource, data_sources
from ganzoo.data.reading.archive import image_files
from ganzoo.data.reading.decode import Crop
from ganzoo.data.reading.image_job import ImageJob, load_images
from ganzoo.data.reading.layout import arranged, check_classes
from ganzoo.data.reading.resize import Filter
from ganzoo.data.reading.validation import Subset, subset_of
from ganzoo.errors import DataError


@data_sources.register("image_folder")
class ImageFolder(ImageSource):
    """All images in a folder and its subfolders, or in a zip.

    Supported formats: JPEG, PNG, WebP, GIF (first frame), BMP, TIFF (first page), AVIF, PPM, and HEIC if pillow-heif is
    installed. EXIF orientation is applied. 16-bit grayscale is scaled from its full range. Transparent images are
    composited on white, or keep their transparency with ``channels: 4``.

    Attributes:
        path: the folder or zip.
        classes: source of the labels. ``folder``: the top-level folders. ``dataset_json``: StyleGAN's file.
            ``csv:labels.csv``: a table with a column of file names and a column of labels, in the data or next to it;
            ``csv:labels.csv:species`` names the label column. ``none``: no labels. ``auto``: dataset.json if it exists,
            else the folders. Images without a label are skipped.
        split: ``auto`` uses the folder ``train`` if the folders are named train, test and so on. A folder name uses
            that folder, ``all`` uses all folders, ``none`` treats them as ordinary folders.
        validation_split: fraction of each class to hold out for measuring, 0 to below 1, as in Keras'
            ``image_dataset_from_directory``. The names of the files decide which ones.
        subset: the part to read: ``training``, ``validation`` or ``both``. ``validation`` needs ``validation_split``.
        crop: ``center`` crops the largest center part with the aspect ratio of ``resolution``, ``stretch`` ignores the
            aspect ratio, ``pad`` adds white bars (transparent bars with ``channels: 4``).
        resize: filter, ``lanczos`` or ``area``.
        max_broken: largest fraction of broken files, 0 to 1. They are skipped; with more, loading fails.
    """

    accepts_path: ClassVar[bool] = True

    path: Path | None = None
    classes: Annotated[str, AfterValidator(check_classes)] = "auto"
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

    def class_count(self) -> int | None:
        return 0 if self.classes == "none" else None

    def of_older_run(self, written: Collection[str], *, with_labels: bool) -> Self:
        if "classes" in written:
            return self
        # Older versions: all top-level folders were classes, and runs without labels read every image.
        return self.model_copy(update={"split": "none", "classes": "folder" if with_labels else "none"})

    def load(self, *, cache_dir: Path | None = None, quiet: bool = False) -> Dataset:
        if self.path is None:
            raise DataError("The data source 'image_folder' needs a folder or zip: --data PATH (or data.path=PATH).")
        layout = subset_of(
            arranged(image_files(self.path), classes=self.classes, split=self.split),
            validation_split=self.validation_split,
            subset=self.subset,
        )
        job = ImageJob(
            source=self,
            files=layout.files,
            config=self.model_dump(mode="json", include={"resolution", "channels", "crop", "resize"}),
            crop_of=lambda entry: self.crop,
            resample=self.resize,
            max_broken=self.max_broken,
            labels=layout.labels,
            class_names=layout.class_names,
            notes=layout.notes,
            passed_over=layout.passed_over,
        )
        return load_images(job, cache_dir=cache_dir, quiet=quiet)
