"""Checks images in a folder, a zip or shards: ``ganzoo data check PATH``."""

from __future__ import annotations

import hashlib
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ganzoo.data.base import data_sources
from ganzoo.data.reading.archive import image_files
from ganzoo.data.reading.collection import LabeledImages
from ganzoo.data.reading.decode import flattened, opened, orientation, upright
from ganzoo.data.reading.formats import SUFFIXES, suffix_of
from ganzoo.data.reading.layout import arranged
from ganzoo.data.reading.parallel import ordered_map, worker_count
from ganzoo.data.reading.transparency import has_alpha
from ganzoo.environment.progress import progress_bar
from ganzoo.errors import DataError


@dataclass
class CheckReport:
    """The result of a check. Names are paths inside the folder or zip. Lists are in alphabetical order.

    Attributes:
        path: the folder or zip.
        files: number of image files.
        usable: number of image files that can be decoded.
        broken: files that cannot be decoded: name -> reason.
        duplicates: groups of files with the same pixels.
        tiny: files with a side below ``tiny_below``.
        grayscale: files without color, in any format.
        alpha: files with transparency. They are composited on white, unless the source has ``channels: 4``.
        odd_shaped: files whose longer side is more than ``odd_above`` times the shorter side.
        misnamed: files whose suffix does not match their format: name -> format. They can be used.
        rotated: files with an EXIF rotation or reflection. They are turned upright when read.
        formats: number of files per format.
        classes: number of files per class, as ``image_folder`` finds classes by default; empty without classes.
        notes: guesses of ``image_folder`` about the layout, one line each, with the field that changes the guess.
        passed_over: files that are not read, by reason.
        width: smallest and largest width in pixels, upright; (0, 0) if no file is usable.
        height: smallest and largest height.
        tiny_below: limit of ``tiny`` in pixels.
        odd_above: limit of ``odd_shaped``.
    """

    path: str
    files: int = 0
    usable: int = 0
    broken: dict[str, str] = field(default_factory=dict)
    duplicates: list[list[str]] = field(default_factory=list)
    tiny: list[str] = field(default_factory=list)
    grayscale: list[str] = field(default_factory=list)
    alpha: list[str] = field(default_factory=list)
    odd_shaped: list[str] = field(default_factory=list)
    misnamed: dict[str, str] = field(default_factory=dict)
    rotated: list[str] = field(default_factory=list)
    formats: dict[str, int] = field(default_factory=dict)
    classes: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    passed_over: dict[str, list[str]] = field(default_factory=dict)
    width: tuple[int, int] = (0, 0)
    height: tuple[int, int] = (0, 0)
    tiny_below: int = 64
    odd_above: float = 2.0

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON values."""
        return {**asdict(self), "width": list(self.width), "height": list(self.height)}

    @property
    def counts(self) -> dict[str, int]:
        """Number of files per finding, the most important findings first."""
        return {
            "broken": len(self.broken),
            "duplicate": sum(len(group) - 1 for group in self.duplicates),
            "tiny": len(self.tiny),
            "odd-shaped": len(self.odd_shaped),
            "grayscale": len(self.grayscale),
            "alpha": len(self.alpha),
            "rotated": len(self.rotated),
            "misnamed": len(self.misnamed),
        }


@dataclass(frozen=True)
class _Facts:
    """One readable file."""

    format: str
    width: int
    height: int
    pixels: bytes
    grayscale: bool
    alpha: bool
    rotated: bool


def check(path: Path | str, *, tiny_below: int = 64, odd_above: float = 2.0, quiet: bool = False) -> CheckReport:
    """Read every image of a folder or zip and report problems. Nothing is written.

    Args:
        path: the folder, zip, or shards (file, folder or glob).
        tiny_below: images with a side of fewer pixels are tiny.
        odd_above: images with a larger ratio of the sides are odd-shaped.
        quiet: do not show a progress bar.

    Raises:
        DataError: if there is no such folder or zip, it has no images, or the zip is unsafe.
    """
    images = _images(Path(path))
    files = images.files
    report = CheckReport(path=str(path), files=len(files), tiny_below=tiny_below, odd_above=odd_above)
    sizes = Counter(images.labels or ())
    report.classes = {name: sizes[label] for label, name in enumerate(images.class_names)}
    report.notes = list(images.notes)
    report.passed_over = {reason: list(names) for reason, names in images.passed_over.items()}
    widths: list[int] = []
    heights: list[int] = []
    formats: Counter[str] = Counter()
    same: dict[bytes, list[str]] = {}
    with progress_bar("Checking images", len(files), quiet=quiet) as advance, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's warnings about unusual files; the report has the problems
        results = ordered_map(_facts, files.contents(), workers=worker_count())
        for entry, facts in zip(files.entries, results, strict=True):
            advance(1)
            if isinstance(facts, str):
                report.broken[entry.name] = facts
                continue
            _note(report, entry.name, facts)
            if files.has_suffixes and suffix_of(entry.name) not in SUFFIXES.get(facts.format, ()):
                report.misnamed[entry.name] = facts.format
            widths.append(facts.width)
            heights.append(facts.height)
            formats[facts.format] += 1
            same.setdefault(facts.pixels, []).append(entry.name)
    report.usable = len(widths)
    report.formats = dict(formats.most_common())
    report.duplicates = [group for group in same.values() if len(group) > 1]
    if widths:
        report.width, report.height = (min(widths), max(widths)), (min(heights), max(heights))
    return report


def _images(path: Path) -> LabeledImages:
    """The images of a folder or zip, else those that another data source finds there."""
    try:
        files = image_files(path)
    except DataError:
        for name in data_sources.names():
            found = data_sources.get(name).images_in(path)
            if found is not None:
                return replace(found, passed_over={**found.files.passed_over, **found.passed_over})
        raise
    layout = arranged(files)
    return LabeledImages(files, layout.labels, layout.class_names, layout.notes, layout.passed_over)


def _note(report: CheckReport, name: str, facts: _Facts) -> None:
    short, long = sorted((facts.width, facts.height))
    if short < report.tiny_below:
        report.tiny.append(name)
    if long > report.odd_above * short:
        report.odd_shaped.append(name)
    if facts.grayscale:
        report.grayscale.append(name)
    if facts.alpha:
        report.alpha.append(name)
    if facts.rotated:
        report.rotated.append(name)


def _facts(read: Callable[[], bytes]) -> _Facts | str:
    """The facts about a readable file, or the reason why it is broken."""
    try:
        image = opened(read())
        file_format, rotated = image.format or "", orientation(image) != 1
        image = upright(image)
        transparent = has_alpha(image)
        pixels = np.asarray(flattened(image, 3))
    except ValueError as error:  # BrokenImageError among them
        return str(error)
    digest = hashlib.blake2b(repr(pixels.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels).data)
    gray = bool((pixels[..., 0] == pixels[..., 1]).all() and (pixels[..., 1] == pixels[..., 2]).all())
    return _Facts(file_format, image.width, image.height, digest.digest(), gray, transparent, rotated)
