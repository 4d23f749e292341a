"""CelebA: 202,599 photographs of faces. Liu, Luo, Wang, Tang 2015, https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html.

The license allows non-commercial research only. The files can only be downloaded with a browser.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import ClassVar, Literal

from pydantic import Field

from ganzoo.data.base import DataNotes, Dataset, ImageSource, data_sources
from ganzoo.data.reading.archive import ImageFiles, image_files
from ganzoo.data.reading.celeba_tables import (
    ATTRIBUTES,
    BOXES_WILD,
    LANDMARKS_ALIGNED,
    LANDMARKS_WILD,
    face_from_box,
    face_from_landmarks,
    find_table,
    inside,
    read_table,
    with_aspect,
)
from ganzoo.data.reading.collection import Entry
from ganzoo.data.reading.decode import BoxOf, BrokenImageError, opened
from ganzoo.data.reading.image_job import ImageJob, load_images
from ganzoo.data.reading.resize import Filter
from ganzoo.environment.commands import command
from ganzoo.errors import DataError, did_you_mean

ALIGNED_SIZE = (178, 218)
"""Width and height of every image in img_align_celeba."""

_IMAGES = ("img_align_celeba", "img_align_celeba_png", "img_celeba")
_INSTEAD = (
    "Get img_align_celeba.zip from https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html (Img/img_align_celeba.zip; "
    "no need to unpack it) and pass the zip or its folder: --data PATH."
)


@data_sources.register("celeba")
class CelebA(ImageSource):
    """CelebA, from ``img_align_celeba`` (a folder or the publisher's zip) or from ``img_celeba`` (in the wild).

    The lists of landmarks, boxes and attributes must be next to the images or in ``Anno``, as published. Each list of
    coordinates is for one kind of image: list_landmarks_align_celeba.txt for the aligned images, list_bbox_celeba.txt
    and list_landmarks_celeba.txt for images in the wild. ganzoo detects the kind by the size of the first image:
    aligned images are 218 px high and 178 px wide.

    Attributes:
        path: the folder of images, the zip, or the parent folder.
        crop: for aligned images, ``center_178`` crops the center 178 x 178 pixels, and ``center_108`` the center
            108 x 108 (the face without its surroundings). ``face`` crops a square around the face, from the landmarks
            (aligned) or the face box (in the wild). If ``resolution`` is not square, the square is extended to the
            aspect ratio, and shrunk if it does not fit into the image.
        attribute: one of the 40 attributes, for example ``Smiling``. Images without it are class 0, images with it
            class 1.
        flip: during training, mirror each image with probability 0.5. Default: true.
        resize: filter, ``lanczos`` or ``area``.
        max_broken: largest fraction of broken files, 0 to 1. They are skipped.
    """

    accepts_path: ClassVar[bool] = True

    path: Path | None = None
    channels: Literal[1, 3] = 3
    crop: Literal["center_178", "center_108", "face"] = "center_178"
    attribute: str | None = None
    flip: bool = True
    resize: Filter = "lanczos"
    max_broken: float = Field(0.01, ge=0, le=1)

    def class_count(self) -> int:
        return 2 if self.attribute else 0

    def notes(self) -> DataNotes:
        return DataNotes(
            credits=(
                "CelebA: Liu, Luo, Wang, Tang, Deep Learning Face Attributes in the Wild, ICCV 2015 "
                "(https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html). For non-commercial research only; the "
                "photographs belong to their owners.",
            ),
            limits=(
                "The data are photographs of celebrities: mostly young, light-skinned, with makeup and smiling. "
                "Generated faces have the same bias, and may resemble real people.",
            ),
        )

    def listed_classes(self) -> tuple[str, ...]:
        return self._job().class_names

    def load(self, *, cache_dir: Path | None = None, quiet: bool = False) -> Dataset:
        return load_images(self._job(), cache_dir=cache_dir, quiet=quiet)

    def _job(self) -> ImageJob:
        if self.path is None:
            raise DataError(f"The data source 'celeba' needs the images. {_INSTEAD}")
        files = image_files(_images_in(self.path))
        places = [self.path, files.path, files.path.parent, files.path.parent.parent]
        table: Path | None = None
        if self.crop == "face":
            table, crop_of = _face_crop(files, places, self.size)
        else:
            crop_of = _center_crop(files, self.crop, self.size)
        labels, class_names, files = self._labels(files, places)
        stat = table.stat() if table else None
        return ImageJob(
            source=self,
            files=files,
            config=self.model_dump(mode="json", include={"resolution", "channels", "crop", "resize", "attribute"}),
            crop_of=crop_of,
            resample=self.resize,
            max_broken=self.max_broken,
            labels=labels,
            class_names=class_names,
            extra_key=f"{table.name} {stat.st_size} {stat.st_mtime_ns}" if table and stat else "",
        )

    def _labels(
        self, files: ImageFiles, places: Sequence[Path]
    ) -> tuple[list[int] | None, tuple[str, ...], ImageFiles]:
        """The labels and class names by attribute, and the files that have a label."""
        if self.attribute is None:
            return None, (), files
        path = find_table(ATTRIBUTES, places)
        if path is None:
            raise DataError(f"data.attribute needs {ATTRIBUTES}.txt next to {files.path}, but this file is missing.")
        names, rows = read_table(path)
        if self.attribute not in names:
            hint = did_you_mean(self.attribute, names) or f" Attributes: {', '.join(names)}."
            raise DataError(f"CelebA has no attribute '{self.attribute}'.{hint}")
        column = names.index(self.attribute)
        known = [entry for entry in files.entries if _base(entry) in rows]
        if not known:
            raise DataError(f"{path} lists none of the images in {files.path}.")
        labels = [int(rows[_base(entry)][column] > 0) for entry in known]
        return labels, (f"not {self.attribute}", self.attribute), files.only(known)


def _images_in(path: Path) -> Path:
    """The folder of images or the zip: ``path`` itself, or inside ``path`` in a known layout."""
    if path.is_file():
        return path
    if not path.is_dir():
        raise DataError(f"There is no folder or zip {path}. {_INSTEAD}")
    for name in _IMAGES:
        for place in (
            path / name / name,
            path / name,
            path / "Img" / name,
            path / f"{name}.zip",
            path / "Img" / f"{name}.zip",
        ):
            if place.exists():
                return place
    return path


def _center_crop(files: ImageFiles, crop: str, size: tuple[int, int]) -> Callable[[Entry], BoxOf]:
    width, height = _first_size(files)
    if (width, height) != ALIGNED_SIZE:
        raise DataError(
            f"data.crop={crop} is for the aligned images of 218 x 178 (height x width), but the first image in "
            f"{files.path} has {height} x {width}. For img_celeba set data.crop=face; for other "
            "photographs data.source=image_folder."
        )
    side = int(crop.removeprefix("center_"))
    left, top = (width - side) // 2, (height - side) // 2
    box = inside(with_aspect((left, top, left + side, top + side), size), width, height)
    return lambda entry: lambda width, height: box


def _face_crop(
    files: ImageFiles, places: Sequence[Path], size: tuple[int, int]
) -> tuple[Path, Callable[[Entry], BoxOf]]:
    """The list with the coordinates, and a function that returns the crop of a file."""
    aligned = _first_size(files) == ALIGNED_SIZE
    wanted = (LANDMARKS_ALIGNED,) if aligned else (BOXES_WILD, LANDMARKS_WILD)
    path = next((found for name in wanted if (found := find_table(name, places))), None)
    if path is None:
        kind = "the aligned images of 218 x 178" if aligned else "images in the wild"
        raise DataError(
            f"data.crop=face needs {' or '.join(f'{name}.txt' for name in wanted)} next to {files.path} (these are "
            f"{kind}; the other lists have the coordinates of other images). Or set data.crop=center_108."
        )
    names, rows = read_table(path)
    box_of_row = face_from_box if path.stem == BOXES_WILD else lambda *points: face_from_landmarks(points)
    columns = 4 if path.stem == BOXES_WILD else 10
    if len(names) != columns:
        raise DataError(f"{path} has {len(names)} columns, but {columns} are expected.")

    def crop_of(entry: Entry) -> BoxOf:
        row = rows.get(_base(entry))
        if row is None:
            raise BrokenImageError(f"is not in {path.name}")
        box = box_of_row(*row)
        if box[2] - box[0] < 1:
            raise BrokenImageError(f"has an empty face in {path.name}")
        return lambda width, height: inside(with_aspect(box, size), width, height)

    return path, crop_of


def _first_size(files: ImageFiles) -> tuple[int, int]:
    for entry in files.entries[:20]:
        try:
            return opened(files.read(entry)).size
        except ValueError:  # broken: try the next file
            continue
    raise DataError(f"None of the first images in {files.path} can be read. See: {command('data check', files.path)}")


def _base(entry: Entry) -> str:
    """A file's name in the lists, which use .jpg for the PNG version too."""
    return f"{PurePosixPath(entry.name).stem}.jpg"
