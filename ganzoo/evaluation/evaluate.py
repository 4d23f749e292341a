"""``ganzoo.evaluate``: measures a trained generator against the real data of its run or bundle."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from ganzoo.arguments import shortened, whole_number
from ganzoo.config.validation import explain
from ganzoo.data.base import Dataset, DataSource
from ganzoo.environment.places import expanded
from ganzoo.environment.progress import progress_bar
from ganzoo.environment.requirements import require
from ganzoo.errors import ConfigError, EvaluationError
from ganzoo.evaluation.classes import classes_of
from ganzoo.evaluation.evaluator import Evaluator, Number
from ganzoo.evaluation.record import Evaluation, check_target, critic_digest, default_target, onnx_digest, protocol
from ganzoo.evaluation.reference_data import has_classes_of_data, real_source
from ganzoo.extractors.base import Extractor, default_extractor, extractors
from ganzoo.inference.critic import check_best_of
from ganzoo.metrics.base import LEAST_SAMPLES, MOST_SAMPLES, Metric, metrics
from ganzoo.registry import Registry

if TYPE_CHECKING:
    from ganzoo.inference.generator import Generator
    from ganzoo.inference.onnx_runtime import Device

SAMPLES = 2500
"""Samples per draw, if there are at least twice as many real samples. PacGAN counts modes in 2500 samples, too."""
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
    best_of: int = 1,
    data: str | os.PathLike[str] | None = None,
    config: str | None = None,
    output: str | os.PathLike[str] | None = None,
    device: Device = "auto",
    threads: int | None = None,
    revision: str | None = None,
    quiet: bool = False,
    root: str | os.PathLike[str] | None = None,
    show: Callable[[Evaluation], None] = lambda evaluation: None,
    info: Callable[[str], None] = lambda text: None,
) -> Evaluation:
    """Measure a trained generator and write metrics.json.

    Args:
        what: a run, bundle or model, as in ``load``.
        metrics: names, or configs with fields; by default all that fit.
        extractor: a name, a config, or the path of an ONNX file; by default small_cnn for images, and the values
            themselves for vectors.
        samples: generated samples per draw, and real samples per draw; by default 2500, or half of the real samples
            if there are fewer than 5000.
        draws: number of draws; values are their means.
        best_of: number of samples per seed, of which the bundle's critic chooses one, as in ``generate``. The labels of
            the numbers end in ", best of 4".
        data: file or folder of the real samples, for sources that read one.
        config: a model of the zoo or a YAML file with the data source; by default that of the run or bundle.
        output: by default metrics.json in the run's folder, next to the bundle, or in the current folder for a fetched
            model; metrics-best-of-4.json with ``best_of=4``.
        device, threads, revision: as in ``load``.
        quiet: show no progress.
        root: folder of the runs; by default the variable GANZOO_RUNS, or ``runs/`` in the current folder.
        show: called with the result after the file is written, or when writing it has failed.
        info: called with messages.

    Raises:
        GanzooError: if something is not found, does not fit, or cannot be written.
    """
    from ganzoo.inference.load import load

    plan = Plan(metrics, extractor, samples, draws, best_of)
    generator = load(what, device=device, threads=threads, revision=revision, root=root, info=info)
    generator.check_best_of(plan.best_of)
    target = default_target(generator.bundle, best_of=plan.best_of) if output is None else expanded(output)
    check_target(target, generator.bundle, asked=output is not None)
    source = real_source(generator.bundle, config=config, data=data)
    evaluation = measure(generator, plan, source, quiet=quiet)
    try:
        evaluation.write(target)
    finally:
        show(evaluation)
    info(f"Wrote {target}")
    return evaluation


class Plan:
    """Metrics, extractor and numbers of samples, checked before anything is loaded.

    Args as ``evaluate``.

    Raises:
        UnknownNameError: if there is no such metric or extractor; with the nearest names.
        GanzooError: if a number is out of range, or a config is wrong.
    """

    def __init__(
        self,
        metric_specs: Sequence[Spec | Metric] | None = None,
        extractor: Spec | Extractor | None = None,
        samples: int | None = None,
        draws: int = DRAWS,
        best_of: int = 1,
    ) -> None:
        self.samples: int | None = None
        if samples is not None:
            what = f"A draw has {LEAST_SAMPLES} to {MOST_SAMPLES:,} samples"
            self.samples = whole_number(samples, low=LEAST_SAMPLES, high=MOST_SAMPLES, what=what)
        self.draws = whole_number(draws, low=1, high=MAX_DRAWS, what=f"There are 1 to {MAX_DRAWS:,} draws")
        self.best_of = check_best_of(best_of)
        self.metrics: list[Metric] | None = None
        if metric_specs is not None:
            if isinstance(metric_specs, str | os.PathLike | Mapping | Metric):
                raise EvaluationError(
                    f"metrics: received {shortened(metric_specs)}; allowed is a list, such as ['frechet', 'nearest']."
                )
            named = [_part(metrics, spec) for spec in metric_specs]
            self.metrics = [metric for place, metric in enumerate(named) if metric not in named[:place]]
            if not self.metrics:
                raise EvaluationError(f"No metric is named; allowed: {', '.join(metrics.names())}.")
        self.extractor = None if extractor is None else _extractor(extractor)
        if self.extractor is not None:
            require(self.extractor.packages, action=f"The extractor '{self.extractor.registered_name}'")

    def count(self, available: int) -> int:
        """Samples per draw if ``available`` real samples exist."""
        return self.samples or max(LEAST_SAMPLES, min(SAMPLES, available // 2))


def measure(generator: Generator, plan: Plan, source: DataSource, *, quiet: bool = False) -> Evaluation:
    """Measure a generator against real samples. Nothing is written.

    Raises:
        GanzooError: if the data cannot be read, or something does not fit.
    """
    if source.sample_spec != generator.sample_spec:
        raise EvaluationError(
            f"'{generator.name}' generates {generator.sample_spec}, and the real data are "
            f"{source.sample_spec}; name the config that it was trained with: --config NAME"
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
    described = protocol(evaluator, dataset, source)
    if plan.best_of > 1:
        model["critic_sha256"] = critic_digest(generator.bundle)
        described["best_of"] = plan.best_of
        numbers = [replace(number, label=f"{number.label}, best of {plan.best_of}") for number in numbers]
    return Evaluation(model, tuple(numbers), described)


def _measured(
    generator: Generator, plan: Plan, source: DataSource, dataset: Dataset, extractor: Extractor, *, quiet: bool
) -> tuple[Evaluator, list[Number]]:
    count = plan.count(len(dataset))
    every = plan.metrics is None or any(metric.searches_all for metric in plan.metrics)
    total = plan.draws * count + (len(dataset) if every else min(len(dataset), max(2 * count, extractor.real_limit)))
    with progress_bar("Measuring", total, quiet=quiet) as advance:
        evaluator = Evaluator(
            dataset,
            source,
            metrics=plan.metrics,
            extractor=extractor,
            classes=classes_of(
                dataset,
                count=generator.num_classes or 0,
                names=generator.class_names or (),
                of_data=has_classes_of_data(generator.bundle),
            ),
            count=count,
            draws=plan.draws,
            advance=advance,
        )
        # In the class sweep one latent goes through all classes, and the critic must not choose another for each.
        sample = partial(generator.sample, best_of=plan.best_of)
        return evaluator, evaluator.measure(sample, sweep=generator.sample, advance=advance)


def _extractor(spec: Spec | Extractor) -> Extractor:
    """The extractor of a name, a config, or the path of an ONNX file."""
    text = os.fspath(spec) if isinstance(spec, str | os.PathLike) else ""
    if text.lower().endswith(".onnx"):
        spec = {"name": "onnx", "path": text}
    return cast("Extractor", _part(extractors, spec))


def _part(registry: Registry[Any], spec: object) -> Any:
    """The part of a config. A mistake in it is one line."""
    try:
        return registry.create(spec)
    except ConfigError as error:
        raise EvaluationError(f"{registry.name}: {error}") from error
    except ValidationError as error:
        name = spec[registry.key] if isinstance(spec, Mapping) else str(spec)
        line = explain(error, registry.get(name))[0].line
        raise EvaluationError(f"The {registry.kind} '{name}': {line}") from error
