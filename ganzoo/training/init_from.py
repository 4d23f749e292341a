"""Fine-tuning: a training starts from the weights of a trained generator, with a new discriminator."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ganzoo.bundle.folder import ONNX, WEIGHTS, Bundle
from ganzoo.config.experiment import Config
from ganzoo.errors import ConfigError, HubError
from ganzoo.training.graph_weights import GraphWeights
from ganzoo.training.weight_names import named_weights
from ganzoo.training.widen import widened

if TYPE_CHECKING:
    import keras

    from ganzoo.training.state import TrainingState

Weights = Mapping[str, NDArray[np.float32]]
Source = Weights | GraphWeights
"""Weights by name, or an ONNX file that has them."""


def resolve(config: Config, *, root: str | os.PathLike[str] | None = None) -> tuple[Config, Source | None]:
    """Find the weights of ``training.init_from``. Returns them with a config that pins their exact commit.

    The wheel has its pretrained models without ``model.safetensors``. If the Hub does not have it either, or cannot be
    reached, the weights are read back from the ONNX file.

    Args:
        config: the experiment.
        root: folder of the runs, as in ``ganzoo.load``.

    Raises:
        GanzooError: if the weights are missing or damaged, or belong to a generator that cannot be built.
    """
    what = config.training.init_from
    if what is None:
        return config, None
    from ganzoo.bundle.generator_config import generator_config
    from ganzoo.resolve import resolve as find

    try:
        bundle = find(what, files=[WEIGHTS], root=root)
        weights: Source = bundle.weights()
    except HubError:
        shipped = _shipped_graph(what)
        if shipped is None:
            raise
        bundle, weights = shipped, GraphWeights(shipped)
    generator_config(bundle)
    if config.training.init_widen and bundle.config.latent.dim != config.generator.latent_dim:
        raise ConfigError(
            f"training.init_widen: {what} has generator.latent_dim={bundle.config.latent.dim}, and this config has "
            f"{config.generator.latent_dim}; only channels can grow."
        )
    values = config.to_dict()
    values["training"]["init_from"] = exact_name(what, bundle)
    return Config.read(values, what=config.name), weights


def _shipped_graph(what: str) -> Bundle | None:
    """The copy of a pretrained model that comes with ganzoo, if it has the ONNX file."""
    from ganzoo.hub.pretrained import find_pretrained, shipped_bundle

    model = find_pretrained(what)
    return None if model is None else shipped_bundle(model, files=[ONNX])


def exact_name(what: str, bundle: Bundle) -> str:
    """A name that always means these weights: a model on the Hub with its commit, or the path of a bundle."""
    from ganzoo.hub.pretrained import find_pretrained
    from ganzoo.hub.reference import SCHEME, ZOO, parse_reference
    from ganzoo.resolve import is_fetched

    if not is_fetched(bundle):
        return str(bundle.folder.absolute())
    model = find_pretrained(what)
    if model is not None:
        return f"{ZOO}{model.exact_name}"
    reference = parse_reference(what)
    return str(bundle.folder) if reference is None else f"{SCHEME}{reference.repo}@{bundle.folder.name}"


def begin(state: TrainingState, weights: Source, *, info: Callable[[str], None]) -> None:
    """Assign the weights to the generator and its average.

    Args:
        state: of a training that has not begun.
        weights: as ``resolve`` returns them.
        info: called with a message if only a part of the weights is taken, or they are read from an ONNX file.

    Raises:
        ConfigError: with the first weight that does not fit; with ``init_partial``, if none fits; with ``init_widen``,
            if more than channels differs.
        BundleError: if weights cannot be read from an ONNX file.
    """
    assign(state.config, weights, [state.generator, state.ema], info=info)


def assign(config: Config, weights: Source, networks: Sequence[keras.Model], *, info: Callable[[str], None]) -> None:
    """Assign the weights to generators with the same layers. Arguments and errors are those of ``begin``."""
    training = config.training
    what = training.init_from or "init_from"
    weights = named(config, weights, info=info)
    if training.init_widen:
        weights = widened(networks[0], weights, what=what)
    elif training.init_partial:
        weights = _fitting(what, weights, named_weights(networks[0]), info=info)
    else:
        _check_fit(what, weights, named_weights(networks[0]))
    for network in networks:
        variables = named_weights(network)
        for name, values in weights.items():
            variables[name].assign(values)


def named(config: Config, weights: Source, *, info: Callable[[str], None]) -> Weights:
    """The weights by name. They are read from an ONNX file if the model comes without its weights.

    Raises:
        BundleError: if they cannot be read from that file.
    """
    if not isinstance(weights, GraphWeights):
        return weights
    info(
        f"{config.training.init_from} comes without {WEIGHTS} here. Its weights are read from {ONNX}: the same images "
        "within one level."
    )
    return weights.named()


def _check_fit(what: str, weights: Weights, variables: Mapping[str, Any]) -> None:
    for name in sorted(weights.keys() | variables.keys()):
        saved = list(weights[name].shape) if name in weights else "missing"
        needed = list(variables[name].shape) if name in variables else "missing"
        if saved != needed:
            raise ConfigError(
                f"training.init_from: {what} does not fit this generator: the shape of {name} is {saved} there, and "
                f"{needed} in this config. The config that fits is in its config.json, under 'model'. To take only the "
                "layers that fit: training.init_partial=true. For more channels: training.init_widen=true"
            )


def _fitting(
    what: str, weights: Weights, variables: Mapping[str, Any], *, info: Callable[[str], None]
) -> dict[str, NDArray[np.float32]]:
    """The weights whose name and shape are those of a variable."""
    fitting = {
        name: values
        for name, values in weights.items()
        if name in variables and values.shape == tuple(variables[name].shape)
    }
    if not fitting:
        raise ConfigError(f"training.init_partial: no layer of {what} has the name and shape of one of this generator.")
    info(f"{len(fitting)} of the generator's {len(variables)} weights are those of {what}; the others are new.")
    return fitting
