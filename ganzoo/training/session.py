"""Starts or resumes a training from a config, its data and a run folder."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable

import tensorflow as tf

from ganzoo import images
from ganzoo.config import yaml_files
from ganzoo.config.experiment import Config
from ganzoo.data.base import Dataset
from ganzoo.data.fingerprint import Fingerprint
from ganzoo.data.reading import described
from ganzoo.data.reading.label_order import relabeled
from ganzoo.environment import commands
from ganzoo.environment.devices import available_memory, cpu_count
from ganzoo.environment.process_settings import own_settings
from ganzoo.environment.versions import library_versions
from ganzoo.errors import DataError, RunError
from ganzoo.exporters.rehearsal import check_exportable
from ganzoo.runs import CLASS_NAMES, CONFIG, FINGERPRINT, Run, find_run, new_run
from ganzoo.sample_sheet import picture, random_samples
from ganzoo.training import best_weights, init_from
from ganzoo.training.changes import NO_CHANGES, ChangedRun, Changes, changed
from ganzoo.training.input_pipeline import check_dataset
from ganzoo.training.lock import training_lock
from ganzoo.training.log import Log
from ganzoo.training.trainer import Outcome, Trainer

Info = Callable[[str], None]


@own_settings()
def start(
    config: Config,
    *,
    root: str | os.PathLike[str] | None = None,
    max_steps: int | None = None,
    max_minutes: float | None = None,
    quiet: bool = False,
    info: Info = lambda text: None,
    command: str | None = None,
) -> tuple[Run, Outcome]:
    """Load the data, create the next run folder, and train.

    Args:
        config: the experiment.
        root: the folder of all runs; by default GANZOO_RUNS, else ``runs/``.
        max_steps, max_minutes: stop early, as in ``Trainer.train``.
        quiet: show no progress.
        info: called with messages, for example the run's folder.
        command: the command that starts the same training again, for the model card.

    Raises:
        DataError: if the data are missing, or do not match the config.
        RunError: if the run folder cannot be created or written.
        TrainingError: if the training cannot continue.
        GanzooError: if ``training.init_from`` does not exist or does not match the config.
    """
    config, weights = init_from.resolve(config, root=root)
    dataset = load_data(config, quiet=quiet, info=info)
    check_dataset(config, dataset)
    best_weights.check(config, dataset)
    check_exportable(config, dataset.class_names, info=info)
    run = new_run(config.name, root=root)
    with training_lock(run, info=info):
        _describe(run, config, dataset, command)
        info(f"Run {run.name} in {run.folder}")
        trainer = Trainer(config, dataset, run)
        _report_streaming(trainer, info)
        if weights is not None:
            init_from.begin(trainer.state, weights)
        return run, trainer.train(max_steps=max_steps, max_minutes=max_minutes, quiet=quiet, info=info)


def _describe(run: Run, config: Config, dataset: Dataset, command: str | None) -> None:
    """Write the files that describe the run. The config is last, because a folder with a config is a run."""
    images.write_atomic(run.folder / "versions.json", _provenance(command).encode())
    images.write_atomic(run.folder / FINGERPRINT, Fingerprint.of(dataset).to_json())
    if config.num_classes:
        images.write_atomic(run.folder / CLASS_NAMES, json.dumps(dataset.class_names).encode())
    images.save(picture(random_samples(dataset.samples)), run.folder / "real.png")
    images.write_atomic(run.folder / CONFIG, yaml_files.dump(config.to_dict()).encode())


@own_settings()
def resume(
    name: str | None = None,
    *,
    root: str | os.PathLike[str] | None = None,
    changes: Changes = NO_CHANGES,
    max_steps: int | None = None,
    max_minutes: float | None = None,
    quiet: bool = False,
    info: Info = lambda text: None,
) -> tuple[Run, Outcome]:
    """Continue a run from its newest intact checkpoint.

    A run that was killed before its first checkpoint starts again from the beginning.

    Args:
        name: the run, as in ``find_run``; by default the newest.
        changes: a new length of the training, or a new location of the data.
        root, max_steps, max_minutes, quiet, info: as in ``start``.

    Raises:
        RunError: if there is no such run, all its checkpoints are damaged, it is finished, or it is being trained.
        ConfigError: if a change is not possible.
        DataError: if the data are missing, or differ from the run's original data.
    """
    run = find_run(name, root=root)
    with training_lock(run, info=info):
        changed_run = changed(run, changes)
        dataset = _same_data(changed_run, changes, quiet=quiet, info=info)
        trainer = Trainer(changed_run.config, dataset, run)
        _report_streaming(trainer, info)
        for skipped in trainer.state.restore():
            info(f"Skipped a damaged checkpoint: {skipped}")
        if trainer.step == 0:
            _, weights = init_from.resolve(changed_run.config, root=root)
            if weights is not None:
                init_from.begin(trainer.state, weights)
        _check_unfinished(run, trainer, lengthened=changes.steps is not None)
        run = changed_run.write()
        if changed_run.notes:
            with Log(run, first_step=trainer.step) as log:
                log.write(trainer.step, {}, notes={"changed": changed_run.notes})
        info(f"Run {run.name} continues from step {trainer.step} of {changed_run.config.training.steps}")
        return run, trainer.train(max_steps=max_steps, max_minutes=max_minutes, quiet=quiet, info=info)


def _same_data(changed_run: ChangedRun, changes: Changes, *, quiet: bool, info: Info) -> Dataset:
    """Load the data of a resumed run, and compare them with its original data."""
    try:
        dataset = _in_class_order_of(changed_run.run, load_data(changed_run.config, quiet=quiet, info=info))
    except DataError as error:
        if changes.data is not None or not type(changed_run.config.data).accepts_path:
            raise
        moved = commands.command("train --resume", commands.run_word(changed_run.run.folder), options="--data PATH")
        raise DataError(f"{error}\nIf the data have moved, give their new path: {moved}") from error
    check_dataset(changed_run.config, dataset)
    changed_run.check_data(dataset, changes, info=info)
    return dataset


def _check_unfinished(run: Run, trainer: Trainer, *, lengthened: bool) -> None:
    steps = trainer.config.training.steps
    if trainer.step < steps:
        return
    longer = commands.command("train --resume", commands.run_word(run.folder), f"training.steps={2 * trainer.step}")
    if lengthened:
        raise RunError(
            f"Run {run.name} is already at step {trainer.step}, so training.steps={steps} leaves nothing to train. "
            f"Choose more steps, for example: {longer}"
        )
    raise RunError(
        f"Run {run.name} is finished at step {trainer.step}, so it cannot be resumed. To train it longer: {longer}"
    )


def load_data(config: Config, *, quiet: bool, info: Info = lambda text: None) -> Dataset:
    """Load the config's data. Report the samples, the classes, the guessed settings, and the skipped files."""
    dataset = config.data.load(quiet=quiet)
    for line in described.lines(dataset):
        info(line)
    if dataset.labels is not None and not config.num_classes:
        count = len(dataset.class_names)
        info(f"The labels are not used, because num_classes is 0. To train a conditional model: num_classes={count}")
    return dataset


def _report_streaming(trainer: Trainer, info: Info) -> None:
    if trainer.input_pipeline.streamed:
        info(trainer.input_pipeline.streamed)


def _in_class_order_of(run: Run, dataset: Dataset) -> Dataset:
    """Return the dataset with its classes in the run's original order, which may differ from today's order."""
    path = run.folder / CLASS_NAMES
    if not run.config.num_classes or not path.is_file():
        return dataset
    try:
        names = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError("it is not a list of names")
    except (OSError, ValueError) as error:
        raise RunError(f"Cannot read {path}: {error}.") from error
    return relabeled(dataset, names)


def _provenance(command: str | None) -> str:
    """Return the content of versions.json: machine, versions and command."""
    machine = {"python": platform.python_version(), "platform": platform.platform(), "cpus": cpu_count()}
    machine |= {"memory": available_memory()}
    devices = [device.name for device in tf.config.list_physical_devices()]
    facts = machine | {"devices": devices, "libraries": library_versions()}
    return json.dumps(facts | ({"command": command} if command else {}), indent=1)
