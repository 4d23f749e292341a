"""Stacked MNIST: three digits in the three channels of one image, which gives 1000 modes to count."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Final, Literal

import numpy as np
from pydantic import Field

from ganzoo.data.base import DataNotes, Dataset, ImageSource, data_sources
from ganzoo.data.reading.prepared_cache import Chunk, Recipe, prepared
from ganzoo.data.reading.resize import Filter
from ganzoo.data.resolution import Resolution
from ganzoo.data.sources.mnist import Mnist, Split

_DIGITS: Final = 3
_CHUNK = 2048
_PLACES = np.array([100, 10, 1], np.int32)


@data_sources.register("stacked_mnist")
class StackedMnist(ImageSource):
    """Stacked MNIST: three random digits in the red, green and blue channels. The class is the three-digit number.

    This is the benchmark with 1000 modes of Unrolled GAN (Metz et al. 2017, arXiv:1611.02163) and PacGAN (Lin et al.
    2018, arXiv:1712.04086, section 4.2), after the compositional MNIST of Che et al. 2017 (arXiv:1612.02136). The
    digits are from the same files as the source ``mnist``.

    Attributes:
        path: the folder of MNIST's files, or a .npz, as for ``mnist``.
        resolution: 28 is the original size; 32 adds two black pixels on each side. Other sizes are resized and, if not
            square, center-cropped.
        split: the digits to use: ``train`` (60,000), ``test`` (10,000) or ``all``.
        resize: filter for sizes other than 28 and 32.
        count: number of images. Each takes ``3 * height * width`` bytes of the cache: 235 MB in total by default.
        seed: seed of the choice of digits. Image ``i`` depends only on the seed, ``i`` and the number of digits.
    """

    accepts_path: ClassVar[bool] = True

    path: Path | None = None
    resolution: Resolution = 28
    channels: Literal[3] = 3
    split: Split = "train"
    resize: Filter = "lanczos"
    count: int = Field(100_000, ge=1, le=1_000_000)
    seed: int = Field(0, ge=0, lt=2**32)

    def class_count(self) -> int:
        return len(Mnist.classes) ** _DIGITS

    def notes(self) -> DataNotes:
        digits = self._digits().notes()
        stacked = "Each image combines three unrelated digits, one per color channel."
        return replace(digits, limits=(*digits.limits, stacked))

    def listed_classes(self) -> tuple[str, ...]:
        self._digits().listed_classes()
        return tuple(f"{number:0{_DIGITS}d}" for number in range(self.class_count()))

    def load(self, *, cache_dir: Path | None = None, quiet: bool = False) -> Dataset:
        digits = self._digits().load(cache_dir=cache_dir, quiet=quiet)
        recipe = Recipe(
            source=self.registered_name,
            content=_digest(digits),
            config=self.model_dump(mode="json", exclude={"path", "flip"}),
            shape=self.sample_shape(),
            count=self.count,
            class_names=self.listed_classes(),
        )
        return prepared(recipe, lambda broken: self._chunks(digits), cache_dir=cache_dir)

    def _chunks(self, digits: Dataset) -> Iterator[Chunk]:
        # RandomState fills row by row, so a larger count does not change the first images.
        triples = np.random.RandomState(self.seed).randint(len(digits), size=(self.count, _DIGITS))
        single, labels = np.asarray(digits.samples)[..., 0], np.asarray(digits.labels)
        for start in range(0, self.count, _CHUNK):
            rows = triples[start : start + _CHUNK]
            yield Chunk(np.moveaxis(single[rows], 1, 3), labels[rows] @ _PLACES)

    def _digits(self) -> Mnist:
        return Mnist(path=self.path, resolution=self.resolution, split=self.split, resize=self.resize)


def _digest(digits: Dataset) -> str:
    """SHA-256 of all digits and their labels."""
    digest = hashlib.sha256(np.ascontiguousarray(digits.samples).data)
    digest.update(np.ascontiguousarray(digits.labels).data)
    return digest.hexdigest()
