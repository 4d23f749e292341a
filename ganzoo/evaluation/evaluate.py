"""``ganzoo.evaluate``: measures a trained generator against the real data of its run or bundle."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from ganzoo.config.validation import explain
from ganzoo.data.base import Dataset, DataSource
from ganzoo.data.reading.parallel import progress_bar
from ganzoo.errors import ConfigError, EvaluationError
from ganzoo.evaluation.evaluator import LEAST, MOST, Evaluator, Number
from ganzoo.evaluation.record import Evaluation, check_target, default_target, onnx_digest, protocol
from ganzoo.evaluation.reference_data import real_source
from ganzoo.extractors.base import Extractor, default_extractor, extractors
from ganzoo.latents import MAX_SEED
from ganzoo.metrics.base import Metric, metrics
from ganzoo.registry import Registry

if TYPE_CHECKING:
    from ganzoo.inference.generator import Generator

SAMPLES = 2500
"""Samples in a draw, where there are twice as many real ones; as in PacGAN's counts of modes."""
DRAWS = 5
MAX_DRAWS = 1000

Spec = str | os.PathLike[str] | Mapping[str, Any]


def evaluate(
    what: str | os.PathLike[str],
    *,
    metrics: Sequence[Spec | Metric] | None = None,
    extractor: Spec | Extractor | None = None,
    samples: int | None = None,
    draws: int = DRAWS,
    data: str | os.PathLike[str] | None = None,
    config: str | None = None,
    output: str | os.PathLike[str] | None = None,
    quiet: bool = False,
    root: str | os.PathLike[str] | None = None,
) -> Evaluation:
    """Measure a trained generator and write metrics.json beside it.

    Args:
        what: a run, bundle or model, as in ``load``.
        metrics: names, or configs with fields; by default all that fit.
        extractor: a name, a config, or the path of an ONNX file; by default small_cnn, and for
            vectors the numbers themselves.
        samples: in a draw, generated and real alike; by default 2500, or half of the real ones if those are fewer.
        draws: how often; values are their means.
        data: file or folder of the real samples, for sources that read one.
        config: a model of the zoo or a YAML file that says what the real data are; by default the run or bundle does.
        output: by default metrics.json in the run's folder, beside the bundle, or here for a model that was fetched.
        quiet: show no progress.
        root: where runs are kept; by default the variable GANZOO_RUNS, or ``runs/`` in the present folder.

    Raises:
        GanzooError: if something is not found, does not fit, or cannot be written.
    """
    from ganzoo.inference.load import load

    plan = Plan(metrics, extractor, samples, draws)
    generator = load(what, root=root)
    target = default_target(generator.bundle, what) if output is None else Path(output)
    check_target(target, generator.bundle, asked=output is not None)
    made = measure(generator, plan, real_source(generator.bundle, config=config, data=data), quiet=quiet)
    made.write(target)
    return made


class Plan:
    """What to measure and how often, checked before anything is loaded.

    Args as ``evaluate``.

    Raises:
        UnknownNameError: if there is no such metric or extractor; with the nearest names.
        EvaluationError: if a number is out of range, or a config is wrong.
    """

    def __init__(
        self,
        metric_specs: Sequence[Spec | Metric] | None = None,
        extractor: Spec | Extractor | None = None,
        samples: int | None = None,
        draws: int = DRAWS,
    ) -> None:
        if samples is not None and not LEAST <= samples <= MOST:
            raise EvaluationError(f"A draw has {LEAST} to {MOST:,} samples; received {samples:,}.")
        if not 1 <= draws <= MAX_DRAWS or draws * (samples or SAMPLES) > MAX_SEED:
            raise EvaluationError(f"There are 1 to {MAX_DRAWS:,} draws; received {draws:,}.")
        self.samples, self.draws = samples, draws
        self.metrics: list[Metric] | None = None
        if metric_specs is not None:
            made = [_part(metrics, spec) for spec in metric_specs]
            self.metrics = [metric for place, metric in enumerate(made) if metric not in made[:place]]
            if not self.metrics:
                raise EvaluationError(f"No metric is named; allowed: {', '.join(metrics.names())}.")
        self.extractor = None if extractor is None else _extractor(extractor)

    def count(self, available: int) -> int:
        """Samples in a draw where so many real ones are there."""
        return self.samples or max(LEAST, min(SAMPLES, available // 2))


def measure(generator: Generator, plan: Plan, source: DataSource, *, quiet: bool = False) -> Evaluation:
    """Measure a generator against real samples. Nothing is written.

    Raises:
        GanzooError: if the data cannot be read, or something does not fit.
    """
    if source.sample_spec != generator.sample_spec:
        raise EvaluationError(
            f"'{generator.name}' generates {generator.sample_spec}, and the real data are "
            f"{source.sample_spec}; say what it was trained on: --config NAME"
        )
    extractor = plan.extractor or default_extractor(generator.sample_spec)
    dataset = source.load(quiet=quiet)
    if dataset.sample_spec != generator.sample_spec:
        raise EvaluationError(
            f"'{generator.name}' generates {generator.sample_spec}, and the data files hold {dataset.sample_spec}."
        )
    evaluator, numbers = _measured(generator, plan, source, dataset, extractor, quiet=quiet)
    facts = generator.bundle.metadata.facts
    model = {"name": generator.name, "step": facts.training_step, "onnx_sha256": onnx_digest(generator.bundle)}
    return Evaluation(model, tuple(numbers), protocol(evaluator, dataset, source))


def _measured(
    generator: Generator, plan: Plan, source: DataSource, dataset: Dataset, extractor: Extractor, *, quiet: bool
) -> tuple[Evaluator, list[Number]]:
    count = plan.count(len(dataset))
    total = plan.draws * count + min(len(dataset), max(2 * count, extractor.real_limit))
    with progress_bar("Measuring", total, quiet=quiet) as advance:
        evaluator = Evaluator(
            dataset,
            source,
            metrics=plan.metrics,
            extractor=extractor,
            count=count,
            draws=plan.draws,
            advance=advance,
        )
        return evaluator, evaluator.measure(generator.sample, advance=advance)


def _extractor(spec: Spec | Extractor) -> Extractor:
    """An extractor from a name, a config, or the path of an ONNX file."""
    text = os.fspath(spec) if isinstance(spec, str | os.PathLike) else ""
    if text.lower().endswith(".onnx"):
        spec = {"name": "onnx", "path": text}
    return cast("Extractor", _part(extractors, spec))


def _part(registry: Registry[Any], spec: object) -> Any:
    """A part from its config, with one clear line for what is wrong."""
    try:
        return registry.create(spec)
    except ConfigError as error:
        raise EvaluationError(f"{registry.name}: {error}") from error
    except ValidationError as error:
        name = spec[registry.key] if isinstance(spec, Mapping) else str(spec)
        line = explain(error, registry.get(name))[0].line
        raise EvaluationError(f"The {registry.kind} '{name}': {line}") from error
