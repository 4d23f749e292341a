"""Train, resume and export: one body for Python and for the command line.

``evaluate``, ``publish``, ``pull`` and ``load`` need no TensorFlow: see ``evaluation``, ``hub`` and ``inference``.
Here, everything that can be checked without TensorFlow is checked before TensorFlow is imported.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ganzoo.arguments import real_number, whole_number
from ganzoo.environment.cluster import Cluster, find_cluster
from ganzoo.environment.commands import command as command_text
from ganzoo.environment.commands import run_word
from ganzoo.environment.places import expanded
from ganzoo.environment.requirements import EXPORT, require
from ganzoo.errors import RunError

if TYPE_CHECKING:
    from ganzoo.config.experiment import Config
    from ganzoo.environment.locks import Holder
    from ganzoo.exporters.blend import Blend
    from ganzoo.exporters.formats import Format
    from ganzoo.exporters.restore import WhichCheckpoint
    from ganzoo.runs import Run
    from ganzoo.training.callbacks import Callback
    from ganzoo.training.outcome import Outcome

Info = Callable[[str], None]


def train(
    what: str | Path | Config,
    *,
    steps: int | None = None,
    data: Any = None,
    seed: int | None = None,
    overrides: Sequence[str] = (),
    root: str | os.PathLike[str] | None = None,
    max_steps: int | None = None,
    max_minutes: float | None = None,
    quiet: bool = False,
    info: Info | None = None,
    callbacks: Sequence[Callback] = (),
    on_end: Callable[[Run, Outcome], None] = lambda run, outcome: None,
    command: str | None = None,
    devices: Sequence[int] | None = None,
    cluster: Cluster | None = None,
) -> Run:
    """Train a model and return its run, for example for ``ganzoo.export``.

    Args:
        what: a name from the zoo, a path to a YAML file, or a config.
        steps: length of the training; by default the config's.
        data: the training data, instead of the config's. A path of a file or folder, for sources that read one; images
            as a uint8 array ``[n, h, w, c]`` of the config's size, or vectors as a float32 array ``[n, d]`` for a
            config that has vectors; a pair of such an array and labels ``[n]``; or a ``tf.data.Dataset`` of images or
            of (image, label), which is read into memory. Only a path is saved with the run, so resume such a run with
            the same data in the same order.
        seed: by default the config's.
        overrides: further ``dotted.key=value`` texts.
        root: folder of the runs; by default the variable GANZOO_RUNS, or ``runs/`` in the current folder.
        max_steps: stop at this step. The run can be resumed.
        max_minutes: stop after this time. The run can be resumed.
        quiet: show no progress, and by default no messages. The run's log has the warnings of the collapse watch.
        info: called with messages; by default they are printed to standard error.
        callbacks: objects of classes derived from ``ganzoo.Callback``. They get the log, the samples and the
            checkpoints, and can stop the training.
        on_end: called with the run and why it ended, before KeyboardInterrupt is raised.
        command: the command that starts the same training, for the model card.
        devices: indices of the GPUs to use; by default all that TensorFlow can use.
        cluster: the processes that train this run together; by default those of ``TF_CONFIG``, torchrun or SLURM, if
            this process was started by one of them. All but the first write nothing, and return the run of the first.

    Raises:
        GanzooError: if the name, the config, the data or the disk is wrong.
        KeyboardInterrupt: after Ctrl-C or SIGTERM, when the run is saved; ``ganzoo train --resume`` goes on with it.
        Exception: of a callback, unchanged, when the run is saved.
    """
    from ganzoo.training.session import start

    _check_limits(max_steps, max_minutes)
    config = experiment(what, steps=steps, data=data, seed=seed, overrides=overrides)
    cluster = cluster or find_cluster()
    ended = start(
        config,
        data=data if is_given(data) else None,
        root=root,
        max_steps=max_steps,
        max_minutes=max_minutes,
        quiet=quiet,
        info=_listener(info, quiet=quiet),
        callbacks=callbacks,
        command=command,
        devices=devices,
        cluster=cluster,
    )
    return _ended(*ended, on_end, cluster)


def resume(
    run: str | os.PathLike[str] | Run | None = None,
    *,
    steps: int | None = None,
    data: Any = None,
    allow_changed_data: bool = False,
    hub: str | Mapping[str, Any] | Literal[False] | None = None,
    root: str | os.PathLike[str] | None = None,
    max_steps: int | None = None,
    max_minutes: float | None = None,
    quiet: bool = False,
    info: Info | None = None,
    callbacks: Sequence[Callback] = (),
    on_end: Callable[[Run, Outcome], None] = lambda run, outcome: None,
    devices: Sequence[int] | None = None,
    cluster: Cluster | None = None,
) -> Run:
    """Resume a run from its newest checkpoint, as if it had never stopped, and return it.

    Args:
        run: a run, its folder, ``model/number``, or a model (its newest run); by default the newest run.
            ``hf://user/name`` is a run that was saved on the Hugging Face Hub (``training.hub``); its newest checkpoint
            is fetched.
        steps: new length of the whole training, also of a finished run, if no schedule depends on the length.
        data: the new path of the data. If ``train`` got an array or a ``tf.data.Dataset``, the same data again. They
            are compared with the data of the run's start.
        allow_changed_data: go on even if the data are not the same.
        hub: new value of ``training.hub``, such as ``"user/name"``; False turns it off.
        root, max_steps, max_minutes, quiet, info, callbacks, on_end, devices, cluster: as in ``train``. The number of
            devices and processes may differ from before.

    Raises:
        GanzooError: if there is no such run, it is finished or in training elsewhere, or a change is not possible.
        KeyboardInterrupt: after Ctrl-C or SIGTERM, when the run is saved.
    """
    from ganzoo.training import session
    from ganzoo.training.changes import Changes

    _check_limits(max_steps, max_minutes)
    cluster = cluster or find_cluster()
    ended = session.resume(
        _run_name(run),
        root=root,
        changes=Changes(
            steps=steps,
            data=None if is_given(data) else data,
            given=data if is_given(data) else None,
            other_data=allow_changed_data,
            hub=hub,
        ),
        max_steps=max_steps,
        max_minutes=max_minutes,
        quiet=quiet,
        info=_listener(info, quiet=quiet),
        callbacks=callbacks,
        devices=devices,
        cluster=cluster,
    )
    return _ended(*ended, on_end, cluster)


def export(
    run: str | os.PathLike[str] | Run | None = None,
    folder: str | os.PathLike[str] | None = None,
    *,
    checkpoint: WhichCheckpoint = "best",
    formats: Sequence[Format] = ("onnx",),
    blend: float | None = None,
    license: str | None = None,
    limits: Sequence[str] = (),
    root: str | os.PathLike[str] | None = None,
    info: Info = lambda text: None,
) -> Path:
    """Export the averaged generator of a run. If another process exports the same run, wait for it.

    Args:
        run: a run, its folder, ``model/number``, or a model (its newest run); by default the newest run.
        folder: path of the bundle. Default: ``bundle`` in the run folder. Other formats are written next to it, under
            their own names. If exactly one other format is requested, and no bundle, this is its path. With
            ``blend=0.35``, the default names are ``bundle-blend-0.35``, ``model-blend-0.35.tflite`` and so on.
        checkpoint: ``best`` by the evaluation during training (the newest if there was none), ``newest``, or the step
            of an existing checkpoint.
        formats: the formats. ``onnx`` is a bundle with an ONNX file; ``fp16`` and ``critic`` are a bundle with a
            float16 graph or with the discriminator in addition, for ``generate(seed, best_of=4)``. All others are
            exporters: ``savedmodel``, ``tflite``, and those of plug-ins (``ganzoo parts exporters``). An exporter with
            options is a mapping, ``{"name": "tflite", "tolerance": 0.001}``, or the exporter itself.
        blend: export an average of the run's weights and those of ``training.init_from``. The number is the share of
            the run's weights, above 0 and at most 1, such as 0.35.
        license: license of the weights for the model card, an identifier of the Hub such as "cc-by-4.0".
        limits: sentences for the model card: known flaws of the samples, and uses to avoid.
        root: folder of the runs; by default the variable GANZOO_RUNS, or ``runs/`` in the current folder.
        info: called with messages before an export and before a wait.

    Returns:
        The folder of the bundle, or the path of the first other form.

    Raises:
        GanzooError: if there is no such run, format or option, all its checkpoints are damaged, or an export differs
            from the generator.
    """
    from ganzoo.exporters.formats import Formats
    from ganzoo.resolve import find_training
    from ganzoo.runs import exporting

    folder = None if folder is None else expanded(folder)
    found = find_training(_run_name(run), root=root)
    Formats.of(formats)
    if blend is not None:
        from ganzoo.exporters.blend import check_blend

        check_blend(found, blend)
    require(EXPORT, action="Exporting")
    info(f"Exporting run {found.name} ...")
    from ganzoo.exporters import export_run

    def on_wait(holder: Holder | None) -> None:
        info(f"Waiting for another export of this run, by {holder or 'another process'} ...")

    with exporting(found, on_wait=on_wait):
        return export_run(
            found,
            folder,
            checkpoint=checkpoint,
            formats=formats,
            blend=None if blend is None else _blend(found, blend, root=root),
            license=license,
            limits=limits,
            info=info,
        )


def _blend(run: Run, share: float, *, root: str | os.PathLike[str] | None) -> Blend:
    """The average of the run's weights and those that it began with."""
    from ganzoo.exporters.blend import Blend
    from ganzoo.training import init_from
    from ganzoo.training.initial_weights import load_initial

    try:
        return Blend(share, load_initial(run))
    except RunError:
        _, source = init_from.resolve(run.config, root=root)
        if not isinstance(source, dict):  # other numbers than those of the start, which make the same images
            raise
        return Blend(share, source)


