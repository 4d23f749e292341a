"""Augmentations of what the discriminator sees, real and fake alike. Each is a registered part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ganzoo.registry import Part, Registry

if TYPE_CHECKING:
    from tensorflow import Tensor


WHETHER = 1_000
"""Folded into a seed, it gives the key of the draw that decides whether an image is changed."""


class Augmentation(Part):
    """A differentiable random change of images.

    Attributes:
        adaptive: change not all images but a share that follows how much the discriminator overfits, from none upwards
            (ADA, Karras et al. 2020, arXiv:2006.06676, section 3.2).
        target: the mean sign of what D says of real samples (1 "real", -1 "fake"), -1 to 1, above which the share
            rises and below which it falls.
        adapt_images: real images in which the share goes from 0 to 1; less adapts faster.
    """

    adaptive: bool = False
    target: float = Field(0.6, gt=-1, lt=1)
    adapt_images: int = Field(500_000, ge=1, le=1_000_000_000)

    def apply(self, images: Tensor, seed: Tensor) -> Tensor:
        """Changed images of the same shape.

        Args:
            images: float32 ``[b, h, w, c]`` in [-1, 1].
            seed: int64 ``[2]`` for stateless random numbers; the same seed makes the same change.
        """
        raise NotImplementedError

    def apply_some(self, images: Tensor, seed: Tensor, probability: Tensor) -> Tensor:
        """As ``apply``, but each image is changed with this probability (float32 scalar) and else left as it is."""
        return _some(images, self.apply(images, seed), seed, probability)


augmentations: Registry[Augmentation] = Registry(
    "augmentations", kind="augmentation", base=Augmentation, package="ganzoo.augmentations"
)


@augmentations.register("diff_augment")
class DiffAugment(Augmentation):
    """Differentiable augmentation for little data (Zhao et al. 2020, arXiv:2006.10738).

    On every image it leaves D less to go by, so that an R1 as heavy as without it may bring D to rest at chance: with
    100 faces of 32 px a gamma of 0.1 learned where one that rises from 1 did not (``BENCHMARKS.md``, Little data).

    Attributes:
        policy: which changes are made, in this order. ``color`` leaves an alpha channel as it is.
        translation: largest shift, as a share of the size.
        padding: what is shifted in: ``zero`` is grey (and half transparent) as in the paper, ``reflect`` the image
            mirrored at its edge as in the code of ADA, which leaves no border for the generator to learn.
        cutout: side of the grey square, as a share of the size.
    """

    policy: tuple[Literal["color", "translation", "cutout"], ...] = ("color", "translation", "cutout")
    translation: float = Field(0.125, gt=0, le=0.5)
    padding: Literal["zero", "reflect"] = "zero"
    cutout: float = Field(0.5, gt=0, le=1)

    def apply(self, images: Tensor, seed: Tensor) -> Tensor:
        import tensorflow as tf

        for number, change in enumerate(self.policy):
            images = self._changed(change, images, tf.random.experimental.stateless_fold_in(seed, number))
        return images

    def apply_some(self, images: Tensor, seed: Tensor, probability: Tensor) -> Tensor:
        """Each of the changes is made to each image with this probability, independently."""
        import tensorflow as tf

        for number, change in enumerate(self.policy):
            key = tf.random.experimental.stateless_fold_in(seed, number)
            images = _some(images, self._changed(change, images, key), key, probability)
        return images

    def _changed(self, change: str, images: Tensor, key: Tensor) -> Tensor:
        if change == "color":
            return _color(images, key)
        if change == "translation":
            return _translate(images, key, self.translation, padding=self.padding)
        return _cut_out(images, key, self.cutout)


def _some(images: Tensor, changed: Tensor, seed: Tensor, probability: Tensor) -> Tensor:
    """Each image changed with this probability, by a draw of its own."""
    import tensorflow as tf

    key = tf.random.experimental.stateless_fold_in(seed, WHETHER)
    draw = tf.random.stateless_uniform([tf.shape(images)[0], 1, 1, 1], seed=key)
    return tf.where(draw < probability, changed, images)


def _color(images: Tensor, seed: Tensor) -> Tensor:
    """Brightness by up to a half, saturation by 0 to 2, contrast by 0.5 to 1.5, each drawn per image; not of alpha."""
    import tensorflow as tf

    images, alpha = images[..., :3], images[..., 3:]

    draws = tf.random.stateless_uniform([3, tf.shape(images)[0], 1, 1, 1], seed=seed)
    images += draws[0] - 0.5
    gray = tf.reduce_mean(images, axis=3, keepdims=True)
    images = (images - gray) * (2.0 * draws[1]) + gray
    mean = tf.reduce_mean(images, axis=(1, 2, 3), keepdims=True)
    return tf.concat([(images - mean) * (draws[2] + 0.5) + mean, alpha], axis=3)


def _translate(images: Tensor, seed: Tensor, ratio: float, *, padding: str) -> Tensor:
    import tensorflow as tf

    batch, (height, width) = tf.shape(images)[0], images.shape[1:3]
    reach_y, reach_x = round(height * ratio), round(width * ratio)
    draws = tf.random.stateless_uniform([2, batch], seed=seed)
    shift_y = tf.cast(tf.floor(draws[0] * (2 * reach_y + 1)), tf.int32)
    shift_x = tf.cast(tf.floor(draws[1] * (2 * reach_x + 1)), tf.int32)
    mode = "REFLECT" if padding == "reflect" else "CONSTANT"
    padded = tf.pad(images, [[0, 0], [reach_y, reach_y], [reach_x, reach_x], [0, 0]], mode)
    rows = tf.gather(padded, shift_y[:, None] + tf.range(height)[None], axis=1, batch_dims=1)
    return tf.gather(rows, shift_x[:, None] + tf.range(width)[None], axis=2, batch_dims=1)


def _cut_out(images: Tensor, seed: Tensor, ratio: float) -> Tensor:
    import tensorflow as tf

    batch, (height, width) = tf.shape(images)[0], images.shape[1:3]
    draws = tf.random.stateless_uniform([2, batch, 1], seed=seed)
    rows = tf.abs(tf.range(height, dtype=tf.float32)[None] - draws[0] * height) < height * ratio / 2
    columns = tf.abs(tf.range(width, dtype=tf.float32)[None] - draws[1] * width) < width * ratio / 2
    hole = rows[:, :, None] & columns[:, None, :]
    return images * tf.cast(~hole, images.dtype)[..., None]
