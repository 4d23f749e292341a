"""Draws a batch of samples as one picture: images in a grid, vectors as a scatter plot. Defines the preview seeds."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganzoo import images, latents
from ganzoo.latents import Distribution
from ganzoo.sample_spec import SampleSpec

_CLASS_SEEDS = range(6)


def preview_seeds(spec: SampleSpec) -> range:
    """The seeds of every preview: sample grids during training, samples.png of a bundle, commands on a model card.

    64 images, or 2500 vectors: a scatter plot of fewer points does not show a distribution.
    """
    return range(64 if spec.is_image else 2500)


def preview_options(spec: SampleSpec) -> str:
    """The options of ``ganzoo generate`` that write the samples of the preview seeds."""
    output = "--grid -o samples.png" if spec.is_image else "-o samples.npy"
    return f"--seeds 0-{preview_seeds(spec)[-1]} {output}"


def preview_latents(
    spec: SampleSpec, *, latent_dim: int, distribution: Distribution, num_classes: int
) -> tuple[NDArray[np.float32], NDArray[np.int32] | None]:
    """The latents ``[n, latent_dim]`` of the preview seeds, and labels ``[n]`` that cycle through the classes.

    Labels are None if ``num_classes`` is 0.
    """
    seeds = preview_seeds(spec)
    z = latents.latents(seeds, dim=latent_dim, distribution=distribution)
    return z, np.arange(len(seeds), dtype=np.int32) % num_classes if num_classes else None


def classes_shown(num_classes: int) -> range:
    """The classes in the columns of ``class_latents``: all, or the first 16."""
    return range(min(num_classes, 16))


def class_latents(
    *, latent_dim: int, distribution: Distribution, num_classes: int
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Latents and labels of a sheet with one seed in each row, 0 to 5, and one class in each column."""
    columns = classes_shown(num_classes)
    z = latents.latents(_CLASS_SEEDS, dim=latent_dim, distribution=distribution)
    return np.repeat(z, len(columns), axis=0), np.tile(np.array(columns, np.int32), len(z))


def random_samples(samples: NDArray[Any], *, count: int | None = None, seed: int = 0) -> NDArray[Any]:
    """Up to ``count`` samples of a dataset, drawn at random, in their original order.

    Every n-th sample would not be representative: in some datasets the labels alternate, and classes could be missed.

    Args:
        samples: images ``[n, h, w, c]`` or vectors ``[n, d]``.
        count: number of samples. Default, and for vectors always: the number of preview seeds.
        seed: seed of the draw.
    """
    spec = SampleSpec.of(samples)
    wanted = count if count is not None and spec.is_image else len(preview_seeds(spec))
    return np.array(samples[sorted(random.Random(seed).sample(range(len(samples)), min(len(samples), wanted)))])


def draw_samples(samples: NDArray[Any]) -> NDArray[np.uint8]:
    """Draw samples as one picture, uint8 ``[h, w, c]``: images in a grid, vectors as points of their first two values.

    Args:
        samples: images ``[n, h, w, c]``, uint8 or float32 in [-1, 1], or vectors ``[n, d]``.
    """
    if not SampleSpec.of(samples).is_image:
        return scatter_plot(samples[:, :2])
    return images.grid(samples if samples.dtype == np.uint8 else images.to_uint8(samples), separator=1)


def scatter_plot(points: NDArray[np.floating], *, size: int = 384) -> NDArray[np.uint8]:
    """Plot points ``[n, 2]`` in a square around the origin that contains 99% of them. Darker means more points."""
    points = np.nan_to_num(points[:, :2] if points.shape[1] > 1 else np.repeat(points, 2, axis=1))
    reach = max(1e-6, 1.2 * float(np.quantile(np.abs(points), 0.99)))
    counts, _, _ = np.histogram2d(-points[:, 1], points[:, 0], bins=size, range=[[-reach, reach]] * 2)
    shade = 255 * (1 - np.minimum(1, counts / 2))
    return np.repeat(shade.astype(np.uint8)[..., None], 3, axis=2)
