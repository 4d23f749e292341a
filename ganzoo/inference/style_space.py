"""The style space of a generator with a mapping network: images of two styles."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from ganzoo import images, latents
from ganzoo.captioned_grid import CaptionedGrid
from ganzoo.errors import GanzooError
from ganzoo.inference.image_list import ImageList
from ganzoo.inference.latent_space import LatentSpace
from ganzoo.inference.sampling_options import Label
from ganzoo.inference.style_mixing import Inputs, StyleMixer

if TYPE_CHECKING:
    from PIL.Image import Image


class StyleSpace(LatentSpace):
    """The part of ``Generator`` that mixes styles. Arguments as in ``Sampler``.

    Args:
        styles: the parts of the generator; by default they are opened when they are needed.
    """

    def __init__(self, *args: Any, styles: StyleMixer | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self._styles = styles or StyleMixer(self.bundle)

    @property
    def style_heights(self) -> tuple[int, ...]:
        """Heights in pixels of the layers that read a style, the smallest first; empty without a mapping network."""
        return self._styles.heights

    def mix(
        self,
        coarse: int | Iterable[int],
        fine: int | Iterable[int],
        *,
        crossover: int | None = None,
        label: Label | None = None,
        truncation: float | None = None,
    ) -> Any:
        """Style mixing: images with the coarse features of one seed and the fine features of another.

        The layers of small images, up to ``crossover``, have the style of the seeds ``coarse``, and those of larger
        images the style of ``fine`` (Karras et al. 2019, arXiv:1812.04948, section 3.1). Only models with a mapping
        network have styles.

        Args:
            coarse, fine: one seed each gives one PIL image, and two lists of one length a list. One seed is used with
                each seed of a list.
            crossover: one of ``style_heights``, except the last; by default the one in the middle.
            label: class of both styles; by default each seed chooses the class of its style.
            truncation: as in ``generate``.

        Raises:
            GanzooError: if the model has no mapping network, an argument is out of range, or the numbers of seeds
                differ.
        """
        several = latents.are_several(coarse) or latents.are_several(fine)
        first, second = _pairs(_seeds(coarse), _seeds(fine))
        self.check_result(first, bytes_each=math.prod(self.shape))
        batches = self._mixed(first, second, self._styles.crossover(crossover), label, truncation)
        pictures = ImageList(images.to_pil(image) for batch in batches for image in batch)
        return pictures if several else pictures[0]

    def mix_grid(
        self,
        coarse: Iterable[int],
        fine: Iterable[int],
        *,
        crossover: int | None = None,
        separator: int = 0,
        scale: int = 1,
        label: Label | None = None,
        truncation: float | None = None,
    ) -> Image:
        """One image of ``mix`` with captions: a seed of ``coarse`` in each row, a seed of ``fine`` in each column.

        The first row and the first column are the images of the seeds themselves.

        Args:
            coarse, fine: one seed or more.
            crossover, label, truncation: as in ``mix``.
            separator, scale: as in ``grid``.

        Raises:
            GanzooError: as ``mix``, and for no seeds.
        """
        rows, columns = _seeds(coarse), _seeds(fine)
        height = self._styles.crossover(crossover)
        cells = range((len(rows) + 1) * (len(columns) + 1))
        self.check_result(cells, bytes_each=math.prod(self.shape) * images.check_scale(scale) ** 2)
        layout = CaptionedGrid(
            self.shape,
            rows=["", *(f"seed {seed}" for seed in rows)],
            columns=["", *map(str, columns)],
            groups=[f"fine style of the seed, above {height} px"],
            separator=separator,
            scale=scale,
        )
        mixed = functools.partial(self._mixed, height=height, label=label, truncation=truncation)

        def batches() -> Iterator[NDArray[np.uint8]]:
            yield np.full((1, *self.shape), 255, np.uint8)
            yield from mixed(columns, columns)
            for seed in rows:
                yield from mixed([seed], [seed])
                yield from mixed([seed] * len(columns), columns)

        return images.to_pil(layout.filled(batches()))

    def _mixed(
        self,
        coarse: Sequence[int],
        fine: Sequence[int],
        height: int,
        label: Label | None,
        truncation: float | None,
    ) -> Iterator[NDArray[np.uint8]]:
        """Images of pairs of seeds in batches: uint8 ``[k, h, w, c]``."""
        latents.truncate(np.zeros(0, np.float32), truncation)  # checks the truncation
        for start in range(0, len(coarse), self.batch_size):
            part = slice(start, start + self.batch_size)
            one, two = (self._inputs(seeds[part], label, truncation) for seeds in (coarse, fine))
            yield images.to_uint8(self._styles.mixed(one, two, crossover=height))

    def _inputs(self, seeds: Sequence[int], label: Label | None, truncation: float | None) -> Inputs:
        """The inputs of the generator's graph."""
        psi = np.array(1.0 if truncation is None else truncation, np.float32)
        inputs: Inputs = {"latent": self.latents(seeds), "truncation": psi}
        labels = self.label_indices(seeds, label)
        return inputs if labels is None else {**inputs, "label": labels}


def _seeds(seeds: int | Iterable[int]) -> list[int]:
    several = latents.are_several(seeds)
    return latents.check_seeds(cast("Iterable[int]", seeds) if several else [cast("int", seeds)])


def _pairs(coarse: list[int], fine: list[int]) -> tuple[list[int], list[int]]:
    """Two lists of one length: one seed is repeated.

    Raises:
        GanzooError: if the lengths differ.
    """
    count = max(len(coarse), len(fine))
    first, second = (seeds * count if len(seeds) == 1 else seeds for seeds in (coarse, fine))
    if len(first) != len(second):
        raise GanzooError(
            f"mix needs as many coarse seeds as fine ones, or one; received {len(coarse)} and {len(fine)}."
        )
    return first, second
