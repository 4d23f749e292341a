"""Does an exported file make the same samples as Keras? Measured on the same latents, and refused where it does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ganzoo import latents
from ganzoo.errors import ExportError

if TYPE_CHECKING:
    import keras

Runtime = Callable[[NDArray[np.float32], NDArray[np.int32] | None], NDArray[np.float32]]
"""Latents float32 ``[n, latent_dim]``, labels int32 ``[n]`` (or None) -> samples float32 ``[n, ...]``."""

BATCHES = (1, 7)
"""One alone, and a batch whose size is no multiple of anything, so that a batch baked into the file is found."""


def measure(generator: keras.Model, runtime: Runtime, *, num_classes: int = 0) -> float:
    """Largest absolute difference between Keras and ``runtime`` over seeds in batches of 1 and 7.

    A sample's values count as they are up to 1 and relative to the largest above, which only vectors reach.
    NaN where one of the two makes values that are not finite.

    Raises:
        ExportError: if the runtime makes samples of another shape.
    """
    worst, first = 0.0, 0
    for size in BATCHES:
        seeds = range(first, first + size)
        first += size
        z = latents.latents(seeds, dim=generator.inputs[0].shape[-1])
        labels = latents.labels(seeds, num_classes=num_classes) if num_classes else None
        expected = keras_samples(generator, z, labels)
        made = np.asarray(runtime(z, labels))
        if made.shape != expected.shape:
            raise ExportError(f"The exported file makes {list(made.shape)} where Keras makes {list(expected.shape)}.")
        scale = max(1.0, float(np.abs(expected).max()))
        difference = float(np.abs(made.astype(np.float64) - expected).max()) / scale
        if not np.isfinite(difference):
            return float("nan")
        worst = max(worst, difference)
    return worst


def check_parity(
    generator: keras.Model, runtime: Runtime, *, tolerance: float, name: str, num_classes: int = 0
) -> float:
    """Measure, and refuse what is above ``tolerance``. Returns the difference.

    Raises:
        ExportError: saying what was measured and what is allowed.
    """
    error = measure(generator, runtime, num_classes=num_classes)
    if np.isnan(error):
        raise ExportError(f"The {name} export, or the generator itself, makes values that are not finite.")
    if error > tolerance:
        raise ExportError(f"The {name} export differs from Keras by {error:.2g}; allowed: {tolerance:.2g}.")
    return error


def keras_samples(
    generator: keras.Model, z: NDArray[np.float32], labels: NDArray[np.int32] | None
) -> NDArray[np.float32]:
    """What Keras makes of latents: float32 ``[n, ...]``, in inference mode."""
    inputs = [z] if labels is None else [z, labels]
    return np.asarray(generator(inputs, training=False), np.float32)
