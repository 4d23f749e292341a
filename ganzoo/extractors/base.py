"""What every extractor is, and what it gives to the metrics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ganzoo.data.base import Shape
from ganzoo.registry import Part, Registry

Extracted = tuple[NDArray[np.float32], NDArray[np.float32] | None]
"""Features ``[n, d]``, and the probabilities of classes ``[n, k]`` if there are some."""


@dataclass(frozen=True)
class LoadedExtractor:
    """An extractor that is ready for samples of one shape.

    Attributes:
        extract: from samples, uint8 ``[n, h, w, c]`` or float32 ``[n, d]``, to what metrics see. Sample i of the
            result depends on sample i alone.
        label: what the numbers are called by: "frechet (small_cnn)".
        resize: what is done to the samples first, for the protocol.
        sha256: of the file or the weights, 64 hex digits; None if there are none.
        has_probabilities: whether ``extract`` gives probabilities.
        canonical: whether it is the one that the literature's FID and KID are made with.
        notes: further facts for the protocol (JSON).
    """

    extract: Callable[[NDArray[Any]], Extracted]
    label: str
    resize: str
    sha256: str | None = None
    has_probabilities: bool = False
    canonical: bool = False
    notes: dict[str, Any] = field(default_factory=dict)


class Extractor(Part):
    """A way to turn samples into features. Subclass, add fields, implement ``load``.

    Those for images see RGBA samples on a white ground. What is not square they see whole, stretched to their own size,
    as the FID of papers is computed: nothing is cut off, so nothing is left unmeasured.
    """

    batch_size: ClassVar[int] = 64
    """Samples that are extracted at once."""

    packages: ClassVar[tuple[str, ...]] = ()
    """Packages that ``load`` needs besides ganzoo's own, for an early error."""

    real_limit: ClassVar[int] = 20_000
    """Real samples that it is fast enough for; more are taken only if the counts ask for them."""

    def load(self, shape: Shape) -> LoadedExtractor:
        """Make ready for samples of a shape, ``(height, width, channels)`` or ``(d,)``.

        Raises:
            GanzooError: if the shape does not fit, or a file or package is missing or broken.
        """
        raise NotImplementedError


def seen_channels(shape: Shape) -> int:
    """Channels that an extractor without a size of its own sees of images: RGBA is seen as RGB on white."""
    return 3 if shape[2] == 4 else shape[2]


def adaptation_note(shape: Shape) -> str:
    """What else is done to images of a shape before an extractor sees them, for the protocol; "" for most."""
    stretched = "" if shape[0] == shape[1] else f", stretched from {shape[0]} x {shape[1]} px"
    return stretched + (", transparent pixels laid on white" if shape[2] == 4 else "")


extractors: Registry[Extractor] = Registry("extractors", kind="extractor", base=Extractor, package="ganzoo.extractors")

DEFAULTS = {"image": "small_cnn", "vector": "pixels"}
"""Kind of samples -> the extractor that is taken when none is named."""
