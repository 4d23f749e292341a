"""Compares one step with a slow and simple implementation of its docstrings, and checks that it repeats bit for bit."""

import collections

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import put_state, same, samples, state, tiny, tiny_vectors, trainer

from ganzoo.objectives.base import METRICS
from ganzoo.objectives.experiment import LATENT
from ganzoo.training import networks
from ganzoo.training.running_means import RunningMeans
from ganzoo.training.step import Step, TrainStep

RATE = 0.05
COUNTERS = ("g_optimizer", "d_optimizer", "watch")
"""Groups of a state that hold more than weights."""


def plain_update(config, generator, discriminator, ema, data, indices, step, *, labels=None):
    """What ``TrainStep`` promises, one thing after the other, with gradient descent. Non-saturating loss."""
    training = config.training
    clip = training.g_optimizer.clip_norm

    def with_label(x, turn):
        return [x] if labels is None else [x, tf.constant(labels[indices[turn]])]

    def make(turn):
        shape = [training.batch_size, config.generator.latent_dim]
        z = tf.random.stateless_normal(shape, seed=[training.seed * 8 + LATENT, step * 2**20 + turn])
        return generator(with_label(z, turn), training=True)

    def judge(x, turn):
        return discriminator(with_label(x, turn), training=True)

    def d_loss(turn, fake):
        real = tf.constant(data[indices[turn]])
        total = tf.reduce_mean(tf.nn.softplus(-judge(real, turn))) + tf.reduce_mean(tf.nn.softplus(judge(fake, turn)))
        due = [penalty for penalty in training.penalties if step % penalty.interval == 0]
        for penalty in due:
            gamma = penalty.gamma
            if penalty.gamma_end is not None:  # a cosine over the training
                gamma += (1 - np.cos(np.pi * step / training.steps)) / 2 * (penalty.gamma_end - gamma)
            total += penalty.interval * gamma / 2 * squared_slope(lambda x: judge(x, turn), real)
        return total

    def g_loss(turn):
        return tf.reduce_mean(tf.nn.softplus(-judge(make(turn), turn)))

    last = training.d_steps - 1
    if training.update == "alternating":
        for turn in range(training.d_steps):
            put(discriminator, descended(discriminator, lambda turn=turn: d_loss(turn, make(turn)), clip))
        put(generator, descended(generator, lambda: g_loss(last), clip))
    else:
        new_discriminator = descended(discriminator, lambda: d_loss(0, make(0)), clip)
        put(generator, descended(generator, lambda: g_loss(0), clip))
        put(discriminator, new_discriminator)
    average(training, ema, generator, step)


def average(training, ema, generator, step):
    decay = training.ema_decay
    if training.ema_warmup:
        decay = min(decay, (1 + step) / (10 + step))
    for kept, weight in zip(ema.weights, generator.weights, strict=True):
        kept.assign(decay * np.asarray(kept) + (1 - decay) * np.asarray(weight))


