"""Reads the labels of parquet shards: a column of integers, texts or truth values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganzoo.data.reading.collection import LabeledImages
from ganzoo.data.reading.label_order import natural_order
from ganzoo.data.reading.parquet_shards import ParquetImages, ParquetShard, opened, plain, reading, require_column
from ganzoo.errors import DataError

_ROWS = 1 << 16
_NONE = -1
"""``datasets`` writes this number for an unknown class."""


def with_labels(images: ParquetImages, column: str | None) -> LabeledImages:
    """The images with the labels in a column. Rows without a label are left out.

    The names of the classes are from the schema's ``ClassLabel``. Without it, they are the distinct values, in natural
    order.

    Args:
        images: all rows of the shards.
        column: name of the column, or None.

    Raises:
        DataError: if there is no such column, its values cannot be labels, or no row has one.
    """
    if column is None:
        return LabeledImages(images, notes=_advice(images.shards[0]))
    codes, values = _read(images.shards, column)
    for shard in images.shards:
        if class_names(shard, column) != class_names(images.shards[0], column):
            raise DataError(
                f"{shard.shard.path} has other class names in the column '{column}' (data.label) than "
                f"{images.shards[0].shard.path}."
            )
    names, label_of = _classes(images.shards[0], column, values)
    labels = np.array([*(label_of.get(value, _NONE) for value in values), _NONE], np.int64)[codes]
    kept = np.flatnonzero(labels != _NONE)
    if not len(kept):
        raise DataError(f"The column '{column}' (data.label) of {images.path} has no label for any image.")
    reason = f"without a label in the column '{column}'"
    passed = tuple(images.entries[index].name for index in np.flatnonzero(labels == _NONE))
    return LabeledImages(
        images.part(kept.tolist()) if passed else images,
        labels=labels[kept].tolist(),
        class_names=names,
        passed_over={reason: passed} if passed else {},
    )


def class_names(shard: ParquetShard, column: str) -> tuple[str, ...]:
    """The names in the schema's ClassLabel; empty without them."""
    feature = shard.feature(column)
    names = feature.get("names")
    if feature.get("_type") != "ClassLabel" or not isinstance(names, list):
        return ()
    return tuple(names) if names and all(isinstance(name, str) for name in names) else ()


def _advice(shard: ParquetShard) -> tuple[str, ...]:
    """The note about columns that may have labels."""
    names = [name for name in shard.schema.names if class_names(shard, name)]
    names = names or [name for name in ("label", "labels", "class", "category") if name in shard.schema.names]
    return (f"No labels (data.label={names[0]} uses the column '{names[0]}')",) if names else ()


def _read(shards: Sequence[ParquetShard], column: str) -> tuple[NDArray[np.int64], list[Any]]:
    """For each row the index of its value, -1 for null; and the distinct values."""
    known: dict[Any, int] = {}
    parts = []
    for shard in shards:
        _check_type(shard, column)
        count = 0
        with opened(shard) as file, reading(shard.shard):
            for batch in file.iter_batches(batch_size=_ROWS, columns=[column], use_threads=False):
                values = batch.column(0).to_pylist()
                parts.append(
                    np.array([_NONE if v is None else known.setdefault(v, len(known)) for v in values], np.int64)
                )
                count += len(values)
        if count != shard.rows:
            raise DataError(f"{shard.shard.path} is damaged: it has {count} labels, and {shard.rows} rows.")
    return np.concatenate([np.empty(0, np.int64), *parts]), list(known)


def _check_type(shard: ParquetShard, column: str) -> None:
    from pyarrow import types

    found = require_column(shard, column, field="label")
    kind = plain(found)
    tests = (types.is_integer, types.is_string, types.is_large_string, types.is_string_view, types.is_boolean)
    if not any(test(kind) for test in tests):
        raise DataError(
            f"The column '{column}' (data.label) of {shard.shard.path} is {str(found)[:80]}; labels are integers, "
            "texts or truth values."
        )


def _classes(shard: ParquetShard, column: str, values: Sequence[Any]) -> tuple[tuple[str, ...], Mapping[Any, int]]:
    """The names of the classes, and the label of each value. Values without an entry, such as null, have no label."""
    names = class_names(shard, column)
    integers = [value for value in values if isinstance(value, int) and not isinstance(value, bool)]
    if names and len(integers) == len(values):
        outside = [value for value in integers if not _NONE <= value < len(names)]
        if outside:
            raise DataError(
                f"The column '{column}' (data.label) of {shard.shard.path} has {len(names)} class names, but also the "
                f"class {outside[0]}."
            )
        return names, {value: value for value in integers if value != _NONE}
    texts = {value: str(value).lower() if isinstance(value, bool) else str(value) for value in values}
    distinct = natural_order(set(texts.values()))
    number = {text: label for label, text in enumerate(distinct)}
    return tuple(distinct), {value: number[text] for value, text in texts.items()}
