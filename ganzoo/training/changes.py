"""What may change when a run is resumed: its length, and where the same data are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ganzoo import images
from ganzoo.config import yaml_files
from ganzoo.config.experiment import Config
from ganzoo.data.base import Dataset
from ganzoo.data.fingerprint import Fingerprint
from ganzoo.environment.commands import command, path_word, run_word
from ganzoo.environment.places import expanded
from ganzoo.errors import ConfigError, DataError
from ganzoo.runs import CONFIG, FINGERPRINT, Run


@dataclass(frozen=True)
class Changes:
    """What a user asks for.

    Attributes:
        steps: new length of the whole training; None keeps it.
        data: new place of the same data; None keeps it.
        other_data: go on even if the data are not the same.
    """

    steps: Any = None
    data: str | os.PathLike[str] | None = None
    other_data: bool = False


NO_CHANGES = Changes()


@dataclass
class ChangedRun:
    """A run with its changes, which are written once everything has been checked.

    Attributes:
        run: the run.
        config: with the changes.
        notes: the changes for the log: what it was, and what it is now.
    """

    run: Run
    config: Config
    notes: dict[str, list[Any]] = field(default_factory=dict)
    _fingerprint: Fingerprint | None = None

    def check_data(self, dataset: Dataset, changes: Changes, *, info: Callable[[str], None]) -> None:
        """Find out whether the data are those that the run began with.

        Raises:
            DataError: naming what differs, unless ``changes`` allow it.
        """
        began_with, now = Fingerprint.read(self.run.folder / FINGERPRINT), Fingerprint.of(dataset)
        if began_with is None:
            info(f"Run {self.run.name} has no fingerprint of its data yet, so they were not compared; now it has one.")
            self._fingerprint = now
            return
        different = began_with.differences(now)
        if not different:
            return
        if not changes.other_data:
            raise DataError(
                f"Run {self.run.name} began with other data: {'; '.join(different)}. Name the place of the same data "
                f"with --data PLACE, or go on with these: "
                f"{command('train --resume', run_word(self.run.folder), options='--allow-changed data')}"
            )
        self.notes["data"] = [began_with.samples[:12], now.samples[:12]]
        self._fingerprint = now

    def write(self) -> Run:
        """Write the changes into the run's folder. Returns the run, whose config is the new one.

        Raises:
            GanzooError: if a file cannot be written.
        """
        if self._fingerprint is not None:
            images.write_atomic(self.run.folder / FINGERPRINT, self._fingerprint.to_json())
        if self.notes:
            images.write_atomic(self.run.folder / CONFIG, yaml_files.dump(self.config.to_dict()).encode())
        return Run(self.run.folder)


def changed(run: Run, changes: Changes) -> ChangedRun:
    """The run with its changes; nothing is written yet.

    Raises:
        ConfigError: if a value is wrong, the data source reads no files, or a new length would change the steps that
            were made already.
    """
    config: Config = run.config
    values, notes = config.to_dict(), {}
    if changes.data is not None:
        path = os.fspath(expanded(changes.data).absolute())
        source = config.data.registered_name
        if not type(config.data).accepts_path:
            raise ConfigError(
                f"The data source '{source}' of run {run.name} makes its own samples, so --data PATH means nothing "
                "to it."
            )
        if path != values["data"]["path"]:
            notes["data.path"] = [values["data"]["path"], path]
            values["data"]["path"] = path
    if changes.steps is not None and changes.steps != config.training.steps:
        notes["training.steps"] = [config.training.steps, changes.steps]
        values["training"]["steps"] = changes.steps
    made = Config.read(values, what=f"run {run.name}") if notes else config
    if made.training.steps != config.training.steps:
        _check_length(run, config, made.training.steps)
    return ChangedRun(run, made, notes)


def _check_length(run: Run, config: Config, steps: int) -> None:
    tied = list(_tied_to_length(config))
    if tied:
        changes = (f"training.init_from={run_word(run.folder)}", f"training.steps={steps}")
        anew = command("train", path_word(run.folder / CONFIG), *changes)
        raise ConfigError(
            f"Run {run.name} cannot get another length: {' and '.join(tied)} depends on training.steps, so the steps "
            f"until now would have been others. Start a new training from its weights: {anew}"
        )


def _tied_to_length(config: Config) -> Iterator[str]:
    """Settings that depend on the length of the training. Each part is asked."""
    training = config.training
    parts: list[tuple[str, Any]] = [("g_optimizer", training.g_optimizer), ("d_optimizer", training.d_optimizer)]
    parts += [(f"penalties.{place}", penalty) for place, penalty in enumerate(training.penalties)]
    for name, part in parts:
        setting = part.tied_to_length()
        if setting is not None:
            yield f"training.{name}.{setting}"
