"""Resizing that averages what it shrinks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ganzoo.data.reading.transparency import as_array, with_channels

if TYPE_CHECKING:
    from PIL.Image import Image

Filter = Literal["lanczos", "area"]
"""``lanczos``: sharp, antialiased. ``area``: the mean of the pixels that one output pixel covers, without ringing."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels; fractions are fine."""


def middle(width: int, height: int, size: tuple[int, int]) -> Box:
    """The largest middle part of an image that has the aspect of ``size``, ``(height, width)``. All in pixels."""
    wanted_height, wanted_width = size
    if width * wanted_height > height * wanted_width:
        across, down = height * wanted_width / wanted_height, float(height)
    else:
        across, down = float(width), width * wanted_height / wanted_width
    left, top = (width - across) // 2, (height - down) // 2
    return (left, top, left + across, top + down)


def resized(image: Image, width: int, height: int, resample: Filter, box: Box | None = None) -> Image:
    """``box`` of a PIL image in mode "L", "RGB" or "RGBA" (all of it by default) at another size.

    Both are antialiased when they shrink. ``area`` is bilinear when it enlarges: there is nothing to average. In an
    RGBA image each pixel counts as much as it is opaque, so that the colour of transparent pixels enters nowhere.
    """
    from PIL.Image import Resampling

    left, top, right, bottom = box or (0, 0, image.width, image.height)
    if (left, top, right, bottom) == (0, 0, image.width, image.height) and image.size == (width, height):
        return image
    method = Resampling.LANCZOS
    if resample == "area":
        shrinks = right - left >= width and bottom - top >= height
        method = Resampling.BOX if shrinks else Resampling.BILINEAR
    return image.resize((width, height), method, box=(left, top, right, bottom))  # Pillow premultiplies RGBA itself


def resized_array(
    images: NDArray[np.uint8],
    size: tuple[int, int],
    channels: int,
    resample: Filter = "lanczos",
    *,
    crop: Literal["center", "stretch"] = "center",
) -> NDArray[np.uint8]:
    """Images of one size -> another: uint8 ``[n, h, w, 1, 3 or 4]`` -> ``[n, height, width, channels]``.

    Args:
        images: grey, RGB or RGBA with straight colours.
        size: ``(height, width)`` of the result.
        channels: 1, 3 or 4 of the result. Grey becomes RGB by repetition, RGB becomes grey by its ITU-R 601 luma, and
            RGBA becomes either on a white ground. To RGBA, all else is opaque.
        resample: filter.
        crop: ``center`` cuts what has another aspect to the largest middle part; ``stretch`` keeps all of it and
            ignores the aspect.
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
