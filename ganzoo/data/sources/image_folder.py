"""Any folder or zip of images."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator

from ganzoo.data.base import Dataset, data_sources
from ganzoo.data.image_files import ImageFilesSource
from ganzoo.data.reading.archive import image_files
from ganzoo.data.reading.collection import LabeledImages
from ganzoo.data.reading.layout import arranged, check_classes
from ganzoo.data.reading.validation import subset_of
from ganzoo.errors import DataError


@data_sources.register("image_folder")
class ImageFolder(ImageFilesSource):
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
    """

    also_known_as: ClassVar[tuple[str, ...]] = ("folder", "imagefolder", "images")
    how_to_label: ClassVar[str] = "Put each class into a folder of its own, or name a table (data.classes=csv:FILE)"
    classes: Annotated[str, AfterValidator(check_classes)] = "auto"

    def class_count(self) -> int | None:
        return 0 if self.classes == "none" else None

    def of_older_run(self, written: Collection[str], *, with_labels: bool) -> Self:
        if "classes" in written:
            return self
        # Older versions: all top-level folders were classes, and runs without labels read every image.
        return self.model_copy(update={"split": "none", "classes": "folder" if with_labels else "none"})

    def listed_classes(self) -> tuple[str, ...] | None:
        return self._found().class_names

    def load(self, *, cache_dir: Path | None = None, quiet: bool = False) -> Dataset:
        return self.prepare(self._found(), cache_dir=cache_dir, quiet=quiet)

    def _found(self) -> LabeledImages:
        """The image files with their labels. They are not read."""
        if self.path is None:
            raise DataError("The data source 'image_folder' needs a folder or zip: --data PATH (or data.path=PATH).")
        layout = subset_of(
            arranged(image_files(self.path), classes=self.classes, split=self.split),
            validation_split=self.validation_split,
            subset=self.subset,
        )
        return LabeledImages(layout.files, layout.labels, layout.class_names, layout.notes, layout.passed_over)
