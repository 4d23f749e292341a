"""What a network's blocks depend on besides their input, while they are built: the label, and the style."""

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
_style: ContextVar[KerasTensor | None] = ContextVar("ganzoo_style", default=None)


@contextlib.contextmanager
def conditioned_on(label: Label | None, style: KerasTensor | None = None) -> Iterator[None]:
    """Inside, ``current_label`` is this label, and ``current_style`` is this style.

    Args:
        label: None in a network without classes.
        style: float32 ``[b, d]``, what self-modulated normalizations depend on; None for ordinary normalizations.
    """
    tokens = _label.set(label), _style.set(style)
    try:
        yield
    finally:
        _label.reset(tokens[0])
        _style.reset(tokens[1])


def current_label() -> Label | None:
    """None outside of ``conditioned_on``, and in a network without classes."""
    return _label.get()


def current_style() -> KerasTensor | None:
    """None outside of ``conditioned_on``, and in a network without self-modulation."""
    return _style.get()
