"""Images with an alpha channel: laid on white where the networks see none, made fit to learn from where they see it.

RGBA samples have straight colours, as PNG, WebP, browsers and Pillow have them, so that an array, a saved file and the
output of an ONNX graph are the same numbers. Straight colours have one danger: a pixel that nobody sees has a colour,
too, often black, and a network that learns it mixes it into soft edges as a dark fringe. Premultiplied colours avoid
that, but every reader of the output would have to divide by an alpha near 0. So samples keep straight colours, and
``filled`` gives unseen pixels the colour of the nearest visible ones: across an edge alpha changes and colour does not.
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
"""Below this alpha (0 to 255) the colour is little more than rounding, and fades into that of its surroundings."""


def has_alpha(image: Image) -> bool:
    """Whether an image marks pixels as transparent: by an alpha channel or by a transparent colour."""
    return image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info


def on_white(image: Image) -> Image:
    """An image with transparent pixels, in any mode, on a white ground, mode "RGB"."""
    return images.on_white(image.convert("RGBA"))


def with_channels(image: Image, channels: int) -> Image:
    """An image of 8 bits a channel in mode "L" (``channels`` 1), "RGB" (3) or "RGBA" (4).

    Without an alpha channel in the result, transparent pixels are laid on white; in mode "RGBA" they are kept.
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
    """A PIL image of mode ``COLOR_MODES[channels]`` -> uint8 ``[height, width, channels]``; RGBA is ``filled``."""
    array: NDArray[np.uint8] = np.asarray(image).reshape(image.height, image.width, channels)
    return filled(array) if channels == 4 else array


def filled(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same picture, with the colours of transparent pixels taken from the visible ones around them.

    Laid on any ground, it differs by at most 4 of 255 levels, at pixels that are next to invisible. An image without
    any visible pixel becomes white.

    Args:
        image: uint8 ``[height, width, 4]``, straight colours.
    """
    alpha = image[..., 3:].astype(np.float32)
    if alpha.min() >= _FAINT:
        return image
    colors = np.rint(_pulled(image[..., :3].astype(np.float32), alpha)).astype(np.uint8)
    return np.concatenate([colors, image[..., 3:]], axis=2)


def _pulled(colors: NDArray[np.floating], weights: NDArray[np.floating]) -> NDArray[np.floating]:
    """Colours of little weight replaced by those of the smallest neighbourhood that has more ("push and pull").

    Args:
        colours: float32 ``[h, w, 3]``.
        weights: float32 ``[h, w, 1]``, of which ``_FAINT`` is enough.
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
    """Sums over 2 x 2 places: ``[h, w, c] -> [ceil(h / 2), ceil(w / 2), c]``."""
    height, width, channels = values.shape
    even = np.pad(values, ((0, height % 2), (0, width % 2), (0, 0)))
    sums: NDArray[np.floating] = even.reshape(-(-height // 2), 2, -(-width // 2), 2, channels).sum(axis=(1, 3))
    return sums


def _blurred(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Each place a little like its neighbours, so that what was enlarged has no blocks: ``[h, w, c]``."""
    for axis in (0, 1):
        padding = [(1, 1) if place == axis else (0, 0) for place in range(3)]
        padded = np.pad(values, padding, mode="edge")
        before, after = (np.delete(padded, ends, axis=axis) for ends in ((-1, -2), (0, 1)))
        values = (before + 2 * values + after) / 4
    return values
