"""Finds the latent whose image is most like a given image.

The search needs only the ONNX graph. It starts from the seeds with the most similar images, and from the latent that an
encoder computes, if the bundle has one (Zhu et al. 2016, arXiv:1609.03552). It minimizes the squared
error by the Levenberg-Marquardt method (Marquardt 1963). The Jacobian is computed by finite differences, which is one
batch of ``latent_dim`` images. A small penalty on the length keeps the latent where the generator was trained.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganzoo import images
from ganzoo.arguments import whole_number
from ganzoo.errors import GanzooError
from ganzoo.inference.decoder import Decoder

MAX_STEPS = 1000
_CANDIDATES = range(512)
_STARTS = 4
_STEP = 0.02
"""Step of the finite differences, in the unit of the latent. Below it, rounding of float32 is visible."""
_FIRST_STEPS = 4
"""Steps from each start. The best start then gets the rest."""
_PRIOR = 1e-4
"""Weight of the squared length of the latent, per value, next to the mean squared error of the pixels."""


class Projection(NamedTuple):
    """The result of a search.

    Attributes:
        latent: float32 ``[latent_dim]``, for ``Generator.decode``.
        label: index of the class, None for a model without classes.
        image: the image of the latent: uint8 ``[h, w, c]``.
        error: mean absolute difference from the given image, in levels from 0 to 255.
        start_error: the same for the most similar of 512 seeds.
        encoder_error: the same for the latent of the encoder; None without one.
    """

    latent: NDArray[np.float32]
    label: int | None
    image: NDArray[np.uint8]
    error: float
    start_error: float
    encoder_error: float | None = None


class _Point(NamedTuple):
    """A latent, its class, its residuals ``[pixels]``, and its loss."""

    z: NDArray[np.float64]
    label: int | None
    residuals: NDArray[np.float64]
    loss: float


def project(
    generator: Decoder,
    target: NDArray[np.uint8],
    *,
    label: int | None,
    steps: int,
    encode: Callable[[NDArray[np.uint8]], NDArray[np.float32]] | None = None,
    on_step: Callable[[int], None] = lambda step: None,
) -> Projection:
    """Search for the latent of an image.

    Args:
        generator: a generator of images.
        target: uint8 ``[h, w, c]`` in the shape of its images.
        label: the class; by default the class of the start with the smallest loss.
        steps: number of steps, from 0 to 1000. A step needs about ``latent_dim`` images.
        encode: the encoder of the bundle: uint8 ``[h, w, c]`` -> float32 ``[1, latent_dim]``.
        on_step: called after each step with its number.

    Raises:
        GanzooError: if the model generates vectors, the image has another shape, or ``steps`` is out of range.
    """
    config = generator.config
    if not config.sample_spec.is_image:
        raise GanzooError(f"'{generator.name}' generates vectors, and only images can be projected.")
    if target.shape != config.shape or target.dtype != np.uint8:
        raise GanzooError(
            f"'{generator.name}' needs a uint8 image of shape {list(config.shape)}; received {target.dtype} "
            f"{list(target.shape)}."
        )
    steps = whole_number(steps, low=0, high=MAX_STEPS, what=f"A projection has 0 to {MAX_STEPS} steps")
    search = _Search(generator, target)
    points = search.starts(label)
    start, encoded = points[0], None
    if encode is not None:
        encoded = search.best_of(encode(target).astype(np.float64), label)
        points = [encoded, *points[: _STARTS - 1]]
    done = 0

    def improved(point: _Point, count: int) -> _Point:
        nonlocal done
        for moved in search.steps(point, count):
            point, done = moved, done + 1
            on_step(done)
        return point

    if steps > _FIRST_STEPS * len(points):
        points = [improved(point, _FIRST_STEPS) for point in points]
    found = improved(min(points, key=lambda point: point.loss), steps - done)
    # The loss also prefers likely latents, so it can fall while the image becomes less similar.
    best = min((found, start, *([] if encoded is None else [encoded])), key=search.error)
    return Projection(
        best.z.astype(np.float32),
        best.label,
        search.image(best),
        error=search.error(best),
        start_error=search.error(start),
        encoder_error=None if encoded is None else search.error(encoded),
    )


class _Search:
    def __init__(self, generator: Decoder, target: NDArray[np.uint8]) -> None:
        self._generator, self._levels = generator, target
        self._target = images.from_uint8(target).ravel().astype(np.float64)
        self._dim = generator.config.latent.dim

    def starts(self, label: int | None) -> list[_Point]:
        """The seeds with the most similar images, the best first, each in its best class."""
        labels = self._labels(label)
        share = len(_CANDIDATES) // len(labels) or 1
        seeds = _CANDIDATES[:share]
        z = self._generator.latents(seeds).astype(np.float64)
        points = (point for one in labels for point in self.points(z, one))
        return heapq.nsmallest(_STARTS, points, key=lambda point: point.loss)

    def best_of(self, z: NDArray[np.float64], label: int | None) -> _Point:
        """The best point of latents ``[n, latent_dim]``, each in its best class."""
        found = (point for one in self._labels(label) for point in self.points(z, one))
        return min(found, key=lambda point: point.loss)

    def _labels(self, label: int | None) -> Sequence[int | None]:
        """The classes to try: the given one, or all."""
        classes = self._generator.config.num_classes
        return range(classes) if classes and label is None else [label]

    def points(self, z: NDArray[np.float64], label: int | None) -> Iterator[_Point]:
        """The points of latents ``[n, latent_dim]``. One batch is in memory."""
        for start in range(0, len(z), self._generator.batch_size):
            part = z[start : start + self._generator.batch_size]
            labels = None if label is None else np.full(len(part), label, np.int32)
            samples = self._generator.decode(part.astype(np.float32), labels).reshape(len(part), -1)
            residuals = samples.astype(np.float64) - self._target
            losses = (residuals**2).mean(axis=1) + _PRIOR * (part**2).mean(axis=1)
            for one, own, loss in zip(part, residuals, losses.tolist(), strict=True):
                yield _Point(one, label, own.copy(), loss)  # a view would keep the whole batch

    def steps(self, point: _Point, count: int) -> Iterable[_Point]:
        """Up to ``count`` points, each with a smaller loss. The damping falls after a step, and rises if none helps."""
        damping = 1e-2
        model: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
        for _ in range(count):
            if model is None:
                model = self._model(point)
            gradient, curvature = model
            trials = [damping * factor for factor in (0.1, 1.0, 10.0, 100.0)]
            scale = np.diag(curvature).mean()
            z = np.array(
                [point.z - np.linalg.solve(curvature + trial * scale * np.eye(self._dim), gradient) for trial in trials]
            )
            best, moved = min(enumerate(self.points(z, point.label)), key=lambda found: found[1].loss)
            if moved.loss >= point.loss:
                if damping >= 1e4:
                    return
                damping *= 1000.0
                continue
            point, damping, model = moved, max(1e-6, trials[best]), None
            yield point

    def _model(self, point: _Point) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Gradient and Gauss-Newton curvature of half the loss."""
        neighbors = self.points(point.z + _STEP * np.eye(self._dim), point.label)
        jacobian = np.stack([neighbor.residuals - point.residuals for neighbor in neighbors], axis=1) / _STEP
        pixels = len(point.residuals)
        gradient = jacobian.T @ point.residuals / pixels + _PRIOR / self._dim * point.z
        curvature = jacobian.T @ jacobian / pixels + _PRIOR / self._dim * np.eye(self._dim)
        return gradient, curvature

    def image(self, point: _Point) -> NDArray[np.uint8]:
        values = (point.residuals + self._target).reshape(self._levels.shape).astype(np.float32)
        return images.to_uint8(values)

    def error(self, point: _Point) -> float:
        return float(np.abs(self.image(point).astype(np.int32) - self._levels).mean())
