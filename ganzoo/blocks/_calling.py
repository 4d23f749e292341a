"""What a training tells the layers that it calls: keys for their random draws, and whether their state may move."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from itertools import count
from typing import Any

_key: ContextVar[tuple[Any, Iterator[int]] | None] = ContextVar("ganzoo_layer_key", default=None)
_still: ContextVar[bool] = ContextVar("ganzoo_layer_state_stands_still", default=False)


@contextlib.contextmanager
def keyed(key: Any) -> Iterator[None]:
    """Fix what the layers that are called inside draw; each call of each layer gets draws of its own.

    Args:
        key: int64 ``[2]``.
    """
    token = _key.set((key, count()))
    try:
        yield
    finally:
        _key.reset(token)


def next_key() -> Any:
    """The key of one layer call, int64 ``[2]``; outside of ``keyed`` a new one every time."""
    import tensorflow as tf

    current = _key.get()
    if current is None:
        return tf.random.uniform([2], maxval=tf.int64.max, dtype=tf.int64)
    key, numbers = current
    return tf.random.experimental.stateless_fold_in(key, next(numbers))


@contextlib.contextmanager
def state_stands_still() -> Iterator[None]:
    """Layers that are called inside, though in training, leave their state (of spectral normalisation) as it is.

    For a further pass in the same update, and for a pass inside ``tf.cond``, where replicas cannot meet.
    """
    token = _still.set(True)
    try:
        yield
    finally:
        _still.reset(token)


def state_moves() -> bool:
    """Whether a layer that is called in training moves its state."""
    return not _still.get()
