"""Splits the training step over several devices, so that the run is the same on any number of them."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence

import keras
import tensorflow as tf

from ganzoo.config.experiment import Config
from ganzoo.errors import ConfigError
from ganzoo.losses import Loss
from ganzoo.penalties import Penalty
from ganzoo.training.team import Team


def check_splittable(config: Config, replicas: int) -> None:
    """Check that the batch of a config can be split over this number of devices.

    Raises:
        ConfigError: if the batch size is not a multiple of it, or a part needs the whole batch.
    """
    samples = config.pack_size
    if config.training.batch_size % (replicas * samples):
        packing = f" times packing {samples}" if samples > 1 else ""
        raise ConfigError(
            f"training.batch_size {config.training.batch_size} is not a multiple of the {replicas} devices{packing}. "
            "Choose another batch size, or fewer devices"
        )
    if replicas > 1:
        parts: list[Loss | Penalty] = [config.training.loss, *config.training.penalties]
        for part in parts:
            if part.needs_whole_batch:
                raise ConfigError(
                    f"'{part.registered_name}' compares all samples of a batch, so it works on 1 device only, not on "
                    f"{replicas}"
                )


def synchronize(networks: Iterable[keras.Model], optimizers: Iterable[keras.Optimizer]) -> None:
    """Make batch normalization use the whole batch, and let the optimizers take gradients that are already averaged."""
    for network in networks:
        for layer in network._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.synchronized = True
    for optimizer in optimizers:
        # Keras sums the gradients of the replicas in a second exchange, after the step has averaged and clipped them.
        optimizer._all_reduce_sum_gradients = list


def choose_devices(numbers: Sequence[int] | None) -> None:
    """Let TensorFlow use only these GPUs of the machine; None means all.

    Raises:
        ConfigError: if there is no such GPU, or TensorFlow already uses others.
    """
    if numbers is None:
        return
    found = tf.config.get_visible_devices("GPU")
    if not found:
        raise ConfigError("--devices: TensorFlow can use no GPU on this machine (ganzoo doctor shows why)")
    wrong = [number for number in numbers if not 0 <= number < len(found)]
    if wrong or len(set(numbers)) != len(numbers):
        received = ",".join(map(str, numbers))
        raise ConfigError(f"--devices: received {received}; allowed are different numbers from 0 to {len(found) - 1}")
    try:
        tf.config.set_visible_devices([found[number] for number in numbers], "GPU")
    except RuntimeError as error:
        raise ConfigError(f"--devices must be chosen before TensorFlow is used in this process: {error}") from error


def make_strategy(team: Team | None) -> tf.distribute.Strategy | None:
    """Return the strategy that splits the steps over all devices; None on one device.

    Args:
        team: the processes of a cluster; None if this process trains alone.

    Raises:
        ConfigError: if TensorFlow was used in this process before it could connect to the others.
    """
    gpus = tf.config.get_visible_devices("GPU")
    if team is None:
        return _mirrored(len(gpus)) if len(gpus) > 1 else None
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
