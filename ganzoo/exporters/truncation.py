"""Truncation of generators with a mapping network: an input of the exported graph (Karras et al. 2019, section 2.1).

The graph moves the style w towards the mean of all styles, w' = mean + psi * (w - mean), before the blocks use it. Its
optional input "truncation", a float32 scalar, is psi. Without it psi is 1, which changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganzoo import latents

if TYPE_CHECKING:
    import keras
    from onnx import ModelProto

    from ganzoo.config.experiment import Config

INPUT = "truncation"
SEEDS = 10_000
"""Seeds of the mean: 0 to 9999. In a model with classes they are shared among the classes, at least ``_LEAST`` each."""
_LEAST = 100
_BATCH = 2_000


class StyleMean(NamedTuple):
    """The mean of all styles of a generator.

    Attributes:
        layer: name of the Keras layer whose output is the style.
        values: float32 ``[classes, d]``, the mean of each class; ``[1, d]`` in a model without classes.
    """

    layer: str
    values: NDArray[np.float32]


def style_mean(generator: keras.Model, config: Config) -> StyleMean | None:
    """Measure the mean style of a float32 generator; None if it has no mapping network."""
    import keras

    mapping = config.generator.mapping
    if mapping is None:
        return None
    style = keras.Model(generator.inputs, generator.get_layer(mapping.last_layer).output)
    classes = config.num_classes or 1
    dim, distribution = config.generator.latent_dim, config.generator.latent
    z = latents.latents(range(max(_LEAST, SEEDS // classes)), dim=dim, distribution=distribution)
    means = np.empty((classes, mapping.width), np.float32)
    for label in range(classes):
        total = np.zeros(mapping.width)
        for start in range(0, len(z), _BATCH):
            rows = z[start : start + _BATCH]
            inputs = [rows, np.full(len(rows), label, np.int32)] if config.num_classes else [rows]
            total += np.asarray(style(inputs, training=False), np.float64).sum(axis=0)
        means[label] = total / len(z)
    return StyleMean(mapping.last_layer, means)


def truncated(generator: keras.Model, mean: StyleMean) -> Callable[..., Any]:
    """The generator as a function of its inputs and psi. A block that reads the latent itself reads psi times it."""
    import keras
    import tensorflow as tf

    style = generator.get_layer(mean.layer).output
    mapping = keras.Model(generator.inputs, style)
    synthesis = keras.Model([style, *generator.inputs], generator.output)

    def call(*inputs: Any) -> Any:
        latent, *label, psi = inputs
        w = mapping([latent, *label], training=False)
        center = tf.gather(mean.values, label[0]) if label else tf.constant(mean.values)
        return synthesis([center + psi * (w - center), latent * psi, *label], training=False)

    return call


def add_default(model: ModelProto) -> None:
    """Give the graph's input its default value of 1. ONNX takes it from a constant with the name of the input."""
    from onnx import numpy_helper

    model.graph.initializer.append(numpy_helper.from_array(np.array(1.0, np.float32), INPUT))


def remove_default(model: ModelProto) -> bool:
    """Remove the default value, so that tools do not take the input for a constant. Returns whether there was one."""
    found = [tensor for tensor in model.graph.initializer if tensor.name == INPUT]
    for tensor in found:
        model.graph.initializer.remove(tensor)
    return bool(found)
