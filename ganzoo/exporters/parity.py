"""Verifies that an exported file generates the same samples as Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ganzoo import latents
from ganzoo.errors import ExportError
from ganzoo.latents import Distribution

if TYPE_CHECKING:
    import keras

Runtime = Callable[[NDArray[np.float32], NDArray[np.int32] | None], NDArray[np.float32]]
"""Latents float32 ``[n, latent_dim]``, labels int32 ``[n]`` (or None) -> samples float32 ``[n, ...]``."""

TOLERANCE = 1e-4
"""Largest allowed difference between an exported file and Keras, for samples in [-1, 1]."""

FLOAT16_TOLERANCE = 0.02
"""Largest allowed difference between a float16 graph and Keras in float32, for samples in [-1, 1]: 2.5 of 255 levels. A
float16 has 11 significant bits, so every layer rounds activations by a relative error of up to 5e-4."""

BATCHES = (1, 7)
"""A single sample, and a batch of another size, to detect a batch size that is fixed in the file."""


def measure(generator: keras.Model, runtime: Runtime, *, distribution: Distribution, num_classes: int = 0) -> float:
    """Largest absolute difference between Keras and ``runtime`` over seeds in batches of 1 and 7.

    Args:
        generator: a model with the inputs [latent] or [latent, label].
        runtime: runs the exported file.
        distribution: latent distribution of the generator. Latents of another distribution do not test the file: with
            uniform latents, a value of 3.5, which may overflow in float16, never occurs.
        num_classes: number of classes of a conditional generator.

    Returns:
        The absolute difference, divided by the largest absolute value of the samples if that is above 1 (only in
        vectors). NaN if a value is not finite.

    Raises:
        ExportError: if the runtime returns samples of another shape.
    """
    worst, first = 0.0, 0
    for size in BATCHES:
        seeds = range(first, first + size)
        first += size
        z = latents.latents(seeds, dim=generator.inputs[0].shape[-1], distribution=distribution)
        labels = latents.labels(seeds, num_classes=num_classes) if num_classes else None
        expected = keras_samples(generator, z, labels)
        difference = relative_difference(np.asarray(runtime(z, labels)), expected)
        if np.isnan(difference):
            return difference
        worst = max(worst, difference)
    return worst


def relative_difference(actual: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Largest absolute difference, divided by the largest absolute value of ``expected`` if that is above 1.

    Returns:
        The difference; NaN if a value is not finite.

    Raises:
        ExportError: if the shapes differ.
    """
    if actual.shape != expected.shape:
        raise ExportError(f"The exported file generates {list(actual.shape)}; Keras generates {list(expected.shape)}.")
    scale = max(1.0, float(np.abs(expected).max()))
    difference = float(np.abs(actual.astype(np.float64) - expected).max()) / scale
    return difference if np.isfinite(difference) else float("nan")


def check_parity(
    generator: keras.Model,
    runtime: Runtime,
    *,
    distribution: Distribution,
    tolerance: float,
    name: str,
    num_classes: int = 0,
) -> float:
    """Return the difference of ``measure``, if it is not above ``tolerance``.

    Raises:
        ExportError: if the difference is above ``tolerance``, or a value is not finite.
    """
    error = measure(generator, runtime, distribution=distribution, num_classes=num_classes)
    if np.isnan(error):
        raise ExportError(f"The {name} export, or the generator itself, generates values that are not finite.")
    if error > tolerance:
        raise ExportError(f"The {name} export differs from Keras by {error:.2g}; allowed: {tolerance:.2g}.")
    return error


def keras_samples(
    generator: keras.Model, z: NDArray[np.float32], labels: NDArray[np.int32] | None
) -> NDArray[np.float32]:
    """The samples of the Keras generator in inference mode: float32 ``[n, ...]``."""
    inputs = [z] if labels is None else [z, labels]
    return np.asarray(generator(inputs, training=False), np.float32)
