"""Trains the classifiers of MNIST digits and Fashion-MNIST clothes, and saves each as an extractor.

    pip install -c constraints.txt -e '.[test]' && pip install -r benchmarks/requirements.txt
    python benchmarks/train_classifier.py mnist --path FOLDER
    python benchmarks/train_classifier.py fashion_mnist --path FOLDER
    python benchmarks/class_accuracy.py digits-28 benchmarks/mnist_classifier.onnx

A small network is trained on the training images of the data set and tested on its test images. It has two outputs:
features and the probability of each class. The digits are augmented as for ``train_digit_classifier.py``; the clothes
are mirrored and shifted. The measurements are saved in ``results/train_classifier_SOURCE.json``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from interleaved import keep
from train_digit_classifier import CLASSES, LAYERS, SEED, SIDE, Digits, fit, varied
from train_extractor import to_onnx

BATCH = 100
CONVOLUTIONS = {
    "mnist": LAYERS,
    "fashion_mnist": ((32, 3, 1), (32, 3, 2), (64, 3, 1), (64, 3, 2), (96, 3, 1), (96, 3, 1)),
}
"""Channels, kernel size and stride of each convolution.

Clothes need a larger network, because shirts and coats look alike.
"""


def images_of(source: str, path: Path | None, split: str) -> Digits:
    """The images of one split, ``train`` or ``test``, read by ganzoo's data source."""
    from ganzoo.data.base import data_sources

    values = {"source": source, "resolution": SIDE, "channels": 1, "split": split, "path": path and str(path)}
    dataset = data_sources.create(values).load(quiet=True)
    return Digits(np.asarray(dataset.samples), np.asarray(dataset.labels))


def network(source: str) -> tuple[Any, Any]:
    """Return two models that share their weights: images in [-1, 1] -> logits, and -> (features, probabilities)."""
    import keras

    image = keras.Input((SIDE, SIDE, 1), name="image")
    x = image
    for channels, kernel_size, stride in CONVOLUTIONS[source]:
        x = keras.layers.Conv2D(channels, kernel_size, strides=stride, padding="same", use_bias=False)(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.95)(x))
    features = keras.layers.GlobalAveragePooling2D()(x)
    logits = keras.layers.Dense(CLASSES)(keras.layers.Dropout(0.3)(features))
    probabilities = keras.layers.Softmax(name="probabilities")(logits)
    return keras.Model(image, logits), keras.Model(image, [features, probabilities])


def mirrored_and_shifted(images: Any, seed: Any) -> Any:
    """Mirror half of the images, and shift all by up to 2 px."""
    import tensorflow as tf

    mirrored = tf.image.stateless_random_flip_left_right(images, seed)
    padded = tf.pad(mirrored, [[0, 0], [2, 2], [2, 2], [0, 0]], constant_values=-1.0)
    return tf.image.stateless_random_crop(padded, tf.shape(images), seed)


AUGMENT: dict[str, Callable[[Any, Any], Any]] = {"mnist": varied, "fashion_mnist": mirrored_and_shifted}


def accuracy(file: Path, test: Digits) -> tuple[float, list[float]]:
    """Share of the test images that the ONNX file classifies correctly, in all and for each class."""
    from ganzoo.extractors import extractors
    from ganzoo.sample_spec import SampleSpec

    extract = extractors.create({"name": "onnx", "path": str(file)}).load(SampleSpec((SIDE, SIDE, 1))).extract
    right = extract(test.images)[1].argmax(axis=1) == test.labels
    return float(right.mean()), [round(float(right[test.labels == k].mean()), 4) for k in range(CLASSES)]


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the classifier of a data set of 28 px images.")
    parser.add_argument("source", choices=sorted(AUGMENT))
    parser.add_argument("--path", type=Path, help="Folder with the data set's IDX files; else it is downloaded.")
    parser.add_argument("--epochs", type=int, default=10)
    arguments = parser.parse_args()

    import keras

    file = Path(__file__).parent / f"{arguments.source}_classifier.onnx"
    train = images_of(arguments.source, arguments.path, "train")
    test = images_of(arguments.source, arguments.path, "test")
    keras.utils.set_random_seed(SEED)
    trained, shipped = network(arguments.source)
    begun = time.perf_counter()
    fit(trained, train, epochs=arguments.epochs, augment=AUGMENT[arguments.source], batch_size=BATCH)
    seconds = time.perf_counter() - begun
    content = to_onnx(shipped, f"{arguments.source}_classifier")
    file.write_bytes(content)
    total, by_class = accuracy(file, test)
    facts = {
        "source": arguments.source,
        "accuracy": total,
        "accuracy_by_class": by_class,
        "training_images": len(train.labels),
        "held_out_images": len(test.labels),
        "epochs": arguments.epochs,
        "seed": SEED,
        "training_seconds": seconds,
        "onnx_bytes": len(content),
        "onnx_sha256": hashlib.sha256(content).hexdigest(),
    }
    print(json.dumps(facts, indent=1))
    keep(
        f"train_classifier_{arguments.source}",
        [facts],
        packages=("tensorflow", "keras", "tf2onnx", "onnxruntime", "numpy"),
    )


if __name__ == "__main__":
    main()
