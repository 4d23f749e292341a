"""Resizing that averages what it shrinks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

Filter = Literal["lanczos", "area"]
"""``lanczos``: sharp, antialiased. ``area``: the mean of the pixels that one output pixel covers, without ringing."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels; fractions are fine."""


def resized(image: Image, width: int, height: int, resample: Filter, box: Box | None = None) -> Image:
    """``box`` of a PIL image in mode "L" or "RGB" (all of it by default) at another size.

    Both are antialiased when they shrink. ``area`` is bilinear when it enlarges: there is nothing to average.
    """
    from PIL.Image import Resampling

    left, top, right, bottom = box or (0, 0, image.width, image.height)
    if (left, top, right, bottom) == (0, 0, image.width, image.height) and image.size == (width, height):
        return image
    method = Resampling.LANCZOS
    if resample == "area":
        shrinks = right - left >= width and bottom - top >= height
        method = Resampling.BOX if shrinks else Resampling.BILINEAR
    return image.resize((width, height), method, box=(left, top, right, bottom))


def resized_array(
    images: NDArray[np.uint8], resolution: int, channels: int, resample: Filter = "lanczos"
) -> NDArray[np.uint8]:
    """Images of one size -> square images: uint8 ``[n, h, w, 1 or 3]`` -> ``[n, resolution, resolution, channels]``.

    What is not square is cut to the square in its middle. Grey becomes RGB by repetition, RGB becomes grey by its
    ITU-R 601 luma.
    """
    from PIL import Image

    side = min(images.shape[1:3])
    top, left = (images.shape[1] - side) // 2, (images.shape[2] - side) // 2
    images = images[:, top : top + side, left : left + side]
    if images.shape[1:] == (resolution, resolution, channels):
        return np.ascontiguousarray(images)
    out = np.empty((len(images), resolution, resolution, channels), np.uint8)
    for index, array in enumerate(images):
        image = Image.fromarray(array[..., 0] if array.shape[2] == 1 else np.ascontiguousarray(array))
        image = resized(image.convert("RGB" if channels == 3 else "L"), resolution, resolution, resample)
        out[index] = np.asarray(image).reshape(resolution, resolution, channels)
    return out