def squared_slope(critic, x):
    """Mean over the samples of the squared length of the critic's gradient."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        logits = critic(x)
    return tf.reduce_mean(tf.reduce_sum(tape.gradient(logits, x) ** 2, axis=1))


def descended(model, loss, clip):
    """The weights after one step downhill, the gradients scaled to a common norm of at most ``clip``."""
    with tf.GradientTape() as tape:
        value = loss()
    gradients = tape.gradient(value, [weight.value for weight in model.trainable_variables])
    gradients = [np.asarray(tf.convert_to_tensor(gradient)) for gradient in gradients]
    norm = np.sqrt(sum((gradient**2).sum() for gradient in gradients))
    scale = 1.0 if clip is None else min(1.0, clip / norm)
    return [np.asarray(w) - RATE * scale * g for w, g in zip(model.trainable_variables, gradients, strict=True)]


def put(model, weights):
    for variable, weight in zip(model.trainable_variables, weights, strict=True):
        variable.assign(weight)


def three_networks(config):
    return networks.build_generator(config), networks.build_discriminator(config), networks.build_generator(config)


def train_step(config, nets, *, rate):
    """The update of three networks by gradient descent."""
    generator, discriminator, ema = nets
    optimizers = {"g_optimizer": keras.optimizers.SGD(rate), "d_optimizer": keras.optimizers.SGD(rate)}
    return TrainStep(config, {"generator": generator, "discriminator": discriminator}, {"generator": ema}, optimizers)


def one_step(config, *, number=0, data=None, networks=None):
    """A step outside of a training."""
    update = TrainStep(config, networks or {}, {}, {})
    indices = tf.range(config.training.batch_size)[None]
    return Step(update, data, None, indices, tf.constant(number, tf.int64))


CASES = {
    "alternating": {},
    "simultaneous": {"update": "simultaneous"},
    "d_steps": {"d_steps": 3},
    "penalty": {"penalties": [{"name": "r1", "gamma": 2.0}]},
    "lazy penalty": {"penalties": [{"name": "r1", "gamma": 2.0, "interval": 2}], "update": "simultaneous"},
    "falling penalty": {"penalties": [{"name": "r1", "gamma": 9.0, "gamma_end": 0.1, "schedule": "cosine"}]},
    "clipping": {
        "g_optimizer": {"name": "adam", "clip_norm": 0.02},
        "d_optimizer": {"name": "adam", "clip_norm": 0.02},
    },
    "constant decay": {"ema_decay": 0.3, "ema_warmup": False},
    "no average": {"ema_decay": 0.0},
}


@pytest.mark.parametrize("classes", [0, 8])
@pytest.mark.parametrize("case", CASES)
def test_an_update_is_what_a_plain_implementation_does(case, classes):
    config = tiny_vectors(**CASES[case])
    config = config.model_copy(update={"num_classes": classes})
    dataset = config.data.load()
    ours, plain = three_networks(config), three_networks(config)
    update = train_step(config, ours, rate=RATE)
    rng = np.random.RandomState(0)
    for step in range(4):
        indices = rng.randint(0, 64, (config.training.d_steps, 4)).astype(np.int32)
        update(dataset.samples, dataset.labels, tf.constant(indices), tf.constant(step, tf.int64))
        labels = dataset.labels if classes else None
        plain_update(config, *plain, dataset.samples, indices, step, labels=labels)
    for mine, other in zip(ours, plain, strict=True):
        assert mine.weights
        for weight, wanted in zip(mine.weights, other.weights, strict=True):
            np.testing.assert_allclose(weight, wanted, atol=2e-6, err_msg=weight.path)
    first = networks.build_generator(config)
    assert not np.allclose(first.weights[0], ours[0].weights[0], atol=1e-4)


def test_alternating_and_simultaneous_differ():
    """Otherwise the test above could not distinguish them."""
    made = []
    for kind in ("alternating", "simultaneous"):
        config = tiny_vectors(update=kind)
        nets = three_networks(config)
        update = train_step(config, nets, rate=1.0)
        dataset = config.data.load()
        update(dataset.samples, dataset.labels, tf.zeros([1, 4], tf.int32), tf.constant(0, tf.int64))
        made.append(np.asarray(nets[0].weights[0]))
    assert not np.allclose(*made, atol=1e-5)


@pytest.mark.parametrize(
    ("conditioning", "tables"), [("concat", {"embeddings": 1}), ("batch_norm", {"scale": 1, "offset": 1})]
)
def test_labels_reach_both_networks_and_only_the_seen_class_moves(conditioning, tables):
    block = {"name": "conv_transpose", "norm": "batch"}
    config = tiny(num_classes=3, generator={"conditioning": conditioning, "block": block})
    nets = three_networks(config)
    before = [{w.path: np.asarray(w) for w in net.weights} for net in nets]
    update = train_step(config, nets, rate=1.0)
    images = samples(config).samples
    update(images, tf.fill([24], 1), tf.zeros([1, 4], tf.int32), tf.constant(0, tf.int64))
    for net, old, wanted in zip(nets[:2], before[:2], (tables, {"embeddings": 1}), strict=True):
        found = [w for w in net.weights if w.name in ("embeddings", "scale", "offset") and len(w.shape) == 2]
        assert collections.Counter(w.name for w in found) == wanted
        for table in found:
            moved = np.abs(np.asarray(table) - old[table.path]).sum(axis=1) > 0
            assert moved.tolist() == [False, True, False], table.path


def test_the_latent_reaches_every_normalization_of_a_self_modulated_generator():
    block = {"name": "conv_transpose", "norm": "batch"}
    config = tiny(num_classes=3, generator={"conditioning": "batch_norm", "self_modulation": True, "block": block})
    nets = three_networks(config)
    styles = [w for w in nets[0].trainable_weights if "_style" in w.path]
    before = [np.asarray(w) for w in styles]
    update = train_step(config, nets, rate=1.0)
    images = samples(config).samples
    update(images, tf.fill([24], 1), tf.zeros([1, 4], tf.int32), tf.constant(0, tf.int64))
    norms = [layer for layer in nets[0].layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(styles) == 5 * len(norms)  # two dense layers with biases, and a table of classes
    kernels = [(old, new) for old, new in zip(before, styles, strict=True) if new.path.endswith("_style/kernel")]
    assert len(kernels) == len(norms)
    assert all(not np.array_equal(old, new) for old, new in kernels)


def test_flip_mirrors_about_half_of_the_images_and_nothing_else():
    config = tiny(data={"flip": True}, training={"batch_size": 64})
    images = samples(config, count=64).samples
    seen = one_step(config, number=3, data=images).real(0).samples
    plain = images / np.float32(127.5) - 1
    mirrored = [np.allclose(new, old[:, ::-1]) for new, old in zip(seen, plain, strict=True)]
    kept = [np.allclose(new, old) for new, old in zip(seen, plain, strict=True)]
    assert all(a or b for a, b in zip(mirrored, kept, strict=True))
    assert 16 < sum(mirrored) < 48
    assert float(tf.reduce_min(seen)) >= -1
    assert float(tf.reduce_max(seen)) <= 1


def test_uniform_latents_are_uniform_and_every_draw_has_its_own():
    config = tiny_vectors(batch_size=512)
    config = config.model_copy(update={"generator": config.generator.model_copy(update={"latent": "uniform"})})
    seen = []

    class Listens:
        def __call__(self, inputs, training):
            seen.append(np.asarray(inputs[0]))
            return inputs[0]

    for number, turn in ((0, 0), (0, 1), (1, 0), (0, 0)):
        one_step(config, number=number, networks={"generator": Listens()}).fake(None, turn)
    first, other_turn, other_step, again = seen
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other_turn)
    assert not np.array_equal(first, other_step)
    assert np.abs(first).max() <= 1
    assert abs(first.std() - np.sqrt(1 / 3)) < 0.05


def test_no_two_draws_of_a_training_share_a_key():
    config = tiny(training={"d_steps": 3})
    keys = {
        tuple(np.asarray(one_step(config, number=number).seed(stream, turn)))
        for stream in range(8)
        for number in (0, 1, 2, 10**9)
        for turn in range(3)
    }
    assert len(keys) == 8 * 4 * 3


# --- bits


EVERYTHING = {
    "data": {"flip": True},
    "generator": {"block": {"name": "conv_transpose", "norm": "batch"}},
    "discriminator": {"block": {"name": "strided_conv", "norm": "spectral", "dropout": 0.3}},
    "training": {
        "d_steps": 2,
        "augment": "diff_augment",
        "penalties": ["wgan_gp", {"name": "r1", "interval": 2}],
        "loss": "relativistic",
    },
}
OTHER = {
    "num_classes": 3,
    "generator": {
        "model": "residual",
        "block": {"name": "residual_up", "norm": "spectral"},
    },
    "discriminator": {
        "block": None,
        "blocks": [
            {"name": "strided_conv", "channels": 4, "norm": "batch"},
            {"name": "dropout"},
            {"name": "minibatch_stddev"},
        ],
    },
    "training": {"update": "simultaneous", "g_optimizer": {"name": "rmsprop", "schedule": "cosine", "warmup_steps": 2}},
}


@pytest.fixture(scope="module", params=[EVERYTHING, OTHER], ids=["everything", "other"])
def started(request, tmp_path_factory):
    """A trainer at its first step, and its state there. It is traced once for all tests."""
    config = tiny(**request.param)
    folder = tmp_path_factory.mktemp("runs")
    trained = trainer(config, folder, samples(config, classes=config.num_classes))
    return trained, state(trained)


def run(started, chunks):
    """The state after chunks of steps from the start."""
    trained, first = started
    put_state(trained, first)
    for count in chunks:
        trained.run_chunk(count, RunningMeans(METRICS))
    return state(trained)


@pytest.mark.slow
def test_seed_and_step_fix_the_bits_however_the_steps_are_bundled(started):
    whole = run(started, [6])
    assert same(whole, run(started, [1, 2, 3]))
    assert same(whole, run(started, [1, 1, 4]))
    assert not same(whole, run(started, [5]))
    assert all(np.isfinite(value).all() for value in whole.values())
    assert started[0].steps.tracing_count == 1


@pytest.mark.parametrize("changes", [EVERYTHING, OTHER], ids=["everything", "other"])
def test_the_seed_fixes_the_start(tmp_path, changes):
    config = tiny(**changes)
    data = samples(config, classes=config.num_classes)
    one, two = (state(trainer(config, tmp_path / name, data)) for name in "ab")
    assert same(one, two)


def test_another_seed_makes_other_bits(tmp_path):
    made = []
    for seed in (0, 1):
        config = tiny(training={"seed": seed})
        made.append(state(trainer(config, tmp_path / str(seed))))
    assert not same(*made)


@pytest.mark.slow
def test_state_of_the_normalizations_moves_and_the_average_follows(started):
    _, before = started
    after = run(started, [1])
    moving = [name for name in before if name.rpartition("/")[2] in ("moving_mean", "moving_variance", "vector_u")]
    assert moving
    # The only singular vector of a kernel with one column does not change.
    assert all(not np.array_equal(before[name], after[name]) for name in moving if before[name].size > 1)
    for name in before:
        if name.startswith("ema/"):
            weight = name.replace("ema/", "generator/", 1)
            np.testing.assert_allclose(after[name], 0.1 * before[weight] + 0.9 * after[weight], rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_mixed_precision_keeps_float32_weights_and_finite_metrics(tmp_path):
    spectral = {"block": {"name": "strided_conv", "norm": "spectral", "dropout": 0.1}}
    lazy = [{"name": "r1", "interval": 2}]
    trained = trainer(
        tiny(training={"precision": "mixed_bfloat16", "penalties": lazy}, discriminator=spectral), tmp_path
    )
    trained.run_chunk(2, RunningMeans(METRICS))
    assert {value.dtype for name, value in state(trained).items() if not name.startswith(COUNTERS)} == {
        np.dtype("float32")
    }
    assert trained.state.generator.layers[2].compute_dtype == "bfloat16"
    assert trained.state.ema.layers[2].compute_dtype == "float32"
