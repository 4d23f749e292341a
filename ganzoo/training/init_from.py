"""Fine-tuning: a training that starts from the weights of a trained generator. The discriminator starts anew."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ganzoo.bundle.folder import WEIGHTS, Bundle
from ganzoo.config.experiment import Config
from ganzoo.errors import ConfigError

if TYPE_CHECKING:
    from ganzoo.training.state import TrainingState

Weights = Mapping[str, NDArray[np.float32]]


def resolve(config: Config, *, root: str | os.PathLike[str] | None = None) -> tuple[Config, Weights | None]:
    """The weights that ``training.init_from`` names, and the config with the very commit that they came from.

    Args:
        config: the experiment.
        root: where runs are kept, as in ``ganzoo.load``.

    Raises:
        GanzooError: if they cannot be found, are damaged, or are of a generator that cannot be built here.
    """
    what = config.training.init_from
    if what is None:
        return config, None
    from ganzoo.bundle.generator_config import generator_config
    from ganzoo.resolve import resolve as find

    bundle = find(what, files=[WEIGHTS], root=root)
    generator_config(bundle)
    values = config.to_dict()
    values["training"]["init_from"] = exact_name(what, bundle)
    return Config.read(values, what=config.name), bundle.weights()


def exact_name(what: str, bundle: Bundle) -> str:
    """A name that always means these weights: a model on the Hub with its commit, or the path of a bundle."""
    from ganzoo.hub.pretrained import find_pretrained
    from ganzoo.hub.reference import SCHEME, ZOO, parse_reference
    from ganzoo.resolve import is_fetched

    if not is_fetched(bundle):
        return str(bundle.folder.absolute())
    model = find_pretrained(what)
    if model is not None:
        return f"{ZOO}{model.name}"
    reference = parse_reference(what)
    return str(bundle.folder) if reference is None else f"{SCHEME}{reference.repo}@{bundle.folder.name}"


def begin(state: TrainingState, weights: Weights) -> None:
    """Give the generator and its average these weights.

    Raises:
        ConfigError: naming the first weight that does not fit.
    """
    what = state.config.training.init_from or "init_from"
    for network in (state.generator, state.ema):
        variables = {
            f"{place:04d}/{variable.path}": variable
            for place, variable in enumerate(network.variables)
            if variable.dtype == "float32"
        }
        _check_fit(what, weights, variables)
        for name, variable in variables.items():
            variable.assign(weights[name])


def _check_fit(what: str, weights: Weights, variables: Mapping[str, Any]) -> None:
    for name in sorted(weights.keys() | variables.keys()):
        there = list(weights[name].shape) if name in weights else "missing"
        here = list(variables[name].shape) if name in variables else "missing"
        if there != here:
            raise ConfigError(
                f"training.init_from: {what} does not fit this generator: {name} is {there} there and {here} here. "
                "Its config is in its config.json, under 'model'."
            )
