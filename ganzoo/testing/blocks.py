"""Checks of blocks: their layers, their first weights, and the same output in ONNX Runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ganzoo.blocks.base import Block, Shape, discriminator_blocks, generator_blocks
from ganzoo.blocks.context import BuildContext, Label, Style
from ganzoo.errors import ConfigError
from ganzoo.initializers import HeNormal
from ganzoo.latents import DISTRIBUTIONS
from ganzoo.testing.part import BATCH, IMAGE, check_part, require

if TYPE_CHECKING:
    import keras

VECTOR: Shape = (5,)
CLASSES = 3
STYLE = 6
"""Length of the style of a block that needs one, or of a self-modulated block."""


def check_generator_block(block: Block | type[Block], *, onnx: bool = True) -> None:
    """Check shapes, types, gradients and first weights, also of a conditional generator.

    With ``onnx``, ONNX Runtime must compute the same output after an export.

    Raises:
        AssertionError: with the first check that failed.
    """
    block = _complete(check_part(generator_blocks, block))
    for shape in _accepted(block):
        check_layers(block, shape)
        if block.conditional_norm:
            check_layers(block, shape, label_in_norms=True)
            check_layers(block, shape, self_modulated=True)
            check_layers(block, shape, label_in_norms=True, self_modulated=True)
        if onnx:
            _check_onnx(block, shape)


def check_discriminator_block(block: Block | type[Block]) -> None:
    """Check shapes, types, gradients and first weights, also of a conditional discriminator.

    Raises:
        AssertionError: with the first check that failed.
    """
    block = _complete(check_part(discriminator_blocks, block))
    for shape in _accepted(block):
        check_layers(block, shape)
        if block.samples_per_output == 1:
            check_layers(block, shape, label_in_norms=False)
        if block.samples_per_output == 1 and not block.mixes_samples:
            message = (
                "the output of a sample depends on the batch, which mixes_samples or statistic_channels must declare"
            )
            require(not depends_on_batch(block, shape), message)
        first = block.at_input()
        require(first.output_shape(shape) == block.output_shape(shape), "at_input() changes the shape")


def _complete(block: Block) -> Block:
    """A block with the values that a network's config sets."""
    values: dict[str, Any] = {} if block.channels else {"channels": 4}
    if block.output in ("images", "vectors"):
        values["shape"] = IMAGE if block.output == "images" else VECTOR
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


def _model(
    block: Block, shape: Shape, *, label_in_norms: bool | None = None, self_modulated: bool = False
) -> keras.Model:
    """A model of the block alone, with its first weights; conditional unless ``label_in_norms`` is None.

    Its outputs are those of the block, and the images that it adds.
    """
    import keras

    from ganzoo.training.initialization import initialize

    def build() -> keras.Model:
        inputs = [keras.Input(shape, name="x")]
        label, style = None, None
        if label_in_norms is not None:
            inputs.append(keras.Input((), dtype="int32", name="label"))
            label = Label(inputs[-1], CLASSES, label_in_norms)
        if self_modulated or block.needs_style:
            inputs.append(keras.Input((STYLE,), name="style"))
            style = Style(inputs[-1], in_norms=self_modulated)
        earlier = [keras.layers.Conv2D(IMAGE[-1], 1, name="earlier")(inputs[0])] if block.needs_image else []
        context = BuildContext("block", label=label, style=style, images=[*earlier], sample_shape=IMAGE)
        output = block.build(inputs[0], context)
        return keras.Model(inputs, [output, *context.images[len(earlier) :]])

    return initialize(build, HeNormal(), 0)


def _outputs(model: keras.Model, inputs: list[Any], *, training: bool = False) -> list[Any]:
    """All outputs. Keras returns the only output of a model as a tensor."""
    made = model(inputs, training=training)
    return list(made) if isinstance(made, list | tuple) else [made]


def _trained(model: keras.Model) -> keras.Model:
    """The model with batch statistics, and weights that start at zero (biases, gates), as after some training."""
    rng = np.random.RandomState(0)
    for weight in model.weights:
        if weight.name in ("moving_mean", "moving_variance") or not np.any(weight):
            weight.assign(0.5 + rng.random_sample(weight.shape))
    return model


