"""The check of objectives."""

from __future__ import annotations

from typing import Any

import numpy as np

from ganzoo.config.experiment import Config
from ganzoo.errors import ConfigError
from ganzoo.objectives.base import METRICS, Objective, objectives
from ganzoo.testing.part import check_part, require

BATCH = 4
CLASSES = 3
STEPS = 2


def check_objective(objective: Objective | type[Objective]) -> None:
    """Check the networks, and that a step moves every weight, is fixed by its seed, and returns all metrics.

    Both update schemes are tried, without classes and with them, as far as the objective accepts them.

    Raises:
        AssertionError: with the first check that failed.
    """
    objective = check_part(objectives, objective)
    for networks in (objective.generator_side, objective.discriminator_side, objective.averaged):
        require(len(set(networks)) == len(networks) > 0, f"{networks} has a name twice, or none")
    require(objective.generator_side[0] == "generator", "generator_side does not begin with 'generator'")
    require(objective.discriminator_side[0] == "discriminator", "discriminator_side does not begin with its name")
    require(objective.averaged[0] == "generator", "averaged does not begin with 'generator'")
    encoder = objective.exported_encoder
    require(encoder is None or encoder in objective.averaged, f"the encoder '{encoder}' is not in averaged")
    accepted = [config for config in _configs(objective) if config is not None]
    require(bool(accepted), "check() refuses a generator and a discriminator of one dense layer each")
    for config in accepted:
        names = objective.metrics(config)
        require(names[: len(METRICS)] == METRICS, "metrics() does not begin with METRICS")
        require(len(set(names)) == len(names), "extra_metrics or metrics() repeats a name")
        sides = {*objective.generator_side, *objective.discriminator_side}
        require(objective.block_chains(config).keys() <= sides, "block_chains() names a network that is on no side")
        _check_steps(config, repeat=config is accepted[0])


def _configs(objective: Objective) -> list[Config | None]:
    return [
        _config(objective, classes=classes, update=update)
        for classes in (0, CLASSES)
        for update in ("alternating", "simultaneous")
    ]


def _config(objective: Objective, *, classes: int, update: str) -> Config | None:
    """A small experiment; None if the objective refuses it."""
    try:
        return Config.read(
            {
                "data": {"source": "numpy", "path": "samples.npz", "resolution": 8, "channels": 1},
                "num_classes": classes,
                "generator": {"model": "dense", "hidden": [16], "latent_dim": 6},
                "discriminator": {"model": "dense", "hidden": [16]},
                "objective": objective,
                "training": {"batch_size": BATCH, "update": update, "penalties": [{"name": "r1", "gamma": 1.0}]},
            }
        )
    except ConfigError:
        return None


def _check_steps(config: Config, *, repeat: bool) -> None:
    """Make a few steps, and with ``repeat`` once more from the same first weights."""
    objective = config.objective
    networks, rows = _trained(config)
    for name in (*objective.generator_side, *objective.discriminator_side):
        require(name in networks, f"networks() has no '{name}'")
    first = objective.networks(config)
    if objective.exported_encoder is not None:
        latents = networks[objective.exported_encoder]([np.zeros((BATCH, *config.sample_shape), np.float32)])
        wanted = (BATCH, config.generator.latent_dim)
        require(tuple(latents.shape) == wanted, f"the encoder outputs {tuple(latents.shape)}, not {wanted}")
    for name, network in networks.items():
        for old, new in zip(first[name].trainable_variables, network.trainable_variables, strict=True):
            require(not np.array_equal(old, new), f"{STEPS} steps do not move {name}/{new.path}")
    require(bool(np.isfinite(rows).all()), "a metric is not finite")
    if not repeat:
        return
    again, _ = _trained(config)
    for name, network in networks.items():
        for one, other in zip(network.variables, again[name].variables, strict=True):
            require(np.array_equal(one, other), f"{name}/{one.path} differs between two trainings with one seed")


def _trained(config: Config) -> tuple[dict[str, Any], Any]:
    """The networks after a few steps, and the metrics of these steps."""
    import tensorflow as tf

    from ganzoo.training.step import TrainStep

    objective, training = config.objective, config.training
    networks, averages = objective.networks(config), objective.averages(config)
    require(tuple(averages) == objective.averaged, f"averages() returns {tuple(averages)}, not {objective.averaged}")
    optimizers = {"g_optimizer": training.g_optimizer.build(100), "d_optimizer": training.d_optimizer.build(100)}
    for optimizer, side in zip(
        optimizers.values(), (objective.generator_side, objective.discriminator_side), strict=True
    ):
        optimizer.build([weight for name in side for weight in networks[name].trainable_variables])
    update = tf.function(TrainStep(config, networks, averages, optimizers))
    rng = np.random.RandomState(0)
    samples = tf.constant(rng.randint(0, 256, (12, *config.sample_shape)), tf.uint8)
    labels = tf.constant(rng.randint(0, max(1, config.num_classes), 12), tf.int32)
    rows = []
    for number in range(STEPS):
        indices = tf.constant(rng.randint(0, 12, (training.d_steps, BATCH)), tf.int32)
        rows.append(np.asarray(update(samples, labels, indices, tf.constant(number, tf.int64))))
    return networks, np.stack(rows)
