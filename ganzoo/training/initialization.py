"""The first weights of a network: each is drawn by its initializer, from the seed and its position."""

from __future__ import annotations

import contextlib
import inspect
import random
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from ganzoo.initializers import Initializer


def initialize(build: Callable[[], keras.Model], initializer: Initializer, seed: int) -> keras.Model:
    """Build a network and draw its first weights.

    A random weight whose Keras layer has its default initializer gets the network's ``initializer``. A random weight
    with another initializer keeps its distribution, but not its seed: ``GlorotUniform(seed=0)`` differs from the
    default and keeps that distribution. Weights that are not random, such as zeros, are kept.

    An initializer is found as the attribute ``NAME_initializer`` of a layer, as Keras' layers have it. Random weights
    without it, and the random states of layers such as Keras' dropout, depend on the seed and the order of creation.

    Args:
        build: returns a new network.
        initializer: from the network's config.
        seed: networks with the same seed are bit-equal.
    """
    with _seeding_keras(seed):
        network = build()
        # A layer comes before its sublayers, so that the innermost layer of a weight remains.
        layers = {id(weight): layer for layer in network._flatten_layers() for weight in layer.variables}
        for stream, weights in enumerate((network.trainable_variables, network.non_trainable_variables)):
            for position, weight in enumerate(weights):
                chosen = _chosen(layers[id(weight)], weight, initializer)
                if chosen is not None:
                    # A seed of 31 bits.
                    weight_seed = int(np.random.SeedSequence([seed, position, stream]).generate_state(1)[0] >> 1)
                    drawn = type(chosen).from_config({**chosen.get_config(), "seed": weight_seed})
                    weight.assign(drawn(weight.shape, dtype=weight.dtype))
    return network


@contextlib.contextmanager
def _seeding_keras(seed: int) -> Iterator[None]:
    """Inside, the seeds that Keras chooses itself follow from this one. Keras chooses them with ``random``."""
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)


def _chosen(layer: keras.layers.Layer, weight: Any, initializer: Initializer) -> keras.initializers.Initializer | None:
    """The initializer to draw a weight with, or None if the weight is to be kept."""
    # Keras' layers use ``recurrent_initializer`` for ``recurrent_kernel``.
    argument = f"{weight.name.removesuffix('_kernel')}_initializer"
    own = getattr(layer, argument, None)
    if not isinstance(own, keras.initializers.Initializer) or "seed" not in own.get_config():
        return None
    keras_class = next(cls for cls in type(layer).__mro__ if cls.__module__.partition(".")[0] == "keras")
    parameter = inspect.signature(keras_class).parameters.get(argument)
    default = None if parameter is None else keras.initializers.get(parameter.default)
    if default is None or type(own) is not type(default) or own.get_config() != default.get_config():
        return own
    return initializer.build()
