"""The latent space of a generator: walks through several seeds, and directions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ganzoo import latents
from ganzoo.errors import GanzooError
from ganzoo.inference.directions import Direction, Method, find_directions, named_directions
from ganzoo.inference.sampling import Sampler, Samples
from ganzoo.inference.sampling_options import Label


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
    ) -> Iterator[Samples]:
        """The samples of ``interpolate`` one by one: uint8 ``[h, w, c]``, or float32 ``[d]``. One batch is in memory.

        Raises:
            GanzooError: as ``interpolate``.
        """
        return self.iter_walk([a, b], frames, label=label, truncation=truncation, directions=directions)

    def iter_walk(
        self,
        seeds: Sequence[int],
        frames: int,
        *,
        label: Label | None = None,
        truncation: float | None = None,
        directions: Mapping[str, float] | None = None,
    ) -> Iterator[Samples]:
        """The samples of ``walk`` one by one: uint8 ``[h, w, c]``, or float32 ``[d]``. One batch is in memory.

        Raises:
            GanzooError: as ``walk``, before the first sample is made.
        """
        if len(seeds) < 2:
            raise GanzooError(f"A walk needs at least two seeds; received {len(seeds)}.")
        stops = self.latents(seeds, truncation=truncation)
        labels = self.label_indices(seeds[:1], label)
        distribution = self.config.latent.distribution
        parts = [
            latents.interpolate(start, stop, frames=frames, distribution=distribution)
            for start, stop in itertools.pairwise(stops)
        ]
        path = np.concatenate([*(part[:-1] for part in parts), stops[-1:]])
        return self._frames(path + self._offset(directions), labels)

    def _frames(self, path: NDArray[np.float32], labels: NDArray[np.int32] | None) -> Iterator[Samples]:
        for first in range(0, len(path), self.batch_size):
            z = path[first : first + self.batch_size]
            yield from self._finish(self._run(z, None if labels is None else np.repeat(labels, len(z))))

    def directions(self, count: int | None = None, *, method: Method | None = None) -> list[Direction]:
        """Directions of the latent space that change an image in one way, for the argument ``directions``.

        By default these are the named directions of the bundle, and if it has none, the first ``count`` directions of
        ``sefa``, with the names "1", "2", ...: the direction with the largest effect first.

        Args:
            count: number of directions that are computed, from 1 to 64; by default 10, or fewer for a short latent.
            method: ``"sefa"`` or ``"pca"``, to compute the directions; see ``ganzoo.inference.directions``.

        Raises:
            GanzooError: if ``count`` or ``method`` is out of range, or no layer reads the latent.
            BundleError: if the file with the names is damaged.
        """
        if method is None and self._directions_file.exists:
            return named_directions(self, self._directions_file.read())
        return find_directions(self, self._directions_file.graph(), count=count, method=method or "sefa")