def check_layers(
    block: Block, shape: Shape, *, label_in_norms: bool | None = None, self_modulated: bool = False
) -> None:
    """Check the layers of a block for one input shape, in both precisions.

    Args:
        block: with all values that a network's config sets.
        shape: of one sample.
        label_in_norms: whether the label of a conditional network enters through normalizations; None for a network
            without classes.
        self_modulated: whether normalizations depend on the latent.

    Raises:
        AssertionError: with the first check that failed.
    """
    import tensorflow as tf

    from ganzoo.environment.process_settings import own_settings

    wanted = block.output_shape(shape)
    rng = np.random.RandomState(0)
    inputs = [tf.constant(rng.standard_normal((BATCH, *shape)), tf.float32)]
    inputs += [] if label_in_norms is None else [tf.constant([0, 1, 2, 0])]
    styled = self_modulated or block.needs_style
    inputs += [tf.constant(rng.standard_normal((BATCH, STYLE)), tf.float32)] if styled else []
    for policy, compute in (("float32", tf.float32), ("mixed_bfloat16", tf.bfloat16)):
        with own_settings(dtype_policy=policy):
            model, again = (
                _model(block, shape, label_in_norms=label_in_norms, self_modulated=self_modulated) for _ in range(2)
            )
        for one, other in zip(model.weights, again.weights, strict=True):
            require(one.path == other.path, f"the weight {one.path} is named {other.path} in a second build")
            same = np.array_equal(one, other)
            require(same, f"{one.path} differs between two builds with one seed: use an initializer of Keras")
        model = _trained(model)
        built = model.outputs[0].shape[1:]
        require(built == wanted, f"output_shape() is {wanted}, Keras outputs {built}")
        with tf.GradientTape() as tape:
            output, *added = _outputs(model, inputs, training=True)
            goals = [tf.cast(made, tf.float32) * rng.standard_normal(made.shape) for made in (output, *added)]
            goal = tf.add_n([tf.reduce_sum(values) for values in goals])
        require(bool(added) == block.adds_image, f"adds_image is {block.adds_image}, {len(added)} images were added")
        samples = BATCH // block.samples_per_output
        require(output.shape == (samples, *wanted), f"an output has the shape {output.shape}")
        features = block.output == "features" and policy != "float32"
        require(output.dtype in ([compute, tf.float32] if features else [tf.float32]), f"output in {output.dtype.name}")
        require(bool(np.isfinite(tf.cast(output, tf.float32)).all()), "the output is not finite")
        require(all(weight.dtype == "float32" for weight in model.weights), f"with {policy} weights are not float32")
        if block.output == "images":
            require(float(tf.reduce_max(tf.abs(output))) <= 1.0, "the head's images leave [-1, 1]")
        if label_in_norms:
            others = _outputs(model, [inputs[0], tf.constant([1, 2, 0, 1]), *inputs[2:]], training=True)[0]
            require(not np.array_equal(output, others), "conditional_norm is True, but the label changes nothing")
        if styled:
            others = _outputs(model, [*inputs[:-1], -inputs[-1]], training=True)[0]
            needs = "conditional_norm" if self_modulated else "needs_style"
            require(not np.array_equal(output, others), f"{needs} is True, but the style changes nothing")
        gradients = tape.gradient(goal, [weight.value for weight in model.trainable_variables])
        for weight, gradient in zip(model.trainable_variables, gradients, strict=True):
            arrived = gradient is not None and np.any(tf.convert_to_tensor(gradient))
            require(bool(arrived), f"no gradient reaches {weight.path}")


def depends_on_batch(block: Block, shape: Shape) -> bool:
    """Whether the features of a sample, except the declared statistics, depend on the rest of the batch in training."""
    import tensorflow as tf

    from ganzoo.blocks import _calling

    model = _trained(_model(block, shape))
    batch = np.random.RandomState(0).standard_normal((BATCH, *shape)).astype(np.float32)

    def first(others: Any) -> Any:
        """Features of the first sample; dropout has the same draws in every call."""
        samples = tf.constant(np.concatenate([batch[:1], others]))
        with _calling.keyed(tf.constant([1, 2], tf.int64)), _calling.frozen_state():
            features = np.asarray(tf.cast(_outputs(model, [samples], training=True)[0][0], tf.float32))
        return features[..., : features.shape[-1] - block.statistic_channels]

    return not np.allclose(first(batch[1:]), first(3.0 * batch[1:] + 1.0), atol=1e-3)


def _check_onnx(block: Block, shape: Shape) -> None:
    """Export the block with latents of each distribution as input."""
    import keras

    from ganzoo.exporters.onnx import onnx_runtime, to_onnx
    from ganzoo.exporters.parity import TOLERANCE, measure

    body = _trained(_model(block, shape))
    latent = keras.Input((8,), name="latent")
    features = keras.layers.Dense(int(np.prod(shape)), name="features")(latent)
    inputs = [keras.layers.Reshape(shape, name="features_shape")(features)]
    inputs += [keras.layers.Dense(STYLE, name="style")(latent)] if block.needs_style else []
    made = _outputs(body, inputs)
    generator = keras.Model([latent], keras.layers.Concatenate(name="all")(made) if len(made) > 1 else made[0])
    run = onnx_runtime(to_onnx(generator).SerializeToString())
    for distribution in DISTRIBUTIONS:
        difference = measure(generator, run, distribution=distribution)
        require(difference < TOLERANCE, f"ONNX Runtime differs by {difference:.2g} on {distribution} latents")
