"""The check of extractors."""

from __future__ import annotations

import numpy as np

from ganzoo.extractors.base import Extractor, extractors
from ganzoo.sample_spec import SampleSpec
from ganzoo.testing.part import BATCH, IMAGE, check_part, require


def check_extractor(extractor: Extractor | type[Extractor], *, shape: tuple[int, ...] = IMAGE) -> None:
    """Check that each sample has a row of finite float32 features that depends on this sample alone, and probabilities
    where they are declared.

    Raises:
        AssertionError: with the first check that failed.
    """
    extractor = check_part(extractors, extractor)
    loaded = extractor.load(SampleSpec(shape))
    rng = np.random.RandomState(0)
    images = rng.randint(0, 256, (BATCH, *shape)).astype(np.uint8)
    samples = images if SampleSpec(shape).is_image else rng.standard_normal((BATCH, *shape)).astype(np.float32)
    features, probabilities = loaded.extract(samples)
    require(features.dtype == np.float32 and features.ndim == 2, f"features are {features.dtype} {features.shape}")
    require(len(features) == BATCH and bool(np.isfinite(features).all()), "there is not one finite row per sample")
    require((probabilities is not None) == loaded.has_probabilities, "has_probabilities is wrong")
    if probabilities is not None:
        require(np.allclose(probabilities.sum(axis=1), 1, atol=1e-3), "the probabilities of a sample do not sum to 1")
    alone = loaded.extract(samples[1:2])[0]
    require(np.allclose(alone, features[1:2], atol=1e-4), "the features of a sample depend on the other samples")
