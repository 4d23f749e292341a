"""The latent space of a generator: walks through several seeds, directions, and projections of images."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from ganzoo import images, latents
from ganzoo.errors import GanzooError
from ganzoo.inference.arguments import whole_number
from ganzoo.inference.codes import WalkCodes, walk_code_values, with_walked_codes
from ganzoo.inference.directions import Direction, Method
from ganzoo.inference.image_list import ImageList
from ganzoo.inference.pictures import all_levels, levels_of, vectors_of
from ganzoo.inference.projection import Projection, project
from ganzoo.inference.sampling import Sampler, Samples
from ganzoo.inference.sampling_options import Label

if TYPE_CHECKING:
    from ganzoo.inference.pictures import Picture

MAX_FRAMES = 1_000_000


class LatentSpace(Sampler):
    """The part of ``Generator`` that explores the latent space."""

    def iter_frames(
        self,
        a: int,
        b: int,
        frames: int,
        *,
        label: Label | None = None,
        truncation: float | None = None,
        directions: Mapping[str, float] | None = None,
        codes: WalkCodes | None = None,
    ) -> Iterator[Samples]:
        """The samples of ``interpolate`` one by one: uint8 ``[h, w, c]``, or float32 ``[d]``. One batch is in memory.

        Raises:
            GanzooError: as ``interpolate``.
        """
        return self.iter_walk([a, b], frames, label=label, truncation=truncation, directions=directions, codes=codes)

    def iter_walk(
        self,
        seeds: Sequence[int],
        frames: int,
        *,
        label: Label | None = None,
        truncation: float | None = None,
        directions: Mapping[str, float] | None = None,
        codes: WalkCodes | None = None,
    ) -> Iterator[Samples]:
        """The samples of ``walk`` one by one: uint8 ``[h, w, c]``, or float32 ``[d]``. One batch is in memory.

        Raises:
            GanzooError: as ``walk``, before the first sample is made.
        """
        seeds = latents.check_seeds(seeds)
        if len(seeds) < 2:
            raise GanzooError(f"A walk needs at least two seeds; received {len(seeds)}.")
        whole_number(frames, low=2, high=MAX_FRAMES, what=f"A walk has 2 frames to {MAX_FRAMES} from seed to seed")
        latents.truncate(np.zeros(0, np.float32), truncation)  # checks the truncation
        of_style, of_latent = (truncation, None) if self.truncates_style else (None, truncation)
        stops = self.latents(seeds, truncation=of_latent)
        labels = self.label_indices(seeds[:1], label)
        values = walk_code_values(codes, stops=len(seeds), count=self.config.codes, model=self.name)
        distribution, shift = self.config.latent.distribution, self._offset(directions)
        parts = []
        for (start, first), (stop, last) in itertools.pairwise(zip(stops, values, strict=True)):
            part = latents.interpolate(start, stop, frames=frames, distribution=distribution)
            parts.append(with_walked_codes(part + shift, first, last))
        path = np.concatenate([*(part[:-1] for part in parts), parts[-1][-1:]])
        return self._frames(path, labels, of_style)

    def _frames(
        self, path: NDArray[np.float32], labels: NDArray[np.int32] | None, truncation: float | None
    ) -> Iterator[Samples]:
        for first in range(0, len(path), self.batch_size):
            z = path[first : first + self.batch_size]
            own = None if labels is None else np.repeat(labels, len(z))
            yield from self._finish(self._run(z, own, truncation))

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
            label: class of both styles; by default the seed of each style chooses it.
            truncation: as in ``generate``.

        Raises:
            GanzooError: if the model has no mapping network or does not generate images, an argument is out of range,
                or the numbers of seeds differ.
        """
        several = latents.are_several(coarse) or latents.are_several(fine)
        first, second = _seed_pairs(coarse, fine)
        batches = self.iter_mixed(first, second, crossover=crossover, label=label, truncation=truncation)
        pictures = ImageList(images.to_pil(image) for batch in batches for image in batch)
        return pictures if several else pictures[0]

    def iter_mixed(
        self,
        coarse: Sequence[int],
        fine: Sequence[int],
        *,
        crossover: int | None = None,
        label: Label | None = None,
        truncation: float | None = None,
    ) -> Iterator[NDArray[np.uint8]]:
        """The images of ``mix`` for two lists of seeds, in batches: uint8 ``[k, h, w, c]``.

        Raises:
            GanzooError: as ``mix``, before the first image is made.
        """
        height = self._styles.crossover(crossover)
        if not self.sample_spec.is_image:
            raise GanzooError(f"'{self.name}' generates vectors, and only images have coarse and fine styles.")
        latents.truncate(np.zeros(0, np.float32), truncation)  # checks the truncation
        inputs = [self._style_inputs(seeds, label, truncation) for seeds in (coarse, fine)]
        return self._mixed(inputs[0], inputs[1], height, len(coarse))

    def _mixed(
        self, coarse: dict[str, NDArray[Any]], fine: dict[str, NDArray[Any]], height: int, count: int
    ) -> Iterator[NDArray[np.uint8]]:
        for start in range(0, count, self.batch_size):
            part = slice(start, start + self.batch_size)
            one, two = ({name: array[part] if array.ndim else array for name, array in own.items()} for own in (coarse, fine))
            yield images.to_uint8(self._styles.mixed(one, two, crossover=height))

    def _style_inputs(self, seeds: Sequence[int], label: Label | None, truncation: float | None) -> dict[str, NDArray[Any]]:
        """The inputs of the generator's graph for seeds."""
        labels = self.label_indices(latents.check_seeds(seeds), label)
        inputs: dict[str, NDArray[Any]] = {
            "latent": self.latents(seeds),
            "truncation": np.array(1.0 if truncation is None else truncation, np.float32),
        }
        return inputs if labels is None else {**inputs, "label": labels}

    @property
    def style_heights(self) -> tuple[int, ...]:
        """Heights in pixels of the layers that read a style, for ``mix``; empty for models without a mapping network."""
        return self._styles.heights

    def directions(self, count: int | None = None, *, method: Method | None = None) -> list[Direction]:
        """Directions of the latent space that change an image in one way, for the argument ``directions``.

        By default these are the named directions of the bundle, and if it has none, the directions of ``sefa``, with
        the names "1", "2", ...: the direction with the largest effect first. Those of ``pca`` are "pca:1", "pca:2", ...

        Args:
            count: largest number of directions, from 1 to 64; by default all with names, or the first 10.
            method: ``"sefa"`` or ``"pca"``, to compute the directions; see ``ganzoo.inference.directions``.

        Raises:
            GanzooError: if ``count`` or ``method`` is out of range, or no layer reads the latent.
            BundleError: if the file with the names is damaged.
        """
        return self._bundle_directions.listed(self, count=count, method=method)

    def encode(self, samples: Picture | Iterable[Picture] | NDArray[np.floating]) -> NDArray[np.float32]:
        """The latents of images by the bundle's encoder: float32 ``[n, latent_dim]``, for ``decode``.

        Only bundles of models that are trained with an encoder have one; ``project`` works for every image model.

        Args:
            samples: one image or several: paths, PIL images, uint8 arrays ``[h, w, c]`` of any size, or an array
                ``[n, h, w, c]``. They are cropped in the middle and resized. For a vector model, vectors ``[n, d]``.

        Raises:
            GanzooError: if there is no image, or one of them cannot be used.
            BundleError: if the bundle has no encoder, or its encoder is damaged or unsafe.
        """
        self.load_encoder()
        if not self.sample_spec.is_image:
            return self._encoder.latents(vectors_of(samples, dim=self.shape[0]))
        levels = all_levels(cast("Picture", samples), self.sample_spec)
        return self._encoder.latents(images.from_uint8(image) for image in levels)

    def project(
        self,
        image: Picture,
        *,
        label: Label | None = None,
        steps: int = 30,
        on_step: Callable[[int], None] = lambda step: None,
    ) -> Projection:
        """The latent whose image is most like ``image``, for ``decode``.

        The search starts from the most similar of 512 seeds, and from the latent of the encoder if the bundle has one.

        Args:
            image: a path or a PIL image, which is cropped in the middle and resized, or uint8 ``[h, w, c]`` in the
                model's shape.
            label: the class; by default the class that fits best.
            steps: number of steps of the search, from 0 to 1000. A step needs about ``latent_dim`` images.
            on_step: called after each step with its number.

        Raises:
            GanzooError: if the model generates vectors, the image or ``steps`` does not fit, or there is no such class.
        """
        known = self.label_indices([0], label) if label is not None else None
        return project(
            self,
            self._pixels(image),
            label=None if known is None else int(known[0]),
            steps=steps,
            encode=self.encode if self.has_encoder else None,
            on_step=on_step,
        )

    def _pixels(self, image: Picture) -> NDArray[np.uint8]:
        if isinstance(image, np.ndarray) or not self.sample_spec.is_image:
            return np.asarray(image)
        return levels_of(image, self.sample_spec)


def _seed_pairs(coarse: int | Iterable[int], fine: int | Iterable[int]) -> tuple[list[int], list[int]]:
    """The seeds of ``mix`` as two lists of one length.

    Raises:
        GanzooError: if the lengths differ, or a seed is out of range.
    """
    first, second = (
        latents.check_seeds(cast("Iterable[int]", seeds) if latents.are_several(seeds) else [cast("int", seeds)])
        for seeds in (coarse, fine)
    )
    count = max(len(first), len(second))
    first, second = ([*seeds] * count if len(seeds) == 1 else [*seeds] for seeds in (first, second))
    if len(first) != len(second):
        raise GanzooError(f"mix needs as many coarse seeds as fine ones; received {len(first)} and {len(second)}.")
    return first, second
