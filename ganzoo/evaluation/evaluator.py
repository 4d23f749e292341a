"""Measures generated against real samples: repeated draws, their interval, and the floor. No TensorFlow, no files."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ganzoo.data.base import Dataset, DataSource
from ganzoo.errors import EvaluationError
from ganzoo.evaluation.classes import Classes, WorstClass, by_class, mean_of_classes, worst_class
from ganzoo.extractors.base import Extractor, LoadedExtractor
from ganzoo.metrics.base import LEAST_SAMPLES, MOST_SAMPLES, NO_LIMITS, Better, Features, Metric, Subject, Value
from ganzoo.metrics.base import metrics as registry
from ganzoo.sample_spec import SampleSpec

CANONICAL_COUNT = 50_000
"""Generated samples of a number that is labeled FID or KID. At least as many real samples are needed."""

SWEEP_LATENTS, SWEEP_CLASSES = 32, 10
"""Size of a class sweep: up to 320 samples per draw, in addition to its ``count`` samples."""


class Sample(Protocol):
    """From seeds to samples: uint8 ``[n, h, w, c]`` or float32 ``[n, d]``."""

    def __call__(self, seeds: Sequence[int], *, label: Sequence[int] | None = None) -> NDArray[Any]:
        """The samples. ``label`` is the class of each seed, only for a conditional model; by default the seed's own."""
        ...


Advance = Callable[[int], None]

_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)
"""Student's t, two-sided 95%, for 1 to 15 degrees of freedom (NIST/SEMATECH e-Handbook, 1.3.6.7.2)."""


@dataclass(frozen=True)
class Spread:
    """Mean of the draws, 95% interval of the mean (None for a single draw), and the values of the draws."""

    value: float
    interval: tuple[float, float] | None
    draws: tuple[float, ...]


@dataclass(frozen=True)
class Number:
    """One measured number.

    Attributes:
        name: key in the metric's ``numbers``: "precision".
        label: name in reports: "precision (pixels)", "FID".
        better: the better direction.
        measured: values of generated samples.
        floor: values of other real samples instead of generated ones; None if there are too few.
        metric: the metric's config, for the protocol.
        by_class, floor_by_class: the same for each class, by name; empty if the metric does not measure each class.
    """

    name: str
    label: str
    better: Better
    measured: Spread
    floor: Spread | None
    metric: Mapping[str, Any]
    by_class: Mapping[str, float] = field(default_factory=dict)
    floor_by_class: Mapping[str, float] = field(default_factory=dict)

    @property
    def worst_class(self) -> WorstClass | None:
        """The class that is furthest from its floor; None without ``by_class``."""
        return worst_class(self.by_class, self.floor_by_class, better=self.better)


