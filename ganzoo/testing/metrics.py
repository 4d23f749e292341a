"""The check of metrics."""

from __future__ import annotations

import numpy as np

from ganzoo.metrics.base import Features, Metric, Subject, metrics
from ganzoo.testing.part import check_part, require


def check_metric(metric: Metric | type[Metric]) -> None:
    """Check that the declared numbers are finite, and the same for the same samples.

    Raises:
        AssertionError: with the first check that failed.
    """
    metric = check_part(metrics, metric)
    rng = np.random.RandomState(0)
    subject = Subject(None, "none", has_probabilities=True)
    require(metric.why_not(subject, 64) is None, f"it does not measure 64 samples: {metric.why_not(subject, 64)}")
    real, alike, unlike = (_features(rng, shift) for shift in (0.0, 0.0, 30.0))
    first, other = metric.measure(real, alike, subject), metric.measure(real, unlike, subject)
    require(first == metric.measure(real, alike, subject), "the same samples give different numbers")
    for numbers in (first, other):
        require(
            bool(numbers) and set(numbers) <= set(metric.numbers),
            f"it returns {list(numbers)}, and declares {list(metric.numbers)}",
        )
        require(all(type(n) is float and np.isfinite(n) for n in numbers.values()), f"not finite floats: {numbers}")


def _features(rng: np.random.RandomState, shift: float) -> Features:
    """64 samples with 5 features and 3 classes."""
    share = rng.uniform(0.1, 1.0, (64, 3)).astype(np.float32)
    features = (rng.standard_normal((64, 5)) + shift).astype(np.float32)
    return Features(features, share / share.sum(axis=1, keepdims=True))
