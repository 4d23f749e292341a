"""Holds out a part of the images, class by class, in the same way on every machine."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import replace
from typing import Literal

from ganzoo.data.reading.collection import LabeledImages
from ganzoo.data.reading.layout import Layout
from ganzoo.errors import DataError

Subset = Literal["training", "validation", "both"]


def subset_of(layout: Layout, *, validation_split: float, subset: Subset) -> Layout:
    """The training or the validation part of a collection.

    The SHA-256 of each file's name decides, so the parts do not depend on the machine, the order or the seed. Each
    class gives the same fraction, rounded, and at least one image.

    Args:
        layout: the whole collection.
        validation_split: fraction of each class in the validation part, 0 to 1.
        subset: the part to return.

    Raises:
        DataError: if a class has too few images for two parts.
    """
    if not validation_split or subset == "both":
        return layout
    entries = layout.files.entries
    images = LabeledImages(layout.files, layout.labels, layout.class_names)
    kept = indices_of(images, validation_split=validation_split, subset=subset)
    return replace(
        layout,
        files=layout.files.part(kept),
        labels=None if layout.labels is None else [layout.labels[index] for index in kept],
        notes=[*layout.notes, part_note(len(kept), len(entries), validation_split=validation_split, subset=subset)],
    )


def indices_of(images: LabeledImages, *, validation_split: float, subset: Subset) -> list[int]:
    """The indices of the entries in the training or the validation part.

    Raises:
        DataError: if a class has too few images for two parts.
    """
    entries = images.files.entries
    members: dict[int, list[int]] = defaultdict(list)
    for index, label in enumerate(images.labels or [0] * len(entries)):
        members[label].append(index)
    held_out: set[int] = set()
    for label, indices in members.items():
        count = max(1, round(validation_split * len(indices)))
        if count >= len(indices):
            name = f"The class '{images.class_names[label]}'" if images.labels else str(images.files.path)
            raise DataError(
                f"{name} has {len(indices)} images, too few for data.validation_split={validation_split:g}; "
                "allowed: at least one image in each part"
            )
        held_out.update(sorted(indices, key=lambda index: _order(entries[index].name))[:count])
    wanted = subset == "validation"
    return [index for index in range(len(entries)) if (index in held_out) == wanted]


def part_note(kept: int, count: int, *, validation_split: float, subset: Subset) -> str:
    """The note about the part that is read."""
    return f"{kept} of {count} images are the {subset} part (data.validation_split={validation_split:g})"


def _order(name: str) -> bytes:
    return hashlib.sha256(name.replace("\\", "/").encode(errors="surrogateescape")).digest()