def _check_limits(steps: object, minutes: object) -> None:
    if steps is not None:
        whole_number(steps, low=1, what="max_steps is a whole number above 0, or None for no limit")
    if minutes is not None:
        real_number(
            minutes, low=0.0, high=sys.float_info.max, what="max_minutes is a number from 0, or None for no limit"
        )


def is_given(data: object) -> bool:
    """Whether ``data`` are the data themselves, and not a path or None."""
    return data is not None and not isinstance(data, str | os.PathLike)


def _run_name(run: str | os.PathLike[str] | Run | None) -> str | None:
    """What ``find_run`` takes."""
    from ganzoo.runs import Run

    return None if run is None else os.fspath(run.folder if isinstance(run, Run) else run)


def _ended(run: Run, outcome: Outcome, on_end: Callable[[Run, Outcome], None], cluster: Cluster | None = None) -> Run:
    """The run. Ctrl-C ends the calling script, which expects a trained run."""
    if cluster is None or cluster.is_chief:
        on_end(run, outcome)
    if outcome.reason == "interrupted":
        go_on = command_text("train --resume", run_word(run.folder))
        raise KeyboardInterrupt(f"Run {run.name} is saved at step {outcome.step}: {go_on}")
    return run


def _listener(info: Info | None, *, quiet: bool) -> Info:
    """The function for messages: the caller's, or one that prints to standard error."""

    def print_message(text: str) -> None:
        if not quiet:
            print(text, file=sys.stderr)

    return print_message if info is None else info


