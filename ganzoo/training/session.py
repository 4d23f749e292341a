"""Start or resume a training: config, data and run folder come together here.

TensorFlow takes seconds to import, so everything that a user can get wrong without it is checked before.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ganzoo import images
from ganzoo.config import yaml_files
from ganzoo.config.experiment import Config
from ganzoo.data.base import Dataset
from ganzoo.data.fingerprint import Fingerprint
from ganzoo.environment import commands
from ganzoo.environment.cluster import Cluster
from ganzoo.environment.devices import available_memory, cpu_count
from ganzoo.environment.process_settings import own_settings
from ganzoo.environment.requirements import TRAINING, require
from ganzoo.environment.tensorflow import import_tensorflow
from ganzoo.environment.versions import library_versions
from ganzoo.errors import RunError
from ganzoo.report.live import report_announced
from ganzoo.runs import CLASS_NAMES, CONFIG, FINGERPRINT, REAL, VERSIONS, Run, checked_runs_folder, new_run
from ganzoo.sample_sheet import draw_samples, random_samples
from ganzoo.training import device, follower, init_discriminator, init_from, saved_on_hub
from ganzoo.training.callbacks import Callback, checked_callbacks
from ganzoo.training.changes import NO_CHANGES, ChangedRun, Changes, changed
from ganzoo.training.data import load_data, resumed_data
from ganzoo.training.follower import follow
from ganzoo.training.joining import in_team
from ganzoo.training.lock import training_lock
from ganzoo.training.outcome import Outcome
from ganzoo.training.split_batch import check_splittable
from ganzoo.training.team import Team

if TYPE_CHECKING:
    from ganzoo.training.trainer import Trainer

Info = Callable[[str], None]


@dataclass(frozen=True)
class _Call:
    """What a call of ``start`` or ``resume`` asks for, apart from the experiment."""

    max_steps: int | None
    max_minutes: float | None
    quiet: bool
    info: Info
    callbacks: Sequence[Callback]
    devices: Sequence[int] | None

    def train(self, trainer: Trainer, savers: Sequence[Callback]) -> Outcome:
        """Train, with the callbacks of the call and further ones."""
        with report_announced(trainer.run, self.info):
            return trainer.train(
                max_steps=self.max_steps,
                max_minutes=self.max_minutes,
                quiet=self.quiet,
                info=self.info,
                callbacks=[*self.callbacks, *savers],
            )


def start(
    config: Config,
    *,
    data: object = None,
    root: str | os.PathLike[str] | None = None,
    max_steps: int | None = None,
    max_minutes: float | None = None,
    quiet: bool = False,
    info: Info = lambda text: None,
    callbacks: Sequence[Callback] = (),
    command: str | None = None,
    devices: Sequence[int] | None = None,
    cluster: Cluster | None = None,
) -> tuple[Run, Outcome]:
    """Load the data, create the next run folder, and train.

    In a cluster, only the chief creates the folder. The other processes return when the chief has ended.

    Args:
        config: the experiment.
        data: data that a Python program passes; see ``ganzoo.data.given``. By default the config's source loads them.
        root: folder of the runs; by default GANZOO_RUNS, or ``runs/``.
        max_steps, max_minutes: stop early; see ``Trainer.train``.
        quiet: show no progress.
        info: called with messages, for example the folder of the run.
        callbacks: called during the training; see ``Trainer.train``.
        command: the command that starts the same training again, for the model card.
        devices: numbers of the GPUs to use; by default all.
        cluster: the processes that train this run; None if this process trains alone.

    Raises:
        DataError, RunError, TrainingError: for the data, the run folder, the training.
        GanzooError: if ``training.init_from`` names nothing that fits, or ``callbacks`` is not a list of callbacks.
        MissingDependencyError: if TensorFlow is not installed.
    """
    callbacks = checked_callbacks(callbacks)
    require(TRAINING, action="Training")
    with in_team(cluster, info=info) as team:
        if team and not team.is_chief:
            source = config.to_dict()["data"]
            return follow(team, source=source, given=data, devices=devices, quiet=quiet, info=info)
        checked_runs_folder(root)
        config, weights = init_from.resolve(config, root=root, info=info)
        others = init_discriminator.find(config, info=info)
        config = config.model_copy(update={"data": config.data.pinned()})
        known = saved_on_hub.check(config, step=None, info=info)
        dataset = load_data(config, given=data, quiet=quiet, info=info)
        if team:
            check_splittable(config, team.cluster.size)
            follower.begin(team, config, dataset)
            follower.check_same_data(team, dataset)
        import_tensorflow()
        call = _Call(max_steps, max_minutes, quiet, info, callbacks, devices)
        with own_settings():
            return _start(config, dataset, call, weights, others, root=root, command=command, team=team, known=known)


def _start(
    config: Config,
    dataset: Dataset,
    call: _Call,
    weights: init_from.Source | None,
    others: init_discriminator.Source | None,
    *,
    root: str | os.PathLike[str] | None,
    command: str | None,
    team: Team | None,
    known: set[int] | None,
) -> tuple[Run, Outcome]:
    from ganzoo.exporters.rehearsal import check_exportable
    from ganzoo.training import best_weights
    from ganzoo.training.distribution import make_strategy
    from ganzoo.training.trainer import Trainer

    info = call.info
    strategy = make_strategy(config.training, call.devices, team, info=info)
    best_weights.check(config, dataset)
    check_exportable(config, dataset.class_names, info=info)
    if weights is not None:
        weights = init_from.checked(config, weights, info=info)
    if others is not None:
        init_discriminator.check(config, others)
    run = new_run(config.name, root=root)
    with contextlib.ExitStack() as undo, training_lock(run, info=info):
        undo.callback(shutil.rmtree, run.folder, ignore_errors=True)  # if the networks cannot be built
        _describe(run, config, dataset, command)
        trainer = Trainer(config, dataset, run, strategy=strategy, team=team)
        undo.pop_all()
        info(f"Run {run.name} in {run.folder}")
        _report_device(trainer, info)
        if weights is not None:
            init_from.begin(trainer.state, weights, info=info)
        if others is not None:
            init_discriminator.begin(trainer.state, others)
        with saved_on_hub.saving(run, config, step=0, known=known, info=info) as savers:
            return run, call.train(trainer, savers)


def _describe(run: Run, config: Config, dataset: Dataset, command: str | None) -> None:
    """Write the files that describe a run. The config is last, because it makes the folder a run."""
    images.write_atomic(run.folder / VERSIONS, _provenance(command).encode())
    images.write_atomic(run.folder / FINGERPRINT, Fingerprint.of(dataset).to_json())
    if config.num_classes and config.objective.uses_labels:
        images.write_atomic(run.folder / CLASS_NAMES, json.dumps(dataset.class_names).encode())
    _draw_real(run, dataset)
    images.write_atomic(run.folder / CONFIG, yaml_files.dump(config.to_dict()).encode())


def _draw_real(run: Run, dataset: Dataset) -> None:
    """Write a picture of real samples for the report, if the run has none: a run from the Hub comes without it."""
    path = run.folder / REAL
    if not path.exists():
        images.save(draw_samples(random_samples(dataset.samples)), path)


def resume(
    name: str | None = None,
    *,
    root: str | os.PathLike[str] | None = None,
    changes: Changes = NO_CHANGES,
    max_steps: int | None = None,
    max_minutes: float | None = None,
    quiet: bool = False,
    info: Info = lambda text: None,
    callbacks: Sequence[Callback] = (),
    devices: Sequence[int] | None = None,
    cluster: Cluster | None = None,
) -> tuple[Run, Outcome]:
    """Resume a run from its newest undamaged checkpoint. A run without a checkpoint starts over.

    Args:
        name: the run; by default the newest. ``hf://user/name`` is a run that is saved on the Hugging Face Hub.
        changes: a new length of the training, a new path of the data, or a new repo of the saved run.
        root, max_steps, max_minutes, quiet, info, callbacks, devices, cluster: as in ``start``. The number of devices
            and of processes may be another one than before.

    Raises:
        RunError: if there is no such run, all its checkpoints are damaged, it is finished, or it is in training.
        ConfigError: if a change is not possible.
        DataError: if the data are missing, or are not those of the run's start.
        MissingDependencyError: if TensorFlow is not installed.
    """
    callbacks = checked_callbacks(callbacks)
    require(TRAINING, action="Training")
    with contextlib.ExitStack() as stack:
        team = stack.enter_context(in_team(cluster, info=info))
        if team and not team.is_chief:
            return follow(team, moved=changes.data, given=changes.given, devices=devices, quiet=quiet, info=info)
        run = saved_on_hub.find_or_fetch(name, root=root, info=info)
        stack.enter_context(training_lock(run, info=info))
        changed_run = changed(run, changes)
        newest = max(run.checkpoint_steps(), default=None)
        steps, hub = changed_run.config.training.steps, run.config.training.hub or changes.hub
        if max_steps is not None and newest is not None and max_steps <= newest < steps and not hub:
            raise _at_limit(run, newest, max_steps)
        known = saved_on_hub.check(changed_run.config, step=newest, info=info)
        dataset = resumed_data(changed_run, changes, quiet=quiet, info=info)
        if team:
            check_splittable(changed_run.config, team.cluster.size)
            follower.begin(team, changed_run.config, dataset)
            follower.check_same_data(team, dataset)
        import_tensorflow()
        call = _Call(max_steps, max_minutes, quiet, info, callbacks, devices)
        with own_settings():
            trainer = _restored(changed_run, dataset, call, root=root, team=team)
            if trainer.step >= min(steps, steps if max_steps is None else max_steps):
                if changes.hub is not None:
                    run = changed_run.write()
                with saved_on_hub.saving(run, run.config, step=trainer.step, known=known, info=info):
                    pass  # what could not be saved at the end of the training
                if max_steps is not None and trainer.step < steps:
                    raise _at_limit(run, trainer.step, max_steps)
                raise _finished(run, trainer, lengthened=changes.steps is not None)
            run = changed_run.write()
            savers = stack.enter_context(
                saved_on_hub.saving(run, changed_run.config, step=trainer.step, known=known, info=info)
            )
            if changed_run.notes:
                from ganzoo.training.log import Log

                with Log(run, first_step=trainer.step) as log:
                    log.write(trainer.step, {}, notes={"changed": changed_run.notes})
            _draw_real(run, dataset)
            info(f"Run {run.name} continues from step {trainer.step} of {trainer.config.training.steps}")
            return run, call.train(trainer, savers)


def _restored(
    changed_run: ChangedRun, dataset: Dataset, call: _Call, *, root: str | os.PathLike[str] | None, team: Team | None
) -> Trainer:
    """The trainer at the newest undamaged checkpoint of a run."""
    from ganzoo.training.distribution import make_strategy
    from ganzoo.training.trainer import Trainer

    config, info = changed_run.config, call.info
    strategy = make_strategy(config.training, call.devices, team, info=info)
    trainer = Trainer(config, dataset, changed_run.run, strategy=strategy, team=team)
    _report_device(trainer, info)
    for skipped in trainer.state.restore():
        info(f"Skipped a damaged checkpoint: {skipped}")
    if trainer.state.saved_step is None:
        _, weights = init_from.resolve(config, root=root)
        if weights is not None:
            init_from.begin(trainer.state, weights, info=info)
        others = init_discriminator.find(config, info=info)
        if others is not None:
            init_discriminator.begin(trainer.state, others)
    return trainer


def _at_limit(run: Run, step: int, max_steps: int) -> RunError:
    """The error for a run that is already where it should stop."""
    further = commands.command("train --resume", commands.run_word(run.folder), options=f"--max-steps {step + 100}")
    return RunError(
        f"Run {run.name} is already at step {step}, and --max-steps {max_steps} is the step to stop at. For 100 steps "
        f"more: {further}"
    )


def _finished(run: Run, trainer: Trainer, *, lengthened: bool) -> RunError:
    """The error for a run without steps that are left."""
    steps = trainer.config.training.steps
    longer = commands.command("train --resume", commands.run_word(run.folder), f"training.steps={2 * trainer.step}")
    if lengthened:
        return RunError(
            f"Run {run.name} is already at step {trainer.step}, so training.steps={steps} leaves nothing to train. "
            f"For example: {longer}"
        )
    return RunError(
        f"Run {run.name} is finished at step {trainer.step}, so it cannot be resumed. To train it longer: {longer}"
    )


def _report_device(trainer: Trainer, info: Info) -> None:
    info(device.description(trainer.config.training, trainer.input_pipeline))
    if trainer.input_pipeline.streamed:
        info(trainer.input_pipeline.streamed)


def _provenance(command: str | None) -> str:
    """The content of versions.json: machine, versions and command."""
    import tensorflow as tf

    machine = {"python": platform.python_version(), "platform": platform.platform(), "cpus": cpu_count()}
    machine |= {"memory": available_memory()}
    devices = [device.name for device in tf.config.list_physical_devices()]
    facts = machine | {"devices": devices, "libraries": library_versions()}
    return json.dumps(facts | ({"command": command} if command else {}), indent=1)
