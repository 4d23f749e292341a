"""Start or resume a training: config, data and run folder come together here."""

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
from ganzoo.sample_sheet import draw_samples, random_samples
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
    """Load the data, make the next run folder, and train in it.

    Args:
        config: the experiment.
        root: where runs are kept; by default GANZOO_RUNS, or ``runs/``.
        max_steps, max_minutes: stop early; ``Trainer.train`` describes both.
        quiet: show no progress.
        info: called with lines for a reader, for example where the run is.
        command: what starts the same training again, for the model card.

    Raises:
        DataError, RunError, TrainingError: as what they stand for happens.
        GanzooError: if ``training.init_from`` names nothing that fits.
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
        _say_if_streamed(trainer, info)
        if weights is not None:
            init_from.begin(trainer.state, weights)
        return run, trainer.train(max_steps=max_steps, max_minutes=max_minutes, quiet=quiet, info=info)


def _describe(run: Run, config: Config, dataset: Dataset, command: str | None) -> None:
    """Write what the run is: the config last, since it makes the folder a run."""
    images.write_atomic(run.folder / "versions.json", _provenance(command).encode())
    images.write_atomic(run.folder / FINGERPRINT, Fingerprint.of(dataset).to_json())
    if config.num_classes:
        images.write_atomic(run.folder / CLASS_NAMES, json.dumps(dataset.class_names).encode())
    images.save(draw_samples(random_samples(dataset.samples)), run.folder / "real.png")
    images.write_atomic(run.folder / CONFIG, yaml_files.dump(config.to_dict()).encode())


@own_settings()
def resume(
    what: str | None = None,
    *,
    root: str | os.PathLike[str] | None = None,
    changes: Changes = NO_CHANGES,
    max_steps: int | None = None,
    max_minutes: float | None = None,
    quiet: bool = False,
    info: Info = lambda text: None,
) -> tuple[Run, Outcome]:
    """Go on with a run (the newest, unless one is named) from its newest checkpoint that is whole.

    A run that was killed before its first checkpoint starts over.

    Args:
        what: the run.
        changes: another length of the training, another place of the data.
        root, max_steps, max_minutes, quiet, info: as in ``start``.

    Raises:
        RunError: if there is no such run, none of its checkpoints is whole, it is finished, or it is in training.
        ConfigError: if a change is not possible.
        DataError: if the data are missing, or are not those that the run began with.
    """
    run = find_run(what, root=root)
    with training_lock(run, info=info):
        made = changed(run, changes)
        dataset = _same_data(made, changes, quiet=quiet, info=info)
        trainer = Trainer(made.config, dataset, run)
        _say_if_streamed(trainer, info)
        for skipped in trainer.state.restore():
            info(f"Skipped a damaged checkpoint: {skipped}")
        if trainer.step == 0:
            _, weights = init_from.resolve(made.config, root=root)
            if weights is not None:
                init_from.begin(trainer.state, weights)
        _check_unfinished(run, trainer, lengthened=changes.steps is not None)
        run = made.write()
        if made.notes:
            with Log(run, first_step=trainer.step) as log:
                log.write(trainer.step, {}, notes={"changed": made.notes})
        info(f"Run {run.name} goes on from step {trainer.step} of {made.config.training.steps}")
        return run, trainer.train(max_steps=max_steps, max_minutes=max_minutes, quiet=quiet, info=info)


def _same_data(made: ChangedRun, changes: Changes, *, quiet: bool, info: Info) -> Dataset:
    """The data of a run that goes on, compared with those that it began with."""
    try:
        dataset = _in_order_of(made.run, load_data(made.config, quiet=quiet, info=info))
    except DataError as error:
        if changes.data is not None or not type(made.config.data).accepts_path:
            raise
        moved = commands.command("train --resume", commands.run_word(made.run.folder), options="--data PLACE")
        raise DataError(f"{error}\nIf the data have moved: {moved}") from error
    check_dataset(made.config, dataset)
    made.check_data(dataset, changes, info=info)
    return dataset


def _check_unfinished(run: Run, trainer: Trainer, *, lengthened: bool) -> None:
    steps = trainer.config.training.steps
    if trainer.step < steps:
        return
    longer = commands.command("train --resume", commands.run_word(run.folder), f"training.steps={2 * trainer.step}")
    if lengthened:
        raise RunError(
            f"Run {run.name} is at step {trainer.step} already, so training.steps={steps} leaves nothing to train. "
            f"For example: {longer}"
        )
    raise RunError(
        f"Run {run.name} is finished at step {trainer.step}; nothing is left to resume. To train it longer: {longer}"
    )


def load_data(config: Config, *, quiet: bool, info: Info = lambda text: None) -> Dataset:
    """Load the config's data. Report how many samples and classes there are, what was guessed and what was not read."""
    dataset = config.data.load(quiet=quiet)
    for line in described.lines(dataset):
        info(line)
    if dataset.labels is not None and not config.num_classes:
        count = len(dataset.class_names)
        info(f"The labels are not used: num_classes is 0 (num_classes={count} trains one generator for all classes)")
    return dataset


def _say_if_streamed(trainer: Trainer, info: Info) -> None:
    if trainer.input_pipeline.streamed:
        info(trainer.input_pipeline.streamed)


def _in_order_of(run: Run, dataset: Dataset) -> Dataset:
    """The dataset with its classes in the order that a run began with, whatever order they are found in today."""
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
    """Machine, versions and command, as versions.json keeps them."""
    machine = {"python": platform.python_version(), "platform": platform.platform(), "cpus": cpu_count()}
    machine |= {"memory": available_memory()}
    devices = [device.name for device in tf.config.list_physical_devices()]
    facts = machine | {"devices": devices, "libraries": library_versions()}
    return json.dumps(facts | ({"command": command} if command else {}), indent=1)
