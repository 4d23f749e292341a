"""Two-dimensional mixtures of Gaussians: small datasets with a known number of modes.

The setup of PacGAN (Lin et al. 2018, arXiv:1712.04086, section 4.1; the data of VEEGAN, Srivastava et al. 2017).
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ganzoo.data.base import Dataset, DataSource, ModeCenters, Shape, data_sources


class GaussianMixture(DataSource):
    """Points around fixed modes, the same number per mode. The class of a point is its mode.

    Attributes:
        count: number of points.
        seed: seed of the random points.
    """

    sigma: ClassVar[float]
    """Standard deviation of a mode along each axis."""

    count: int = Field(100_000, ge=1, le=100_000_000)
    seed: int = Field(0, ge=0, lt=2**32)

    @classmethod
    def centers(cls) -> NDArray[np.float32]:
        """Centers of the modes: float32 ``[k, 2]``, in label order."""
        raise NotImplementedError

    def sample_shape(self) -> Shape:
        return (2,)

    def class_count(self) -> int:
        return len(self.centers())

    def mode_centers(self) -> ModeCenters:
        return ModeCenters(self.centers(), self.sigma)

    def load(self, *, cache_dir: Path | None = None, quiet: bool = False) -> Dataset:
        """Generate the points: float32 ``[count, 2]``; point ``i`` belongs to mode ``i % k``. Nothing is cached."""
        centers = self.centers()
        labels = np.arange(self.count, dtype=np.int32) % np.int32(len(centers))
        noise = np.random.RandomState(self.seed).standard_normal((self.count, 2))
        samples = centers[labels] + np.float32(self.sigma) * noise.astype(np.float32)
        return Dataset(samples, labels, tuple(f"({x:g}, {y:g})" for x, y in centers.round(3)))


@data_sources.register("ring8")
class Ring8(GaussianMixture):
    """Eight Gaussians evenly spaced on a circle of radius 1, with standard deviation 0.01."""

    sigma: ClassVar[float] = 0.01

    @classmethod
    def centers(cls) -> NDArray[np.float32]:
        angles = 2 * np.pi * np.arange(8) / 8
        # Adding zero converts -0.0 from rounding to 0.0.
        return (np.stack([np.cos(angles), np.sin(angles)], axis=1).round(7) + 0.0).astype(np.float32)


@data_sources.register("grid25")
class Grid25(GaussianMixture):
    """Twenty-five Gaussians on a 5 x 5 grid from -4 to 4, with standard deviation 0.05."""

    sigma: ClassVar[float] = 0.05

    @classmethod
    def centers(cls) -> NDArray[np.float32]:
        axis = np.arange(-4, 5, 2)
        return np.array([(x, y) for x in axis for y in axis], np.float32)
