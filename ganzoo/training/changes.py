"""The changes that a resumed run allows: its length, the location of its data, and where it is saved."""

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
from ganzoo.environment.commands import command, path_word, quote, run_word
from ganzoo.environment.places import expanded
from ganzoo.errors import ConfigError, DataError
from ganzoo.runs import CONFIG, FINGERPRINT, Run


@dataclass(frozen=True)
class Changes:
    """The changes that the user requests.

    Attributes:
        steps: new length of the whole training; None keeps it.
        data: new location of the same data; None keeps it.
        given: the same data, passed in Python; see ``ganzoo.data.given``.
        other_data: continue even if the data have changed.
        hub: new value of ``training.hub``; False turns it off, None keeps it.
    """

    steps: Any = None
    data: str | os.PathLike[str] | None = None
    given: Any = None
    other_data: bool = False
    hub: Any = None


NO_CHANGES = Changes()


@dataclass
class ChangedRun:
    """A run with its changes, which are written after all checks have passed.

    Attributes:
        run: the run.
        config: the config with the changes.
        notes: the changes for the log: key -> [old value, new value].
    """

    run: Run
    config: Config
    notes: dict[str, list[Any]] = field(default_factory=dict)
    _fingerprint: Fingerprint | None = None

    @property
    def needs_given(self) -> bool:
        """Whether the data were passed in Python, so that the run does not know their place."""
        return type(self.config.data).accepts_arrays and self.config.to_dict()["data"]["path"] is None

    def check_data(self, dataset: Dataset, changes: Changes, *, info: Callable[[str], None]) -> None:
        """Check that the data are the run's original data.

        Raises:
            DataError: if the data differ and ``changes`` do not allow it. The message lists the differences.
        """
        original, current = Fingerprint.read(self.run.folder / FINGERPRINT), Fingerprint.of(dataset)
        if original is None:
            info(f"Run {self.run.name} has no fingerprint of its data, so the data were not compared. Adding one now.")
            self._fingerprint = current
            return
        differences = original.differences(current)
        if not differences:
            return
        if not changes.other_data:
            if changes.given is not None:
                raise DataError(
                    f"Run {self.run.name} started with other data: {'; '.join(differences)}. Pass the original data "
                    "in the same order, or continue with the changed data: allow_changed_data=True"
                )
            moved = "" if changes.data is None else f"--data {quote(os.fspath(changes.data))} "
            further = command("train --resume", run_word(self.run.folder), options=f"{moved}--allow-changed data")
            raise DataError(
                f"Run {self.run.name} started with other data: {'; '.join(differences)}. Give the path of the original "
                f"data with --data PATH, or continue with the changed data: {further}"
            )
        self.notes["data"] = [original.samples[:12], current.samples[:12]]
        self._fingerprint = current

    def write(self) -> Run:
        """Write the changes to the run's folder, and return the run with its new config.

        Raises:
            GanzooError: if a file cannot be written.
        """
        if self._fingerprint is not None:
            images.write_atomic(self.run.folder / FINGERPRINT, self._fingerprint.to_json())
        if self.notes:
            images.write_atomic(self.run.folder / CONFIG, yaml_files.dump(self.config.to_dict()).encode())
        return Run(self.run.folder)


def changed(run: Run, changes: Changes) -> ChangedRun:
    """Return the run with its changes. Nothing is written yet.

    Raises:
        ConfigError: if a value is wrong, the data source reads no files, or the new length would change steps that
            are already done.
    """
    config: Config = run.config
    values, notes = config.to_dict(), {}
    if changes.given is not None and not type(config.data).accepts_arrays:
        raise ConfigError(
            f"Run {run.name} has the data source '{config.data.registered_name}', which reads its own data, not "
            "arrays. Resume it without data, or with a path."
        )
    if changes.data is not None:
        path = os.fspath(expanded(changes.data).absolute())
        source = config.data.registered_name
        if not type(config.data).accepts_path:
            raise ConfigError(
                f"Run {run.name} has the data source '{source}', which generates its samples and reads no files. "
                "Resume it without --data."
            )
        if path != values["data"]["path"]:
            notes["data.path"] = [values["data"]["path"], path]
            values["data"]["path"] = path
    if changes.steps is not None and changes.steps != config.training.steps:
        notes["training.steps"] = [config.training.steps, changes.steps]
        values["training"]["steps"] = changes.steps
    if changes.hub is not None:
        hub = None if changes.hub is False else changes.hub
        notes["training.hub"] = [values["training"]["hub"], hub]
        values["training"]["hub"] = hub
    new_config = Config.read(values, what=f"run {run.name}") if notes else config
    if new_config.training.steps != config.training.steps:
        _check_length(run, config, new_config.training.steps)
    return ChangedRun(run, new_config, notes)


def _check_length(run: Run, config: Config, steps: int) -> None:
    settings = list(_settings_tied_to_length(config))
    if settings:
        begin = (f"training.init_from={run_word(run.folder)}", "training.init_discriminator=true")
        changes = (*begin, f"training.steps={steps}")
        new_training = command("train", path_word(run.folder / CONFIG), *changes)
        raise ConfigError(
            f"Cannot change the length of run {run.name}: {' and '.join(settings)} "
            f"{'depends' if len(settings) == 1 else 'depend'} on training.steps, so the "
            f"new length would change the steps already done. Start a new training from its weights: {new_training}"
        )


def _settings_tied_to_length(config: Config) -> Iterator[str]:
    """Yield the settings that depend on the length of the training, as each part reports them."""
    training = config.training
    parts: list[tuple[str, Any]] = [("g_optimizer", training.g_optimizer), ("d_optimizer", training.d_optimizer)]
    parts += [(f"penalties.{index}", penalty) for index, penalty in enumerate(training.penalties)]
    for name, part in parts:
        setting = part.tied_to_length()
        if setting is not None:
            yield f"training.{name}.{setting}"
