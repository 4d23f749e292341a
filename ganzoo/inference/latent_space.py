"""The latent space of a generator: walks through several seeds, directions, and projections of images."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from ganzoo import images, latents
from ganzoo.arguments import whole_number
from ganzoo.errors import GanzooError
from ganzoo.inference.codes import WalkCodes, walk_code_values, with_walked_codes
from ganzoo.inference.directions import Direction, Method
from ganzoo.inference.pictures import all_levels, levels_of, vectors_of
from ganzoo.inference.projection import Projection, project
from ganzoo.inference.sampling import Sampler, Samples
from ganzoo.inference.sampling_options import Label

if TYPE_CHECKING:
    from ganzoo.inference.pictures import Picture

MAX_FRAMES = 1_000_000


class LatentSpace(Sampler):
    """The part of ``Generator`` that explores the latent space."""

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
