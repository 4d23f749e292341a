"""The order of classes: names are sorted naturally, and a resumed run keeps its order."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from ganzoo.data.base import Dataset
from ganzoo.errors import DataError

_NUMBER = re.compile(r"([0-9]+)")


def natural_order(names: Iterable[str]) -> list[str]:
    """Sort names naturally: "2" before "10", "img9" before "img10"."""
    return sorted(names, key=_key)


def _key(name: str) -> tuple[list[tuple[int, int, str]], str]:
    # Every second part is digits. They are compared by count, then as text, because int() limits the digits.
    parts = [
        (0, len(part.lstrip("0")), part.lstrip("0")) if index % 2 else (1, 0, part)
        for index, part in enumerate(_NUMBER.split(name))
        if part
    ]
    return parts, name


def relabeled(dataset: Dataset, class_names: Sequence[str]) -> Dataset:
    """The same samples with the classes in the given order, for example the order of a resumed run.

    Raises:
        DataError: if ``class_names`` are not the dataset's classes.
    """
    if dataset.labels is None or tuple(dataset.class_names) == tuple(class_names):
        return dataset
    number = {_composed(name): label for label, name in enumerate(class_names)}
    found = [_composed(name) for name in dataset.class_names]
    if set(found) != set(number) or len(found) != len(class_names):
        missing = [name for name in class_names if _composed(name) not in found]
        new = [name for name, composed in zip(dataset.class_names, found, strict=True) if composed not in number]
        changes = [
            f"{what} {', '.join(names[:3])}{' ...' if len(names) > 3 else ''}"
            for what, names in (("missing:", missing), ("new:", new))
            if names
        ]
        raise DataError(
            f"The classes of the data have changed since the training started ({'; '.join(changes)}). Restore the "
            "folders or labels, or start a new training."
        )
    to_old = np.array([number[name] for name in found], np.int32)
    return replace(dataset, labels=to_old[dataset.labels], class_names=tuple(class_names))


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)
