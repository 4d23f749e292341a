"""The protocol that directions and projections need of a generator."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ganzoo.bundle.schema import BundleConfig


class Decoder(Protocol):
    """From latents to samples. ``ganzoo.inference.sampling.Sampler`` is one."""

    @property
    def name(self) -> str:
        """The name that messages use."""

    @property
    def config(self) -> BundleConfig:
        """The inputs and outputs."""

    @property
    def batch_size(self) -> int:
        """The number of samples in one run, limited by memory."""

    def latents(self, seeds: Iterable[int], /) -> NDArray[np.float32]:
        """The latents of seeds: float32 ``[n, latent_dim]``."""

    def labels(self, seeds: Iterable[int], /) -> NDArray[np.int32]:
        """The classes of seeds: int32 ``[n]``."""

    def decode(self, z: NDArray[np.floating], labels: NDArray[np.int32] | None, /) -> NDArray[np.float32]:
        """Latents and classes to samples: float32 ``[n, ...]``."""
