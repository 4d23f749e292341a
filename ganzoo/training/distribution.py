"""Splits the training step over several devices, so that the run is the same on any number of them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence

import keras
import tensorflow as tf

from ganzoo.config.training import TrainingConfig
from ganzoo.errors import ConfigError
from ganzoo.training.device import choose_device
from ganzoo.training.team import Team


def synchronize(networks: Iterable[keras.Model], optimizers: Iterable[keras.Optimizer]) -> None:
    """Make batch normalization use the whole batch, and let the optimizers take gradients that are already averaged."""
    for network in networks:
        for layer in network._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.synchronized = True
    for optimizer in optimizers:
        # Keras sums the gradients of the replicas in a second exchange, after the step has averaged and clipped them.
        optimizer._all_reduce_sum_gradients = list


def make_strategy(
    training: TrainingConfig,
    numbers: Sequence[int] | None,
    team: Team | None,
    *,
    info: Callable[[str], None] = lambda text: None,
) -> tf.distribute.Strategy | None:
    """Choose the devices, and return the strategy that splits the steps over them; None on one device.

    Args:
        training: the settings, for ``training.device``.
        numbers: numbers of the GPUs to use; None means all, or that of this process in a cluster.
        team: the processes of a cluster; None if this process trains alone.
        info: called with a warning if a GPU of the machine is not used.

    Raises:
        TrainingError: if the devices are not usable.
        ConfigError: if ``numbers`` do not exist, or TensorFlow was used in this process before it could connect to the
            others.
    """
    if numbers is None and team is not None and team.cluster.gpu is not None:
        found = len(tf.config.get_visible_devices("GPU"))
        numbers = [team.cluster.gpu] if found > 1 else None  # a launcher may have hidden the others
    choose_device(training, numbers, info=info)
    if team is None:
        gpus = len(tf.config.get_visible_devices("GPU"))
        return _mirrored(gpus) if gpus > 1 else None
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": list(team.servers)}),
        task_type="worker",
        task_id=team.cluster.rank,
        rpc_layer="grpc",
    )
    team.on_failure(_abort_exchanges)
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
    except RuntimeError as error:
        team.check()
        raise ConfigError(
            "This process has used TensorFlow before, so it cannot connect to other processes. Train in a new process"
        ) from error


@functools.cache
def _mirrored(count: int) -> tf.distribute.Strategy:
    """One object for all trainings of this process. A second one would reuse the numbers of the first's exchanges."""
    return tf.distribute.MirroredStrategy([f"GPU:{number}" for number in range(count)])


def _abort_exchanges(text: str) -> None:
    """Make all exchanges of this process raise an error, instead of waiting for a process that has failed."""
    from tensorflow.python.eager import context  # there is no public function for it

    context.context().abort_collective_ops(tf.errors.UNAVAILABLE, text)
