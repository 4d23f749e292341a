"""Fine-tuning: a training also starts from the discriminator of another run (``training.init_discriminator``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ganzoo.config.experiment import Config
from ganzoo.errors import ConfigError, GanzooError
from ganzoo.resolve import exported_step
from ganzoo.runs import CHECKPOINTS, Run, run_of_bundle
from ganzoo.training import checkpoint
from ganzoo.training.weight_names import average_group, first_misfit, named_weights

if TYPE_CHECKING:
    import keras

    from ganzoo.training.variables import TrainingVariables

_KEY = "training.init_discriminator"


@dataclass(frozen=True)
class Source:
    """The networks of another run.

    Attributes:
        run: the run.
        step: of the checkpoint.
        state: group of the checkpoint, such as ``discriminator`` -> name -> value.
    """

    run: Run
    step: int
    state: Mapping[str, Mapping[str, NDArray[np.float32]]]


def find(config: Config, *, info: Callable[[str], None] = lambda text: None) -> Source | None:
    """The newest checkpoint of the run ``training.init_from``; None if the config does not want its discriminator.

    Args:
        config: as ``init_from.resolve`` returns it.
        info: called with the step of the discriminator, and with damaged checkpoints that are skipped.

    Raises:
        ConfigError: if ``init_from`` is not a run with a checkpoint.
        RunError: if all checkpoints of the run are damaged.
    """
    training = config.training
    if training.init_from is None or not training.init_discriminator:
        return None
    run = run_of_bundle(Path(training.init_from))
    if run is None:
        raise ConfigError(
            f"{_KEY}: {training.init_from} has no discriminator. Published models and exported bundles have the "
            f"generator only. Leave {_KEY} out, or name a run of this machine: ganzoo runs"
        )
    found = checkpoint.load_newest(run.folder / CHECKPOINTS)
    if found is None:
        raise ConfigError(f"{_KEY}: run {run.name} has no checkpoint. Train it first, or leave {_KEY} out.")
    for skipped in found.skipped:
        info(f"Skipped a damaged checkpoint of run {run.name}: {skipped}")
    generator = exported_step(run)
    if generator not in (None, found.step):
        info(
            f"The generator is that of step {generator} of run {run.name}, the discriminator that of step {found.step}"
        )
    return Source(run, found.step, found.state)


def check(config: Config, source: Source) -> None:
    """Raise ConfigError if the weights do not fit. The networks are built for this and dropped."""
    objective = config.objective
    assign(config, source, objective.networks(config), objective.averages(config))


def begin(state: TrainingVariables, source: Source) -> None:
    """Assign the weights to all networks of a training that has not begun, except the generator.

    Raises:
        ConfigError: with the first weight that does not fit.
    """
    assign(state.config, source, state.networks, state.averages)


def assign(
    config: Config, source: Source, networks: Mapping[str, keras.Model], averages: Mapping[str, keras.Model]
) -> None:
    """Assign the weights to these networks and averages, except the generator's. Errors are those of ``begin``."""
    groups = {name: network for name, network in networks.items() if name != "generator"}
    groups |= {average_group(name): network for name, network in averages.items() if name != "generator"}
    for group, network in groups.items():
        _assign_group(config, source, group, named_weights(network))


def _assign_group(config: Config, source: Source, group: str, variables: Mapping[str, Any]) -> None:
    there = {name: value for name, value in source.state.get(group, {}).items() if value.dtype == np.float32}
    misfit = first_misfit(there, variables)
    if misfit is not None:
        raise ConfigError(
            f"{_KEY}: the {group} of run {source.run.name} does not fit: {misfit}. {_reason(config, source.run)} "
            f"To begin with a new one, leave {_KEY} out."
        )
    for name, variable in variables.items():
        variable.assign(there[name])


def _reason(config: Config, run: Run) -> str:
    """Why networks may not fit: another objective, or other layers."""
    here = config.objective.registered_name
    try:
        there = run.config.objective.registered_name
    except GanzooError:
        there = here
    if there != here:
        return f"The objective is '{there}' there and '{here}' here."
    return "The networks must have the same layers."
