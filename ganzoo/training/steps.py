"""Runs training steps on the real samples of a dataset."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ganzoo.config.experiment import Config
from ganzoo.data.base import Dataset
from ganzoo.training.graph_loop import graph_loop
from ganzoo.training.input_pipeline import InputPipeline
from ganzoo.training.step import TrainStep
from ganzoo.training.variables import TrainingVariables


class Steps:
    """The training steps of one process.

    Args:
        config: the experiment.
        dataset: the real samples.
        variables: the variables that the steps change.
        strategy: distributes the steps over devices.
        share: the part of each batch that this process trains on.

    Attributes:
        input_pipeline: the real samples of each step.
        metrics: names of the metrics of a step.

    Raises:
        DataError: if the dataset does not match the config.
    """

    def __init__(
        self,
        config: Config,
        dataset: Dataset,
        variables: TrainingVariables,
        strategy: tf.distribute.Strategy,
        share: slice = slice(None),
    ) -> None:
        self.input_pipeline = InputPipeline(config, dataset, share=share)
        self.metrics = config.objective.metrics(config)
        update = TrainStep(config, variables.networks, variables.averages, variables.optimizers, ada=variables.ada)
        self._loop: Any = graph_loop(config, update, variables.ada, strategy)

    @property
    def tracing_count(self) -> int:
        """How often the graph was traced. More than once is a waste of time."""
        return int(self._loop.experimental_get_tracing_count())

    def run(self, *, first: int, count: int) -> NDArray[np.float32]:
        """Run ``count`` steps from the step ``first``. Returns the metrics of the steps that were done.

        They are float32 ``[steps, metrics]``. A metric that is not finite ends the steps early.
        """
        # A process of a cluster may have less memory than the chief, which chooses the number of steps.
        most = self.input_pipeline.most_steps
        parts: list[NDArray[np.float32]] = []
        for begin in range(first, first + count, most):
            samples, labels, indices = self.input_pipeline.take(first=begin, steps=min(most, first + count - begin))
            number = tf.constant(np.int64(begin))  # of a Python number, TensorFlow would keep the tensor forever
            rows, done = self._loop(samples, labels, indices, number)
            parts.append(rows.numpy()[: int(done)])
            if not np.isfinite(parts[-1]).all():
                break
        return np.concatenate(parts)
