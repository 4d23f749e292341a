"""The training loop as a graph: one call runs many steps and returns the metrics of each."""

from __future__ import annotations

from collections.abc import Callable, Collection
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
    one_step = _one_step(config, update, strategy)

    def steps_in_graph(samples: Any, labels: Any, indices: Any, first: Any) -> Any:
        count, done = tf.shape(indices)[0], 0
        rows = tf.TensorArray(tf.float32, size=count, element_shape=[len(config.objective.metrics(config))])
        for i in tf.range(count):
            step = first + tf.cast(i, tf.int64)
            metrics = one_step(samples, labels, indices[i], step)
            rows = rows.write(i, metrics)
            done += 1
            if ada is not None:
                ada.follow(step, metrics[REAL_ACCURACY])
            if not tf.reduce_all(tf.math.is_finite(metrics)):
                break
        return rows.stack(), done

    return tf.function(steps_in_graph, input_signature=_signature(config))


def _one_step(config: Config, update: TrainStep, strategy: tf.distribute.Strategy) -> Callable[..., tf.Tensor]:
    """The update ``(samples, labels, indices, step) -> metrics`` of all replicas together."""

    def one_step(*args: Any, due: Collection[int] | None = None) -> tf.Tensor:
        def replica(*args: Any) -> tf.Tensor:
            return update(*args, due=due)

        run = tf.function(replica, jit_compile=True) if config.training.xla else replica
        metrics = strategy.run(run, args=args)
        return strategy.reduce(tf.distribute.ReduceOp.MEAN, metrics, axis=None)

    intervals = sorted({penalty.interval for penalty in config.training.penalties} - {1})
    if strategy.num_replicas_in_sync == 1 or not intervals:
        return one_step

    def chosen_step(samples: Any, labels: Any, indices: Any, step: Any) -> tf.Tensor:
        """Replicas cannot exchange values inside of ``tf.cond``, so here it is outside: one update for each choice."""

        def choose(open_intervals: list[int], due: tuple[int, ...]) -> tf.Tensor:
            if not open_intervals:
                return one_step(samples, labels, indices, step, due=due)
            interval, *rest = open_intervals
            return tf.cond(step % interval == 0, lambda: choose(rest, (*due, interval)), lambda: choose(rest, due))

        return choose(intervals, ())

    return chosen_step


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
