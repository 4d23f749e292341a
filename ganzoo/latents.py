"""Computes the latent of a seed. It is exactly the same on every machine and with every NumPy version.

NumPy has frozen the random stream of ``RandomState`` (NEP 19). The stream of ``numpy.random.Generator`` may change, so
this module does not use it.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from typing import Any, Literal, TypeGuard

import numpy as np
from numpy.typing import NDArray

from ganzoo.arguments import real_number, shortened, whole_number
from ganzoo.errors import GanzooError, did_you_mean

Distribution = Literal["normal", "uniform"]
DISTRIBUTIONS: tuple[Distribution, ...] = ("normal", "uniform")
MAX_SEED = 2**32 - 1
MAX_PARSED_SEEDS = 10_000_000
_CLASS_STREAM = 1
_PARALLEL = 1e-6
_THREAD = threading.local()
_SEED_RANGE = re.compile(r"(\d{1,10})(?:-(\d{1,10}))?", re.ASCII)


def check_seed(seed: object) -> int:
    """Return ``seed`` as an int.

    Raises:
        GanzooError: if ``seed`` is not a whole number from 0 to 4294967295.
    """
    if type(seed) is int and 0 <= seed <= MAX_SEED:
        return seed
    return whole_number(seed, low=0, high=MAX_SEED, what=f"A seed is a whole number from 0 to {MAX_SEED}")


def are_several(seeds: object) -> TypeGuard[Iterable[Any]]:
    """Return whether ``seeds`` is a sequence or an iterator. A number, a 0-dimensional array or a text is not."""
    return isinstance(seeds, Iterable) and not isinstance(seeds, str | bytes) and getattr(seeds, "ndim", 1) != 0


def check_seeds(seeds: Iterable[object]) -> list[int]:
    """Return ``seeds`` as a list of one or more ints.

    Raises:
        GanzooError: if ``seeds`` is empty, or an element is not a seed.
    """
    if not are_several(seeds):
        raise GanzooError(
            f"Seeds are several whole numbers, as in [7], [0, 1, 2] or range(64); received {shortened(seeds)}."
        )
    checked = [check_seed(seed) for seed in seeds]
    if not checked:
        raise GanzooError("Received no seeds; give at least one, as in [0] or range(64).")
    return checked


def parse_seeds(text: str) -> list[int]:
    """Parse the seeds of the command line: numbers and ranges separated by commas, as in ``"0-63,70"``.

    A range includes both ends. The order and repeated seeds are kept.

    Raises:
        GanzooError: if the text has another form, a range runs backwards, a seed is above 4294967295, or there are
            more than ten million seeds.
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = _SEED_RANGE.fullmatch(part.strip())
        if match is None:
            raise GanzooError(
                f"Seeds are numbers and ranges from 0 to 4294967295, as in 0-63,70; received {shortened(text)}."
            )
        first = check_seed(int(match[1]))
        last = check_seed(int(match[2])) if match[2] else first
        if last < first:
            raise GanzooError(f"The range of seeds {first}-{last} runs backwards; write {last}-{first}.")
        if len(seeds) + last - first + 1 > MAX_PARSED_SEEDS:
            raise GanzooError(f"{shortened(text)} is more than {MAX_PARSED_SEEDS} seeds; ask for fewer at a time.")
        seeds.extend(range(first, last + 1))
    return seeds


def latents(
    seeds: Iterable[object], *, dim: int, distribution: Distribution = "normal", truncation: float | None = None
) -> NDArray[np.float32]:
    """Return the latents of ``seeds``: float32 ``[n, dim]``. Row i depends only on seed i.

    A row is ``RandomState(seed).standard_normal(dim)``, or ``RandomState(seed).uniform(-1, 1, dim)``.

    Raises:
        GanzooError: if a seed, the distribution or the truncation is out of range.
    """
    return candidates(seeds, 1, dim=dim, distribution=distribution, truncation=truncation)[:, 0]


