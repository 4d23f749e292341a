"""The label that a generator's normalisations see while its blocks are built."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from keras import KerasTensor


class Label(NamedTuple):
    """int32 ``[b]``, and how many classes there are."""

    tensor: KerasTensor
    num_classes: int


_label: ContextVar[Label | None] = ContextVar("ganzoo_label", default=None)


@contextlib.contextmanager
def conditioned_on(label: Label | None) -> Iterator[None]:
    """Batch normalisations of the blocks that are built inside get a scale and an offset for each class."""
    token = _label.set(label)
    try:
        yield
    finally:
        _label.reset(token)


def current_label() -> Label | None:
    """None outside of ``conditioned_on``."""
    return _label.get()
