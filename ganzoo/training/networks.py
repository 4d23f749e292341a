"""From a config to the two Keras models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import keras

from ganzoo.blocks._conditioning import Label, conditioned_on
from ganzoo.blocks.base import Block
from ganzoo.config.experiment import Config
from ganzoo.config.summary import block_names
from ganzoo.environment.process_settings import own_settings
from ganzoo.training.initialization import initialize

Precision = Literal["float32", "mixed_bfloat16"]
Apply = Callable[[Block, keras.KerasTensor, str], keras.KerasTensor]
"""A block, its input and its name -> its output."""


def build_generator(config: Config, *, precision: Precision = "float32", seed: int | None = None) -> keras.Model:
    """Build the generator: latent float32 ``[b, latent_dim]`` (and label int32 ``[b]`` if conditional) -> samples.

    Samples are float32: images ``[b, h, w, c]`` in [-1, 1] or vectors ``[b, d]``.

    Args:
        config: the experiment.
        precision: dtype policy of the layers. Weights and samples are float32 under both policies.
        seed: seed of the first weights; by default ``training.seed``.
    """
    seed = config.training.seed if seed is None else seed
    with own_settings(dtype_policy=precision):
        return initialize(lambda: _generator(config), config.generator.initializer, seed)


def build_discriminator(config: Config, *, precision: Precision = "float32", seed: int | None = None) -> keras.Model:
    """Build the discriminator: samples (and label int32 ``[b]`` if conditional) -> logits float32 ``[b, 1]``.

    With packing, ``config.pack_size`` samples share one logit. The arguments are those of ``build_generator``.
    """
    seed = config.training.seed if seed is None else seed
    with own_settings(dtype_policy=precision):
        return initialize(lambda: discriminator_graph(config, _build), config.discriminator.initializer, seed + 1)


def _generator(config: Config) -> keras.Model:
    latent = keras.Input((config.generator.latent_dim,), name="latent")
    blocks = config.generator.expand(config.sample_shape)
    names = block_names(blocks)
    modulated = config.generator.self_modulation
    if not config.num_classes:
        with conditioned_on(None, latent if modulated else None):
            return keras.Model([latent], _chain(latent, blocks, names), name="generator")
    label = keras.Input((), dtype="int32", name="label")
    concatenated = config.generator.conditioning == "concat"
    x = _with_embedding(latent, label, config) if concatenated else latent
    with conditioned_on(Label(label, config.num_classes, in_norms=not concatenated), x if modulated else None):
        return keras.Model([latent, label], _chain(x, blocks, names), name="generator")


def discriminator_graph(config: Config, apply: Apply) -> keras.Model:
    """The discriminator with ``apply(block, x, name)`` instead of ``block.build(x, name)``, for each of its blocks.

    Its weights have the names of ``build_discriminator``, and Keras' initial values.
    """
    sample = keras.Input(config.sample_shape, name="sample")
    blocks = config.discriminator.expand(config.sample_shape)
    names = [*block_names(blocks[:-1]), "head"]
    if not config.num_classes:
        return keras.Model([sample], _chain(sample, blocks, names, apply), name="discriminator")
    label = keras.Input((), dtype="int32", name="label")
    with conditioned_on(Label(label, config.num_classes, in_norms=False)):
        return keras.Model([sample, label], _chain(sample, blocks, names, apply), name="discriminator")


def _build(block: Block, x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return block.build(x, name)


def _chain(
    x: keras.KerasTensor, blocks: tuple[Block, ...], names: list[str], apply: Apply = _build
) -> keras.KerasTensor:
    for name, block in zip(names, blocks, strict=True):
        x = apply(block, x, name)
    return x


def _with_embedding(latent: keras.KerasTensor, label: keras.KerasTensor, config: Config) -> keras.KerasTensor:
    """The latent, concatenated with an embedding of the label."""
    width = config.generator.label_embedding_dim
    embedding = keras.layers.Embedding(config.num_classes, width, name="label_embedding")(label)
    return keras.layers.Concatenate(name="latent_and_label")([latent, embedding])