def candidates(
    seeds: Iterable[object],
    count: int,
    *,
    dim: int,
    distribution: Distribution = "normal",
    truncation: float | None = None,
) -> NDArray[np.float32]:
    """Return ``count`` latents for each of ``seeds``: float32 ``[n, count, dim]``. Element i depends only on seed i.

    They are consecutive draws of one stream, ``RandomState(seed).standard_normal((count, dim))`` or
    ``RandomState(seed).uniform(-1, 1, (count, dim))``. So the first is the latent of the seed, and a larger ``count``
    only adds latents.

    Raises:
        GanzooError: if a seed, the distribution or the truncation is out of range.
    """
    checked = check_seeds(seeds)
    z = np.empty((len(checked), count, dim), np.float32)
    state = _random_state()
    for row, seed in enumerate(checked):
        state.seed(seed)
        if distribution == "normal":
            z[row] = state.standard_normal((count, dim))
        elif distribution == "uniform":
            z[row] = state.uniform(-1.0, 1.0, (count, dim))
        else:
            hint = did_you_mean(str(distribution), DISTRIBUTIONS)
            raise GanzooError(f"No latent distribution '{distribution}'.{hint} Allowed: {', '.join(DISTRIBUTIONS)}.")
    return truncate(z, truncation)


def labels(seeds: Iterable[object], *, num_classes: int) -> NDArray[np.int32]:
    """Return the default classes of ``seeds`` for a conditional model: int32 ``[n]`` from 0 to num_classes - 1.

    The class of a seed is ``floor(num_classes * u)`` with ``u = RandomState([seed, 1]).random_sample()``. This is a
    separate random stream, so the latent of a seed does not depend on whether the caller gives its class.

    Raises:
        GanzooError: if a seed is out of range.
    """
    state, classes = _random_state(), []
    for seed in check_seeds(seeds):
        state.seed([seed, _CLASS_STREAM])
        classes.append(int(state.random_sample() * num_classes))
    return np.array(classes, np.int32)


def truncate(z: NDArray[np.float32], truncation: float | None) -> NDArray[np.float32]:
    """Scale latents towards their mean, 0. This trades variety for quality; 1 or None changes nothing.

    It is the psi of StyleGAN (Karras et al. 2019, arXiv:1812.04948), applied to the latent itself.

    Raises:
        GanzooError: if ``truncation`` is not from 0 to 1.
    """
    if truncation is None:
        return z
    psi = real_number(truncation, low=0.0, high=1.0, what="Truncation is a number from 0 (the mean) to 1 (off)")
    return z * np.float32(psi)


def interpolate(
    start: NDArray[np.float32], stop: NDArray[np.float32], *, frames: int, distribution: Distribution = "normal"
) -> NDArray[np.float32]:
    """Return latents from ``start`` to ``stop``, with both ends exact: float32 ``[frames, dim]``.

    Normal latents follow the great circle while their length changes linearly (slerp, Shoemake 1985; for GANs White
    2016, arXiv:1609.04468). A straight line would pass through lengths that do not occur in training. Uniform latents
    follow the straight line, which stays inside the cube.

    Raises:
        GanzooError: if ``frames`` is below 2.
    """
    frames = whole_number(frames, low=2, what="An interpolation has at least 2 frames, its two ends")
    t = np.linspace(0.0, 1.0, frames)[:, None]
    a, b = start.astype(np.float64), stop.astype(np.float64)
    path = _slerp(a, b, t) if distribution == "normal" else (1.0 - t) * a + t * b
    path[0], path[-1] = a, b
    return path.astype(np.float32)


def _random_state() -> np.random.RandomState:
    """Return the generator of this thread. Seeding it again for each row is 100 times faster than a new one."""
    if not hasattr(_THREAD, "state"):
        _THREAD.state = np.random.RandomState()
    state: np.random.RandomState = _THREAD.state
    return state


def _slerp(a: NDArray[np.float64], b: NDArray[np.float64], t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotate from ``a`` to ``b``. Zero or parallel vectors span no plane, so they follow a straight line."""
    length_a, length_b = float(np.linalg.norm(a)), float(np.linalg.norm(b))
    straight = (1.0 - t) * a + t * b
    if length_a == 0.0 or length_b == 0.0:
        return straight
    angle = np.arccos(np.clip(np.dot(a / length_a, b / length_b), -1.0, 1.0))
    if np.sin(angle) < _PARALLEL:
        return straight
    turn_a, turn_b = np.sin((1.0 - t) * angle) / np.sin(angle), np.sin(t * angle) / np.sin(angle)
    length = (1.0 - t) * length_a + t * length_b
    turned: NDArray[np.float64] = length * (turn_a * a / length_a + turn_b * b / length_b)
    return turned
