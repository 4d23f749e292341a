"""Any folder or zip of images."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from ganzoo.data.archive import class_folders, image_files
from ganzoo.data.base import Dataset, ImageSource, data_sources
from ganzoo.data.decode import Crop
from ganzoo.data.pipeline import ImageJob, load_images
from ganzoo.data.resize import Filter
from ganzoo.errors import DataError


@data_sources.register("image_folder")
class ImageFolder(ImageSource):
    """All images in a folder with its subfolders, or in a zip: JPEG, PNG, WebP, GIF (first frame), BMP.

    When every image lies in a subfolder, and there are several, the top-level subfolders are the classes. EXIF
    orientation is applied, 16-bit grey is scaled over its full range, and transparent pixels are laid on white, or kept
    with ``channels: 4``.

    Attributes:
        path: the folder or zip.
        crop: ``center`` cuts the largest middle part of the aspect of ``resolution``, ``stretch`` ignores the aspect,
            ``pad`` adds bars: white, or transparent with ``channels: 4``.
        resize: filter, ``lanczos`` or ``area``.
        max_broken: the part of the files that may be broken and is skipped, 0 to 1; above it loading fails.
    """

    accepts_path: ClassVar[bool] = True

    path: Path | None = None
    crop: Crop = "center"
    resize: Filter = "lanczos"
    max_broken: float = Field(0.01, ge=0, le=1)

    def class_count(self) -> int | None:
        return None

    def load(self, *, cache_dir: Path | None = None, quiet: bool = False) -> Dataset:
        if self.path is None:
            raise DataError("The data source 'image_folder' needs a folder or zip: --data PATH (or data.path=PATH).")
        files = image_files(self.path)
        labels, class_names = class_folders([entry.name for entry in files.entries])
        job = ImageJob(
            source=self,
            files=files,
            config=self.model_dump(mode="json", include={"resolution", "channels", "crop", "resize"}),
            crop_of=lambda entry: self.crop,
            resample=self.resize,
            max_broken=self.max_broken,
            labels=labels,
            class_names=class_names,
        )
        return load_images(job, cache_dir=cache_dir, quiet=quiet)
