"""Trains the extractor ``small_cnn`` and saves it in the package.

    pip install -c constraints.txt -e '.[test]'
    python benchmarks/train_extractor.py

A small network learns two tasks at the same time, on images that need no download. The first task is the class of an
image: the style of a drawing, or a digit. The second task is its damage: none, blur, noise, or blocks in wrong places.
The second task makes the features sensitive to damage. A network with the first task alone learns to ignore damage. The
training needs no generative model. The features are the means of the maps of three layers, scaled to variance 1.

Licenses: the data are styles under CC0 1.0, CC BY 4.0 or MIT, and the digits of UCI (CC BY 4.0). The file
``ganzoo/extractors/small_cnn.json`` lists them; ``small_cnn.onnx`` is in the same folder. The measurements are saved in
``results/train_extractor.json``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from extractor_data import DAMAGES, DIGITS_CREDIT, SIDE, Pictures, class_names, damaged, pictures, styles, varied
from interleaved import keep

PACKAGE = Path(__file__).parents[1] / "ganzoo" / "extractors"
SEED = 1000
BATCH = 36
LIMIT = 2_000_000
"""Maximum size of the ONNX file in bytes."""
WIDTHS = ((16,), (32,), (64, 64), (96, 96))
"""Channels of the convolutions at 32, 16, 8 and 4 px."""


def network(classes: int) -> tuple[Any, Any]:
    """Return two models that share their weights, for images ``[b, 64, 64, 3]`` in [-1, 1].

    The first model is for training: logits of the class and of the damage. The second model is exported: features and
    class probabilities.
    """
    import keras

    image = keras.Input((SIDE, SIDE, 3), name="image")
    x, pooled = image, []
    for stage in WIDTHS:
        for place, width in enumerate(stage):
            x = keras.layers.Conv2D(width, 3, strides=1 if place else 2, padding="same", use_bias=False)(x)
            x = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.95)(x))
        pooled.append(keras.layers.GlobalAveragePooling2D()(x))
    features = keras.layers.Concatenate()(pooled[1:])
    features = keras.layers.BatchNormalization(momentum=0.95, center=False, scale=False)(features)
    class_logits = keras.layers.Dense(classes, name="class")(features)
    damage_logits = keras.layers.Dense(len(DAMAGES), name="damage")(features)
    probabilities = keras.layers.Softmax()(class_logits)
    trained = keras.Model(image, {"class": class_logits, "damage": damage_logits})
    return trained, keras.Model(image, [features, probabilities])


def batches(data: Pictures, *, training: bool) -> Any:
    """Return batches of images with both labels. For training, they are shuffled and augmented in every epoch."""
    import tensorflow as tf

    def prepare(number: Any, part: tuple[Any, Any]) -> tuple[Any, dict[str, Any]]:
        images, labels = part
        images = tf.cast(images, tf.float32) / 127.5 - 1
        seeds = tf.random.split(tf.stack([tf.cast(number, tf.int32), SEED + training]), 2)
        if training:
            images = varied(images, labels < digits, seeds[0])
        images, damages = damaged(images, seeds[1])
        return images, {"class": labels, "damage": damages}

    digits = len(styles())  # the labels of the digits come after the styles
    dataset = tf.data.Dataset.from_tensor_slices(tuple(data))
    if training:
        dataset = dataset.shuffle(len(data.labels), seed=SEED).repeat()
    return dataset.batch(BATCH, drop_remainder=True).enumerate().map(prepare).prefetch(2)


def fit(model: Any, data: Pictures, *, epochs: int) -> None:
    import keras

    steps = epochs * (len(data.labels) // BATCH)
    losses = {name: keras.losses.SparseCategoricalCrossentropy(from_logits=True) for name in ("class", "damage")}
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps - steps // 10, warmup_target=0.003, warmup_steps=steps // 10
    )
    model.compile(
        optimizer=keras.optimizers.Adam(rate),
        loss=losses,
        loss_weights={"class": 1.0, "damage": 0.5},
        metrics={"class": ["accuracy"], "damage": ["accuracy"]},
    )
    model.fit(batches(data, training=True), epochs=epochs, steps_per_epoch=steps // epochs, verbose=2)


def to_onnx(model: Any, name: str) -> bytes:
    """Convert a model to ONNX with a free batch size: input "image", outputs "features" and "probabilities".

    Args:
        model: images -> (features, probabilities), each ``[b, d]``.
        name: name of the graph.
    """
    import tensorflow as tf
    import tf2onnx

    from ganzoo.exporters.fold import fold_channel_scales

    signature = [tf.TensorSpec(model.input_shape, tf.float32, name="image")]
    function = tf.function(lambda image: tuple(model(image, training=False)), input_signature=signature)
    made, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=18)
    new = dict(zip((output.name for output in made.graph.output), ("features", "probabilities"), strict=True))
    for node in made.graph.node:
        node.output[:] = [new.get(name, name) for name in node.output]
        node.input[:] = [new.get(name, name) for name in node.input]
    for value, width in zip(made.graph.output, (output.shape[1] for output in model.outputs), strict=True):
        value.name = new[value.name]
        value.type.tensor_type.shape.dim[1].dim_value = width
    for value in (*made.graph.input, *made.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    made.graph.ClearField("value_info")
    made.graph.name, made.producer_name, made.producer_version = name, "ganzoo", ""
    content: bytes = fold_channel_scales(made).SerializeToString()
    return content


def measured(content: bytes, model: Any, test: Pictures) -> dict[str, float]:
    """Test the ONNX file on held-out images, with ONNX Runtime."""
    from ganzoo.inference.onnx_runtime import make_session

    session, _ = make_session(content, device="cpu", threads=1)
    images = test.images.astype(np.float32) / np.float32(127.5) - 1
    begun = time.perf_counter()
    parts = [session.run(None, {"image": images[start : start + 64]}) for start in range(0, len(images), 64)]
    seconds = time.perf_counter() - begun
    features, probabilities = (np.concatenate(part) for part in zip(*parts, strict=True))
    theirs = model.predict(images[:64], verbose=0)[0]
    return {
        "accuracy": float((probabilities.argmax(axis=1) == test.labels).mean()),
        "milliseconds_an_image": 1000 * seconds / len(images),
        "largest_difference_from_keras": float(np.abs(features[:64] - theirs).max()),
        "features": features.shape[1],
    }


def ship(content: bytes) -> str:
    """Write the network into the package, with its SHA-256, classes and credits, and return the SHA-256."""
    if len(content) > LIMIT:
        raise SystemExit(f"The file has {len(content):,} bytes; allowed: {LIMIT:,}.")
    digest = hashlib.sha256(content).hexdigest()
    credits = [f'{c.style}: "{c.title}" by {c.creator} ({c.source_url}); license: {c.license}' for c in styles()]
    facts = {"sha256": digest, "classes": class_names(), "credits": [*credits, DIGITS_CREDIT]}
    (PACKAGE / "small_cnn.onnx").write_bytes(content)
    (PACKAGE / "small_cnn.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return digest


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the extractor small_cnn and save it in the package.")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--a-class", type=int, default=128, help="images per class")
    arguments = parser.parse_args()

    import keras

    train, test = pictures(arguments.a_class, seed=SEED)
    keras.utils.set_random_seed(SEED)
    trained, shipped = network(len(class_names()))
    begun, used = time.perf_counter(), time.process_time()
    fit(trained, train, epochs=arguments.epochs)
    begun, used = time.perf_counter() - begun, time.process_time() - used
    damage = trained.evaluate(batches(test, training=False), verbose=0, return_dict=True)["damage_accuracy"]
    content = to_onnx(shipped, "small_cnn")
    facts = {
        **measured(content, shipped, test),
        "damage_accuracy": damage,
        "classes": len(class_names()),
        "training_images": len(train.labels),
        "held_out_images": len(test.labels),
        "epochs": arguments.epochs,
        "seed": SEED,
        "parameters": shipped.count_params(),
        "training_seconds": begun,
        "training_processor_seconds": used,
        "onnx_bytes": len(content),
        "onnx_sha256": ship(content),
    }
    print(json.dumps(facts, indent=1))
    packages = (
        "tensorflow",
        "keras",
        "tf2onnx",
        "onnxruntime",
        "numpy",
        "dicebear-core",
        "dicebear-styles",
        "resvg-py",
    )
    keep("train_extractor", [facts], packages=(*packages, "scikit-learn"))


if __name__ == "__main__":
    main()
