"""Checks of blocks: the layers that they make, and the same output in ONNX Runtime."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ganzoo.blocks.base import Block, Shape, discriminator_blocks, generator_blocks
from ganzoo.blocks.heads import GeneratorHead, LogitHead
from ganzoo.blocks.regularizing import Packing
from ganzoo.errors import ConfigError
from ganzoo.latents import DISTRIBUTIONS
from ganzoo.testing.part import BATCH, IMAGE, check_part, require

if TYPE_CHECKING:
    import keras

VECTOR: Shape = (5,)


def check_generator_block(block: Block | type[Block], *, onnx: bool = True) -> None:
    """Shapes, types, gradients and, with ``onnx``, the same output in ONNX Runtime after export.

    Raises:
        AssertionError: naming what is wrong.
    """
    check_part(generator_blocks, block)
    block = _filled(block)
    for shape in _accepted(block):
        _check_layers(block, shape)
        if onnx:
            _check_onnx(block, shape)


def check_discriminator_block(block: Block | type[Block]) -> None:
    """Shapes, types and gradients; of a head also with labels.

    Raises:
        AssertionError: naming what is wrong.
    """
    check_part(discriminator_blocks, block)
    block = _filled(block)
    for shape in _accepted(block):
        _check_layers(block, shape)
        first = block.at_input()
        require(first.output_shape(shape) == block.output_shape(shape), "at_input() changes the shape")
        if isinstance(block, LogitHead):
            _check_layers(block, shape, num_classes=3)


def _filled(block: Block | type[Block]) -> Block:
    """A block with what a network's config fills in."""
    block = block() if isinstance(block, type) else block
    values: dict[str, Any] = {} if block.channels else {"channels": 4}
    if isinstance(block, GeneratorHead):
        values["shape"] = IMAGE if block.makes == "images" else VECTOR
    return block.model_copy(update=values)


def _takes(block: Block, shape: Shape) -> bool:
    try:
        block.output_shape(shape)
    except ConfigError:
        return False
    return True


def _accepted(block: Block) -> list[Shape]:
    shapes = [shape for shape in (IMAGE, VECTOR) if _takes(block, shape)]
    require(bool(shapes), f"'{block.registered_name}' takes neither an image {IMAGE} nor a vector {VECTOR}")
    return shapes


@contextlib.contextmanager
def _policy(name: str) -> Iterator[None]:
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _model(block: Block, shape: Shape, *, num_classes: int = 0) -> keras.Model:
    """The block alone, its weights drawn anew and its batch normalisation in the middle of a training."""
    import keras

    from ganzoo.training.networks import initialize

    x = keras.Input(shape, name="x")
    if num_classes:
        label = keras.Input((), dtype="int32", name="label")
        model = keras.Model([x, label], cast("LogitHead", block).build(x, "block", label, num_classes))
    else:
        model = keras.Model([x], block.build(x, "block"))
    initialize(model, "he_normal", 0)
    rng = np.random.RandomState(0)
    for weight in model.weights:
        if weight.name in ("moving_mean", "moving_variance", "beta", "bias"):
            weight.assign(0.5 + rng.random_sample(weight.shape))
    return model


def _check_layers(block: Block, shape: Shape, *, num_classes: int = 0) -> None:
    import tensorflow as tf

    wanted = block.output_shape(shape)
    rng = np.random.RandomState(0)
    inputs = [tf.constant(rng.standard_normal((BATCH, *shape)), tf.float32)]
    inputs += [tf.constant([0, 1, 2, 0])] if num_classes else []
    for policy, compute in (("float32", tf.float32), ("mixed_bfloat16", tf.bfloat16)):
        with _policy(policy):
            model = _model(block, shape, num_classes=num_classes)
        require(model.output.shape[1:] == wanted, f"output_shape() says {wanted}, Keras {model.output.shape[1:]}")
        with tf.GradientTape() as tape:
            made = model(inputs, training=True)
            goal = tf.reduce_sum(tf.cast(made, tf.float32) * rng.standard_normal(made.shape))
        samples = BATCH // block.samples if isinstance(block, Packing) else BATCH
        require(made.shape == (samples, *wanted), f"an output has the shape {made.shape}")
        ends = isinstance(block, GeneratorHead | LogitHead)
        allowed = [tf.float32] if ends or policy == "float32" else [compute, tf.float32]
        require(made.dtype in allowed, f"with {policy} the output is {made.dtype.name}")
        require(bool(np.isfinite(tf.cast(made, tf.float32)).all()), "the output is not finite")
        require(all(weight.dtype == "float32" for weight in model.weights), f"with {policy} weights are not float32")
        if isinstance(block, GeneratorHead) and len(wanted) == 3:
            require(float(tf.reduce_max(tf.abs(made))) <= 1.0, "the head's images leave [-1, 1]")
        gradients = tape.gradient(goal, [weight.value for weight in model.trainable_variables])
        for weight, gradient in zip(model.trainable_variables, gradients, strict=True):
            arrived = gradient is not None and np.any(tf.convert_to_tensor(gradient))
            require(bool(arrived), f"no gradient reaches {weight.path}")


def _check_onnx(block: Block, shape: Shape) -> None:
    """The block behind latents of either distribution, exported and run at batch 1 and 7."""
    import keras

    from ganzoo.exporters.onnx import onnx_runtime, to_onnx
    from ganzoo.exporters.parity import TOLERANCE, measure

    body = _model(block, shape)
    latent = keras.Input((8,), name="latent")
    features = keras.layers.Dense(int(np.prod(shape)), name="features")(latent)
    generator = keras.Model([latent], body(keras.layers.Reshape(shape, name="features_shape")(features)))
    run = onnx_runtime(to_onnx(generator).SerializeToString())
    for distribution in DISTRIBUTIONS:
        difference = measure(generator, run, distribution=distribution)
        require(difference < TOLERANCE, f"ONNX Runtime differs by {difference:.2g} on {distribution} latents")
