"""The check of metrics."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ganzoo.metrics.base import NO_LIMITS, Features, Metric, Subject, Value, metrics
from ganzoo.testing.part import check_part, require

CLASSES = ("a", "b", "c")
ROUNDING = 1e-6


def check_metric(metric: Metric | type[Metric]) -> None:
    """Check that the declared numbers are finite, one each or one per class, and the same for the same samples.

    Raises:
        AssertionError: with the first check that failed.
    """
    metric = check_part(metrics, metric)
    rng = np.random.RandomState(0)
    subject = Subject(None, "none", has_probabilities=True, class_names=CLASSES if metric.needs_labels else ())
    require(metric.needs_labels or not metric.needs_class_sweep, "needs_class_sweep is set, and needs_labels is not")
    require(metric.obstacle(subject, 64) is None, f"it does not measure 64 samples: {metric.obstacle(subject, 64)}")
    real, alike, unlike = (_features(rng, shift, metric) for shift in (0.0, 0.0, 30.0))
    real = replace(real, class_sweep=None)
    first, other = metric.measure(real, alike, subject), metric.measure(real, unlike, subject)
    again = metric.measure(real, alike, subject)
    same = first.keys() == again.keys() and all(np.array_equal(first[n], again[n], equal_nan=True) for n in first)
    require(same, "the same samples give different numbers")
    for numbers in (first, other):
        require(
            bool(numbers) and set(numbers) <= set(metric.numbers),
            f"it returns {list(numbers)}, and declares {list(metric.numbers)}",
        )
        for name, value in numbers.items():
            _check_value(metric, value)
            low, high = metric.limits.get(name, NO_LIMITS)
            require(
                bool(np.nanmin(value) >= low - ROUNDING and np.nanmax(value) <= high + ROUNDING),
                f"{name} is {value}, outside of its limits, {low} to {high}",
            )
    require(set(metric.limits) <= set(metric.numbers), f"limits has other names than numbers: {list(metric.limits)}")


def _check_value(metric: Metric, value: Value) -> None:
    if not isinstance(value, np.ndarray):
        require(type(value) is float, f"{value!r} is a {type(value).__name__}, not a float")
        require(bool(np.isfinite(value)), f"not finite: {value}")
        return
    require(metric.needs_labels, f"{value} is not a float; only a metric with needs_labels has a value per class")
    require(value.shape == (len(CLASSES),), f"a value per class has the shape {value.shape}, not ({len(CLASSES)},)")
    finite = np.isfinite(value)
    require(bool(finite.any() and (finite | np.isnan(value)).all()), f"not finite or NaN: {value}")


def _features(rng: np.random.RandomState, shift: float, metric: Metric) -> Features:
    """64 samples with 5 features, 3 class probabilities, and the labels that the metric needs."""
    share = rng.uniform(0.1, 1.0, (64, 3)).astype(np.float32)
    features = (rng.standard_normal((64, 5)) + shift).astype(np.float32)
    sweep = (rng.standard_normal((4, len(CLASSES), 5)) + shift).astype(np.float32)
    return Features(
        features,
        share / share.sum(axis=1, keepdims=True),
        labels=(np.arange(64) % len(CLASSES)).astype(np.int32) if metric.needs_labels else None,
        class_sweep=sweep if metric.needs_class_sweep else None,
    )
