"""Training data that a Python program passes: arrays and datasets of tf.data. Imports no TensorFlow."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ganzoo.data.base import DataReport, Dataset
from ganzoo.data.reading.transparency import filled
from ganzoo.environment.devices import available_memory
from ganzoo.environment.quantities import bytes_text
from ganzoo.errors import DataError, reason

if TYPE_CHECKING:
    from ganzoo.config.experiment import Config

SOURCE = "numpy"
"""Name of the data source that describes passed arrays in a config."""
DESCRIPTION = "An array that was passed in Python. Its origin is not recorded."
ALLOWED = (
    "allowed is a path, images as a uint8 array [n, h, w, c], vectors as a float32 array [n, d], a pair (images, "
    "labels), or a tf.data.Dataset of images or of (image, label)"
)
_BATCH = 256
_NOISE = re.compile(r"\{\{.*?\}\} ?| \[Op:.*")
"""What TensorFlow adds to the message of an error: names of nodes in its graph."""


def config_for_given(config: Config) -> Config:
    """The config with the data source ``numpy`` instead of its own, for samples of the same size."""
    spec = config.sample_spec
    described = config.to_dict()["data"].get("description") if type(config.data).accepts_arrays else None
    changes: dict[str, Any] = {"source": SOURCE, "path": None, "description": described or DESCRIPTION}
    if spec.is_image:
        height, width = spec.size
        changes |= {"resolution": height if height == width else [height, width], "channels": spec.channels}
    else:
        changes |= {"vector_dim": spec.channels}
    return config.replace(**{f"data.{key}": value for key, value in changes.items()})


def given_dataset(data: object, config: Config, *, info: Callable[[str], None]) -> Dataset:
    """The dataset of arrays or of a tf.data.Dataset, which is read into memory.

    Args:
        data: images uint8 ``[n, h, w, c]``, or vectors ``[n, d]`` for a config that has vectors; a pair of samples and
            labels ``[n]``; or a tf.data.Dataset of samples or of (sample, label), also in batches. Arrays of uint8 and
            float32 are not copied.
        config: the experiment, whose size the samples must have.
        info: called with a message before a dataset is read.

    Raises:
        DataError: in one line: what was received, what is allowed, what to do.
    """
    if _is_tf_dataset(data):
        samples, labels = _read(data, config, info)
    elif isinstance(data, tuple | list):
        if len(data) != 2:
            raise DataError(f"data: received a {type(data).__name__} of {len(data)} items; {ALLOWED}.")
        samples, labels = _array(data[0]), data[1]
    else:
        samples, labels = _array(data), None
    is_image = config.sample_spec.is_image
    samples = _checked_images(samples, config) if is_image else _checked_vectors(samples, config)
    checked, names = _checked_labels(labels, len(samples))
    return Dataset(samples, checked, names, DataReport(files=len(samples)))


def _array(value: object) -> NDArray[Any]:
    if not hasattr(value, "__array__"):
        raise DataError(f"data: received {type(value).__module__}.{type(value).__qualname__}; {ALLOWED}.")
    return _converted(value, "data")


def _converted(value: object, what: str) -> NDArray[Any]:
    try:
        return np.asarray(value)
    except Exception as error:  # __array__ of another library may raise anything
        raise DataError(
            f"{what}: {type(value).__qualname__} cannot be read as a NumPy array: {reason(error)}."
        ) from error


def _checked_images(images: NDArray[Any], config: Config) -> NDArray[np.uint8]:
    received, shape = f"received {images.dtype} {list(images.shape)}", images.shape[1:]
    if images.ndim != 4:
        hints = {2: " Reshape them to [n, h, w, c]", 3: " Add the missing axis: images[..., None], or images[None]"}
        hint = hints.get(images.ndim, "")
        raise DataError(f"data: {received}; allowed are images uint8 [n, h, w, c].{hint}")
    if not len(images):
        raise DataError(f"data: {received}, which has no images; allowed is at least one image.")
    if images.dtype != np.uint8:
        raise DataError(f"data: {received}; allowed are images uint8 in [0, 255]. {_conversion(images)}")
    wanted = config.sample_shape
    if shape != wanted:
        raise DataError(f"data: {received}; the config '{config.name}' needs {list(wanted)}. {_fitting(shape, wanted)}")
    if wanted[2] == 4:  # the colors of transparent pixels
        return np.stack([filled(image) for image in images])
    return images


def _checked_vectors(vectors: NDArray[Any], config: Config) -> NDArray[np.float32]:
    received, (length,) = f"received {vectors.dtype} {list(vectors.shape)}", config.sample_shape
    if vectors.ndim != 2 or vectors.shape[1] != length:
        hint = f" Or change the config: overrides=['data.vector_dim={vectors.shape[-1]}']" if vectors.ndim == 2 else ""
        raise DataError(f"data: {received}; the config '{config.name}' needs vectors [n, {length}].{hint}")
    if not len(vectors):
        raise DataError(f"data: {received}, which has no vectors; allowed is at least one vector.")
    if vectors.dtype.kind not in "fiu":
        raise DataError(f"data: {received}; allowed are numbers float32 [n, {length}].")
    vectors = np.asarray(vectors, np.float32)
    if not np.isfinite(vectors).all():
        raise DataError(f"data: {received} with values that are not finite (NaN or infinity); leave such vectors out.")
    return vectors


def _conversion(images: NDArray[Any]) -> str:
    """How to make uint8 of it."""
    if images.dtype.kind == "b":
        return "Convert them: images.astype('uint8') * 255"
    if images.dtype.kind == "f":
        low, high = images[:_BATCH].min(), images[:_BATCH].max()
        if low < 0:
            return "Convert [-1, 1]: ganzoo.images.to_uint8(images)"
        if high <= 1:
            return "Convert [0, 1]: (images * 255).round().astype('uint8')"
        return "Convert [0, 255]: images.round().astype('uint8')"
    return "Convert values in [0, 255]: images.astype('uint8')" if images.dtype.kind in "iu" else "Store plain numbers"


def _fitting(shape: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    """How to make images and config fit."""
    if shape == (wanted[2], *wanted[:2]):
        return "Move the channels to the end: images.transpose(0, 2, 3, 1)"
    height, width, channels = shape
    resolution = str(height) if height == width else f"{height}x{width}"
    changes = [f"'data.resolution={resolution}'"] if shape[:2] != wanted[:2] else []
    changes += [f"'data.channels={channels}'"] if channels != wanted[2] else []
    return f"Convert the images, or change the config: overrides=[{', '.join(changes)}]"


def _checked_labels(labels: object, count: int) -> tuple[NDArray[np.int32] | None, tuple[str, ...]]:
    """Labels in ``range(k)`` and class names, as the data source ``numpy`` has them."""
    if labels is None:
        return None, ()
    array = _converted(labels, "labels")
    array = array.reshape(-1) if array.shape == (count, 1) else array
    received, allowed = f"labels: received {array.dtype} {list(array.shape)}", f"allowed are whole numbers [{count}]"
    if array.shape != (count,):
        hint = " Of one-hot labels: labels.argmax(axis=1)" if array.shape[:1] == (count,) else ""
        raise DataError(f"{received}; {allowed}, one for each image.{hint}")
    if array.dtype.kind not in "iub":
        raise DataError(f"{received}; {allowed}. Convert them: numpy.unique(labels, return_inverse=True)[1]")
    if array.min() < 0:
        at = int(array.argmin())
        raise DataError(f"labels: received {array[at]} at position {at}; allowed is 0 or more. Leave such images out.")
    values, positions = np.unique(array, return_inverse=True)
    return positions.reshape(-1).astype(np.int32), tuple(str(int(value)) for value in values)


def _is_tf_dataset(data: object) -> bool:
    tensorflow = sys.modules.get("tensorflow")  # whoever has such a dataset has imported it
    return tensorflow is not None and isinstance(data, tensorflow.data.Dataset)


def _read(dataset: Any, config: Config, info: Callable[[str], None]) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """The samples and labels of a tf.data.Dataset."""
    spec = dataset.element_spec
    has_labels = isinstance(spec, tuple) and len(spec) == 2
    image = spec[0] if has_labels else spec
    if not all(hasattr(part, "dtype") and hasattr(part, "shape") for part in (spec if has_labels else (spec,))):
        raise DataError(
            f"data: received a tf.data.Dataset of {_short(spec)}; {ALLOWED}. Choose the parts: data.map(lambda x: ...)"
        )
    is_image = config.sample_spec.is_image
    if is_image and image.dtype.name != "uint8":
        more = ", label" if has_labels else ""
        raise DataError(
            f"data: received a tf.data.Dataset of {image.dtype.name} images; allowed are images uint8 in [0, 255]. "
            f"Of values in [0, 255]: data.map(lambda image{more}: (tf.cast(image, tf.uint8){more}))"
        )
    if dataset.cardinality() == -1:
        raise DataError(
            "data: received an infinite tf.data.Dataset; allowed is a finite one. Leave repeat() out, or take a part: "
            "data.take(10_000)"
        )
    info("Reading the tf.data.Dataset into memory ...")
    batches = dataset if image.shape.rank == 1 + len(config.sample_shape) else dataset.batch(_BATCH)
    images, labels = _collected(batches, has_labels=has_labels)
    if not images:
        noun = "image" if is_image else "vector"
        raise DataError(f"data: received a tf.data.Dataset without {noun}s; allowed is at least one {noun}.")
    return np.concatenate(images), np.concatenate(labels) if has_labels else None


def _collected(batches: Any, *, has_labels: bool) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
    """The batches of a dataset, up to half of the memory, because joining them takes the other half."""
    images: list[NDArray[Any]] = []
    labels: list[NDArray[Any]] = []
    size, count, limit = 0, 0, available_memory() // 2
    try:
        for element in batches.as_numpy_iterator():
            images.append(element[0] if has_labels else element)
            labels += [element[1]] if has_labels else []
            size, count = size + images[-1].nbytes, count + len(images[-1])
            if size > limit:
                raise DataError(
                    f"data: the first {count} images of the tf.data.Dataset need {bytes_text(size)}; allowed is half "
                    f"of the free memory, {bytes_text(limit)}. Take a part: data.take({count // 2}), or "
                    "save the images as files and pass their folder."
                )
    except DataError:
        raise
    except Exception as error:  # TensorFlow's, and those of a Python generator inside
        raise DataError(f"data: the tf.data.Dataset failed after {count} images: {_first_line(error)}") from error
    return images, labels


def _first_line(error: Exception) -> str:
    lines = _NOISE.sub("", str(error)).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def _short(spec: object) -> str:
    if isinstance(spec, dict):
        return f"dicts with {', '.join(map(repr, list(spec)[:5]))}"
    return f"tuples of {len(spec)} parts" if isinstance(spec, tuple) else type(spec).__name__
