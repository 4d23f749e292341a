"""Resizes images with antialiasing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ganzoo.data.reading.transparency import as_array, with_channels

if TYPE_CHECKING:
    from PIL.Image import Image

Filter = Literal["lanczos", "area"]
"""``lanczos``: sharp. ``area``: the mean of the pixels under each output pixel, without ringing."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels; may be fractional."""


def middle(width: int, height: int, size: tuple[int, int]) -> Box:
    """The largest center box of an image with the aspect ratio of ``size``, ``(height, width)``. All in pixels."""
    wanted_height, wanted_width = size
    if width * wanted_height > height * wanted_width:
        across, down = height * wanted_width / wanted_height, float(height)
    else:
        across, down = float(width), width * wanted_height / wanted_width
    left, top = (width - across) // 2, (height - down) // 2
    return (left, top, left + across, top + down)


def resized(image: Image, width: int, height: int, resample: Filter, box: Box | None = None) -> Image:
    """Resize ``box`` of a PIL image in mode "L", "RGB" or "RGBA". Default: the whole image.

    Both filters antialias when they shrink. ``area`` is bilinear when it enlarges. In RGBA images, pixels are weighted
    by alpha, so that the color of transparent pixels has no effect.
    """
    from PIL.Image import Resampling

    left, top, right, bottom = box or (0, 0, image.width, image.height)
    if (left, top, right, bottom) == (0, 0, image.width, image.height) and image.size == (width, height):
        return image
    method = Resampling.LANCZOS
    if resample == "area":
        shrinks = right - left >= width and bottom - top >= height
        method = Resampling.BOX if shrinks else Resampling.BILINEAR
    return image.resize((width, height), method, box=(left, top, right, bottom))  # Pillow premultiplies RGBA


def resized_array(
    images: NDArray[np.uint8],
    size: tuple[int, int],
    channels: int,
    resample: Filter = "lanczos",
    *,
    crop: Literal["center", "stretch"] = "center",
) -> NDArray[np.uint8]:
    """Resize a batch of images: uint8 ``[n, h, w, 1, 3 or 4]`` -> ``[n, height, width, channels]``.

    Args:
        images: grayscale, RGB or RGBA with straight colors.
        size: ``(height, width)`` of the result.
        channels: 1, 3 or 4 channels of the result. Grayscale is repeated to RGB, RGB is converted to grayscale by
            ITU-R 601 luma, RGBA is composited on white. Converted to RGBA, other images are opaque.
        resample: filter.
        crop: ``center`` crops the largest center part with the aspect ratio of ``size``; ``stretch`` uses the whole
            image and ignores the aspect ratio.
    """
    from PIL import Image

    if crop == "center":
        left, top, right, bottom = (round(side) for side in middle(images.shape[2], images.shape[1], size))
        images = images[:, top : max(bottom, top + 1), left : max(right, left + 1)]
    if images.shape[1:] == (*size, channels) and channels != 4:
        return np.ascontiguousarray(images)
    out = np.empty((len(images), *size, channels), np.uint8)
    for index, array in enumerate(images):
        image = Image.fromarray(array[..., 0] if array.shape[2] == 1 else np.ascontiguousarray(array))
        image = resized(with_channels(image, channels), size[1], size[0], resample)
        out[index] = as_array(image, channels)
    return out
