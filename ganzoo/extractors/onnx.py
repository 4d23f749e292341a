"""Any ONNX file as an extractor, held to the same rules as a bundle's."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ganzoo.data.base import Shape
from ganzoo.data.resize import resized_array
from ganzoo.errors import BundleError, EvaluationError
from ganzoo.extractors._onnx_interface import Interface, Layout, read_interface
from ganzoo.extractors.base import Extracted, Extractor, LoadedExtractor, extractors

MAX_FILE = 2**31 - 1


@extractors.register("onnx")
class OnnxExtractor(Extractor):
    """A user's ONNX file: one float32 input of images or vectors, an output of features, and perhaps probabilities.

    Images are cut to the middle square and resized to the input's height and width, which are fixed in the file.
    On the command line: ``--extractor path.onnx``, or with fields ``--extractor '{name: onnx, path: path.onnx,
    values: unit}'``.

    Attributes:
        path: the file.
        layout: of an image input; ``auto`` looks where the 1 or 3 channels are.
        values: range that the input takes: ``signed`` is [-1, 1], ``unit`` is [0, 1], ``bytes`` is [0, 255].
        mean, std: taken off and divided by after that, one number a channel.
        features: name of the output; by default "features", or else the first that is not ``probabilities``.
        probabilities: name of the output with class probabilities ``[batch, k]``; by default "probabilities" if there
            is one.
    """

    path: Path | None = None
    layout: Layout = "auto"
    values: Literal["signed", "unit", "bytes"] = "signed"
    mean: tuple[float, ...] = Field((), max_length=3)
    std: tuple[float, ...] = Field((), max_length=3)
    features: str | None = None
    probabilities: str | None = None

    def load(self, shape: Shape) -> LoadedExtractor:
        if self.path is None:
            raise EvaluationError("The extractor 'onnx' needs a file: --extractor path.onnx")
        content = _read(self.path)
        try:
            interface = read_interface(
                content, shape, layout=self.layout, features=self.features, probabilities=self.probabilities
            )
            return self._ready(content, interface)
        except BundleError as error:
            raise EvaluationError(f"{self.path} is no extractor: {error}") from error

    def _ready(self, content: bytes, interface: Interface) -> LoadedExtractor:
        from ganzoo.runtime import make_session

        session, _ = make_session(content)
        scale = self._scale(interface)

        def extract(samples: NDArray[Any]) -> Extracted:
            made = [
                session.run(interface.outputs, {interface.input: scale(samples[start : start + size])})
                for start in range(0, len(samples), size)
            ]
            features, *rest = (np.concatenate(parts) for parts in zip(*made, strict=True))
            return features.reshape(len(samples), -1).astype(np.float32), _checked(rest[0]) if rest else None

        size = interface.batch or self.batch_size
        resize = "none" if interface.size is None else f"area, to {interface.size} x {interface.size} px"
        digest = hashlib.sha256(content).hexdigest()
        path = Path(self.path or "")
        notes = {"file": path.name, "values": self.values}
        return LoadedExtractor(extract, path.stem, resize, digest, len(interface.outputs) == 2, notes=notes)

    def _scale(self, interface: Interface) -> Any:
        """From samples to what the graph takes."""
        if interface.size is None:
            return lambda samples: samples.astype(np.float32, copy=False)
        channels = interface.channels
        for name, numbers in (("mean", self.mean), ("std", self.std)):
            if len(numbers) not in (0, 1, channels):
                raise EvaluationError(f"'{name}' has {len(numbers)} numbers, and the images have {channels} channels.")
        divisor, offset = {"signed": (127.5, 1.0), "unit": (255.0, 0.0), "bytes": (1.0, 0.0)}[self.values]
        mean, std = np.array(self.mean or 0.0, np.float32), np.array(self.std or 1.0, np.float32)

        side = interface.size

        def scale(samples: NDArray[Any]) -> NDArray[np.float32]:
            small = resized_array(samples, side, channels, "area")
            numbers = (small.astype(np.float32) / np.float32(divisor) - np.float32(offset) - mean) / std
            return np.ascontiguousarray(numbers.transpose(0, 3, 1, 2) if interface.channels_first else numbers)

        return scale


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_FILE:
            raise EvaluationError(f"{path} is larger than 2 GiB.")
        return path.read_bytes()
    except OSError as error:
        raise EvaluationError(f"Cannot read the extractor {path}: {error.strerror or error}.") from error


def _checked(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities, or an error: logits would give numbers that mean nothing."""
    if probabilities.min() < -1e-4 or np.abs(probabilities.sum(axis=1) - 1).max() > 1e-2:
        raise EvaluationError(
            "The extractor's probabilities are below 0, or their sum is not 1; it must end in a softmax."
        )
    clipped = np.clip(probabilities, 0, None)
    result: NDArray[np.float32] = clipped / clipped.sum(axis=1, keepdims=True)
    return result
