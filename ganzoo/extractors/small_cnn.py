"""A small convolutional network that ships with ganzoo: sees shapes and textures where pixels see colours in places."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, ClassVar

from ganzoo.data.base import Shape
from ganzoo.errors import BundleError, EvaluationError
from ganzoo.extractors._onnx_interface import read_interface
from ganzoo.extractors._onnx_session import extraction, resize_note
from ganzoo.extractors.base import Extractor, LoadedExtractor, extractors

NETWORK = Path(__file__).with_name("small_cnn.onnx")
FACTS = Path(__file__).with_name("small_cnn.json")
"""SHA-256 of the network, its classes, and the licences of what it was trained on."""


@extractors.register("small_cnn")
class SmallCnn(Extractor):
    """Features of a small network, each with variance 1 on what it was trained on: drawn pictures and digits.

    ``benchmarks/train_extractor.py`` trained it to tell the styles of drawn pictures, the ten digits, and whether a
    picture was blurred, noised or disordered. Images are resized to 64 px, grey ones are taken as colour. Its numbers
    compare with each other and never with the FID or KID of papers.

    The classes are those of its own training, and seldom those of your data: where the data have six of its styles, one
    odd sample is a seventh "mode". So they are left out, and with them the metrics ``modes`` and
    ``classifier_score``, unless ``classes`` asks for them: ``--extractor '{name: small_cnn, classes: true}'``.

    Attributes:
        classes: give the probabilities of its classes.
    """

    real_limit: ClassVar[int] = 10_000

    classes: bool = False

    def load(self, shape: Shape) -> LoadedExtractor:
        if len(shape) != 3:
            raise EvaluationError("The extractor 'small_cnn' is for images, and these samples are vectors.")
        content, digest = shipped()
        try:
            interface = read_interface(content, shape, layout="nhwc", features="features", probabilities=None)
            interface = interface if self.classes else interface._replace(outputs=("features",))
            extract = extraction(content, interface, batch_size=self.batch_size)
        except BundleError as error:
            raise EvaluationError(f"{NETWORK} is no extractor: {error}") from error
        return LoadedExtractor(
            extract, self.registered_name, resize_note(interface, shape), sha256=digest, has_probabilities=self.classes
        )


def shipped() -> tuple[bytes, str]:
    """The network's file and its SHA-256.

    Raises:
        EvaluationError: if it is missing or is not the one that belongs to this version of ganzoo.
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
