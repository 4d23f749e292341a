"""Measures generated against real samples: repeated draws, their interval, and the floor. No TensorFlow, no files."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganzoo.data.base import Dataset, DataSource
from ganzoo.errors import EvaluationError
from ganzoo.extractors.base import Extractor, LoadedExtractor
from ganzoo.metrics.base import Better, Features, Metric, Subject
from ganzoo.metrics.base import metrics as registry
from ganzoo.sample_spec import SampleSpec

CANONICAL_COUNT = 50_000
"""Generated samples, and at least as many real ones, of a number that may be called FID or KID."""
LEAST, MOST = 16, 1_000_000
"""Bounds of the samples in a draw."""

Sample = Callable[[Sequence[int]], NDArray[Any]]
"""From seeds to samples: uint8 ``[n, h, w, c]`` or float32 ``[n, d]``."""
Advance = Callable[[int], None]

_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)
"""Student's t, two-sided 95%, for 1 to 15 degrees of freedom (NIST/SEMATECH e-Handbook, 1.3.6.7.2)."""


@dataclass(frozen=True)
class Spread:
    """Mean of the draws, 95% interval of that mean (None of a single draw), and the draws themselves."""

    value: float
    interval: tuple[float, float] | None
    draws: tuple[float, ...]


@dataclass(frozen=True)
class Number:
    """One measured number.

    Attributes:
        name: in the metric's ``numbers``: "precision".
        label: what it may be called: "precision (pixels)", "FID".
        better: whether lower or higher is better.
        measured: of generated samples.
        floor: of other real samples in their place; None when there are too few.
        metric: the metric's config, for the protocol.
    """

    name: str
    label: str
    better: Better
    measured: Spread
    floor: Spread | None
    metric: Mapping[str, Any]


