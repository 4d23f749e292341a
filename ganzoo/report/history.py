"""Reads the folder of a run: its curves, warnings and facts. A damaged folder is read as far as possible."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ganzoo.config import yaml_files
from ganzoo.errors import ConfigError
from ganzoo.objectives.base import METRICS
from ganzoo.report.ending import Ending, ending_of
from ganzoo.runs import CONFIG, VERSIONS, Run, finite, read_small_json

_NOT_MEASURED = ("d_loss", "seconds", "duplicates", "rollback", "changed", "warnings")
"""A line of the log with one of these keys has no metrics of an evaluation."""
_NO_METRICS = {
    *("step", "seconds", "images_per_second", "augment_p"),
    *("recall", "real_recall", "duplicates", "real_duplicates"),
    *("label_response", "label_agreement", "class_duplicates"),
}
"""Numbers next to the losses in the log that are not metrics of a step."""
_SIDES = {"d_": "D", "g_": "G"}


@dataclass(frozen=True)
class Series:
    """Values over steps. A value that is missing or not finite is NaN.

    Attributes:
        label: for the legend.
        steps, values: of equal length.
    """

    label: str
    steps: tuple[float, ...]
    values: tuple[float, ...]

    @property
    def last(self) -> float | None:
        """The newest finite value; None if there is none."""
        return next((value for value in reversed(self.values) if math.isfinite(value)), None)


@dataclass(frozen=True)
class Event:
    """A warning of the collapse watch, a rollback, or a change of a resumed run."""

    step: int
    kind: str
    text: str


@dataclass(frozen=True)
class Measured:
    """A number of ``ganzoo evaluate``. ``interval`` and ``floor`` are None if they were not measured."""

    label: str
    step: int | None
    value: float
    interval: tuple[float, float] | None
    floor: float | None


class History:
    """Everything that a report shows of one run, apart from its pictures.

    Args:
        run: the run.
        ending: its state; by default it is read from the folder.
    """

    def __init__(self, run: Run, *, ending: Ending | None = None) -> None:
        self.run = run
        self.log = run.log()
        self._ending = ending

    @property
    def step(self) -> int:
        """The newest known step."""
        logged = int(self.log[-1]["step"]) if self.log else 0
        return max(logged, self._ending.step if self._ending else 0)

    @cached_property
    def ending(self) -> Ending:
        """The state of the run."""
        return self._ending or ending_of(self.run, step=self.step, steps=self.steps)

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """The plain values of config.yaml; empty if it cannot be read. They are not validated, which takes a second."""
        try:
            return yaml_files.read_mapping(self.run.folder / CONFIG)
        except ConfigError:
            return {}

    @property
    def training(self) -> Mapping[str, Any]:
        """The group ``training`` of the config."""
        return group(self.config, "training")

    @property
    def steps(self) -> int | None:
        """Length of the whole training; None if unknown."""
        steps = self.training.get("steps")
        return steps if isinstance(steps, int) else None

    @property
    def is_image(self) -> bool:
        """Whether the samples are images, as far as the config shows it."""
        data = group(self.config, "data")
        return "resolution" in data and data.get("vector_dim") is None

    @cached_property
    def command(self) -> str | None:
        """The command that started the run; None if it was started from Python."""
        command = self._json(VERSIONS).get("command")
        return command if isinstance(command, str) else None

    def series(self, key: str, label: str) -> Series:
        """The values of one key of the log."""
        found = [(float(record["step"]), record[key]) for record in self.log if key in record]
        numbers = [finite(value) for _, value in found]
        return Series(label, tuple(step for step, _ in found), tuple(math.nan if n is None else n for n in numbers))

    @cached_property
    def metric_labels(self) -> tuple[str, ...]:
        """Labels of the numbers that were measured during the training, in the order of their first appearance."""
        lines = (record for record in self.log if not any(key in record for key in _NOT_MEASURED))
        keys = (key for record in lines for key, value in record.items() if finite(value) is not None)
        return tuple(dict.fromkeys(key for key in keys if key != "step"))

    @cached_property
    def further_metrics(self) -> dict[str, dict[str, str]]:
        """The metrics of the steps that only some objectives have: title -> key -> label, as D's and G's class loss."""
        lines = (record for record in self.log if "d_loss" in record)
        keys = (key for record in lines for key, value in record.items() if finite(value) is not None)
        found: dict[str, dict[str, str]] = {}
        for key in dict.fromkeys(key for key in keys if key not in _NO_METRICS and key not in METRICS):
            side = _SIDES.get(key[:2])
            title = (key[2:] if side else key).replace("_", " ").strip().capitalize() or key
            found.setdefault(title, {})[key] = side or title
        return found

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """What happened, oldest first."""
        return tuple(event for record in self.log for event in _events(record))

    @cached_property
    def evaluated(self) -> tuple[Measured, ...]:
        """The numbers of metrics.json, which ``ganzoo evaluate`` wrote."""
        from ganzoo.evaluation.record import FILE

        values = self._json(FILE)
        step = finite(group(values, "model").get("step"))
        return tuple(
            Measured(
                label,
                None if step is None else int(step),
                value,
                _pair(entry.get("interval")),
                finite(entry.get("floor")),
            )
            for label, entry in group(values, "metrics").items()
            if isinstance(entry, Mapping) and (value := finite(entry.get("value"))) is not None
        )

    def _json(self, name: str) -> Mapping[str, Any]:
        try:
            return read_small_json(self.run.folder / name, dict)
        except (OSError, ValueError):
            return {}


def group(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The mapping at a key; empty if there is none."""
    found = values.get(key)
    return found if isinstance(found, Mapping) else {}


def _pair(value: object) -> tuple[float, float] | None:
    if not isinstance(value, Sequence) or len(value) != 2:
        return None
    low, high = finite(value[0]), finite(value[1])
    return None if low is None or high is None else (low, high)


def _events(record: Mapping[str, Any]) -> list[Event]:
    step = int(record["step"])
    signs = record.get("warnings")
    found = [
        Event(step, str(sign.get("kind")), str(sign.get("text")))
        for sign in (signs if isinstance(signs, list) else ())
        if isinstance(sign, Mapping)
    ]
    if "rollback" in record:
        text = f"Went back from step {record.get('from_step')} to step {step} with halved learning rates."
        found.append(Event(step, "rollback", text))
    if isinstance(record.get("changed"), Mapping):
        changes = (f"{key}: {value[0]} -> {value[1]}" for key, value in record["changed"].items() if _is_change(value))
        found.append(Event(step, "changed", f"Step {step}: the run was resumed with changes: {', '.join(changes)}."))
    return found


def _is_change(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2