class Evaluator:
    """Real samples and metrics, prepared once for any number of generators.

    Draw r uses the ``count`` seeds from ``first_seed + r * count`` on, and real samples drawn without replacement,
    keyed by (seed, r). The floor uses other real samples of the same draw.

    Args:
        dataset: the real samples.
        source: of the dataset; None if unknown.
        metrics: the metrics; None for every registered metric that fits.
        extractor: computes the features for the metrics.
        classes: the model's classes and the labels of the real samples; by default the model is unconditional.
        count: generated samples per draw.
        real_count: real samples per draw; by default ``count``. If it is smaller, metrics with ``equal_counts`` use as
            few generated samples.
        draws: number of draws.
        seed: seed of all draws of real samples.
        first_seed: first seed of the generated samples.
        real_limit: largest number of real samples of all draws together; by default the extractor's ``real_limit``.
            Metrics with ``searches_all`` get all real samples.
        with_floor: whether to measure other real samples instead of generated ones, if there are enough.
        advance: called with the number of newly extracted samples.

    Raises:
        EvaluationError: if there are too few real samples, or a metric does not fit.
        GanzooError: if the extractor cannot be loaded.
    """

    def __init__(
        self,
        dataset: Dataset,
        source: DataSource | None,
        *,
        metrics: Sequence[Metric] | None,
        extractor: Extractor,
        count: int,
        classes: Classes = Classes(),  # noqa: B008 - frozen
        real_count: int | None = None,
        draws: int = 5,
        seed: int = 0,
        first_seed: int = 0,
        real_limit: int | None = None,
        with_floor: bool = True,
        advance: Advance = lambda done: None,
    ) -> None:
        if not LEAST_SAMPLES <= count <= MOST_SAMPLES:
            raise EvaluationError(f"A draw has {LEAST_SAMPLES} to {MOST_SAMPLES:,} samples; received {count:,}.")
        self.real_count = count if real_count is None else real_count
        if len(dataset) < self.real_count:
            half = len(dataset) // 2
            hint = (
                f" Use {half:,}, which leaves as many for the floor: --samples {half}" if half >= LEAST_SAMPLES else ""
            )
            raise EvaluationError(
                f"There are {len(dataset):,} real samples, which are too few for draws of {count:,}.{hint}"
            )
        self.extractor, self.count, self.draws, self.seed = extractor, count, draws, seed
        self._first_seed, self._with_floor = first_seed, with_floor
        limit = extractor.real_limit if real_limit is None else real_limit
        self.real_used = min(len(dataset), max(2 * count, limit))
        self.loaded: LoadedExtractor = extractor.load(dataset.sample_spec)
        self._classes = classes
        self.subject = subject_of(source, self.loaded, classes)
        self.metrics = self._fitting() if metrics is None else tuple(metrics)
        check_fit(self.metrics, self.subject, min(self.count, self.real_count))
        self.real = self._extract_real(dataset, source, advance)

    @property
    def has_floor(self) -> bool:
        """Whether the floor is measured, which needs enough real samples."""
        return self._with_floor and self.real_used >= self.count + self.real_count

    @property
    def searches_all(self) -> bool:
        """Whether a metric gets all real samples, and not only those of the draws."""
        return any(metric.searches_all for metric in self.metrics)

    def seeds(self, draw: int) -> range:
        """The seeds of a draw."""
        first = self._first_seed + draw * self.count
        return range(first, first + self.count)

    @property
    def follows_classes(self) -> bool:
        """Whether the classes of the generated samples are as frequent as in the real samples, which are unbalanced."""
        return not self._classes.are_balanced

    def measure(
        self, sample: Sample, *, sweep: Sample | None = None, advance: Advance = lambda done: None
    ) -> list[Number]:
        """Measure a generator.

        Args:
            sample: generates the samples.
            sweep: generates the class sweep; by default ``sample``.
            advance: called with the number of newly extracted samples.

        Raises:
            EvaluationError: if its samples are not finite, or have another shape than the real samples.
        """
        measured: list[dict[str, Value]] = []
        floors: list[dict[str, Value]] = []
        for draw in range(self.draws):
            order = np.random.RandomState([self.seed, 1, draw]).permutation(self.real_used)
            other = order[: self.count] if self.has_floor else order[:0]
            rest = order[len(other) :]
            few, many = self.real.take(rest[: self.real_count]), self.real.take(rest)
            generated = self.extract(sample, self.seeds(draw), advance)
            if any(metric.needs_class_sweep for metric in self.metrics):
                generated = replace(generated, class_sweep=self._class_sweep(sweep or sample, draw))
            measured.append(self._numbers(few, many, self.real, generated))
            if self.has_floor:
                unseen = np.arange(self.real_used, len(self.real))
                every = self.real.take(np.concatenate([rest, unseen])) if len(unseen) else many
                floors.append(self._numbers(few, many, every, self.real.take(other)))
        return [
            self._number(metric, name, measured, floors)
            for metric in self.metrics
            for name in metric.numbers
            if all(name in numbers for numbers in measured)
        ]

    def _number(
        self, metric: Metric, name: str, measured: list[dict[str, Value]], floors: list[dict[str, Value]]
    ) -> Number:
        values, other = ([numbers[name] for numbers in draws if name in numbers] for draws in (measured, floors))
        limits = metric.limits.get(name, NO_LIMITS)
        return Number(
            name=name,
            label=self._label(metric, name),
            better=metric.numbers[name],
            measured=spread([mean_of_classes(value) for value in values], limits),
            floor=spread([mean_of_classes(value) for value in other], limits) if other else None,
            metric={"name": metric.registered_name, **metric.model_dump(mode="json")},
            by_class=by_class(values, self.subject.class_names),
            floor_by_class=by_class(other, self.subject.class_names),
        )

    def extract(self, sample: Sample, seeds: Sequence[int], advance: Advance = lambda done: None) -> Features:
        """Features of the generated samples of ``seeds``. One batch of samples is in memory."""
        size = self.extractor.batch_size
        parts = (seeds[start : start + size] for start in range(0, len(seeds), size))
        if self.follows_classes:
            batches = (sample(part, label=self._classes.labels_of(part).tolist()) for part in parts)
        else:
            batches = (sample(part) for part in parts)
        features = self._features(batches, advance)
        return replace(features, labels=self._classes.labels_of(seeds)) if self._classes.names else features

    def _class_sweep(self, sample: Sample, draw: int) -> NDArray[np.float32]:
        """Features of the draw's first latents, each in the same classes ``[latents, classes, d]``."""
        seeds = self.seeds(draw)[:SWEEP_LATENTS]
        order = np.random.RandomState([self.seed, 2, draw]).permutation(self._classes.count)
        swept = (sample(seeds, label=[label] * len(seeds)) for label in np.sort(order[:SWEEP_CLASSES]).tolist())
        features = self._features(swept, lambda done: None).features
        return features.reshape(-1, len(seeds), features.shape[1]).swapaxes(0, 1)

    def _extract_real(self, dataset: Dataset, source: DataSource | None, advance: Advance) -> Features:
        """Features of the real samples in random order; half of them mirrored if training mirrors images."""
        rng = np.random.RandomState([self.seed, 0])
        rows = rng.permutation(len(dataset))[: len(dataset) if self.searches_all else self.real_used]
        flips = source is not None and source.mirrored
        mirrored = rng.random_sample(len(rows)) < (0.5 if flips else 0.0)

        def batches() -> Iterator[NDArray[Any]]:
            for start in range(0, len(rows), self.extractor.batch_size):
                part = slice(start, start + self.extractor.batch_size)
                samples, turned = np.array(dataset.samples[rows[part]]), mirrored[part]
                if flips:
                    samples[turned] = samples[turned, :, ::-1]
                yield samples

        features = self._features(batches(), advance)
        return features if self._classes.labels is None else replace(features, labels=self._classes.labels[rows])

    def _features(self, batches: Iterator[NDArray[Any]], advance: Advance) -> Features:
        features, probabilities, points = [], [], []
        for samples in batches:
            if samples.dtype.kind == "f" and not np.isfinite(samples).all():
                raise EvaluationError("Some samples are not finite, so they cannot be measured.")
            extracted, classes = self.loaded.extract(samples)
            if not np.isfinite(extracted).all():
                raise EvaluationError("The extractor returns features that are not finite.")
            features.append(extracted)
            probabilities += [] if classes is None else [classes]
            points += [] if SampleSpec.of(samples).is_image else [samples]
            advance(len(samples))
        return Features(
            np.concatenate(features),
            np.concatenate(probabilities) if probabilities else None,
            np.concatenate(points) if points else None,
        )

    def _fitting(self) -> tuple[Metric, ...]:
        least = min(self.count, self.real_count)
        every = (registry.create(name) for name in registry.names())
        return tuple(metric for metric in every if metric.obstacle(self.subject, least) is None)

    def _numbers(self, few: Features, many: Features, every: Features, generated: Features) -> dict[str, Value]:
        """All numbers of one draw.

        Args:
            few: the real samples of the draw.
            many: the real samples of all draws that the floor does not use, for metrics with ``whole``.
            every: all real samples, for metrics with ``searches_all``; of the floor, all that it does not use.
            generated: samples of the generator, or other real samples for the floor.
        """
        numbers: dict[str, Value] = {}
        level = generated if len(generated) <= len(few) else generated.take(slice(len(few)))
        for metric in self.metrics:
            seen = level if metric.equal_counts else generated
            real = every if metric.searches_all else many if metric.whole else few
            numbers |= metric.measure(real, seen, self.subject)
        for name, value in numbers.items():
            if not math.isfinite(mean_of_classes(value)):
                raise EvaluationError(
                    f"The number '{name}' is {mean_of_classes(value)}; the samples are too few or too different."
                )
        return numbers

    def _label(self, metric: Metric, name: str) -> str:
        """The number's name with the extractor, or its common name (FID) if it is computed like in the literature."""
        counts = min(self.count, self.real_used) >= CANONICAL_COUNT
        if metric.canonical and self.loaded.canonical and counts:
            return metric.canonical
        return f"{name} ({self.loaded.label})" if metric.by_extractor(self.subject) else name


