"""Trains the extractor ``faces_cnn`` on drawn faces and writes ganzoo/extractors/faces_cnn.onnx.

    python benchmarks/train_extractor.py            # about 10 minutes on 2 cores; needs ganzoo-keras[train]

The network learns two things at once, so that its features see what a person looks at first in a generated face: which
of the six styles it is, and what was done to it (nothing, blur, noise, two faces blended, patches exchanged, colours
shifted). Styles are learned from clean faces and spoiled ones alike. Everything is keyed by ``--seed``.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

SIDE = 64
DAMAGES = ("none", "blur", "noise", "blend", "patches", "colour")
TARGET = Path(__file__).parents[1] / "ganzoo/extractors/faces_cnn.onnx"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=12_000, help="training faces")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=96)
    parser.add_argument("--channels", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max-minutes", type=float, default=10.0, help="the schedule ends there at the latest")
    parser.add_argument("-o", "--output", type=Path, default=TARGET)
    options = parser.parse_args()
    import keras

    keras.utils.set_random_seed(options.seed)
    train_images, train_styles = faces(options.count, seed=1)
    network, head = build(options.channels)
    train(network, train_images, train_styles, options)
    report(network, *faces(1200, seed=2))
    options.output.write_bytes(to_onnx(head))
    print(f"{options.output}: {options.output.stat().st_size:,} bytes")


def faces(count: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Faces uint8 ``[n, 64, 64, 3]`` and their styles. The zoo's configs draw with seed 0; these are others."""
    from ganzoo.registries import data_sources

    dataset = data_sources.create({"source": "faces", "resolution": SIDE, "count": count, "seed": seed}).load()
    return np.array(dataset.samples), dataset.labels


def build(channels: int):
    """The network for training, and the one that is exported: image -> features, probabilities of the styles."""
    import keras
    from keras import layers

    def block(x, width, stride):
        x = layers.Conv2D(width, 3, strides=stride, padding="same", use_bias=False)(x)
        return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))

    image = layers.Input((SIDE, SIDE, 3))
    x = block(image, channels, 2)
    second = block(x, 2 * channels, 2)
    third = block(second, 4 * channels, 2)
    fourth = block(block(third, 4 * channels, 1), 6 * channels, 2)
    pooled = [layers.GlobalAveragePooling2D()(stage) for stage in (second, third, fourth)]
    features = layers.Concatenate()(pooled)
    styles = layers.Dense(6)(layers.Dropout(0.2)(pooled[-1]))
    damages = layers.Dense(len(DAMAGES))(layers.Dropout(0.2)(features))
    return (
        keras.Model(image, [styles, damages]),
        keras.Model(image, [features, layers.Softmax()(styles)]),
    )


def train(network, images, styles, options) -> None:
    import keras
    import tensorflow as tf

    rng = np.random.RandomState(options.seed)
    optimizer = keras.optimizers.Adam(2e-3)
    entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    @tf.function
    def step(batch, style, damage):
        with tf.GradientTape() as tape:
            logits, spoiled = network(batch, training=True)
            loss = entropy(style, logits) + entropy(damage, spoiled)
        weights = network.trainable_variables
        optimizer.apply(tape.gradient(loss, weights), weights)
        return loss

    begun, share = time.perf_counter(), 0.0
    for number in range(options.steps):
        share = max(number / options.steps, (time.perf_counter() - begun) / (60 * options.max_minutes))
        if share >= 1:
            break
        optimizer.learning_rate.assign(2e-3 * 0.5 * (1 + np.cos(np.pi * share)))
        rows = rng.randint(len(images), size=options.batch)
        batch, damage = spoil(images[rows].astype(np.float32) / 127.5 - 1, rng)
        loss = step(tf.constant(augment(batch, rng)), tf.constant(styles[rows]), tf.constant(damage))
        if number % 100 == 0:
            print(f"step {number}: loss {float(loss):.3f}, {time.perf_counter() - begun:.0f} s", flush=True)
    print(f"{number + 1} steps in {time.perf_counter() - begun:.0f} s")