def experiment(
    what: str | Path | Config,
    *,
    steps: int | None = None,
    data: Any = None,
    seed: int | None = None,
    overrides: Sequence[str] = (),
) -> Config:
    """The config that ``train`` uses with the same arguments. Imports no TensorFlow and writes nothing.

    Raises:
        UnknownNameError: if no model of the zoo has the name; with the next command if it is a pretrained model.
        ConfigError: if the file, an argument or an override is wrong, or ``data`` is a path for a source without files.
    """
    from ganzoo.config.zoo import load_config
    from ganzoo.errors import UnknownNameError

    given = is_given(data)
    changes = list(overrides)
    changes += [] if steps is None else [f"training.steps={steps}"]
    changes += [] if seed is None else [f"training.seed={seed}"]
    try:
        if given:
            from ganzoo.data.given import config_for_given

            what = config_for_given(load_config(what))
        return load_config(what, changes, data=None if given else data)
    except UnknownNameError as error:
        pretrained = _pretrained_text(what)
        raise UnknownNameError(pretrained) if pretrained else error from None


def _pretrained_text(what: object) -> str | None:
    """The message for a pretrained model in the place of a config; None if it is none."""
    from ganzoo.config.zoo import config_files
    from ganzoo.hub.pretrained import find_pretrained

    model = find_pretrained(what) if isinstance(what, str) else None
    if model is None or not isinstance(what, str):
        return None
    config = model.facts.config
    where = command_text("train", config) if config and config in config_files() else "its model card has the config"
    trained = f", trained with the config {config}: {where}" if config else ""
    return f"'{what}' is a pretrained model{trained}. To generate with it: {command_text('generate', what)}"
