"""Start or resume a training: config, data and run folder come together here."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable

import tensorflow as tf

from ganzoo import images, yaml_files
from ganzoo.config import Config
from ganzoo.data.base import Dataset
from ganzoo.data.reading import described
from ganzoo.data.reading.label_order import relabeled
from ganzoo.environment.devices import available_memory, cpu_count
from ganzoo.environment.process_settings import own_settings
from ganzoo.errors import RunError
from ganzoo.export.rehearsal import check_exportable
from ganzoo.pictures import picture, some
from ganzoo.runs import CLASS_NAMES, CONFIG, Run, find_run, new_run
from ganzoo.training import best, init_from
from ganzoo.training.feed import check_dataset
from ganzoo.training.trainer import Outcome, Trainer
from ganzoo.versions import library_versions

Say = Callable[[str], None]


@own_settings()
def start(
    config: Config,
    *,
    root: str | os.PathLike[str] | None = None,
    max_steps: int | None = None,
    max_minutes: float | None = None,
    quiet: bool = False,
    say: Say = lambda text: None,
    command: str | None = None,
) -> tuple[Run, Outcome]:
    """Load the data, make the next run folder, and train in it.

    Args:
        config: the experiment.
        root: where runs are kept; by default ``runs/``.
        max_steps, max_minutes: stop early; ``Trainer.train`` describes both.
        quiet: show no progress.
        say: called with lines for a reader, for example where the run is.
        command: what starts the same training again, for the model card.

    Raises:
        DataError, RunError, TrainingError: as what they stand for happens.
        GanzooError: if ``training.init_from`` names nothing that fits.
    """
    config, weights = init_from.resolve(config)
    dataset = load_data(config, quiet=quiet, say=say)
    check_dataset(config, dataset)
    best.check(config, dataset)
    check_exportable(config, dataset.class_names, say=say)
    run = new_run(config.name, root=root)
    images.write_atomic(run.folder / "versions.json", _provenance(command).encode())
    images.write_atomic(run.folder / CONFIG, yaml_files.dump(config.to_dict()).encode())
    if config.num_classes:
        images.write_atomic(run.folder / CLASS_NAMES, json.dumps(dataset.class_names).encode())
    images.save(picture(some(dataset.samples)), run.folder / "real.png")
    say(f"Run {run.name} in {run.folder}")
    trainer = Trainer(config, dataset, run)
    _say_if_streamed(trainer, say)
    if weights is not None:
        init_from.begin(trainer, weights)
    return run, trainer.train(max_steps=max_steps, max_minutes=max_minutes, quiet=quiet, say=say)


@own_settings()
def resume(
    what: str | None = None,
    *,
    root: str | os.PathLike[str] | None = None,
    max_steps: int | None = None,
    max_minutes: float | None = None,
    quiet: bool = False,
    say: Say = lambda text: None,
) -> tuple[Run, Outcome]:
    """Go on with a run (the newest, unless one is named) from its newest checkpoint that is whole.

    A run that was killed before its first checkpoint starts over.

    Raises:
        RunError: if there is no such run, none of its checkpoints is whole, or it is finished.
    """
    run = find_run(what, root=root)
    config: Config = run.config
    dataset = _in_order_of(run, load_data(config, quiet=quiet, say=say))
    trainer = Trainer(config, dataset, run)
    _say_if_streamed(trainer, say)
    for skipped in trainer.restore():
        say(f"Skipped a damaged checkpoint: {skipped}")
    if trainer.step == 0:
        _, weights = init_from.resolve(config)
        if weights is not None:
            init_from.begin(trainer, weights)
    if trainer.step >= config.training.steps:
        raise RunError(f"Run {run.name} is finished at step {trainer.step}; nothing is left to resume.")
    say(f"Run {run.name} goes on from step {trainer.step}")
    return run, trainer.train(max_steps=max_steps, max_minutes=max_minutes, quiet=quiet, say=say)


def load_data(config: Config, *, quiet: bool, say: Say = lambda text: None) -> Dataset:
    """Load the config's data. Report how many samples and classes there are, what was guessed and what was not read."""
    dataset = config.data.load(quiet=quiet)
    for line in described.lines(dataset):
        say(line)
    if dataset.labels is not None and not config.num_classes:
        count = len(dataset.class_names)
        say(f"The labels are not used: num_classes is 0 (num_classes={count} trains one generator for all classes)")
    return dataset


def _say_if_streamed(trainer: Trainer, say: Say) -> None:
    if trainer.feed.streamed:
        say(trainer.feed.streamed)


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