class Evaluator:
    """Real samples and metrics, made ready once and used for any number of generators.

    In draw r the generated samples are those of ``count`` seeds from ``first_seed + r * count`` on, and the real ones
    are drawn anew, without repetition, keyed by (seed, r). The floor takes other real samples of the same draw.

    Args:
        dataset: the real samples.
        source: of the dataset; None if unknown.
        metrics: what to measure; None for every registered metric that fits.
        extractor: what the metrics see.
        count: generated samples in a draw.
        real_count: real samples in a draw; by default as many. Where they are fewer, metrics with ``equal_counts`` see
            no more generated ones.
        draws: how often.
        seed: of everything drawn from the real samples.
        first_seed: of the generated samples.
        real_limit: real samples that are extracted at most; by default what is fast enough for the extractor.
        with_floor: whether to measure real samples in the place of generated ones, where there are enough.
        advance: called with the number of samples that were extracted, now and then.

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
        real_count: int | None = None,
        draws: int = 5,
        seed: int = 0,
        first_seed: int = 0,
        real_limit: int | None = None,
        with_floor: bool = True,
        advance: Advance = lambda done: None,
    ) -> None:
        if not LEAST <= count <= MOST:
            raise EvaluationError(f"A draw has {LEAST} to {MOST:,} samples; received {count:,}.")
        self.real_count = count if real_count is None else real_count
        if len(dataset) < self.real_count:
            half = len(dataset) // 2
            hint = f" Ask for {half:,}, which leaves others for the floor: --samples {half}" if half >= LEAST else ""
            raise EvaluationError(
                f"There are {len(dataset):,} real samples, which are too few for draws of {count:,}.{hint}"
            )
        self.extractor, self.count, self.draws, self.seed = extractor, count, draws, seed
        self._first_seed, self._with_floor = first_seed, with_floor
        self._real_limit = extractor.real_limit if real_limit is None else real_limit
        self.loaded: LoadedExtractor = extractor.load(dataset.sample_spec)
        self.subject = Subject(source, self.loaded.label, self.loaded.has_probabilities)
        self.metrics = self._fitting() if metrics is None else tuple(metrics)
        check_fit(self.metrics, self.subject, min(self.count, self.real_count))
        self.real = self._extract_real(dataset, source, advance)

    @property
    def has_floor(self) -> bool:
        """Whether some real samples are measured against as many others, for which there must be enough."""
        return self._with_floor and len(self.real) >= self.count + self.real_count

    def seeds(self, draw: int) -> range:
        """Seeds of the generated samples of a draw."""
        first = self._first_seed + draw * self.count
        return range(first, first + self.count)

    def measure(self, sample: Sample, *, advance: Advance = lambda done: None) -> list[Number]:
        """The numbers of a generator.

        Raises:
            EvaluationError: if it makes samples that are not finite, or of another shape than the real ones.
        """
        measured: list[dict[str, float]] = []
        floors: list[dict[str, float]] = []
        for draw in range(self.draws):
            order = np.random.RandomState([self.seed, 1, draw]).permutation(len(self.real))
            other = order[: self.count] if self.has_floor else order[:0]
            rest = order[len(other) :]
            few, many = self.real.take(rest[: self.real_count]), self.real.take(rest)
            measured.append(self._numbers(few, many, self.extract(sample, self.seeds(draw), advance)))
            if self.has_floor:
                floors.append(self._numbers(few, many, self.real.take(other)))
        return [
            Number(
                name=name,
                label=self._label(metric, name),
                better=metric.numbers[name],
                measured=spread([numbers[name] for numbers in measured]),
                floor=spread([numbers[name] for numbers in floors]) if floors else None,
                metric={"name": metric.registered_name, **metric.model_dump(mode="json")},
            )
            for metric in self.metrics
            for name in metric.numbers
            if name in measured[0]
        ]

    def extract(self, sample: Sample, seeds: Sequence[int], advance: Advance = lambda done: None) -> Features:
        """Generated samples of ``seeds`` as the metrics see them, made and forgotten batch by batch."""
        size = self.extractor.batch_size
        batches = (sample(seeds[start : start + size]) for start in range(0, len(seeds), size))
        return self._features(batches, advance)

    def _extract_real(self, dataset: Dataset, source: DataSource | None, advance: Advance) -> Features:
        """The real samples that draws are made of, in random order; mirrored where training mirrors them."""
        rng = np.random.RandomState([self.seed, 0])
        rows = rng.permutation(len(dataset))[: max(2 * self.count, self._real_limit)]
        flips = source is not None and source.mirrored
        mirrored = rng.random_sample(len(rows)) < (0.5 if flips else 0.0)

        def batches() -> Iterator[NDArray[Any]]:
            for start in range(0, len(rows), self.extractor.batch_size):
                part = slice(start, start + self.extractor.batch_size)
                samples, turned = np.array(dataset.samples[rows[part]]), mirrored[part]
                if flips:
                    samples[turned] = samples[turned, :, ::-1]
                yield samples

        return self._features(batches(), advance)

    def _features(self, batches: Iterator[NDArray[Any]], advance: Advance) -> Features:
        features, probabilities, points = [], [], []
        for samples in batches:
            if samples.dtype.kind == "f" and not np.isfinite(samples).all():
                raise EvaluationError("There are samples that are not finite, so nothing can be measured.")
            made, classes = self.loaded.extract(samples)
            if not np.isfinite(made).all():
                raise EvaluationError("The extractor gives features that are not finite.")
            features.append(made)
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
        made = (registry.create(name) for name in registry.names())
        return tuple(metric for metric in made if metric.why_not(self.subject, least) is None)

    def _numbers(self, few: Features, many: Features, generated: Features) -> dict[str, float]:
        """All numbers of one draw, against its real samples or all that take no part in the floor."""
        numbers: dict[str, float] = {}
        level = generated if len(generated) <= len(few) else generated.take(slice(len(few)))
        for metric in self.metrics:
            seen = level if metric.equal_counts else generated
            numbers |= metric.measure(many if metric.whole else few, seen, self.subject)
        for name, value in numbers.items():
            if not math.isfinite(value):
                raise EvaluationError(f"The number '{name}' is {value}; the samples are too few or too far off.")
        return numbers

    def _label(self, metric: Metric, name: str) -> str:
        """The number's name, with the extractor's unless it is the one that everybody means."""
        counts = min(self.count, len(self.real)) >= CANONICAL_COUNT
        if metric.canonical and self.loaded.canonical and counts:
            return metric.canonical
        return f"{name} ({self.loaded.label})" if metric.by_extractor(self.subject) else name


def check_fit(metrics: Sequence[Metric], subject: Subject, count: int) -> None:
    """Refuse metrics that cannot measure ``count`` samples of a subject.

    Raises:
        EvaluationError: naming the first such metric, and why.
    """
    for metric in metrics:
        why = metric.why_not(subject, count)
        if why is not None:
            raise EvaluationError(f"The metric '{metric.registered_name}' does not fit: {why}.")


def spread(draws: Sequence[float]) -> Spread:
    """Mean and 95% interval of the mean by Student's t, from draws that are taken as independent."""
    values = np.array(draws, np.float64)
    mean, n = float(values.mean()), len(values)
    if n < 2:
        return Spread(mean, None, tuple(values.tolist()))
    t = _T[n - 2] if n - 2 < len(_T) else 1.96 + 2.6 / (n - 1)
    half = t * float(values.std(ddof=1)) / math.sqrt(n)
    return Spread(mean, (mean - half, mean + half), tuple(values.tolist()))
