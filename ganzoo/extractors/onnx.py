"""Any ONNX file as an extractor, held to the same rules as a bundle's."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import Field

from ganzoo.data.base import Shape
from ganzoo.environment.git_lfs import require_content
from ganzoo.errors import BundleError, EvaluationError
from ganzoo.extractors._onnx_interface import Interface, Layout, read_interface
from ganzoo.extractors._onnx_session import Values, extraction, resize_note
from ganzoo.extractors.base import Extractor, LoadedExtractor, extractors

MAX_FILE = 2**31 - 1


@extractors.register("onnx")
class OnnxExtractor(Extractor):
    """A user's ONNX file: one float32 input of images or vectors, an output of features, and perhaps probabilities.

    Images are resized, stretched where they are not square, to the input's height and width, which are fixed in the
    file. On the command line: ``--extractor path.onnx``, or with fields ``--extractor '{name: onnx, path: path.onnx,
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
    values: Values = "signed"
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
            return self._ready(content, interface, shape)
        except BundleError as error:
            raise EvaluationError(f"{self.path} is no extractor: {error}") from error

    def _ready(self, content: bytes, interface: Interface, shape: Shape) -> LoadedExtractor:
        extract = extraction(
            content, interface, batch_size=self.batch_size, values=self.values, mean=self.mean, std=self.std
        )
        digest = hashlib.sha256(content).hexdigest()
        path = Path(self.path or "")
        notes = {"file": path.name, "values": self.values}
        return LoadedExtractor(
            extract, path.stem, resize_note(interface, shape), digest, len(interface.outputs) == 2, notes=notes
        )


def _read(path: Path) -> bytes:
    require_content(path, error=EvaluationError)
    try:
        if path.stat().st_size > MAX_FILE:
            raise EvaluationError(f"{path} is larger than 2 GiB.")
        return path.read_bytes()
    except OSError as error:
        raise EvaluationError(f"Cannot read the extractor {path}: {error.strerror or error}.") from error
