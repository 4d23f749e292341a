"""What every data source is, and what it gives to the trainer."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from ganzoo.data.resolution import Resolution, sides
from ganzoo.registry import Part, Registry
from ganzoo.sample_spec import SampleSpec

Shape = tuple[int, ...]


@dataclass(frozen=True)
class DataReport:
    """What was found while reading.

    Attributes:
        files: how many files were to be read.
        broken: those that could not be used, and why.
        cached: whether the result is from the cache.
        notes: what was guessed about the data and which field changes it, one line each.
        passed_over: names of files that were never read, by the reason.
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
        class_names: one name a class, in label order; empty without labels.
        report: what was found while reading.
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
    """What a model card says of the data. Each is a sentence or two.

    Attributes:
        credits: whose work it is, and under which licence.
        limits: what the data cannot show, and how they are biased.
        hub_dataset: name of the same data on the Hugging Face Hub, ``user/name``; None if the Hub does not have them.
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
    """Whether ``--data PATH`` means something to this source; such a source has a field ``path``."""

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

    def mode_centers(self) -> ModeCenters | None:
        """The modes of the distribution, if it is a mixture of Gaussians. The metric ``modes`` counts them."""
        return None

    def notes(self) -> DataNotes:
        """What a model card says of the data; nothing by default."""
        return DataNotes()

    def of_older_run(self, written: Collection[str], *, with_labels: bool) -> Self:
        """The source with which an older run goes on: it reads the samples that the run began with.

        A field that came later may have a default that reads other samples. A source with such a field overrides this.

        Args:
            written: the fields in the run's config; the ones that are not in it are at their defaults here.
            with_labels: whether the run trains with labels.
        """
        return self

    def load(self, *, cache_dir: Path | None = None, quiet: bool = False) -> Dataset:
        """Read, decode and resize everything.

        Args:
            cache_dir: folder for prepared data; None means the user's cache folder.
            quiet: show no progress bar.

        Raises:
            DataError: if the data is missing, broken beyond the configured limit, or of the wrong form. The message
                says which file to put where.
        """
        raise NotImplementedError


class ImageSource(DataSource):
    """A source of images.

    Attributes:
        resolution: size in pixels that the networks see: one number for a square, or ``HEIGHTxWIDTH``, for example
            128x64 for images 128 px high and 64 px wide. ``[128, 64]`` in YAML means the same.
        channels: 1 (greyscale), 3 (RGB) or 4 (RGBA). With 4, transparency is kept: alpha is the fourth channel and
            colours are straight, not premultiplied (``ganzoo.data.reading.transparency`` has the reason). With 1 and 3,
            transparent pixels are laid on white.
        flip: mirror images left-right at random, half of the time, while training.
    """

    resolution: Resolution = 64
    channels: Literal[1, 3, 4] = 3
    flip: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels that the networks see."""
        return sides(self.resolution)

    @property
    def mirrored(self) -> bool:
        return self.flip

    def sample_shape(self) -> Shape:
        return (*self.size, self.channels)


data_sources: Registry[DataSource] = Registry(
    "data_sources", kind="data source", base=DataSource, package="ganzoo.data.sources", key="source"
)
