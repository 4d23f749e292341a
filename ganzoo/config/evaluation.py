"""Settings of the evaluation during training: the metrics, and the number that selects the best weights."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from ganzoo.config.model import ConfigModel
from ganzoo.errors import did_you_mean
from ganzoo.extractors.base import Extractor, default_extractor, extractors
from ganzoo.metrics.base import LEAST_SAMPLES, MOST_SAMPLES, Metric, default_metric, metrics
from ganzoo.sample_spec import SampleSpec

MetricPart = Annotated[Metric, metrics.field()]
ExtractorPart = Annotated[Extractor, extractors.field()]


class EvaluationConfig(ConfigModel):
    """Measures the averaged generator during training. The weights of the best step are saved for export.

    It changes no weight. Its samples are from seeds that ``ganzoo evaluate`` never uses, so the selection of the best
    step does not bias the final numbers.

    Attributes:
        every: steps from one evaluation to the next. The last step of a training is measured, too, if an earlier one
            was.
        metrics: by default ``frechet`` for images and ``density_coverage`` for vectors.
        best_by: the number that selects the best step, one of those of ``metrics``; by default their first one, and
            ``coverage`` for vectors. Of equal steps the later one is selected. A number that is best near its floor,
            such as ``nearest``, cannot select.
        extractor: features for the metrics; by default as in ``ganzoo evaluate``.
        samples: number of generated and of real samples. If there are fewer real samples, all of them are used, and
            metrics that count neighbors use the same number of generated samples.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    every: int = Field(2000, ge=1)
    metrics: tuple[MetricPart, ...] = ()
    best_by: str | None = None
    extractor: ExtractorPart | None = None
    samples: int = Field(2500, ge=LEAST_SAMPLES, le=MOST_SAMPLES)

    @model_validator(mode="after")
    def _has_the_number(self) -> Self:
        if self.best_by is None:
            return self
        numbers = [name for metric in self.metrics for name in metric.numbers]
        if self.best_by not in numbers:
            raise ValueError(
                f"best_by is '{self.best_by}', which is not a number of metrics.{did_you_mean(self.best_by, numbers)} "
                + (f"Allowed: {', '.join(numbers)}" if numbers else "Add its metric to metrics")
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
