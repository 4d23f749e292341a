"""Settings of a training step for its layers: keys for their random draws, and whether their state may change."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from itertools import count
from typing import Any

_key: ContextVar[tuple[Any, Iterator[int]] | None] = ContextVar("ganzoo_layer_key", default=None)
_frozen: ContextVar[bool] = ContextVar("ganzoo_layer_state_is_frozen", default=False)


@contextlib.contextmanager
def keyed(key: Any) -> Iterator[None]:
    """Inside, the random draws of layers depend on ``key``, and differ between any two calls.

    Args:
        key: int64 ``[2]``.
    """
    token = _key.set((key, count()))
    try:
        yield
    finally:
        _key.reset(token)


def next_key() -> Any:
    """The key of one layer call, int64 ``[2]``. Outside of ``keyed`` it is random."""
    import tensorflow as tf

    current = _key.get()
    if current is None:
        return tf.random.uniform([2], maxval=tf.int64.max, dtype=tf.int64)
    key, numbers = current
    return tf.random.experimental.stateless_fold_in(key, next(numbers))


@contextlib.contextmanager
def frozen_state() -> Iterator[None]:
    """Inside, layers do not change their state, such as that of spectral normalization, even in training.

    For a second pass in the same update, and for a pass inside ``tf.cond``, where replicas cannot synchronize.
    """
    token = _frozen.set(True)
    try:
        yield
    finally:
        _frozen.reset(token)


def state_is_frozen() -> bool:
    """Whether layers must not change their state."""
    return _frozen.get()
