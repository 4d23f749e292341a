"""Any ONNX file as a feature extractor, validated by the same rules as the graph of a bundle."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import Field

from ganzoo.environment.git_lfs import require_content
from ganzoo.errors import BundleError, EvaluationError
from ganzoo.extractors._onnx_interface import Interface, Layout, read_interface
from ganzoo.extractors._onnx_session import Values, extraction, resize_note
from ganzoo.extractors.base import Extractor, LoadedExtractor, extractors
from ganzoo.sample_spec import SampleSpec

MAX_FILE = 2**31 - 1


@extractors.register("onnx")
class OnnxExtractor(Extractor):
    """An ONNX file with one float32 input (images or vectors), a features output, and optionally class probabilities.

    Images are resized to the height and width of the input, which the file must fix. On the command line:
    ``--extractor path.onnx``, or with fields ``--extractor '{name: onnx, path: path.onnx, values: unit}'``.

    Attributes:
        path: the ONNX file.
        layout: axis order of an image input. ``auto`` finds the axis with 1 or 3 channels.
        values: range of the input: ``signed`` is [-1, 1], ``unit`` is [0, 1], ``bytes`` is [0, 255].
        mean, std: normalization after scaling to the range, ``(x - mean) / std``: one number, or one per channel.
        features: name of the features output. Default: "features", or the first output other than ``probabilities``.
        probabilities: name of the output with class probabilities ``[batch, k]``. Default: "probabilities", if the
            file has this output.
    """

    path: Path | None = None
    layout: Layout = "auto"
    values: Values = "signed"
    mean: tuple[float, ...] = Field((), max_length=3)
    std: tuple[float, ...] = Field((), max_length=3)
    features: str | None = None
    probabilities: str | None = None

    def load(self, spec: SampleSpec) -> LoadedExtractor:
        if self.path is None:
            raise EvaluationError("The extractor 'onnx' needs a file: --extractor path.onnx")
        content = _read(self.path)
        try:
            interface = read_interface(
                content, spec, layout=self.layout, features=self.features, probabilities=self.probabilities
            )
            return self._ready(content, interface, spec)
        except BundleError as error:
            raise EvaluationError(f"{self.path} is not a usable extractor: {error}") from error

    def _ready(self, content: bytes, interface: Interface, spec: SampleSpec) -> LoadedExtractor:
        extract = extraction(
            content, interface, batch_size=self.batch_size, values=self.values, mean=self.mean, std=self.std
        )
        digest = hashlib.sha256(content).hexdigest()
        path = Path(self.path or "")
        notes = {"file": path.name, "values": self.values}
        return LoadedExtractor(
            extract, path.stem, resize_note(interface, spec), digest, len(interface.outputs) == 2, notes=notes
        )


def _read(path: Path) -> bytes:
    require_content(path, error=EvaluationError)
    try:
        if path.stat().st_size > MAX_FILE:
            raise EvaluationError(f"{path} is larger than 2 GiB.")
        return path.read_bytes()
    except OSError as error:
        raise EvaluationError(f"Cannot read the extractor {path}: {error.strerror or error}.") from error
