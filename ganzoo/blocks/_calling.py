"""What a training step and its layers exchange: keys for random draws, whether state may change, further outputs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from itertools import count
from typing import Any

_key: ContextVar[tuple[Any, Iterator[int]] | None] = ContextVar("ganzoo_layer_key", default=None)
_frozen: ContextVar[bool] = ContextVar("ganzoo_layer_state_is_frozen", default=False)
_outputs: ContextVar[dict[str, Any] | None] = ContextVar("ganzoo_layer_outputs", default=None)


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
    """Inside, spectral normalization does not change its state, even in training.

    Other layers with state, such as batch normalization, still do: D may not have them together with a penalty. A layer
    of a plug-in asks ``state_is_frozen``.

    For a second pass in the same update, and for a pass inside ``tf.cond``, where replicas cannot synchronize.
    """
    token = _frozen.set(True)
    try:
        yield
    finally:
        _frozen.reset(token)


def state_is_frozen() -> bool:
    """Whether a layer must not change its state, which it asks before the change."""
    return _frozen.get()


@contextlib.contextmanager
def further_outputs() -> Iterator[dict[str, Any]]:
    """Collects what layers pass to ``add_output`` inside: tensors by name."""
    found: dict[str, Any] = {}
    token = _outputs.set(found)
    try:
        yield found
    finally:
        _outputs.reset(token)


def add_output(name: str, value: Any) -> None:
    """Give a tensor to the training step, besides the output of the network. Outside of ``further_outputs`` it is lost.

    So a head has a term of the loss that needs more than the logits, and the network still has one output.
    """
    found = _outputs.get()
    if found is not None:
        found[name] = value
