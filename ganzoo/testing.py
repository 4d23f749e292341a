"""Checks that every registered part passes. A plug-in runs them on its own parts, in its own tests:

    from ganzoo.testing import check_generator_block

    def test_my_block():
        check_generator_block(MyBlock)

Each takes a part, or a class whose fields all have defaults, and raises AssertionError with what is wrong. TensorFlow
is imported when a check runs.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from ganzoo.augment import Augmentation, augmentations
from ganzoo.blocks.base import Block, Shape, discriminator_blocks, generator_blocks
from ganzoo.blocks.heads import GeneratorHead, LogitHead
from ganzoo.blocks.regularising import Packing
from ganzoo.errors import ConfigError
from ganzoo.extractors.base import Extractor, extractors
from ganzoo.losses import Loss, losses
from ganzoo.metrics.base import Features, Metric, Subject, metrics
from ganzoo.optimizers import OptimizerConfig, optimizers
from ganzoo.penalties import Penalty, penalties
from ganzoo.registry import Part, Registry

if TYPE_CHECKING:
    import keras

P = TypeVar("P", bound=Part)

BATCH = 4
IMAGE: Shape = (4, 6, 3)
"""Shape of the images that blocks are tried on: neither square nor of even channels."""
VECTOR: Shape = (5,)
PARITY = 1e-4
"""Largest allowed difference of ONNX Runtime from Keras, as in an export."""


def check_part(registry: Registry[P], part: P | type[P]) -> P:
    """The name, the round trip through a config, and the description that users read. Returns the part.

    Raises:
        AssertionError: naming what is wrong.
    """
    made: P = part() if isinstance(part, type) else part
    spec = registry.spec(made)
    _require(registry.get(spec[registry.key]) is type(made), f"{spec} names another class than {type(made)}")
    _require(registry.create(json.loads(json.dumps(spec))) == made, f"{spec} does not come back as it was")
    _require(bool((type(made).__doc__ or "").strip()), f"{type(made).__name__} has no docstring")
    _require("properties" in type(made).model_json_schema(), f"{type(made).__name__} has no JSON schema")
    with contextlib.suppress(ValueError):
        registry.create({**spec, "no_such_key": 1})
        raise AssertionError(f"{type(made).__name__} accepts keys that it does not have")
    return made


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
        _require(first.output_shape(shape) == block.output_shape(shape), "at_input() changes the shape")
        if isinstance(block, LogitHead):
            _check_layers(block, shape, num_classes=3)


def check_loss(loss: Loss | type[Loss]) -> None:
    """Scalars with the gradients that finite differences give, each network pulling in its own direction.

    Raises:
        AssertionError: naming what is wrong.
    """
    import tensorflow as tf

    loss = check_part(losses, loss)
    rng = np.random.RandomState(0)
    real, fake = rng.standard_normal((2, 6, 1))
    undecided = rng.uniform(0.1, 0.9, (2, 6, 1))
    for network, method in (("discriminator", loss.discriminator), ("generator", loss.generator)):
        value, by_real, by_fake = _gradient(method, real, fake)
        _require(value.shape == () and bool(np.isfinite(value)), f"the loss of the {network} is no finite scalar")
        single = method(tf.constant(real, tf.float32), tf.constant(fake, tf.float32))
        _require(single.dtype == tf.float32, f"the loss of the {network} is {single.dtype.name} for float32 logits")
        for logits, gradient in ((real, by_real), (fake, by_fake)):
            measured = _finite_differences(partial(_value, method, real, fake), logits)
            _require(np.allclose(gradient, measured, atol=1e-6), f"the gradient of the {network}'s loss is off")
        sign = 1 if network == "discriminator" else -1
        pull = sign * _gradient(method, *undecided)[2]
        _require(bool((pull > 0).all()), f"the {network} pulls the logits of fakes the wrong way")
        if network == "generator" and not loss.generator_needs_real:
            _require(not by_real.any(), "the generator's loss depends on real logits: set generator_needs_real")
    pull = _gradient(loss.discriminator, *undecided)[1]
    _require(bool((pull < 0).all()), "the discriminator pulls the logits of reals the wrong way")


def check_penalty(penalty: Penalty | type[Penalty]) -> None:
    """A float32 scalar, not negative, fixed by its seed, whose gradient reaches the critic's weights.

    Raises:
        AssertionError: naming what is wrong.
    """
    import tensorflow as tf

    penalty = check_part(penalties, penalty)
    rng = np.random.RandomState(0)
    real, fake = (tf.constant(rng.standard_normal((BATCH, 5)), tf.float32) for _ in range(2))
    weight = tf.Variable(rng.standard_normal((5, 1)), dtype=tf.float32)
    seed = tf.constant([1, 2], tf.int64)

    def value() -> Any:
        return penalty.penalty(lambda x: tf.square(x @ weight), real, fake, seed)

    with tf.GradientTape() as tape:
        first = value()
    _require(first.shape == () and first.dtype == tf.float32, "the penalty is no float32 scalar")
    _require(bool(first >= 0) and bool(np.isfinite(first)), f"the penalty is {float(first)}")
    _require(float(first) == float(value()), "the same seed does not give the same penalty")
    gradient = tape.gradient(first, weight)
    _require(gradient is not None and bool(np.any(gradient)), "the penalty's gradient does not reach the critic")


def check_metric(metric: Metric | type[Metric]) -> None:
    """The numbers that it names, all finite, the same for the same samples.

    Raises:
        AssertionError: naming what is wrong.
    """
    metric = check_part(metrics, metric)
    rng = np.random.RandomState(0)
    subject = Subject(None, "none", has_probabilities=True)
    _require(metric.why_not(subject, 64) is None, f"it does not measure 64 samples: {metric.why_not(subject, 64)}")
    real, alike, unlike = (_features(rng, shift) for shift in (0.0, 0.0, 30.0))
    first, other = metric.measure(real, alike, subject), metric.measure(real, unlike, subject)
    _require(first == metric.measure(real, alike, subject), "the same samples do not give the same numbers")
    for numbers in (first, other):
        _require(bool(numbers) and set(numbers) <= set(metric.numbers), f"it gives {list(numbers)}: see its numbers")
        _require(all(type(n) is float and np.isfinite(n) for n in numbers.values()), f"not finite floats: {numbers}")


def check_extractor(extractor: Extractor | type[Extractor], *, shape: Shape = IMAGE) -> None:
    """Finite float32 features, one row a sample that depends on that sample alone, and probabilities as it says.

    Raises:
        AssertionError: naming what is wrong.
    """
    extractor = check_part(extractors, extractor)
    loaded = extractor.load(shape)
    rng = np.random.RandomState(0)
    images = rng.randint(0, 256, (BATCH, *shape)).astype(np.uint8)
    samples = images if len(shape) == 3 else rng.standard_normal((BATCH, *shape)).astype(np.float32)
    features, probabilities = loaded.extract(samples)
    _require(features.dtype == np.float32 and features.ndim == 2, f"features are {features.dtype} {features.shape}")
    _require(len(features) == BATCH and bool(np.isfinite(features).all()), "there is not one finite row a sample")
    _require((probabilities is not None) == loaded.has_probabilities, "has_probabilities is wrong")
    if probabilities is not None:
        _require(np.allclose(probabilities.sum(axis=1), 1, atol=1e-3), "the probabilities of a sample are not 1 in all")
    alone = loaded.extract(samples[1:2])[0]
    _require(np.allclose(alone, features[1:2], atol=1e-4), "the features of a sample depend on the others")


def _features(rng: np.random.RandomState, shift: float) -> Features:
    """64 samples with 5 features and 3 classes."""
    share = rng.uniform(0.1, 1.0, (64, 3)).astype(np.float32)
    features = (rng.standard_normal((64, 5)) + shift).astype(np.float32)
    return Features(features, share / share.sum(axis=1, keepdims=True))


def check_augmentation(augmentation: Augmentation | type[Augmentation]) -> None:
    """Shape and type stay, the seed decides, samples do not mix, and the gradient passes.

    Raises:
        AssertionError: naming what is wrong.
    """
    import tensorflow as tf

    augmentation = check_part(augmentations, augmentation)
    first, second = (tf.constant([number, 7], tf.int64) for number in (1, 2))
    for channels in (1, 3):
        images = np.random.RandomState(0).uniform(-1, 1, (BATCH, 8, 6, channels)).astype(np.float32)
        with tf.GradientTape() as tape:
            watched = tf.constant(images)
            tape.watch(watched)
            changed = augmentation.apply(watched, first)
        _require(changed.shape == images.shape and changed.dtype == tf.float32, "the shape or type changes")
        _require(bool(np.isfinite(changed).all()), "values that are not finite appear")
        _require(bool(np.any(tape.gradient(changed, watched))), "no gradient passes")
        _require(np.array_equal(changed, augmentation.apply(images, first)), "the same seed makes another change")
        _require(not np.array_equal(changed, augmentation.apply(images, second)), "the seed changes nothing")
        others = np.concatenate([images[:1], -images[1:]])
        alone = augmentation.apply(others, first)
        _require(np.allclose(alone[0], changed[0], atol=1e-6), "a sample depends on the others of its batch")


def check_optimizer(optimizer: OptimizerConfig | type[OptimizerConfig]) -> None:
    """It makes a Keras optimizer that goes downhill and follows the schedule.

    Raises:
        AssertionError: naming what is wrong.
    """
    import keras

    optimizer = check_part(optimizers, optimizer)
    falling = optimizer.model_copy(update={"schedule": "linear", "learning_rate": 0.01})
    built = falling.build(100)
    _require(isinstance(built, keras.Optimizer), f"build() made {type(built)}, not a Keras optimizer")
    weight = keras.Variable(np.array([1.0, -2.0], np.float32))
    for _ in range(50):
        built.apply([2.0 * keras.ops.convert_to_tensor(weight)], [weight])
    _require(bool(np.linalg.norm(weight) < np.sqrt(5.0) - 0.05), "50 updates do not go downhill")
    _require(abs(float(built.learning_rate) - 0.005) < 1e-6, "the schedule is not followed: use shared()")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)


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
    _require(bool(shapes), f"'{block.registered_name}' takes neither an image {IMAGE} nor a vector {VECTOR}")
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

    from ganzoo.networks import initialise

    x = keras.Input(shape, name="x")
    if num_classes:
        label = keras.Input((), dtype="int32", name="label")
        model = keras.Model([x, label], cast("LogitHead", block).build(x, "block", label, num_classes))
    else:
        model = keras.Model([x], block.build(x, "block"))
    initialise(model, "he_normal", 0)
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
        _require(model.output.shape[1:] == wanted, f"output_shape() says {wanted}, Keras {model.output.shape[1:]}")
        with tf.GradientTape() as tape:
            made = model(inputs, training=True)
            goal = tf.reduce_sum(tf.cast(made, tf.float32) * rng.standard_normal(made.shape))
        samples = BATCH // block.samples if isinstance(block, Packing) else BATCH
        _require(made.shape == (samples, *wanted), f"an output has the shape {made.shape}")
        ends = isinstance(block, GeneratorHead | LogitHead)
        allowed = [tf.float32] if ends or policy == "float32" else [compute, tf.float32]
        _require(made.dtype in allowed, f"with {policy} the output is {made.dtype.name}")
        _require(bool(np.isfinite(tf.cast(made, tf.float32)).all()), "the output is not finite")
        _require(all(weight.dtype == "float32" for weight in model.weights), f"with {policy} weights are not float32")
        if isinstance(block, GeneratorHead) and len(wanted) == 3:
            _require(float(tf.reduce_max(tf.abs(made))) <= 1.0, "the head's images leave [-1, 1]")
        gradients = tape.gradient(goal, [weight.value for weight in model.trainable_variables])
        for weight, gradient in zip(model.trainable_variables, gradients, strict=True):
            arrived = gradient is not None and np.any(tf.convert_to_tensor(gradient))
            _require(bool(arrived), f"no gradient reaches {weight.path}")


def _check_onnx(block: Block, shape: Shape) -> None:
    """The block behind a latent, exported and run at batch 1 and 7."""
    import keras

    from ganzoo.export.onnx import onnx_runtime, to_onnx

    body = _model(block, shape)
    latent = keras.Input((8,), name="latent")
    features = keras.layers.Dense(int(np.prod(shape)), name="features")(latent)
    generator = keras.Model([latent], body(keras.layers.Reshape(shape, name="features_shape")(features)))
    run = onnx_runtime(to_onnx(generator).SerializeToString())
    for batch in (1, 7):
        z = np.random.RandomState(batch).standard_normal((batch, 8)).astype(np.float32)
        difference = np.abs(run(z, None) - np.asarray(generator([z], training=False))).max()
        _require(bool(difference < PARITY), f"ONNX Runtime differs by {difference:.2g} at batch {batch}")


def _gradient(method: Callable[..., Any], real: NDArray[Any], fake: NDArray[Any]) -> list[NDArray[Any]]:
    """The loss in float64 and its gradients by both kinds of logits."""
    import tensorflow as tf

    logits = [tf.constant(real), tf.constant(fake)]
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = method(*logits)
    gradients = tape.gradient(value, logits, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return [np.asarray(value), *(np.asarray(gradient) for gradient in gradients)]


def _value(method: Callable[..., Any], real: NDArray[Any], fake: NDArray[Any]) -> Any:
    import tensorflow as tf

    return method(tf.constant(real), tf.constant(fake))


def _finite_differences(value: Callable[[], Any], at: NDArray[Any], *, step: float = 1e-5) -> NDArray[Any]:
    """Central differences of ``value``, which reads ``at``."""
    measured = np.zeros_like(at)
    for place in np.ndindex(at.shape):
        kept = at[place]
        at[place] = kept + step
        above = float(value())
        at[place] = kept - step
        below = float(value())
        at[place] = kept
        measured[place] = (above - below) / (2 * step)
    return measured
