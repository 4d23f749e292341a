"""Pixel values as features: needs no network, but is less sensitive than a trained extractor."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ganzoo.data.reading.resize import resized_array
from ganzoo.extractors.base import Extracted, Extractor, LoadedExtractor, adaptation_note, extractors
from ganzoo.sample_spec import SampleSpec


@extractors.register("pixels")
class Pixels(Extractor):
    """Pixels in [0, 1] of the image, downsampled to ``size`` by averaging. Vectors are used unchanged.

    Attributes:
        size: height and width in pixels, for every aspect ratio. Sides that are smaller keep their size.
    """

    size: int = Field(16, ge=1, le=256)

    def load(self, spec: SampleSpec) -> LoadedExtractor:
        if not spec.is_image:
            return LoadedExtractor(_vectors, "vectors", resize="none")
        size = (min(self.size, spec.size[0]), min(self.size, spec.size[1]))
        channels = min(spec.channels, 3)

        def extract(samples: NDArray[Any]) -> Extracted:
            small = resized_array(samples, size, channels, "area", crop="stretch")
            return small.reshape(len(small), -1).astype(np.float32) / np.float32(255), None

        return LoadedExtractor(extract, "pixels", resize=f"area, to {size[0]} x {size[1]} px{adaptation_note(spec)}")


def _vectors(samples: NDArray[Any]) -> Extracted:
    return samples.astype(np.float32, copy=False), None
