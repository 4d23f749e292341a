"""Augmentations of what the discriminator sees, real and fake alike. Each is a registered part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ganzoo.registry import Part, Registry

if TYPE_CHECKING:
    from tensorflow import Tensor


class Augmentation(Part):
    """A differentiable random change of images."""

    def apply(self, images: Tensor, seed: Tensor) -> Tensor:
        """Changed images of the same shape.

        Args:
            images: float32 ``[b, h, w, c]`` in [-1, 1].
            seed: int64 ``[2]`` for stateless random numbers; the same seed makes the same change.
        """
        raise NotImplementedError


augmentations: Registry[Augmentation] = Registry(
    "augmentations", kind="augmentation", base=Augmentation, package="ganzoo.augment"
)


@augmentations.register("diff_augment")
class DiffAugment(Augmentation):
    """Differentiable augmentation for little data (Zhao et al. 2020, arXiv:2006.10738).

    Attributes:
        policy: which changes are made, in this order.
        translation: largest shift, as a share of the size; what is shifted in is grey, 0, as in the paper.
        cutout: side of the grey square, as a share of the size.
    """

    policy: tuple[Literal["color", "translation", "cutout"], ...] = ("color", "translation", "cutout")
    translation: float = Field(0.125, gt=0, le=0.5)
    cutout: float = Field(0.5, gt=0, le=1)

    def apply(self, images: Tensor, seed: Tensor) -> Tensor:
        import tensorflow as tf

        for number, change in enumerate(self.policy):
            key = tf.random.experimental.stateless_fold_in(seed, number)
            if change == "color":
                images = _color(images, key)
            elif change == "translation":
                images = _translate(images, key, self.translation)
            else:
                images = _cut_out(images, key, self.cutout)
        return images


def _color(images: Tensor, seed: Tensor) -> Tensor:
    """Brightness by up to a half, saturation by 0 to 2, contrast by 0.5 to 1.5, each drawn per image."""
    import tensorflow as tf

    draws = tf.random.stateless_uniform([3, tf.shape(images)[0], 1, 1, 1], seed=seed)
    images += draws[0] - 0.5
    grey = tf.reduce_mean(images, axis=3, keepdims=True)
    images = (images - grey) * (2.0 * draws[1]) + grey
    mean = tf.reduce_mean(images, axis=(1, 2, 3), keepdims=True)
    return (images - mean) * (draws[2] + 0.5) + mean


def _translate(images: Tensor, seed: Tensor, ratio: float) -> Tensor:
    import tensorflow as tf

    batch, (height, width) = tf.shape(images)[0], images.shape[1:3]
    reach_y, reach_x = round(height * ratio), round(width * ratio)
    draws = tf.random.stateless_uniform([2, batch], seed=seed)
    shift_y = tf.cast(tf.floor(draws[0] * (2 * reach_y + 1)), tf.int32)
    shift_x = tf.cast(tf.floor(draws[1] * (2 * reach_x + 1)), tf.int32)
    padded = tf.pad(images, [[0, 0], [reach_y, reach_y], [reach_x, reach_x], [0, 0]])
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
