"""The training loop as a graph: one call runs many steps and returns the metrics of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from ganzoo.config.experiment import Config
from ganzoo.objectives.base import METRICS
from ganzoo.training.ada import AdaptiveAugmentation
from ganzoo.training.step import TrainStep

REAL_ACCURACY = METRICS.index("d_real_accuracy")


def graph_loop(
    config: Config, update: TrainStep, ada: AdaptiveAugmentation | None, strategy: tf.distribute.Strategy
) -> Callable[..., Any]:
    """Make the graph ``(samples, labels, indices, first) -> (rows, done)``.

    ``indices`` are int32 ``[steps, d_steps, batch]``, and ``first`` is the int64 number of the first step. ``rows`` are
    the metrics, float32 ``[steps, metrics]``, and ``done`` is the number of valid rows. The loop ends after a step
    with a metric that is not finite.
    """
    one_step = tf.function(update, jit_compile=True) if config.training.xla else update

    def steps_in_graph(samples: Any, labels: Any, indices: Any, first: Any) -> Any:
        count, done = tf.shape(indices)[0], 0
        rows = tf.TensorArray(tf.float32, size=count, element_shape=[len(config.objective.metrics(config))])
        for i in tf.range(count):
            step = first + tf.cast(i, tf.int64)
            metrics = strategy.run(one_step, args=(samples, labels, indices[i], step))
            metrics = strategy.reduce(tf.distribute.ReduceOp.MEAN, metrics, axis=None)
            rows = rows.write(i, metrics)
            done += 1
            if ada is not None:
                ada.follow(step, metrics[REAL_ACCURACY])
            if not tf.reduce_all(tf.math.is_finite(metrics)):
                break
        return rows.stack(), done

    return tf.function(steps_in_graph, input_signature=_signature(config))


def _signature(config: Config) -> list[tf.TensorSpec]:
    """The inputs of the graph. The numbers of steps and samples are variable, so that it is traced once."""
    training = config.training
    dtype = tf.uint8 if config.sample_spec.is_image else tf.float32
    return [
        tf.TensorSpec([None, *config.sample_shape], dtype),
        tf.TensorSpec([None], tf.int32),
        tf.TensorSpec([None, training.d_steps, training.batch_size], tf.int32),
        tf.TensorSpec([], tf.int64),
    ]
