"""The label of a conditional network, for the blocks while they are built."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from keras import KerasTensor


class Label(NamedTuple):
    """The class of each sample.

    Attributes:
        tensor: int32 ``[b]``.
        num_classes: number of classes.
        in_norms: whether batch normalizations have a scale and an offset for each class.
    """

    tensor: KerasTensor
    num_classes: int
    in_norms: bool


_label: ContextVar[Label | None] = ContextVar("ganzoo_label", default=None)


@contextlib.contextmanager
def conditioned_on(label: Label | None) -> Iterator[None]:
    """Inside, ``current_label`` is this label."""
    token = _label.set(label)
    try:
        yield
    finally:
        _label.reset(token)


def current_label() -> Label | None:
    """None outside of ``conditioned_on``, and in a network without classes."""
    return _label.get()
