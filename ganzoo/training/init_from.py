"""Fine-tuning: a training starts from the weights of a trained generator, with a new discriminator."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ganzoo.architectures.shapes import trace
from ganzoo.bundle.folder import ONNX, WEIGHTS, Bundle
from ganzoo.config.experiment import Config
from ganzoo.errors import ConfigError, HubError
from ganzoo.training.graph_weights import GraphWeights
from ganzoo.training.initial_weights import save_initial
from ganzoo.training.weight_names import first_misfit, named_weights
from ganzoo.training.widen import checked_widening, set_weights

if TYPE_CHECKING:
    import keras

    from ganzoo.architectures.base import GeneratorConfig
    from ganzoo.architectures.mapping import MappingConfig
    from ganzoo.blocks.base import Block
    from ganzoo.training.state import TrainingState

Weights = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Narrow:
    """The weights of a generator that is widened, and its config."""

    weights: Weights | GraphWeights
    config: GeneratorConfig


Source = Weights | GraphWeights | Narrow
"""Weights by name, or an ONNX file that has them; for ``init_widen`` with the config of their generator."""


def resolve(
    config: Config, *, root: str | os.PathLike[str] | None = None, info: Callable[[str], None] = lambda text: None
) -> tuple[Config, Source | None]:
    """Find the weights of ``training.init_from``. Returns them with a config that pins their exact commit.

    The wheel has its pretrained models without ``model.safetensors``. If the Hub does not have it either, or cannot be
    reached, the weights are read back from the ONNX file.

    Args:
        config: the experiment.
        root: folder of the runs, as in ``ganzoo.load``.
        info: called with a message before a run is exported.

    Raises:
        GanzooError: if the weights are missing or damaged, or belong to a generator that cannot be built.
    """
    what = config.training.init_from
    if what is None:
        return config, None
    from ganzoo.bundle.generator_config import generator_config
    from ganzoo.resolve import resolve as find

    try:
        bundle = find(what, files=[WEIGHTS], root=root, info=info)
        weights: Weights | GraphWeights = bundle.weights()
    except HubError:
        shipped = _shipped_graph(what)
        if shipped is None:
            raise
        bundle, weights = shipped, GraphWeights(shipped)
    generator = generator_config(bundle)
    if generator.latent != config.generator.latent:
        raise ConfigError(
            f"training.init_from: {what} has {generator.latent} latents, and this config has {config.generator.latent} "
            f"ones. Use the same: generator.latent={generator.latent}"
        )
    if config.training.init_widen:
        _check_same_samples(config, bundle, generator, what=what)
    elif not config.training.init_partial and (bundle.config.num_classes or 0) != config.num_classes:
        raise ConfigError(
            f"training.init_from: {what} has {bundle.config.num_classes or 'no'} classes, and this config has "
            f"{config.num_classes or 'none'}. With training.init_partial=true the class weights start at random."
        )
    elif not config.training.init_partial:
        _check_same_blocks(config, bundle, generator, what=what)
    values = config.to_dict()
    values["training"]["init_from"] = exact_name(what, bundle)
    source = Narrow(weights, generator) if config.training.init_widen else weights
    return Config.read(values, what=config.name), source


def _check_same_samples(config: Config, bundle: Bundle, generator: GeneratorConfig, *, what: str) -> None:
    """Raise ConfigError if a generator to widen has other latents, samples or classes."""
    there = (generator.latent_dim, tuple(bundle.config.shape), bundle.config.num_classes or 0)
    here = (config.generator.latent_dim, config.sample_shape, config.num_classes)
    for name, old, new in zip(("latents", "values in a sample", "classes"), there, here, strict=True):
        if old != new:
            raise ConfigError(
                f"training.init_widen: {what} has {old} {name}, and this config has {new}. Only channels can grow."
            )


def _check_same_blocks(config: Config, bundle: Bundle, generator: GeneratorConfig, *, what: str) -> None:
    """Raise ConfigError if a generator of the same sizes computes something else, for example another activation.

    Generators of other sizes have other weights, which ``assign`` refuses. Dropout and first weights change only the
    training.
    """
    here = config.generator
    sizes, own = tuple(bundle.config.shape), config.sample_shape
    old, new = generator.expand(sizes), here.expand(own)
    if trace(old, (generator.latent_dim,)) != trace(new, (here.latent_dim,)):
        return
    pairs = [("the mapping network", _values(generator.mapping), _values(here.mapping))]
    pairs += [(f"block {number}", _values(a), _values(b)) for number, (a, b) in enumerate(zip(old, new, strict=True))]
    for name, there, this in pairs:
        for key in there | this:
            if there.get(key) != this.get(key) and key not in ("dropout", "initializer"):
                raise ConfigError(
                    f"training.init_from: {what} does not fit this generator: '{key}' of {name} is {there.get(key)} "
                    f"there, and {this.get(key)} in this config. {_ADVICE['other']}"
                )


def _values(part: Block | MappingConfig | None) -> dict[str, Any]:
    """The name of a part and its fields; empty for None."""
    if part is None:
        return {}
    return {"name": getattr(part, "registered_name", None), **part.model_dump(mode="json")}


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


def checked(config: Config, weights: Source, *, info: Callable[[str], None]) -> Source:
    """The same weights, read from their ONNX file, if they fit the generator. It is built for this and dropped.

    Arguments and errors are those of ``begin``.
    """
    from ganzoo.training.networks import build_generator

    read: Source
    if isinstance(weights, Narrow):
        read = Narrow(named(config, weights.weights, info=info), weights.config)
    else:
        read = named(config, weights, info=info)
    assign(config, read, [build_generator(config)], info=lambda text: None)
    return read


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
    training = state.config.training
    if not (training.init_partial or training.init_widen):
        save_initial(state.run, {name: value.numpy() for name, value in named_weights(state.generator).items()})


def assign(config: Config, weights: Source, networks: Sequence[keras.Model], *, info: Callable[[str], None]) -> None:
    """Assign the weights to generators with the same layers. Arguments and errors are those of ``begin``."""
    training = config.training
    what = training.init_from or "init_from"
    if isinstance(weights, Narrow):
        found: Weights = named(config, weights.weights, info=info)
        found = checked_widening(config, found, weights.config, what=what)
    else:
        found = named(config, weights, info=info)
        if training.init_partial:
            found = _fitting(what, found, named_weights(networks[0]), info=info)
        else:
            _check_fit(what, found, named_weights(networks[0]))
    for network in networks:
        set_weights(network, found)


def named(config: Config, weights: Weights | GraphWeights, *, info: Callable[[str], None]) -> Weights:
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
    misfit = first_misfit(weights, variables)
    if misfit is not None:
        raise ConfigError(
            f"training.init_from: {what} does not fit this generator: {misfit}. The config that fits is in its "
            f"config.json, under 'model'. {_ADVICE['wider' if _is_wider(weights, variables) else 'other']}"
        )


_ADVICE = {
    "wider": "To begin with its images and more channels: training.init_widen=true",
    "other": "To take only the layers that fit: training.init_partial=true",
}


def _is_wider(weights: Weights, variables: Mapping[str, Any]) -> bool:
    """Whether a generator has the same layers with more channels."""
    shapes = {name: (value.shape, tuple(variables[name].shape)) for name, value in weights.items() if name in variables}
    same = weights.keys() == variables.keys() and all(len(a) == len(b) for a, b in shapes.values())
    return same and all(a <= b for old, new in shapes.values() for a, b in zip(old, new, strict=True))


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
    info(f"{len(fitting)} of the generator's {len(variables)} weight arrays are those of {what}; the others are new.")
    return fitting
