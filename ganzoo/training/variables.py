"""The variables that the training steps change: networks, their averages, optimizers, adaptive augmentation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from ganzoo.config.experiment import Config
from ganzoo.training import learning_rate
from ganzoo.training.ada import AdaptiveAugmentation
from ganzoo.training.distribution import synchronize
from ganzoo.training.split_batch import check_splittable
from ganzoo.training.weight_names import average_group, named_variables


class TrainingVariables:
    """The variables that the training steps change. Every process of a cluster has them, with the same values.

    Args:
        config: the experiment.
        strategy: the strategy in whose scope the variables are created.

    Attributes:
        networks: the trained networks of the objective by name.
        averages: the averaged networks by name.
        optimizers: ``g_optimizer`` and ``d_optimizer``.
        ada: the strength of the adaptive augmentation; None if it is off.

    Raises:
        ConfigError: if the batch cannot be split over the devices.
    """

    def __init__(self, config: Config, strategy: tf.distribute.Strategy) -> None:
        check_splittable(config, strategy.num_replicas_in_sync)
        self.config = config
        training = config.training
        with strategy.scope():
            objective = config.objective
            self.networks = objective.networks(config)
            self.averages = objective.averages(config)
            self.optimizers = {
                "g_optimizer": training.g_optimizer.build(training.steps),
                "d_optimizer": training.d_optimizer.build(training.steps * training.d_steps),
            }
            sides = (objective.generator_side, objective.discriminator_side)
            for optimizer, side in zip(self.optimizers.values(), sides, strict=True):
                optimizer.build([weight for name in side for weight in self.networks[name].trainable_variables])
        if strategy.num_replicas_in_sync > 1:
            synchronize(self.networks.values(), self.optimizers.values())
        self.ada = AdaptiveAugmentation.of(config)

    @property
    def generator(self) -> keras.Model:
        """The trained generator."""
        return self.networks["generator"]

    @property
    def ema(self) -> keras.Model:
        """The averaged generator."""
        return self.averages["generator"]

    def groups(self) -> dict[str, dict[str, Any]]:
        """The variables by group and name."""
        holders: dict[str, Sequence[Any]] = {
            **{name: network.variables for name, network in self.networks.items()},
            **{average_group(name): network.variables for name, network in self.averages.items()},
            **{name: optimizer.variables for name, optimizer in self.optimizers.items()},
        }
        if self.ada:
            holders["augment"] = self.ada.variables
        return {group: named_variables(variables) for group, variables in holders.items()}

    def scale_rates(self, factor: float) -> None:
        """Set the learning rates to ``factor`` times those of the config."""
        for name, optimizer in self.optimizers.items():
            learning_rate.scale(optimizer, factor, peak=getattr(self.config.training, name).learning_rate)
