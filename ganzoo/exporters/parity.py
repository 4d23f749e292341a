"""Verifies that an exported file generates the same samples as Keras."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ganzoo import latents
from ganzoo.errors import ExportError
from ganzoo.latents import Distribution

if TYPE_CHECKING:
    import keras

    from ganzoo.config.experiment import Config

Runtime = Callable[[NDArray[np.float32], NDArray[np.int32] | None], NDArray[np.float32]]
"""Latents float32 ``[n, latent_dim]``, labels int32 ``[n]`` (or None) -> samples float32 ``[n, ...]``."""

Samples = tuple[NDArray[np.float32], NDArray[np.int32] | None]
"""Samples in [-1, 1], float32 ``[n, ...]``, and their classes."""

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


def check_graph(
    content: bytes, inputs: Mapping[str, NDArray[Any]], expected: NDArray[np.float32], *, tolerance: float, name: str
) -> float:
    """The largest difference between ONNX Runtime and ``expected``, in batches of the sizes ``BATCHES``.

    Args:
        content: a graph with one output.
        inputs: name -> array with ``sum(BATCHES)`` rows.
        expected: what Keras computes from each row alone: float32 ``[n, d]``.
        tolerance: largest allowed difference, as ``relative_difference`` defines it.
        name: of the network, for the error.

    Raises:
        ExportError: if the difference is above ``tolerance``, or a value is not finite.
    """
    from ganzoo.inference.onnx_session import OnnxSession

    session = OnnxSession(content, name=f"the exported {name}", device="cpu")
    worst, start = 0.0, 0
    for size in BATCHES:
        rows = slice(start, start + size)
        start += size
        found = session.run(None, {key: values[rows] for key, values in inputs.items()})[0]
        error = relative_difference(found, expected[rows])
        if not error <= tolerance:
            raise ExportError(f"The {name}'s export differs from Keras by {error:.2g}; allowed: {tolerance:.2g}.")
        worst = max(worst, error)
    return worst


def one_by_one(network: keras.Model, inputs: list[NDArray[Any]]) -> NDArray[np.float32]:
    """What a Keras network computes from each row of ``inputs`` alone, in inference mode: float32 ``[n, ...]``."""
    rows = [[values[row : row + 1] for values in inputs] for row in range(len(inputs[0]))]
    return np.concatenate([np.asarray(network(row, training=False), np.float32) for row in rows])


def generated_samples(config: Config, generator: keras.Model, seeds: range) -> Samples:
    """Samples of the Keras generator, and their classes if it is conditional."""
    z = latents.latents(seeds, dim=config.generator.latent_dim, distribution=config.generator.latent)
    labels = latents.labels(seeds, num_classes=config.num_classes) if config.num_classes else None
    return keras_samples(generator, z, labels), labels


def keras_samples(
    generator: keras.Model, z: NDArray[np.float32], labels: NDArray[np.int32] | None
) -> NDArray[np.float32]:
    """The samples of the Keras generator in inference mode: float32 ``[n, ...]``."""
    inputs = [z] if labels is None else [z, labels]
    return np.asarray(generator(inputs, training=False), np.float32)
