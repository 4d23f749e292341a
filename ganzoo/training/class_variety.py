"""Compares the classes of a small generated batch with real classes: label effect, and variety within each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganzoo.metrics.label_response import LinearClassifier, class_difference, sweep_difference
from ganzoo.sample_spec import SampleSpec
from ganzoo.training.variety import copy_distance, features, to_nearest

LATENTS = {"image": 16, "vector": 64}
"""Latents of a class preview. Each is generated in every class."""
MAX_CLASSES = 16
"""A model with more classes is judged by this number of them, evenly spaced."""
BLOCKS = 4
"""Real samples of a class: up to this many times the latents."""

Features = NDArray[np.float64]


@dataclass(frozen=True)
class ClassVariety:
    """The measured classes.

    Attributes:
        label_response: how far samples of one latent in different classes are apart, relative to real samples of
            different classes: 0 if the label has no effect.
        label_agreement: share of samples that a classifier of real samples finds in their class.
        real_label_agreement: the same share of other real samples.
        chance: the agreement of guessing.
        class_duplicates: share of the samples of ``worst_class`` with a near copy in that class.
        real_class_duplicates: the same share of real samples of that class.
        worst_class: the class with the most duplicates in excess of its real samples.
    """

    label_response: float
    label_agreement: float
    real_label_agreement: float
    chance: float
    class_duplicates: float
    real_class_duplicates: float
    worst_class: int

    def numbers(self) -> dict[str, float]:
        """The numbers for the log."""
        return {
            "label_response": self.label_response,
            "label_agreement": self.label_agreement,
            "class_duplicates": self.class_duplicates,
        }


class ClassYardstick:
    """The real samples of each class that a class preview is compared with, averaged down as in ``variety``.

    Args:
        rows: features of the real samples ``[n, d]`` of each judged class, in random order: two or more classes, n at
            least twice ``latents``.
        classes: the judged classes, ascending.
        swept: the classes of a class preview, which contain the judged ones.
        latents: number of latents of a class preview.
    """

    def __init__(
        self, rows: Sequence[Features], *, classes: Sequence[int], swept: NDArray[np.int32], latents: int
    ) -> None:
        self._classes = list(classes)
        self._places = np.searchsorted(swept, classes)
        self._copies = [_real_copies(one, latents) for one in rows]
        halves = [(one[: len(one) // 2], one[len(one) // 2 :]) for one in rows]
        self._classifier = LinearClassifier.fit(*_stacked([half for half, _ in halves]), classes=len(rows))
        self._real_agreement = self._agreement([half for _, half in halves])
        self._difference = class_difference(*_stacked(rows))

    def measure(self, samples: NDArray[Any]) -> ClassVariety:
        """Compare a class preview ``[latents, classes, ...]`` of the swept classes with the real samples."""
        count, swept = samples.shape[:2]
        flat = features(samples.reshape(count * swept, *samples.shape[2:]))
        rows = flat.reshape(count, swept, -1)[:, self._places].swapaxes(0, 1)
        duplicates = [
            float(np.mean(to_nearest(one) <= near)) for one, (near, _) in zip(rows, self._copies, strict=True)
        ]
        worst = int(np.argmax([found - usual for found, (_, usual) in zip(duplicates, self._copies, strict=True)]))
        difference = sweep_difference(rows.swapaxes(0, 1))
        return ClassVariety(
            label_response=difference / self._difference if self._difference else float(difference > 0),
            label_agreement=self._agreement(rows),
            real_label_agreement=self._real_agreement,
            chance=1 / len(self._classes),
            class_duplicates=duplicates[worst],
            real_class_duplicates=self._copies[worst][1],
            worst_class=self._classes[worst],
        )

    def _agreement(self, rows: Sequence[Features] | Features) -> float:
        """The mean share of the rows of each class that are found in it."""
        shares = [float(np.mean(self._classifier.classify(one) == place)) for place, one in enumerate(rows)]
        return float(np.mean(shares))


def class_yardstick(
    samples: NDArray[Any], labels: NDArray[np.integer] | None, *, num_classes: int, seed: int
) -> ClassYardstick | None:
    """A yardstick from a few real samples of each class, drawn by ``seed``.

    None for a model without classes, or if fewer than two classes have enough real samples.
    """
    if not num_classes or labels is None:
        return None
    latents, swept = latent_count(SampleSpec.of(samples)), swept_classes(num_classes)
    rng = np.random.RandomState(seed)
    rows, classes = [], []
    for label in swept.tolist():
        found = rng.permutation(np.flatnonzero(labels == label))[: BLOCKS * latents]
        if len(found) >= 2 * latents:
            order = np.argsort(found)  # reading a memory map is fastest in its own order
            picked = np.empty((len(found), *samples.shape[1:]), samples.dtype)
            picked[order] = samples[found[order]]
            rows.append(features(picked))
            classes.append(label)
    return ClassYardstick(rows, classes=classes, swept=swept, latents=latents) if len(rows) > 1 else None


def latent_count(spec: SampleSpec) -> int:
    """The number of latents of a class preview."""
    return LATENTS[spec.kind]


def swept_classes(num_classes: int) -> NDArray[np.int32]:
    """The classes of a class preview, ascending: all of them, or ``MAX_CLASSES`` evenly spaced ones."""
    count = min(num_classes, MAX_CLASSES)
    return (np.arange(count) * num_classes // count).astype(np.int32)


def _stacked(rows: Sequence[Features]) -> tuple[Features, NDArray[np.intp]]:
    """The rows of all classes, and the position of the class of each row."""
    return np.concatenate(rows), np.repeat(np.arange(len(rows)), [len(one) for one in rows])


def _real_copies(rows: Features, latents: int) -> tuple[float, float]:
    """The distance below which two samples of a class are near copies, and the share of real samples that are."""
    blocks = [rows[start : start + latents] for start in range(0, len(rows) - latents + 1, latents)]
    nearest = np.concatenate([to_nearest(block) for block in blocks])
    near = copy_distance(rows, nearest)
    return near, float(np.mean(nearest <= near))
