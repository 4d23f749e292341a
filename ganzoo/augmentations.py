"""Augmentations of the discriminator's inputs, real and fake, as registered parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from ganzoo import replicas
from ganzoo.registry import Part, Registry

if TYPE_CHECKING:
    from tensorflow import Tensor


WHETHER = 1_000
"""Number that is folded into a seed, for the draw that decides whether an image is changed."""


class Augmentation(Part):
    """A differentiable random change of images.

    Attributes:
        adaptive: change only a share of the images, which starts at 0 and rises while the discriminator overfits (ADA,
            Karras et al. 2020, arXiv:2006.06676, section 3.2).
        target: the mean sign of D's scores of real samples, from -1 to 1. The share rises above it and falls below it.
        adapt_images: number of real images in which the share rises from 0 to 1. A smaller number adapts faster.
    """

    adaptive: bool = False
    target: float = Field(0.6, gt=-1, lt=1)
    adapt_images: int = Field(500_000, ge=1, le=1_000_000_000)

    def apply(self, images: Tensor, seed: Tensor) -> Tensor:
        """Changed images of the same shape.

        Args:
            images: float32 ``[b, h, w, c]`` in [-1, 1].
            seed: int64 ``[2]``, for stateless random numbers. One seed always gives the same change.
        """
        raise NotImplementedError

    def apply_some(self, images: Tensor, seed: Tensor, probability: Tensor) -> Tensor:
        """Change each image as ``apply`` does, with this probability (float32 scalar)."""
        return _some(images, self.apply(images, seed), seed, probability)


augmentations: Registry[Augmentation] = Registry(
    "augmentations", kind="augmentation", base=Augmentation, package="ganzoo.augmentations"
)


@augmentations.register("diff_augment")
class DiffAugment(Augmentation):
    """Differentiable augmentation for little data (Zhao et al. 2020, arXiv:2006.10738).

    Applied to every image, it weakens D's signal; an R1 weight tuned without it can pin D at chance level. With 100
    faces of 32 px, a gamma of 0.1 worked where one that rises from 1 did not (``BENCHMARKS.md``, Little data).

    Attributes:
        policy: the changes, in this order. ``color`` does not change an alpha channel.
        translation: largest shift, as a share of the size.
        padding: pixels that a shift moves in. ``zero`` is gray (and half transparent) as in the paper; ``reflect``
            mirrors the image at its edge as in ADA's code, so that the generator has no border to learn.
        cutout: side of the gray square, as a share of the size.
    """

    also_known_as: ClassVar[tuple[str, ...]] = ("ada", "diffaug")
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
        """Apply each change to each image with this probability, independently."""
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
    """Select the changed image with this probability, with one draw for each image."""
    import tensorflow as tf

    key = tf.random.experimental.stateless_fold_in(seed, WHETHER)
    draw = replicas.uniform([tf.shape(images)[0], 1, 1, 1], key)
    return tf.where(draw < probability, changed, images)


def _color(images: Tensor, seed: Tensor) -> Tensor:
    """Brightness by up to 0.5, saturation by 0 to 2, contrast by 0.5 to 1.5, drawn for each image. Alpha is kept."""
    import tensorflow as tf

    images, alpha = images[..., :3], images[..., 3:]
    draws = replicas.uniform([3, tf.shape(images)[0], 1, 1, 1], seed, axis=1)
    images += draws[0] - 0.5
    gray = tf.reduce_mean(images, axis=3, keepdims=True)
    images = (images - gray) * (2.0 * draws[1]) + gray
    mean = tf.reduce_mean(images, axis=(1, 2, 3), keepdims=True)
    return tf.concat([(images - mean) * (draws[2] + 0.5) + mean, alpha], axis=3)


def _translate(images: Tensor, seed: Tensor, ratio: float, *, padding: str) -> Tensor:
    import tensorflow as tf

    batch, (height, width) = tf.shape(images)[0], images.shape[1:3]
    reach_y, reach_x = round(height * ratio), round(width * ratio)
    draws = replicas.uniform([2, batch], seed, axis=1)
    shift_y = tf.cast(tf.floor(draws[0] * (2 * reach_y + 1)), tf.int32)
    shift_x = tf.cast(tf.floor(draws[1] * (2 * reach_x + 1)), tf.int32)
    mode = "REFLECT" if padding == "reflect" else "CONSTANT"
    padded = tf.pad(images, [[0, 0], [reach_y, reach_y], [reach_x, reach_x], [0, 0]], mode)
    rows = tf.gather(padded, shift_y[:, None] + tf.range(height)[None], axis=1, batch_dims=1)
    return tf.gather(rows, shift_x[:, None] + tf.range(width)[None], axis=2, batch_dims=1)


def _cut_out(images: Tensor, seed: Tensor, ratio: float) -> Tensor:
    import tensorflow as tf

    batch, (height, width) = tf.shape(images)[0], images.shape[1:3]
    draws = replicas.uniform([2, batch, 1], seed, axis=1)
    rows = tf.abs(tf.range(height, dtype=tf.float32)[None] - draws[0] * height) < height * ratio / 2
    columns = tf.abs(tf.range(width, dtype=tf.float32)[None] - draws[1] * width) < width * ratio / 2
    hole = rows[:, :, None] & columns[:, None, :]
    return images * tf.cast(~hole, images.dtype)[..., None]