def check_fit(metrics: Sequence[Metric], subject: Subject, count: int) -> None:
    """Refuse metrics that cannot measure ``count`` samples of a subject.

    Raises:
        EvaluationError: with the first such metric and the reason.
    """
    for metric in metrics:
        why = metric.obstacle(subject, count)
        if why is not None:
            raise EvaluationError(f"The metric '{metric.registered_name}' does not fit: {why}.")


def subject_of(source: DataSource | None, loaded: LoadedExtractor, classes: Classes) -> Subject:
    """What metrics learn about an evaluation before it is measured."""
    return Subject(source, loaded.label, loaded.has_probabilities, classes.names, classes.missing)


def spread(draws: Sequence[float], limits: tuple[float, float] = NO_LIMITS) -> Spread:
    """Mean and 95% interval of the mean by Student's t, cut at ``limits``. The draws are treated as independent."""
    values = np.array(draws, np.float64)
    mean, n = float(values.mean()), len(values)
    if n < 2:
        return Spread(mean, None, tuple(values.tolist()))
    t = _T[n - 2] if n - 2 < len(_T) else 1.96 + 2.6 / (n - 1)
    half = t * float(values.std(ddof=1)) / math.sqrt(n)
    low, high = limits
    return Spread(mean, (max(mean - half, low), min(mean + half, high)), tuple(values.tolist()))