def spoil(batch: np.ndarray, rng: np.random.RandomState) -> tuple[np.ndarray, np.ndarray]:
    """Spoil every image in a random way, and say in which: float32 in, float32 and int32 ``[n]`` out."""
    out, damage = batch.copy(), rng.randint(len(DAMAGES), size=len(batch)).astype(np.int32)
    for place, kind in enumerate(damage):
        image, strength = out[place], rng.uniform(0.3, 1.0)
        if DAMAGES[kind] == "blur":
            size = rng.choice([2, 4])
            small = image.reshape(SIDE // size, size, SIDE // size, size, 3).mean((1, 3))
            soft = smooth(small.repeat(size, 0).repeat(size, 1))
            out[place] = soft if size == 4 else smooth(soft)
        elif DAMAGES[kind] == "noise":
            out[place] = image + 0.3 * strength * rng.standard_normal(image.shape)
        elif DAMAGES[kind] == "blend":
            out[place] = image + 0.5 * strength * (batch[rng.randint(len(batch))] - image)
        elif DAMAGES[kind] == "patches":
            out[place] = exchanged(image, rng)
        elif DAMAGES[kind] == "colour":
            out[place] = image @ (np.eye(3) + strength * rng.uniform(-0.4, 0.4, (3, 3))) + rng.uniform(-0.2, 0.2, 3)
    return out, damage


def smooth(image: np.ndarray) -> np.ndarray:
    """Mean of 3 x 3 neighbours."""
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")
    return sum(padded[y : y + SIDE, x : x + SIDE] for y in range(3) for x in range(3)) / 9


def exchanged(image: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    """Some patches of the inner face moved to each other's places."""
    out, size = image.copy(), 16
    places = rng.randint(SIDE // 8, SIDE - SIDE // 8 - size, (4, 2))
    for (y, x), (v, u) in zip(places, np.roll(places, 1, axis=0), strict=True):
        out[y : y + size, x : x + size] = image[v : v + size, u : u + size]
    return out


def augment(batch: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    """Mirror half of them, move them by up to 4 px, and let a third pass through 32 px, as small models' images do."""
    out = np.ones_like(batch)
    for place, image in enumerate(batch):
        if rng.rand() < 0.5:
            image = image[:, ::-1]
        if rng.rand() < 0.33:
            image = image.reshape(SIDE // 2, 2, SIDE // 2, 2, 3).mean((1, 3)).repeat(2, 0).repeat(2, 1)
            image = smooth(image)
        dy, dx = rng.randint(-4, 5, 2)
        out[place] = np.roll(image, (dy, dx), (0, 1))
    return out.astype(np.float32)


def report(network, images: np.ndarray, styles: np.ndarray) -> None:
    """Accuracy on faces that were not trained on."""
    rng = np.random.RandomState(9)
    clean = images.astype(np.float32) / 127.5 - 1
    small = np.stack([smooth(i.reshape(32, 2, 32, 2, 3).mean((1, 3)).repeat(2, 0).repeat(2, 1)) for i in clean])
    spoiled, damage = spoil(clean, rng)
    for name, batch in (("clean", clean), ("of 32 px", small), ("spoiled", spoiled)):
        logits, damages = network.predict(batch.astype(np.float32), verbose=0)
        line = f"{name}: style {np.mean(logits.argmax(1) == styles):.1%}"
        print(line + (f", damage {np.mean(damages.argmax(1) == damage):.1%}" if name == "spoiled" else ""))


def to_onnx(model) -> bytes:
    """As the bundles are: opset 18, an open batch, batch normalisation folded."""
    import tensorflow as tf
    import tf2onnx

    from ganzoo.export.fold import fold_channel_scales
    from ganzoo.export.onnx import OPSET, _clean

    signature = [tf.TensorSpec((None, SIDE, SIDE, 3), tf.float32, name="image")]

    def call(image):
        return model(image, training=False)

    converted, _ = tf2onnx.convert.from_function(
        tf.function(call, input_signature=signature), input_signature=signature, opset=OPSET
    )
    names = {o.name: new for o, new in zip(converted.graph.output, ("features", "probabilities"), strict=True)}
    for node in converted.graph.node:
        for group in (node.input, node.output):
            group[:] = [names.get(name, name) for name in group]
    for output in converted.graph.output:
        output.name = names[output.name]
    for value in (*converted.graph.input, *converted.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    return fold_channel_scales(_clean(converted)).SerializeToString()


if __name__ == "__main__":
    main()
