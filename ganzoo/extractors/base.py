"""The base class of feature extractors, and what an extractor returns to the metrics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ganzoo.errors import EvaluationError
from ganzoo.registry import Part, Registry
from ganzoo.sample_spec import SampleSpec

Extracted = tuple[NDArray[np.float32], NDArray[np.float32] | None]
"""Features ``[n, d]``, and class probabilities ``[n, k]`` or None."""


@dataclass(frozen=True)
class LoadedExtractor:
    """An extractor that is ready for samples of one spec.

    Attributes:
        extract: a function from samples, uint8 ``[n, h, w, c]`` or float32 ``[n, d]``, to features. Row i of the
            result depends on sample i only.
        label: name of the extractor in the labels of numbers: "frechet (small_cnn)".
        resize: how samples are resized first, for the protocol.
        sha256: digest of the file or the weights, 64 hex digits; None without weights.
        has_probabilities: whether ``extract`` returns class probabilities.
        canonical: whether FID and KID in the literature use this extractor.
        notes: further entries of the protocol (JSON).
    """

    extract: Callable[[NDArray[Any]], Extracted]
    label: str
    resize: str
    sha256: str | None = None
    has_probabilities: bool = False
    canonical: bool = False
    notes: dict[str, Any] = field(default_factory=dict)


class Extractor(Part):
    """Turns samples into features. Subclass it, add fields, and implement ``load``.

    Image extractors composite RGBA samples on white. Images that are not square are stretched to the extractor's input
    size, as the FID of papers is computed. Nothing is cropped, so the metrics cover the whole image.
    """

    batch_size: ClassVar[int] = 64
    """Samples per call of ``extract``."""

    packages: ClassVar[tuple[str, ...]] = ()
    """Packages that ``load`` needs besides ganzoo's own, for an early error."""

    real_limit: ClassVar[int] = 20_000
    """Default limit of real samples, chosen by speed. Larger counts raise it."""

    def load(self, spec: SampleSpec) -> LoadedExtractor:
        """Prepare the extractor for samples of ``spec``.

        Raises:
            GanzooError: if the extractor does not support such samples, or a file or package is missing or damaged.
        """
        raise NotImplementedError

    def require_images(self, spec: SampleSpec) -> None:
        """Raise EvaluationError if the samples are vectors."""
        if not spec.is_image:
            raise EvaluationError(
                f"The extractor '{self.registered_name}' needs images; the samples are vectors. Use --extractor pixels"
            )


def default_extractor(spec: SampleSpec) -> Extractor:
    """The extractor to use when none is named: ``small_cnn`` for images, ``pixels`` for vectors."""
    return extractors.create("small_cnn" if spec.is_image else "pixels")


def adaptation_note(spec: SampleSpec) -> str:
    """How images are adapted apart from resizing, for the protocol: stretching, compositing; "" for most."""
    height, width = spec.size
    stretched = "" if height == width else f", stretched from {height} x {width} px"
    return stretched + (", transparent pixels on white" if spec.channels == 4 else "")


extractors: Registry[Extractor] = Registry("extractors", kind="extractor", base=Extractor, package="ganzoo.extractors")
