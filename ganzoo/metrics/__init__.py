"""Metrics: how near generated samples are to real ones, one file a metric. NumPy alone, no TensorFlow."""

from ganzoo.metrics.base import Features, Metric, Subject, metrics

__all__ = ["Features", "Metric", "Subject", "metrics"]
