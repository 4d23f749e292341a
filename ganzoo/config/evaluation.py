"""What is measured while a model trains, and which of the numbers chooses the best checkpoint."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ganzoo.errors import did_you_mean
from ganzoo.evaluation.evaluator import LEAST, MOST
from ganzoo.extractors.base import Extractor, default_extractor, extractors
from ganzoo.metrics.base import Metric, default_metric, metrics
from ganzoo.sample_spec import SampleSpec

MetricPart = Annotated[Metric, metrics.field()]
ExtractorPart = Annotated[Extractor, extractors.field()]


class EvaluationConfig(BaseModel):
    """Measures the averaged generator while it trains; the weights of the best step are kept apart, for the export.

    It changes no weight. It draws its samples from seeds that ``ganzoo evaluate`` never takes, so that the choice of
    the best does not make the final numbers look better than they are.

    Attributes:
        every: in steps. A training that ends between two of them is measured at its end, too.
        metrics: what is measured; by default ``frechet`` of images and ``density_coverage`` of vectors.
        best_by: the number that chooses, one of those of ``metrics``; by default their first one, and ``coverage`` of
            vectors. Of equal steps the later is better.
        extractor: what the metrics see; by default as in ``ganzoo evaluate``.
        samples: generated ones, and as many real ones. Where there are fewer real ones it is all of them, and metrics
            that count neighbours see no more generated ones either.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    every: int = Field(2000, ge=1)
    metrics: tuple[MetricPart, ...] = ()
    best_by: str | None = None
    extractor: ExtractorPart | None = None
    samples: int = Field(2500, ge=LEAST, le=MOST)

    @model_validator(mode="after")
    def _has_the_number(self) -> Self:
        if self.best_by is None:
            return self
        numbers = [name for metric in self.metrics for name in metric.numbers]
        if self.best_by not in numbers:
            raise ValueError(
                f"best_by is '{self.best_by}', which no metric here gives.{did_you_mean(self.best_by, numbers)} "
                + (f"Allowed: {', '.join(numbers)}" if numbers else "Name the metric that does under metrics")
            )
        return self

    def metrics_for(self, spec: SampleSpec) -> tuple[Metric, ...]:
        """The metrics to compute on samples of this kind."""
        return self.metrics or (default_metric(spec)[0],)

    def number_for(self, spec: SampleSpec) -> str:
        """Name of the number that selects the best checkpoint."""
        if self.metrics:
            return self.best_by or next(iter(self.metrics[0].numbers))
        return default_metric(spec)[1]

    def extractor_for(self, spec: SampleSpec) -> Extractor:
        """The feature extractor of the metrics."""
        return self.extractor or default_extractor(spec)
