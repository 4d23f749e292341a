"""Fine-tuning: a training also starts from the discriminator of another run (``training.init_discriminator``)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ganzoo.config.experiment import Config
from ganzoo.errors import ConfigError
from ganzoo.resolve import RUN_BUNDLE
from ganzoo.runs import CHECKPOINTS, CONFIG, Run
from ganzoo.training import checkpoint
from ganzoo.training.weight_names import average_group, named_weights

if TYPE_CHECKING:
    import keras

    from ganzoo.training.variables import TrainingVariables

_KEY = "training.init_discriminator"
Weights = Mapping[str, Mapping[str, NDArray[np.float32]]]
"""Group of a checkpoint, such as ``discriminator`` -> name -> value."""


def find(config: Config) -> Weights | None:
    """The weights in the newest checkpoint of the run ``training.init_from``; None if the config does not want them.

    Args:
        config: as ``init_from.resolve`` returns it.

    Raises:
        ConfigError: if ``init_from`` is not a run.
        RunError: if the run's checkpoints are damaged.
    """
    training = config.training
    if training.init_from is None or not training.init_discriminator:
        return None
    bundle = Path(training.init_from)
    run = Run(bundle.parent)
    found = None
    if bundle.name == RUN_BUNDLE and (run.folder / CONFIG).is_file():
        found = checkpoint.load_newest(run.folder / CHECKPOINTS)
    if found is None:
        raise ConfigError(
            f"{_KEY}: {training.init_from} has no checkpoint with a discriminator. Published models and exported "
            "bundles have the generator only; name a run of this machine: ganzoo runs"
        )
    return found.state


def check(config: Config, weights: Weights) -> None:
    """Raise ConfigError if the weights do not fit. The networks are built for this and dropped."""
    objective = config.objective
    _assign(config, weights, objective.networks(config), objective.averages(config))


def begin(state: TrainingVariables, weights: Weights) -> None:
    """Assign the weights to all networks but the generator, and to their averages.

    Raises:
        ConfigError: with the first weight that does not fit.
    """
    _assign(state.config, weights, state.networks, state.averages)


def _assign(
    config: Config, weights: Weights, networks: Mapping[str, keras.Model], averages: Mapping[str, keras.Model]
) -> None:
    groups = {name: network for name, network in networks.items() if name != "generator"}
    groups |= {average_group(name): network for name, network in averages.items() if name != "generator"}
    for group, network in groups.items():
        _assign_group(config, group, weights.get(group, {}), named_weights(network))


def _assign_group(
    config: Config, group: str, saved: Mapping[str, NDArray[np.float32]], variables: Mapping[str, Any]
) -> None:
    there = {name: value for name, value in saved.items() if value.dtype == np.float32}
    for name in sorted(there.keys() | variables.keys()):
        old = list(there[name].shape) if name in there else "missing"
        new = list(variables[name].shape) if name in variables else "missing"
        if old != new:
            raise ConfigError(
                f"{_KEY}: the {group} of {config.training.init_from} does not fit: the shape of {name} is {old} there, "
                f"and {new} in this config. The networks must have the same layers."
            )
    for name, variable in variables.items():
        variable.assign(there[name])
