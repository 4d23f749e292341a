"""The base classes of data sources, and what a data source returns to the trainer."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from ganzoo.data.reading.collection import LabeledImages
from ganzoo.data.resolution import Resolution, sides
from ganzoo.registry import Part, Registry
from ganzoo.sample_spec import SampleSpec

Shape = tuple[int, ...]


@dataclass(frozen=True)
class DataReport:
    """A report about reading the data.

    Attributes:
        files: number of files.
        broken: files that could not be used: name -> reason.
        cached: whether the samples are from the cache.
        notes: guesses about the data, one line each, with the config field that changes the guess.
        passed_over: names of files that were not read, by reason.
    """

    files: int = 0
    broken: dict[str, str] = field(default_factory=dict)
    cached: bool = False
    notes: tuple[str, ...] = ()
    passed_over: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Dataset:
    """Training samples in memory or in a memory map.

    Attributes:
        samples: images, uint8 ``[n, height, width, channels]``, or vectors, float32 ``[n, d]``.
        labels: int32 ``[n]`` in ``range(len(class_names))``, or None when the source has no labels.
        class_names: one name per class, in label order; empty without labels.
        report: a report about reading the data.
    """

    samples: NDArray[Any]
    labels: NDArray[np.int32] | None = None
    class_names: tuple[str, ...] = ()
    report: DataReport = field(default_factory=DataReport)

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def sample_spec(self) -> SampleSpec:
        """Whether a sample is an image or a vector, and its size."""
        return SampleSpec.of(self.samples)


@dataclass(frozen=True)
class DataNotes:
    """Facts about the data for the model card.

    Attributes:
        credits: authors and license of the data, one or two sentences each.
        limits: gaps and bias of the data, one or two sentences each.
        hub_dataset: name of the data on the Hugging Face Hub, ``user/name``; None if it is not there.
    """

    credits: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    hub_dataset: str | None = None


@dataclass(frozen=True)
class ModeCenters:
    """The modes of a mixture of Gaussians.

    Attributes:
        centers: float32 ``[k, d]``, in label order.
        sigma: standard deviation of every mode along each axis.
    """

    centers: NDArray[np.float32]
    sigma: float


class DataSource(Part):
    """A source of training samples. Subclass, add fields, implement ``sample_shape`` and ``load``."""

    accepts_path: ClassVar[bool] = False
    """Whether the source supports ``--data PATH``. Such a source has a field ``path``."""
    how_to_label: ClassVar[str] = ""
    """How a user gives labels, for the message that the data have none: "Name their column: data.label=COLUMN"."""
    accepts_arrays: ClassVar[bool] = False
    """Whether the source describes arrays that a Python program passes. Its ``path`` is then None."""

    def sample_shape(self) -> Shape:
        """Shape of one sample: ``(height, width, channels)`` of an image or ``(d,)`` of a vector."""
        raise NotImplementedError

    @property
    def sample_spec(self) -> SampleSpec:
        """Whether a sample is an image or a vector, and its size."""
        return SampleSpec(self.sample_shape())

    @property
    def mirrored(self) -> bool:
        """Whether training mirrors half of the samples left-right, at random."""
        return False

    def class_count(self) -> int | None:
        """Number of classes: 0 for a source without labels, None if it is known only after ``load``."""
        return 0

    def listed_classes(self) -> tuple[str, ...] | None:
        """Find the data without preparing the samples, for ``ganzoo train --dry-run``.

        Returns:
            The class names; empty if there are no labels; None if only ``load`` knows them.

        Raises:
            DataError: if the data are missing.
        """
        return None

    def mode_centers(self) -> ModeCenters | None:
        """The modes of the distribution, if it is a mixture of Gaussians. The metric ``modes`` counts them."""
        return None

    def notes(self) -> DataNotes:
        """Facts about the data for the model card. Default: none."""
        return DataNotes()

    def of_older_run(self, written: Collection[str], *, with_labels: bool) -> Self:
        """The source for resuming an older run. It reads the same samples as when the run started.

        A source overrides this method if a field was added later and its default changes the samples.

        Args:
            written: names of the fields in the run's config. All other fields have their defaults here.
            with_labels: whether the run trains with labels.
        """
        return self

    def pinned(self) -> Self:
        """The source for the config of a new run. It reads the same data when the run is resumed.

        A source overrides this method if a name in its config can change its meaning, such as a branch on the Hugging
        Face Hub.

        Raises:
            GanzooError: if there is no such data.
        """
        return self

    @classmethod
    def images_in(cls, path: Path) -> LabeledImages | None:
        """The images in a file or folder of this source's own format; None if it has another format.

        ``ganzoo data check`` calls it for a path that is not a folder or zip of images.

        Raises:
            DataError: if the data are invalid.
        """
        return None

    def load(self, *, cache_dir: Path | None = None, quiet: bool = False) -> Dataset:
        """Read, decode and resize all samples.

        Args:
            cache_dir: folder for prepared data. Default: the user's cache folder.
            quiet: do not show a progress bar.

        Raises:
            DataError: if the data is missing or invalid, or more files are broken than allowed. The message names the
                expected file and place.
        """
        raise NotImplementedError


class ImageSource(DataSource):
    """A source of images.

    Attributes:
        resolution: size of the samples in pixels: one number for a square, or ``HEIGHTxWIDTH``, for example 128x64 for
            images 128 px high and 64 px wide. ``[128, 64]`` in YAML means the same.
        channels: 1 (grayscale), 3 (RGB) or 4 (RGBA). With 4, transparency is kept: alpha is the fourth channel, and
            colors are straight, not premultiplied (``ganzoo.data.reading.transparency`` gives the reason). With 1 and
            3, images are composited on white.
        flip: during training, mirror each image left-right with probability 0.5.
    """

    resolution: Resolution = 64
    channels: Literal[1, 3, 4] = 3
    flip: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of a sample in pixels."""
        return sides(self.resolution)

    @property
    def mirrored(self) -> bool:
        return self.flip

    def sample_shape(self) -> Shape:
        return (*self.size, self.channels)


data_sources: Registry[DataSource] = Registry(
    "data_sources", kind="data source", base=DataSource, package="ganzoo.data.sources", key="source"
)
