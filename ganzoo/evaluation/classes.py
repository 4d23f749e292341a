"""The classes of an evaluation: the labels of the real samples in the order of a model's classes; numbers by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ganzoo import latents
from ganzoo.bundle.presentable_names import presentable_names
from ganzoo.data.base import Dataset
from ganzoo.data.reading.label_order import relabeled
from ganzoo.errors import DataError
from ganzoo.metrics.base import UNCONDITIONAL, Better, Value

BALANCED = 0.01
"""Classes whose frequencies differ less than this from their mean, relative to it, count as equally frequent."""


@dataclass(frozen=True)
class Classes:
    """What metrics that need labels get.

    Attributes:
        count: classes of the model; 0 if it is unconditional.
        names: of the model's classes, in label order; empty if there are no labels.
        labels: of the real samples, int32 ``[n]`` in the model's order; None if there are none.
        missing: why there are none, as a clause.
    """

    count: int = 0
    names: tuple[str, ...] = ()
    labels: NDArray[np.int32] | None = None
    missing: str = UNCONDITIONAL

    @property
    def are_balanced(self) -> bool:
        """Whether the classes of generated samples are equally likely: those of the real samples are, or are unknown.

        A difference of 1% does not count.
        """
        if self.labels is None:
            return True
        counts = np.bincount(self.labels, minlength=self.count)
        return bool(np.abs(counts * self.count / counts.sum() - 1.0).max() <= BALANCED)

    def labels_of(self, seeds: Sequence[int]) -> NDArray[np.int32]:
        """The class of each seed, int32 ``[n]``: as frequent as in the real samples, or equally likely.

        A conditional model is trained with the labels of the data. So with other frequencies even a perfect generator
        would have another distribution than the data.
        """
        if self.labels is None or self.are_balanced:
            return latents.labels(seeds, num_classes=self.count)
        return np.sort(self.labels)[latents.labels(seeds, num_classes=len(self.labels))]


def classes_of(dataset: Dataset, *, count: int, names: Sequence[str] = (), of_data: bool = True) -> Classes:
    """The classes of a model with ``count`` classes and, if known, their names, and the labels of the dataset.

    Classes are matched by name, in the form that names have in a bundle: folders may be found in another order today.
    Without ``of_data``, the model's classes are not those of the data (``Objective.uses_labels`` is False).
    """
    if not count:
        return Classes()
    if not of_data:
        return Classes(count, missing="the training found the model's classes itself, without those of the data")
    if dataset.labels is None:
        return Classes(count, missing="it needs real samples with labels, and the data have none")
    if len(dataset.class_names) != count:
        found = len(dataset.class_names)
        return Classes(count, missing=f"the model has {count:,} classes, and the data have {found:,}")
    shown = replace(dataset, class_names=presentable_names(dataset.class_names))
    try:
        ordered = relabeled(shown, names or shown.class_names)
    except DataError:
        wanted, has = (", ".join(each[:3]) + ", ..." * (count > 3) for each in (names, shown.class_names))
        return Classes(count, missing=f"the model has the classes {wanted}, and the data have {has}")
    return Classes(count, ordered.class_names, ordered.labels)


@dataclass(frozen=True)
class WorstClass:
    """The class that is furthest from its floor, with its value and its floor, None without one."""

    name: str
    value: float
    floor: float | None = None


def worst_class(values: Mapping[str, float], floors: Mapping[str, float], *, better: Better) -> WorstClass | None:
    """The worst class of a number by class; None without values.

    Classes are compared by their distance from the floor: some are harder, for the generator and for the metric.
    """
    if not values:
        return None
    judged = {name: value - floors.get(name, 0.0) for name, value in values.items() if name in floors or not floors}
    judged = judged or dict(values)
    name = (max if better == "lower" else min)(judged, key=judged.__getitem__)
    return WorstClass(name, values[name], floors.get(name))


def by_class(draws: Sequence[Value], names: Sequence[str]) -> dict[str, float]:
    """The mean over the draws of each class that any of them could measure; empty for a number without classes."""
    values = [value for value in draws if isinstance(value, np.ndarray)]
    if not values:
        return {}
    columns = zip(names, np.transpose(values), strict=True)
    return {name: mean_of_classes(column) for name, column in columns if not np.isnan(column).all()}


def mean_of_classes(value: Value) -> float:
    """The number itself, or the mean of the classes that could be measured."""
    return float(np.nanmean(value)) if isinstance(value, np.ndarray) else value
