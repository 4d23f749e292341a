"""Compares trained generators: their facts, their measured numbers, and where their configs differ."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ganzoo.bundle.card_metrics import main_numbers, split_label
from ganzoo.bundle.folder import ONNX, Bundle
from ganzoo.environment.commands import command
from ganzoo.errors import GanzooError
from ganzoo.inference.generator import Generator
from ganzoo.inference.onnx_runtime import Device

MISSING = "-"
_LABELS = ("name",)
"""Keys of a config that have no effect on the training."""
_RESIZE = re.compile(r", resize [^;]*;")
"""The clause of a protocol that describes the resizing."""


@dataclass(frozen=True)
class Model:
    """One of the compared models.

    Attributes:
        name: as the user wrote it.
        generator: it is loaded.
        metrics: measured numbers by label, of the bundle and of metrics.json next to it.
        milliseconds: median time of one sample on the CPU; None if it was not measured.
    """

    name: str
    generator: Generator
    metrics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    milliseconds: float | None = None

    @property
    def bundle(self) -> Bundle:
        """The verified bundle."""
        return self.generator.bundle

    @property
    def onnx_size(self) -> int:
        """Size of the ONNX file in bytes."""
        return self.bundle.metadata.files[ONNX].size

    @property
    def config(self) -> Mapping[str, Any]:
        """The config of the training; empty if the bundle does not have it.

        Keys that are newer than the model have the values that it was trained with, the defaults.
        """
        from ganzoo.config.experiment import Config

        config = self.bundle.metadata.facts.training.get("config")
        if not isinstance(config, Mapping):
            return {}
        try:
            return Config.read(dict(config)).to_dict()
        except GanzooError:  # it has a part of a plug-in that is not installed, or that no longer exists
            return config


class NumberRow(NamedTuple):
    """A measured number of all models.

    Attributes:
        title: "Frechet distance".
        label: its key in the metrics, "frechet (small_cnn)".
        metrics: value, interval, ... of each model; None where it was not measured.
        comparable: whether the models that have it were measured with one protocol, on the same real samples.
    """

    title: str
    label: str
    metrics: tuple[Mapping[str, Any] | None, ...]
    comparable: bool


class Difference(NamedTuple):
    """A key whose values differ: "training.batch_size", and the value of each model as text."""

    key: str
    values: tuple[str, ...]


def open_models(
    names: Sequence[str | os.PathLike[str]],
    *,
    device: Device = "auto",
    threads: int | None = None,
    root: str | os.PathLike[str] | None = None,
    timed: bool = False,
    info: Callable[[str], None] = lambda text: None,
) -> list[Model]:
    """Load the models to compare.

    Args:
        names: at least two, as for ``ganzoo.load``.
        device, threads, root, info: as for ``ganzoo.load``.
        timed: measure the time of one sample on the CPU.

    Raises:
        GanzooError: if there are fewer than two names, or a model cannot be loaded.
    """
    from ganzoo.evaluation.record import with_metrics
    from ganzoo.inference.benchmark import benchmark
    from ganzoo.resolve import resolve

    if len(names) < 2:
        raise GanzooError(
            f"A comparison needs at least two models; received {len(names)}: {', '.join(map(str, names))}"
        )
    models = []
    for name in names:
        bundle = resolve(name, files=[ONNX], root=root, info=info)
        metrics = with_metrics(bundle, write=False).metadata.facts.metrics
        generator = Generator.from_bundle(bundle, device=device, threads=threads)
        rows = benchmark(bundle, batches=[1], device="cpu", threads=threads) if timed else iter(())
        models.append(Model(os.fspath(name), generator, metrics, next((row.milliseconds for row in rows), None)))
    return models


def number_rows(models: Sequence[Model]) -> list[NumberRow]:
    """The main numbers of all models, in their usual order."""
    titles: dict[str, str] = {}
    for model in models:
        for title, label in main_numbers(model.metrics)[0]:
            extractor = split_label(label)[1]
            titles.setdefault(label, f"{title} ({extractor})" if extractor and title != label else title)
    rows = []
    for label, title in titles.items():
        found = tuple(model.metrics.get(label) for model in models)
        rows.append(NumberRow(title, label, found, _comparable([metric for metric in found if metric is not None])))
    return rows


def _comparable(metrics: Sequence[Mapping[str, Any]]) -> bool:
    """Whether numbers have one protocol and, with it, one value of real samples. Other data have another value.

    Versions of ganzoo describe the same resizing in other words. Then the values of real samples must be equal.
    """
    protocols = {str(metric.get("protocol")) for metric in metrics}
    floors = [metric.get("floor") for metric in metrics]
    known = [floor for floor in floors if isinstance(floor, int | float)]
    if len(known) not in (0, len(floors)):
        return False
    tolerance = 0.01
    if len(protocols) > 1:
        if not known or len({_RESIZE.sub("", protocol) for protocol in protocols}) > 1:
            return False
        tolerance = 1e-6
    return all(math.isclose(floor, known[0], rel_tol=tolerance, abs_tol=tolerance / 100) for floor in known)


def config_differences(models: Sequence[Model]) -> list[Difference]:
    """The keys of the configs that differ, in the order of the first config that has them."""
    flat = [dict(_flat(model.config)) for model in models]
    keys = dict.fromkeys(key for values in flat for key in values if key not in _LABELS)
    found = [Difference(key, tuple(values.get(key, MISSING) for values in flat)) for key in keys]
    return [difference for difference in found if len(set(difference.values)) > 1]


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted keys and values as text, without those that are null. Blocks have numbers; a list of values is one."""
    for key, value in values.items():
        if isinstance(value, list) and any(isinstance(entry, Mapping) for entry in value):
            value = {str(index): entry for index, entry in enumerate(value)}
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        elif value is not None:
            yield f"{prefix}{key}", value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def fact_rows(models: Sequence[Model]) -> list[tuple[str, list[str]]]:
    """What each model is: its samples, classes, training step, size and speed, as text."""
    from ganzoo.environment.quantities import bytes_text

    rows = [
        ("samples", [str(model.generator.sample_spec) for model in models]),
        ("classes", [str(model.generator.num_classes or MISSING) for model in models]),
        ("step", [_text(model.bundle.metadata.facts.training_step) for model in models]),
        ("ONNX file", [bytes_text(model.onnx_size) for model in models]),
        ("multiply-adds", [f"{model.generator.report.multiply_adds:,}" for model in models]),
    ]
    if any(model.milliseconds is not None for model in models):
        times = [MISSING if model.milliseconds is None else f"{model.milliseconds:.3g}" for model in models]
        rows.append(("ms for one sample", times))
    return rows


