"""A small convolutional network that ships with ganzoo. Its features describe shapes and textures."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, ClassVar

from ganzoo.errors import BundleError, EvaluationError
from ganzoo.extractors._onnx_interface import read_interface
from ganzoo.extractors._onnx_session import extraction, resize_note
from ganzoo.extractors.base import Extractor, LoadedExtractor, extractors
from ganzoo.sample_spec import SampleSpec

NETWORK = Path(__file__).with_name("small_cnn.onnx")
FACTS = Path(__file__).with_name("small_cnn.json")
"""SHA-256 of the network, its classes, and the licenses of its training data."""


@extractors.register("small_cnn")
class SmallCnn(Extractor):
    """Features of a small network, normalized to variance 1 on its training data: drawn pictures and digits.

    ``benchmarks/train_extractor.py`` trained it to classify the style of drawn pictures, the ten digits, and whether an
    image was blurred, noisy or shuffled. Images are resized to 64 px; grayscale is converted to RGB. Its numbers can
    be compared with each other, but not with the FID or KID of papers.

    Its classes rarely match the classes of your data. If the data have six of its styles, one unusual sample counts as
    a seventh mode. Therefore class probabilities are off by default, and the metrics ``modes`` and
    ``classifier_score`` do not run. To enable them: ``--extractor '{name: small_cnn, classes: true}'``.

    Attributes:
        classes: return the probabilities of its classes.
    """

    real_limit: ClassVar[int] = 10_000

    classes: bool = False

    def load(self, spec: SampleSpec) -> LoadedExtractor:
        self.require_images(spec)
        content, digest = shipped()
        try:
            interface = read_interface(content, spec, layout="nhwc", features="features", probabilities=None)
            interface = interface if self.classes else interface._replace(outputs=("features",))
            extract = extraction(content, interface, batch_size=self.batch_size)
        except BundleError as error:
            raise EvaluationError(f"{NETWORK} is not a usable extractor: {error}") from error
        return LoadedExtractor(
            extract, self.registered_name, resize_note(interface, spec), sha256=digest, has_probabilities=self.classes
        )


def shipped() -> tuple[bytes, str]:
    """The network's file and its SHA-256.

    Raises:
        EvaluationError: if the file is missing or does not belong to this version of ganzoo.
    """
    try:
        content, facts = NETWORK.read_bytes(), _facts()
    except (OSError, ValueError) as error:
        raise EvaluationError(f"The extractor 'small_cnn' cannot be read ({error}). {_REPAIR}") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != facts.get("sha256"):
        raise EvaluationError(f"{NETWORK} is not the file that ganzoo ships: its SHA-256 is {digest}. {_REPAIR}")
    return content, digest


def class_names() -> tuple[str, ...]:
    """Names of the classes, in the order of the probabilities."""
    return tuple(_facts()["classes"])


def _facts() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FACTS.read_text(encoding="utf-8"))
    return found


_REPAIR = "Install ganzoo-keras again, or choose --extractor pixels"
