"""The data of a new or resumed training: loaded, checked and compared. Imports no TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ganzoo.config.experiment import Config
from ganzoo.data.base import Dataset
from ganzoo.data.given import given_dataset
from ganzoo.data.reading import described
from ganzoo.data.reading.label_order import relabeled
from ganzoo.environment.commands import command, run_word
from ganzoo.errors import DataError, RunError
from ganzoo.runs import CLASS_NAMES, Run, read_small_json
from ganzoo.training.changes import ChangedRun, Changes

Info = Callable[[str], None]


def load_data(config: Config, *, given: object = None, quiet: bool, info: Info = lambda text: None) -> Dataset:
    """Load and check the config's data. Report the samples and classes, guesses, and files that were not read.

    Args:
        config: the experiment.
        given: data that a Python program passes; see ``ganzoo.data.given``.
        quiet: show no progress.
        info: called with the report.

    Raises:
        DataError: if the data are missing or broken, or do not fit the config.
    """
    dataset = _loaded(config, given, quiet=quiet, info=info)
    check_dataset(config, dataset)
    return dataset


def resumed_data(changed: ChangedRun, changes: Changes, *, quiet: bool, info: Info) -> Dataset:
    """Load the data of a run, and compare them with the data of its start.

    Raises:
        DataError: if the data are missing, or are not those of the start.
        RunError: if a file of the run is damaged, or its data were passed in Python and are not passed again.
    """
    if changes.given is None and changed.needs_given:
        word = run_word(changed.run.folder)
        from_file = command("train --resume", word, options="--data images.npz")
        raise RunError(
            f"Run {changed.run.name} was trained on an array passed in Python, and the run does not contain it. "
            f"Pass the same data again: ganzoo.resume({word!r}, data=images), or save them to a file: {from_file}"
        )
    try:
        dataset = _in_order_of(changed.run, _loaded(changed.config, changes.given, quiet=quiet, info=info))
    except DataError as error:
        if changes.given is not None or changes.data is not None or not type(changed.config.data).accepts_path:
            raise
        moved = command("train --resume", run_word(changed.run.folder), options="--data PATH")
        raise DataError(f"{error}\nIf the data have moved: {moved}") from error
    check_dataset(changed.config, dataset)
    changed.check_data(dataset, changes, info=info)
    return dataset


def check_dataset(config: Config, dataset: Dataset) -> None:
    """Raise DataError if the dataset does not fit the config."""
    shape, wanted = dataset.samples.shape[1:], config.sample_shape
    if not len(dataset):
        raise DataError("The data source has no samples.")
    if shape != wanted:
        raise DataError(f"The data have samples of shape {list(shape)}, but the config needs {list(wanted)}.")
    check_classes(config, () if dataset.labels is None else dataset.class_names)


def check_classes(config: Config, names: tuple[str, ...]) -> None:
    """Raise DataError if data with these classes do not fit the config. Without labels there are none."""
    if not config.num_classes or not config.objective.uses_labels or len(names) == config.num_classes:
        return
    if names:
        raise DataError(
            f"num_classes is {config.num_classes}, but the data have {len(names)} classes; set num_classes={len(names)}"
        )
    how = type(config.data).how_to_label
    advice = f"{how}, or train" if how else "Train"
    raise DataError(
        f"num_classes is {config.num_classes}, but the data have no labels. {advice} without classes: num_classes=0"
    )


def _loaded(config: Config, given: object, *, quiet: bool, info: Info) -> Dataset:
    dataset = config.data.load(quiet=quiet) if given is None else given_dataset(given, config, info=info)
    few = described.few_line(len(dataset), augment=_augment(config)) if dataset.sample_spec.is_image else ""
    for line in filter(None, [*described.lines(dataset), few]):
        info(line)
    if dataset.labels is not None and not config.objective.uses_labels:
        info(f"The labels are not used: the objective '{config.objective.registered_name}' works without them")
        return replace(dataset, labels=None, class_names=())
    if dataset.labels is not None and not config.num_classes:
        count = len(dataset.class_names)
        info(f"The labels are not used: num_classes is 0 (num_classes={count} trains one generator for all classes)")
    return dataset


def _augment(config: Config) -> str:
    """The augmentation that a training on few images needs; empty if it has one. A critic cannot adapt it."""
    if config.training.augment is not None:
        return ""
    return "training.augment=diff_augment" if config.training.loss.critic else described.ADAPTIVE


def _in_order_of(run: Run, dataset: Dataset) -> Dataset:
    """The dataset with its classes in the order of the run's start. They may be found in another order today."""
    path = run.folder / CLASS_NAMES
    if not run.config.num_classes or not path.is_file():
        return dataset
    try:
        names = read_small_json(path, list)
        if not all(isinstance(name, str) for name in names):
            raise ValueError("it is not a list of names")
    except (OSError, ValueError) as error:
        raise RunError(f"Cannot read {path}: {error}.") from error
    return relabeled(dataset, names)
