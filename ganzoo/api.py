"""The verbs of ganzoo in Python. What can be wrong is found before TensorFlow is imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.environment.commands import command, run_word
from ganzoo.environment.requirements import EXPORT, TRAINING, require
from ganzoo.environment.tensorflow import import_tensorflow

if TYPE_CHECKING:
    from ganzoo.config.experiment import Config
    from ganzoo.environment.locks import Holder
    from ganzoo.exporters.restore import WhichCheckpoint
    from ganzoo.runs import Run
    from ganzoo.training.trainer import Outcome


def train(
    what: str | Path | Config,
    *,
    steps: int | None = None,
    data: str | os.PathLike[str] | None = None,
    seed: int | None = None,
    overrides: Sequence[str] = (),
    root: str | os.PathLike[str] | None = None,
    max_minutes: float | None = None,
    quiet: bool = False,
) -> Run:
    """Train a model and return its run, which ``ganzoo.export`` takes.

    Args:
        what: a name from the zoo, a path to a YAML file, or a config.
        steps: length of the training; by default the config's.
        data: file or folder of the training data, for sources that read one.
        seed: by default the config's.
        overrides: further ``dotted.key=value`` texts.
        root: where runs are kept; by default the variable GANZOO_RUNS, or ``runs/`` in the present folder.
        max_minutes: stop after so long.
        quiet: show no progress, and not what the collapse watch sees; both stand in the run's log.

    Raises:
        GanzooError: for anything that is wrong with the name, the config, the data or the disk.
        KeyboardInterrupt: after Ctrl-C or SIGTERM, once the run is saved; ``ganzoo train --resume`` goes on with it.
    """
    config = experiment(what, steps=steps, data=data, seed=seed, overrides=overrides)
    require(TRAINING, action="Training")
    import_tensorflow()
    from ganzoo.training.session import start

    return _ended(*start(config, root=root, max_minutes=max_minutes, quiet=quiet, info=_unheard if quiet else _info))


def resume(
    run: str | os.PathLike[str] | Run | None = None,
    *,
    steps: int | None = None,
    data: str | os.PathLike[str] | None = None,
    allow_changed_data: bool = False,
    root: str | os.PathLike[str] | None = None,
    max_minutes: float | None = None,
    quiet: bool = False,
) -> Run:
    """Go on with a run from its newest checkpoint, as if it had never stopped, and return it.

    Args:
        run: a run, its folder, ``model/number``, or a model (its newest run); by default the newest run.
        steps: new length of the whole training, also of a finished one, where no schedule depends on the length.
        data: where the data are now, if they have moved. They are compared with those that the run began with.
        allow_changed_data: go on even if the data are not the same.
        root: where runs are kept; by default the variable GANZOO_RUNS, or ``runs/`` in the present folder.
        max_minutes: stop after so long.
        quiet: show no progress, and not what the collapse watch sees.

    Raises:
        GanzooError: if there is no such run, it is finished or in training elsewhere, or cannot be changed in this way.
        KeyboardInterrupt: after Ctrl-C or SIGTERM, once the run is saved.
    """
    require(TRAINING, action="Training")
    import_tensorflow()
    from ganzoo.runs import Run
    from ganzoo.training.changes import Changes
    from ganzoo.training.session import resume as go_on

    what = run.folder if isinstance(run, Run) else run
    changes = Changes(steps=steps, data=data, other_data=allow_changed_data)
    info = _unheard if quiet else _info
    name = None if what is None else os.fspath(what)
    return _ended(*go_on(name, root=root, changes=changes, max_minutes=max_minutes, quiet=quiet, info=info))


def export(
    run: str | os.PathLike[str] | Run | None = None,
    folder: str | os.PathLike[str] | None = None,
    *,
    checkpoint: WhichCheckpoint = "best",
    onnx: bool = True,
    fp16: bool = False,
    savedmodel: bool = False,
    tflite: bool = False,
    license: str | None = None,
    limits: Sequence[str] = (),
    root: str | os.PathLike[str] | None = None,
    on_wait: Callable[[Holder | None], None] = lambda holder: None,
) -> Path:
    """Export the averaged generator of a run. Another process that exports the same run is waited for.

    Args:
        run: a run, its folder, ``model/number``, or a model (its newest run); by default the newest run.
        folder, checkpoint, onnx, fp16, savedmodel, tflite, license, limits: see ``ganzoo.exporters.export_run``.
        root: folder of the runs; by default the variable GANZOO_RUNS, or ``runs/`` in the present folder.
        on_wait: called with the other process before a wait, if it is known.

    Returns:
        The folder of the bundle, or else the path of the first other form.

    Raises:
        GanzooError: if there is no such run, it has no whole checkpoint, or an export differs from the generator.
    """
    from ganzoo.runs import Run, exporting, find_run

    found = run if isinstance(run, Run) else find_run(None if run is None else os.fspath(run), root=root)
    require(EXPORT, action="Exporting")
    from ganzoo.exporters import export_run

    with exporting(found, on_wait=on_wait):
        return export_run(
            found,
            folder,
            checkpoint=checkpoint,
            onnx=onnx,
            fp16=fp16,
            savedmodel=savedmodel,
            tflite=tflite,
            license=license,
            limits=limits,
        )


def _ended(run: Run, outcome: Outcome) -> Run:
    """The run; after Ctrl-C an end of the script, which would otherwise use what is not trained."""
    if outcome.reason == "interrupted":
        go_on = command("train --resume", run_word(run.folder))
        raise KeyboardInterrupt(f"Run {run.name} is saved at step {outcome.step}: {go_on}")
    return run


def _info(text: str) -> None:
    """A line for a reader, such as a warning of the collapse watch."""
    print(text, file=sys.stderr)


def _unheard(text: str) -> None:
    """Nothing."""


def experiment(
    what: str | Path | Config,
    *,
    steps: int | None = None,
    data: str | os.PathLike[str] | None = None,
    seed: int | None = None,
    overrides: Sequence[str] = (),
) -> Config:
    """The config that ``train`` trains with the same arguments. Imports no TensorFlow and writes nothing.

    Raises:
        UnknownNameError: if no model of the zoo has the name.
        ConfigError: if the file, an argument or an override is wrong, or the data source reads no files.
    """
    from ganzoo.config.zoo import load_config

    changes = list(overrides)
    changes += [] if steps is None else [f"training.steps={steps}"]
    changes += [] if seed is None else [f"training.seed={seed}"]
    return load_config(what, changes, data=data)
