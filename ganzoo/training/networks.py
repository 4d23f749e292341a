"""From a config to the two Keras models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

import keras
import numpy as np
from numpy.typing import NDArray

from ganzoo.architectures.networks import Initializer
from ganzoo.blocks._conditioning import Label, conditioned_on
from ganzoo.blocks._keras_layers import SpectralNorm
from ganzoo.blocks.base import Block
from ganzoo.config.experiment import Config
from ganzoo.environment.process_settings import own_settings

if TYPE_CHECKING:
    from ganzoo.blocks.heads import LogitHead

Precision = Literal["float32", "mixed_bfloat16"]

SINGULAR_VECTOR_ITERATIONS = 15
"""Before the training, so that its first steps see kernels that are normalised already."""


def build_generator(config: Config, *, precision: Precision = "float32", seed: int | None = None) -> keras.Model:
    """The generator: latent float32 ``[b, latent_dim]`` (and label int32 ``[b]`` if conditional) -> samples.

    Samples are float32, images ``[b, h, w, c]`` in [-1, 1] or vectors ``[b, d]``.

    Args:
        config: the experiment.
        precision: dtype policy of the layers; weights and samples are float32 in both.
        seed: of the first weights; by default the training's.
    """
    with own_settings(dtype_policy=precision):
        latent = keras.Input((config.generator.latent_dim,), name="latent")
        label = keras.Input((), dtype="int32", name="label") if config.num_classes else None
        joined = label is not None and config.generator.conditioning == "concat"
        x = _joined(latent, label, config) if joined else latent
        blocks = config.generator.expand(config.sample_shape)
        with conditioned_on(_label(label, config, in_norms=not joined)):
            for name, block in zip(_names(blocks), blocks, strict=True):
                x = block.build(x, name)
        model = keras.Model([latent] if label is None else [latent, label], x, name="generator")
    initialize(model, config.generator.initializer, config.training.seed if seed is None else seed)
    return model


def _label(label: keras.KerasTensor | None, config: Config, *, in_norms: bool) -> Label | None:
    return None if label is None else Label(label, config.num_classes, in_norms)


def _joined(latent: keras.KerasTensor, label: keras.KerasTensor, config: Config) -> keras.KerasTensor:
    """The latent and the label's embedding side by side."""
    width = config.generator.label_embedding_dim
    embedding = keras.layers.Embedding(config.num_classes, width, name="label_embedding")(label)
    return keras.layers.Concatenate(name="latent_and_label")([latent, embedding])


def build_discriminator(config: Config, *, precision: Precision = "float32", seed: int | None = None) -> keras.Model:
    """The discriminator: samples (and label int32 ``[b]`` if conditional) -> logits float32 ``[b, 1]``.

    With packing there is one logit for every ``packing`` samples.
    """
    *body, head = config.discriminator.expand(config.sample_shape)
    with own_settings(dtype_policy=precision):
        sample = keras.Input(config.sample_shape, name="sample")
        label = keras.Input((), dtype="int32", name="label") if config.num_classes else None
        x = sample
        with conditioned_on(_label(label, config, in_norms=False)):
            for name, block in zip(_names((*body,)), body, strict=True):
                x = block.build(x, name)
        logit = cast("LogitHead", head).build(x, "head", label, config.num_classes)
        model = keras.Model([sample] if label is None else [sample, label], logit, name="discriminator")
    initialize(model, config.discriminator.initializer, (config.training.seed if seed is None else seed) + 1)
    return model


@own_settings()
def initialize(model: keras.Model, initializer: Initializer, seed: int) -> None:
    """Draw every kernel and embedding anew; each draw is fixed by the seed and the weight's place in the model.

    So is the other state that begins at random: the vectors of spectral normalisation, and the generators of random
    numbers in layers that keep one (ganzoo's do not).
    """
    for place, weight in enumerate(model.trainable_variables):
        if weight.name in ("kernel", "embeddings"):
            weight.assign(_initializer(initializer, _mixed(seed, place))(weight.shape))
    for place, variable in enumerate(model.non_trainable_variables):
        if variable.name == "seed_generator_state":
            variable.assign([_mixed(seed, place), place])
    for place, layer in enumerate(model._flatten_layers()):
        if isinstance(layer, SpectralNorm):
            start = np.random.RandomState(_mixed(seed, place)).standard_normal(layer.vector_u.shape)
            layer.vector_u.assign(_singular_vector(np.asarray(layer.layer.kernel), start))


def _mixed(seed: int, place: int) -> int:
    """A seed of 31 bits for one weight, from that of the model."""
    return int(np.random.SeedSequence([seed, place]).generate_state(1)[0] >> 1)


def _singular_vector(kernel: NDArray[np.float32], vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """The first right singular vector ``[1, n]`` of a kernel ``[..., n]``, roughly, by power iterations."""
    matrix = kernel.reshape(-1, kernel.shape[-1]).astype(np.float64)
    for _ in range(SINGULAR_VECTOR_ITERATIONS):
        vector = (vector @ matrix.T) @ matrix
        vector /= np.linalg.norm(vector) or 1.0
    return vector


def _initializer(name: Initializer, seed: int) -> keras.initializers.Initializer:
    if name == "normal_0.02":
        return keras.initializers.RandomNormal(stddev=0.02, seed=seed)
    return keras.initializers.get({"class_name": name, "config": {"seed": seed}})


def _names(blocks: tuple[Block, ...]) -> list[str]:
    """A name for each block, from its kind and place."""
    return [f"{place:02d}_{block.registered_name}" for place, block in enumerate(blocks)]
