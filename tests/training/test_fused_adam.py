"""Adam and AdamW with one operation for each weight make the updates of Keras' own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ganzoo.optimizers import optimizers
from ganzoo.schedules import Constant
from ganzoo.training.fused_adam import FusedAdam, FusedAdamW
from ganzoo.training.learning_rate import WarmupThenDecay

OPTIONS = {"beta_1": 0.5, "beta_2": 0.99, "epsilon": 1e-6}


def trained(optimizer):
    """The weights and the slots after 20 updates in a graph."""
    rng = np.random.RandomState(0)
    weights = [keras.Variable(rng.normal(size=shape).astype(np.float32)) for shape in [(3, 4), (5,), ()]]
    optimizer.build(weights)
    gradients = [[rng.normal(size=weight.shape).astype(np.float32) for weight in weights] for _ in range(20)]

    @tf.function
    def update(values):
        optimizer.apply(values, weights)

    for values in gradients:
        update([tf.constant(value) for value in values])
    return [np.asarray(value) for value in (*weights, *optimizer.variables)]


@pytest.mark.parametrize("warmup", [0, 5])
@pytest.mark.parametrize(
    ("fused", "keras_own", "more"),
    [(FusedAdam, keras.optimizers.Adam, {}), (FusedAdamW, keras.optimizers.AdamW, {"weight_decay": 0.1})],
)
def test_the_weights_and_slots_are_those_of_keras(fused, keras_own, more, warmup):
    rate = WarmupThenDecay(1e-2, schedule=Constant(), warmup_steps=warmup, updates=100) if warmup else 1e-2
    ours, theirs = (trained(kind(learning_rate=rate, **OPTIONS, **more)) for kind in (fused, keras_own))
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_an_update_is_one_operation_for_each_weight(name):
    optimizer = optimizers.create({"name": name}).build(10)
    weights = [keras.Variable(np.ones(shape, np.float32)) for shape in [(2, 2), (3,)]]
    optimizer.build(weights)
    graph = tf.function(lambda: optimizer.apply([tf.ones(w.shape) for w in weights], weights))
    operations = [operation.type for operation in graph.get_concrete_function().graph.get_operations()]
    assert operations.count("ResourceApplyAdam") == 2
