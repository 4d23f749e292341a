"""Images that a user passes to a model: files, PIL images and arrays, brought to the model's shape."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ganzoo.environment.places import expanded
from ganzoo.errors import GanzooError, reason
from ganzoo.sample_spec import SampleSpec

if TYPE_CHECKING:
    from PIL.Image import Image

    Picture = Image | str | os.PathLike[str] | NDArray[np.uint8]
    """An image file, a PIL image, or uint8 ``[h, w]`` or ``[h, w, c]`` with 1, 3 or 4 channels."""


def levels_of(image: Picture, spec: SampleSpec) -> NDArray[np.uint8]:
    """An image of any size, cropped in the middle and resized to a model's: uint8 ``[height, width, channels]``.

    Transparent images are composited on white, unless the model has four channels. The EXIF orientation is applied.

    Raises:
        GanzooError: if it is not an image, or cannot be read.
    """
    if isinstance(image, str | os.PathLike):
        return decoded(read_file(image), image, spec)
    if isinstance(image, np.ndarray):
        return _of_array(image, spec)
    from PIL import Image

    if isinstance(image, Image.Image):
        return _of_pil(image, spec)
    raise GanzooError(f"An image is a path, a PIL image or a uint8 array; received {type(image).__name__}.")


def read_file(path: str | os.PathLike[str]) -> bytes:
    """The content of an image file.

    Raises:
        GanzooError: if it cannot be read.
    """
    try:
        return expanded(path).read_bytes()
    except OSError as error:
        raise GanzooError(f"Cannot read the image '{os.fspath(path)}': {error.strerror or reason(error)}.") from error


def decoded(content: bytes, path: str | os.PathLike[str], spec: SampleSpec) -> NDArray[np.uint8]:
    """``levels_of`` the content of an image file; ``path`` is its name in errors."""
    from ganzoo.data.reading.decode import BrokenImageError, decode

    try:
        return decode(content, size=spec.size, channels=spec.channels, crop="center", resample="lanczos")
    except BrokenImageError as error:
        raise GanzooError(f"Cannot use the image '{os.fspath(path)}': {error}.") from error


def all_levels(pictures: Picture | Iterable[Picture] | NDArray[np.uint8], spec: SampleSpec) -> Iterator[NDArray[Any]]:
    """``levels_of`` each image, when it is needed: of one image, several, or an array ``[n, h, w, c]``.

    Raises:
        GanzooError: as ``levels_of``.
    """
    return (levels_of(picture, spec) for picture in _listed(pictures))


def vectors_of(values: object, *, dim: int) -> NDArray[np.float32]:
    """Finite vectors float32 ``[n, dim]``, from one vector or several.

    Raises:
        GanzooError: if the values have another shape or type, or are not finite.
    """
    try:
        array = np.atleast_2d(np.asarray(values, np.float32))
    except (TypeError, ValueError) as error:
        raise GanzooError(f"Vectors are numbers [n, {dim}]; received {type(values).__name__}.") from error
    if array.ndim != 2 or (array.shape[1] != dim and array.size):
        raise GanzooError(f"Vectors are numbers [n, {dim}]; received {list(array.shape)}.")
    if not np.isfinite(array).all():
        raise GanzooError("The vectors have values that are not finite.")
    return array if array.size else array.reshape(0, dim)


def _listed(pictures: Any) -> Iterable[Any]:
    """The images one by one; a single one in a list."""
    if isinstance(pictures, np.ndarray):
        return pictures if pictures.ndim == 4 else [pictures]
    single = isinstance(pictures, str | bytes | os.PathLike) or not isinstance(pictures, Iterable)
    return [pictures] if single else pictures


def _of_pil(image: Image, spec: SampleSpec) -> NDArray[np.uint8]:
    from ganzoo.data.reading.decode import BrokenImageError, flattened, upright

    if image.mode == "F":
        raise GanzooError("Cannot use the image: it has floating-point pixels of unknown range.")
    try:
        flat = flattened(upright(image), spec.channels)
    except BrokenImageError as error:
        raise GanzooError(f"Cannot use the image: {error}.") from error
    if 0 in flat.size:
        raise GanzooError(f"Cannot use the image: {flat.height} x {flat.width} pixels.")
    return _resized(np.asarray(flat).reshape(flat.height, flat.width, spec.channels), spec)


def _of_array(array: NDArray[Any], spec: SampleSpec) -> NDArray[np.uint8]:
    image = array[..., None] if array.ndim == 2 else array
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 3, 4) or not image.size:
        raise GanzooError(
            "An image is a uint8 array [h, w] or [h, w, c] with 1, 3 or 4 channels, and several are [n, h, w, c]; "
            f"received {array.dtype} {list(array.shape)}."
        )
    return _resized(image, spec)


def _resized(image: NDArray[np.uint8], spec: SampleSpec) -> NDArray[np.uint8]:
    from ganzoo.data.reading.resize import resized_array

    levels: NDArray[np.uint8] = resized_array(image[None], spec.size, spec.channels)[0]
    return levels
