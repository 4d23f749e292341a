"""A batch that is split over several devices (replicas): each replica's share, its random draws, and the whole batch.

Inside a training step, every replica holds an equal part of the batch. These functions make a step independent of the
number of replicas. With one replica, and outside of a training step, the share is the whole batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tensorflow import Tensor


def replica_count() -> int:
    """Return the number of replicas that share the batch."""
    context = _context()
    return 1 if context is None else int(context.num_replicas_in_sync)


def share(batch: Tensor, *, axis: int = 0) -> Tensor:
    """Return this replica's part of a tensor for the whole batch.

    Args:
        batch: any tensor whose size along ``axis`` is a multiple of the number of replicas.
        axis: the axis of the samples.
    """
    import tensorflow as tf

    context = _context()
    if context is None or context.num_replicas_in_sync == 1:
        return batch
    size = tf.shape(batch)[axis] // context.num_replicas_in_sync
    first = context.replica_id_in_sync_group * size
    return batch[(slice(None),) * axis + (slice(first, first + size),)]


def uniform(shape: Sequence[Any] | Tensor, seed: Tensor, *, axis: int = 0) -> Tensor:
    """Draw random numbers in [0, 1) for this replica's samples: those that they have in the whole batch on one device.

    Args:
        shape: shape of the result, for the samples of this replica.
        seed: int64 ``[2]``, the same on all replicas.
        axis: the axis of the samples.
    """
    import tensorflow as tf

    return _drawn(tf.random.stateless_uniform, shape, seed, axis)


def normal(shape: Sequence[Any] | Tensor, seed: Tensor, *, axis: int = 0) -> Tensor:
    """Draw standard normal numbers. The arguments are those of ``uniform``."""
    import tensorflow as tf

    return _drawn(tf.random.stateless_normal, shape, seed, axis)


def whole_batch(samples: Tensor) -> Tensor:
    """Return the samples of all replicas ``[replicas * b, ...]`` in the order of the whole batch. Has gradients.

    Args:
        samples: ``[b, ...]``, the samples of this replica.
    """
    import tensorflow as tf

    context = _context()
    if context is None or context.num_replicas_in_sync == 1:
        return samples
    # A sum of padded shares has gradients of any order, which penalties need. An all-gather has only the first.
    count, size = context.num_replicas_in_sync, tf.shape(samples)[0]
    before = context.replica_id_in_sync_group * size
    rest = [[0, 0]] * (len(samples.shape) - 1)
    padded = tf.pad(samples, [[before, count * size - size - before], *rest])
    return context.all_reduce(tf.distribute.ReduceOp.SUM, padded)


def mean(value: Tensor) -> Tensor:
    """Return the mean of a value over all replicas, such as a sum over the samples of each. Has gradients."""
    import tensorflow as tf

    context = _context()
    if context is None or context.num_replicas_in_sync == 1:
        return value
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, value)


def _drawn(draw: Callable[..., Tensor], shape: Sequence[Any] | Tensor, seed: Tensor, axis: int) -> Tensor:
    import tensorflow as tf

    count = replica_count()
    if count == 1:
        return draw(shape, seed=seed)
    sizes = tf.unstack(tf.convert_to_tensor(shape))
    sizes[axis] *= count
    return share(draw(sizes, seed=seed), axis=axis)


def _context() -> Any:
    """The replica context; None outside of all replicas."""
    import tensorflow as tf

    return tf.distribute.get_replica_context()