def table_rows(models: Sequence[Model]) -> list[tuple[str, list[str]]]:
    """Facts and numbers as text, one row each. The title of a number that cannot be compared ends with an asterisk."""
    from ganzoo.bundle.card_metrics import number_cells

    rows = fact_rows(models)
    for row in number_rows(models):
        cells = [MISSING if metric is None else _measured(number_cells(row.label, metric)) for metric in row.metrics]
        rows.append((row.title if row.comparable else f"{row.title} *", cells))
    return rows


def notes(models: Sequence[Model]) -> list[str]:
    """What a reader must know about the numbers: which are not comparable, and which models have none."""
    rows = number_rows(models)
    lines = [
        f"{model.name} has no measured numbers: {command('evaluate', model.name)}"
        for model in models
        if not model.metrics
    ]
    odd = [row.title for row in rows if not row.comparable]
    if odd:
        lines.append(
            f"* Not comparable, because protocols or real samples differ: {', '.join(odd)}. "
            "Evaluate the models on the same data: ganzoo evaluate"
        )
    lines += [f"{model.name} does not have the config of its training." for model in models if not model.config]
    return lines


def _measured(cells: tuple[str, ...]) -> str:
    value, interval = cells[:2]
    return value if interval == MISSING else f"{value} ({interval})"


def _text(value: object) -> str:
    return MISSING if value is None else str(value)
