"""Pixels as features: no network, no weights, and blind to what a person sees at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ganzoo.data.base import Shape
from ganzoo.data.reading.resize import resized_array
from ganzoo.extractors.base import Extracted, Extractor, LoadedExtractor, adaptation_note, extractors, seen_channels


@extractors.register("pixels")
class Pixels(Extractor):
    """Pixels in [0, 1] of the image shrunk to ``size`` by averaging; vectors stay as they are.

    Attributes:
        size: height and width in pixels, whatever the aspect of the image; a smaller side keeps its own.
    """

    size: int = Field(16, ge=1, le=256)

    def load(self, shape: Shape) -> LoadedExtractor:
        if len(shape) == 1:
            return LoadedExtractor(_vectors, "vectors", resize="none")
        size = (min(self.size, shape[0]), min(self.size, shape[1]))
        channels = seen_channels(shape)

        def extract(samples: NDArray[Any]) -> Extracted:
            small = resized_array(samples, size, channels, "area", crop="stretch")
            return small.reshape(len(small), -1).astype(np.float32) / np.float32(255), None

        return LoadedExtractor(extract, "pixels", resize=f"area, to {size[0]} x {size[1]} px{adaptation_note(shape)}")


def _vectors(samples: NDArray[Any]) -> Extracted:
    return samples.astype(np.float32, copy=False), None
