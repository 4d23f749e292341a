"""Images with an alpha channel: composited on white, or prepared as RGBA samples.

RGBA samples have straight colors, as in PNG, WebP, browsers and Pillow. So an array, a saved file and the output of an
ONNX graph have the same values. Straight colors have one risk: invisible pixels also have a color, often black. A
network that learns it generates dark fringes at soft edges. Premultiplied colors avoid this, but then every reader of
the output must divide by an alpha near 0. Therefore samples keep straight colors, and ``filled`` gives invisible pixels
the color of the nearest visible pixels. At an edge, alpha changes and the color does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ganzoo import images
from ganzoo.sample_spec import COLOR_MODES

if TYPE_CHECKING:
    from PIL.Image import Image

_FAINT = 16
"""Below this alpha (0 to 255), the color is mostly rounding error and is blended with the surrounding colors."""


def has_alpha(image: Image) -> bool:
    """Whether an image has transparency: an alpha channel or a transparent color."""
    return image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info


def on_white(image: Image) -> Image:
    """Composite a transparent image of any mode on white. The result has mode "RGB"."""
    return images.on_white(image.convert("RGBA"))


def with_channels(image: Image, channels: int) -> Image:
    """Convert an image with 8 bits per channel to mode "L" (``channels`` 1), "RGB" (3) or "RGBA" (4).

    Transparent images are composited on white, unless the result has an alpha channel.
    """
    mode = COLOR_MODES[channels]
    if channels != 4 and has_alpha(image):
        image = on_white(image)
    if image.mode == mode:
        return image
    if mode == "L" and image.mode in ("P", "CMYK", "YCbCr", "LAB", "HSV"):
        image = image.convert("RGB")
    return image.convert(mode)


def as_array(image: Image, channels: int) -> NDArray[np.uint8]:
    """Convert a PIL image of mode ``COLOR_MODES[channels]`` to uint8 ``[h, w, channels]``; RGBA is ``filled``."""
    array: NDArray[np.uint8] = np.asarray(image).reshape(image.height, image.width, channels)
    return filled(array) if channels == 4 else array


def filled(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give transparent pixels the color of the visible pixels around them.

    Composited on any background, the result differs by at most 4 of 255 levels, and only at nearly invisible pixels. An
    image without visible pixels becomes white.

    Args:
        image: uint8 ``[height, width, 4]``, straight colors.
    """
    alpha = image[..., 3:].astype(np.float32)
    if alpha.min() >= _FAINT:
        return image
    colors = np.rint(_pulled(image[..., :3].astype(np.float32), alpha)).astype(np.uint8)
    return np.concatenate([colors, image[..., 3:]], axis=2)


def _pulled(colors: NDArray[np.floating], weights: NDArray[np.floating]) -> NDArray[np.floating]:
    """Replace colors of low weight by those of the smallest neighborhood with more weight ("push-pull").

    Args:
        colors: float32 ``[h, w, 3]``.
        weights: float32 ``[h, w, 1]``; ``_FAINT`` is full weight.
    """
    height, width = weights.shape[:2]
    if height == width == 1:
        return colors if weights.any() else np.full_like(colors, 255)
    total = _sums(weights)
    coarse = _pulled(_sums(colors * weights) / np.maximum(total, 1e-6), total)
    near = _blurred(coarse.repeat(2, axis=0).repeat(2, axis=1)[:height, :width])
    trust = np.minimum(weights / _FAINT, 1)
    pulled: NDArray[np.floating] = trust * colors + (1 - trust) * near
    return pulled


def _sums(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Sums over 2 x 2 pixels: ``[h, w, c] -> [ceil(h / 2), ceil(w / 2), c]``."""
    height, width, channels = values.shape
    even = np.pad(values, ((0, height % 2), (0, width % 2), (0, 0)))
    sums: NDArray[np.floating] = even.reshape(-(-height // 2), 2, -(-width // 2), 2, channels).sum(axis=(1, 3))
    return sums


def _blurred(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Blur slightly, so that an enlarged image has no blocks: ``[h, w, c]``."""
    for axis in (0, 1):
        padding = [(1, 1) if place == axis else (0, 0) for place in range(3)]
        padded = np.pad(values, padding, mode="edge")
        before, after = (np.delete(padded, ends, axis=axis) for ends in ((-1, -2), (0, 1)))
        values = (before + 2 * values + after) / 4
    return values
