"""Training data of the extractor ``small_cnn``: labeled images that need no download, and ways to damage them."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganzoo.data.reading.face_painter import style_names
from ganzoo.data.reading.resize import resized_array
from ganzoo.data.sources.faces import Faces, StyleCredit, style_credits

SIDE = 64
LICENSES = ("CC0 1.0", "CC BY 4.0", "MIT")
"""Only styles with these licenses are used. Avataaars and Bottts are free to use, but have no license of this list."""
NEEDS_A_FONT = "initials"
"""This style is left out: without fonts it is an empty square."""
DIGITS_CREDIT = (
    'digits 0 to 9: "Optical Recognition of Handwritten Digits" by E. Alpaydin and C. Kaynak (UCI), as in '
    "scikit-learn; license: CC BY 4.0"
)
DAMAGES = ("intact", "blurred", "noisy", "disordered")
BLOCK = 16


class Pictures(NamedTuple):
    """Labeled images.

    Attributes:
        images: uint8 ``[n, 64, 64, 3]``.
        labels: int32 ``[n]``.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int32]

    def take(self, rows: NDArray[Any]) -> Pictures:
        return Pictures(self.images[rows], self.labels[rows])


@cache
def styles() -> list[StyleCredit]:
    """Return the styles whose license allows to train a network on them and to distribute it."""
    every = style_credits(style_names())
    return [credit for credit in every if credit.license in LICENSES and credit.style != NEEDS_A_FONT]


def class_names() -> list[str]:
    return [*(credit.style for credit in styles()), *(f"digit {digit}" for digit in range(10))]


def pictures(a_class: int, *, seed: int) -> tuple[Pictures, Pictures]:
    """Return a training set (nine tenths) and a test set (one tenth), with ``a_class`` images per class.

    The seed must differ from the seed of the faces that the extractor will measure.
    """
    names = tuple(credit.style for credit in styles())
    drawn = Faces(styles=names, count=a_class * len(names), resolution=SIDE, seed=seed).load()
    digits = _digits(a_class, first_label=len(names))
    whole = Pictures(
        np.concatenate([np.asarray(drawn.samples), digits.images]),
        np.concatenate([np.asarray(drawn.labels), digits.labels]).astype(np.int32),
    )
    order = np.random.RandomState(seed).permutation(len(whole.labels))
    tenth = len(order) // 10
    return whole.take(order[tenth:]), whole.take(order[:tenth])


def _digits(a_class: int, *, first_label: int) -> Pictures:
    """Return digits of 8 x 8 px, enlarged. The source has at least 174 images of each digit."""
    from sklearn.datasets import load_digits

    found = load_digits()
    rows = np.concatenate([np.flatnonzero(found.target == digit)[:a_class] for digit in range(10)])
    small = np.round(found.images[rows, :, :, None] * (255 / 16)).astype(np.uint8)
    return Pictures(resized_array(small, (SIDE, SIDE), 3, "area"), found.target[rows].astype(np.int32) + first_label)


def varied(images: Any, may_turn: Any, seed: Any) -> Any:
    """Augment images: mirror half of them, shift them by up to 4 px, change their colors, and make an eighth gray.

    Args:
        images: float32 ``[b, 64, 64, 3]`` in [-1, 1].
        may_turn: bool ``[b]``, the images that can be mirrored. A mirrored digit is not a digit.
        seed: int32 ``[2]``.
    """
    import tensorflow as tf

    count = tf.shape(images)[0]
    seeds = tf.random.split(seed, 5)
    turned = may_turn & (tf.random.stateless_uniform([count], seeds[4]) < 0.5)
    images = tf.where(turned[:, None, None, None], images[:, :, ::-1], images)
    for axis in (1, 2):
        shift = tf.random.stateless_uniform([count, 1], seeds[axis], -4, 5, tf.int32)
        places = tf.clip_by_value(tf.range(SIDE)[None] + shift, 0, SIDE - 1)
        images = tf.gather(images, places, axis=axis, batch_dims=1)
    color = tf.random.stateless_uniform([2, count, 1, 1, 3], seeds[0], -1.0, 1.0)
    images = images * (1 + 0.15 * color[0]) + 0.1 * color[1]
    gray = tf.random.stateless_uniform([count, 1, 1, 1], seeds[3]) < 1 / 8
    return tf.clip_by_value(tf.where(gray, tf.reduce_mean(images, axis=3, keepdims=True), images), -1, 1)


def damaged(images: Any, seed: Any) -> tuple[Any, Any]:
    """Damage half of a batch: a sixth is blurred, a sixth noisy and a sixth disordered.

    Returns:
        The images, and the damage of each image as an index of ``DAMAGES``.
    """
    import tensorflow as tf

    sixth = images.shape[0] // 6
    sizes = [images.shape[0] - 3 * sixth, sixth, sixth, sixth]
    seeds = tf.random.split(seed, 3)
    intact, *parts = tf.split(images, sizes)
    made = [intact, _blurred(parts[0], seeds[0]), _noisy(parts[1], seeds[1]), _disordered(parts[2], seeds[2])]
    return tf.ensure_shape(tf.concat(made, 0), images.shape), tf.repeat(tf.range(len(DAMAGES)), sizes)


def _blurred(images: Any, seed: Any) -> Any:
    """Blur all images with the same Gaussian of 0.5 to 2 px."""
    import tensorflow as tf

    sigma = tf.random.stateless_uniform([], seed, 0.5, 2.0)
    bell = tf.exp(-tf.square(tf.range(-5.0, 6.0) / sigma) / 2)
    bell = tf.tile((bell / tf.reduce_sum(bell))[:, None], [1, 3])
    padded = tf.pad(images, [[0, 0], [5, 5], [5, 5], [0, 0]], "SYMMETRIC")
    for kernel in (bell[:, None, :, None], bell[None, :, :, None]):
        padded = tf.nn.depthwise_conv2d(padded, kernel, [1, 1, 1, 1], "VALID")
    return padded


def _noisy(images: Any, seed: Any) -> Any:
    """Add Gaussian noise of 5 to 50 levels of 255. Each image has its own strength."""
    import tensorflow as tf

    ada = tf.random.stateless_uniform([tf.shape(images)[0], 1, 1, 1], seed, 0.04, 0.4)
    return tf.clip_by_value(images + ada * tf.random.stateless_normal(tf.shape(images), seed + 1), -1, 1)


def _disordered(images: Any, seed: Any) -> Any:
    """Cut images into 16 blocks and move the blocks. The maximum distance differs between images."""
    import tensorflow as tf

    side = SIDE // BLOCK
    blocks = tf.reshape(images, [-1, side, BLOCK, side, BLOCK, 3])
    blocks = tf.reshape(tf.transpose(blocks, [0, 1, 3, 2, 4, 5]), [-1, side * side, BLOCK, BLOCK, 3])
    count = tf.shape(images)[0]
    reach = tf.random.stateless_uniform([count, 1], seed, 3.0, 16.0)
    keys = tf.range(float(side * side)) + reach * tf.random.stateless_uniform([count, side * side], seed + 1)
    blocks = tf.gather(blocks, tf.argsort(keys), axis=1, batch_dims=1)
    blocks = tf.transpose(tf.reshape(blocks, [-1, side, side, BLOCK, BLOCK, 3]), [0, 1, 3, 2, 4, 5])
    return tf.reshape(blocks, [-1, SIDE, SIDE, 3])
