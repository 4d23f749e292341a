"""From a config to Keras models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import keras

from ganzoo.architectures.shapes import block_names
from ganzoo.blocks.base import Block
from ganzoo.blocks.context import BuildContext, Heads, Label, Style
from ganzoo.environment.process_settings import own_settings
from ganzoo.errors import ConfigError
from ganzoo.objectives.experiment import Experiment
from ganzoo.training.initialization import initialize

Precision = Literal["float32", "mixed_bfloat16"]
Apply = Callable[[Block, keras.KerasTensor, BuildContext], keras.KerasTensor]
"""A block, its input and its context -> its output."""


def build_generator(config: Experiment, *, precision: Precision = "float32", seed: int | None = None) -> keras.Model:
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


def build_discriminator(
    config: Experiment,
    *,
    precision: Precision = "float32",
    seed: int | None = None,
    heads: Mapping[str, int] | None = None,
) -> keras.Model:
    """Build the discriminator: samples (and label int32 ``[b]`` if conditional) -> logits float32 ``[b, 1]``.

    With packing, ``config.pack_size`` samples share one logit.

    Args:
        config: the experiment. Its objective decides whether the discriminator is conditional.
        precision, seed: as in ``build_generator``.
        heads: name -> width of further outputs, which are linear in the last features. The model then returns
            ``[logits, *heads]``, each head float32 ``[b, width]``. The other weights do not depend on them.

    Raises:
        ConfigError: if the discriminator's head block makes no further outputs.
    """
    seed = config.training.seed if seed is None else seed
    with own_settings(dtype_policy=precision):
        return initialize(
            lambda: discriminator_graph(config, _build, heads=heads), config.discriminator.initializer, seed + 1
        )


def _generator(config: Experiment) -> keras.Model:
    latent = keras.Input((config.generator.latent_dim,), name="latent")
    blocks = config.generator.expand(config.sample_shape)
    if not config.num_classes:
        context = BuildContext("", style=_style(latent, config), sample_shape=config.sample_shape)
        return keras.Model([latent], apply_blocks(latent, blocks, context), name="generator")
    label = keras.Input((), dtype="int32", name="label")
    concatenated = config.generator.conditioning == "concat"
    x = _with_embedding(latent, label, config) if concatenated else latent
    classes = Label(label, config.num_classes, in_norms=not concatenated)
    context = BuildContext("", label=classes, style=_style(x, config), sample_shape=config.sample_shape)
    return keras.Model([latent, label], apply_blocks(x, blocks, context), name="generator")


def discriminator_graph(config: Experiment, apply: Apply, *, heads: Mapping[str, int] | None = None) -> keras.Model:
    """The discriminator with ``apply(block, x, context)`` instead of ``block.build(x, context)``, for each block.

    Its weights have the names of ``build_discriminator``, and Keras' initial values. ``heads`` is described there.
    """
    inputs, label = [keras.Input(config.sample_shape, name="sample")], None
    if config.num_classes and config.objective.conditional_discriminator:
        label = Label(keras.Input((), dtype="int32", name="label"), config.num_classes)
        inputs.append(label.tensor)
    further = Heads(heads, {}) if heads else None
    context = BuildContext("", label=label, heads=further)
    *body, head = config.discriminator.expand(config.sample_shape)
    logits = apply(head, apply_blocks(inputs[0], body, context, apply), context.named("head"))
    if further is None:
        return keras.Model(inputs, logits, name="discriminator")
    if further.outputs.keys() != further.widths.keys():
        raise ConfigError(
            f"the objective '{config.objective.registered_name}' needs further outputs of the discriminator, and its "
            f"head '{head.registered_name}' makes none; use another discriminator.head, such as logit_head"
        )
    outputs = [logits, *(further.outputs[name] for name in further.widths)]
    return keras.Model(inputs, outputs, name="discriminator")


def _build(block: Block, x: keras.KerasTensor, context: BuildContext) -> keras.KerasTensor:
    return block.build(x, context)


def apply_blocks(
    x: keras.KerasTensor, blocks: Sequence[Block], context: BuildContext, apply: Apply = _build
) -> keras.KerasTensor:
    """The output of blocks in a row, for example the features that a discriminator has before its head.

    The layers of a block have names that begin with its name in ``block_names(blocks)``.
    """
    for name, block in zip(block_names(blocks), blocks, strict=True):
        x = apply(block, x, context.named(name))
    return x


def _style(x: keras.KerasTensor, config: Experiment) -> Style | None:
    """The style of the generator's blocks, from the latent (and the label's embedding)."""
    generator = config.generator
    if not generator.has_style:
        return None
    return Style(generator.mapping.build(x) if generator.mapping else x, in_norms=generator.self_modulation)


def _with_embedding(latent: keras.KerasTensor, label: keras.KerasTensor, config: Experiment) -> keras.KerasTensor:
    """The latent, concatenated with an embedding of the label."""
    width = config.generator.label_embedding_dim
    embedding = keras.layers.Embedding(config.num_classes, width, name="label_embedding")(label)
    return keras.layers.Concatenate(name="latent_and_label")([latent, embedding])
