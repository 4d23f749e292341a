"""From what a user names to a bundle: a folder, a run, a pretrained model of the zoo, or a model on the Hub.

Everything that is slow to import is imported where it is needed, because this is on the way to the first picture.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.environment.places import expanded
from ganzoo.environment.requirements import EXPORT, require
from ganzoo.errors import BundleError, GanzooError, RunError, UnknownNameError, did_you_mean
from ganzoo.hub.reference import DEFAULTS, SCHEME, HubOptions, is_run_name, parse_reference

if TYPE_CHECKING:
    from ganzoo.bundle.folder import Bundle
    from ganzoo.runs import Run

RUN_BUNDLE = "bundle"
"""Name of the bundle inside its run's folder."""


def open_bundle(
    what: str | os.PathLike[str], *, files: list[str], root: str | os.PathLike[str] | None = None
) -> Bundle:
    """The verified bundle that ``what`` means, as in ``load``, with at least these of its files.

    Raises:
        GanzooError: if nothing answers to the name, or what does is damaged or unsafe.
    """
    from ganzoo.bundle.folder import read_bundle

    local = local_bundle(what, root=root, before_export=lambda run: None)
    if local is not None:
        return read_bundle(local)
    return read_bundle(fetched(what, DEFAULTS, files=files, root=root), download=True)


def find_bundle(
    what: str | os.PathLike[str],
    *,
    root: str | os.PathLike[str] | None = None,
    before_export: Callable[[Run], None] = lambda run: None,
) -> Path:
    """The folder of the bundle on this machine that ``what`` means: a bundle, else a run. The Hub is not asked.

    A run without an up-to-date bundle is exported.

    Args:
        what, root: as in ``load``.
        before_export: called with the run, if it has to be exported first, which takes a while.

    Raises:
        GanzooError: if nothing answers to the name; saying what is possible.
    """
    folder = local_bundle(what, root=root, before_export=before_export)
    if folder is None:
        raise _nothing(what, root)
    return folder


def local_bundle(
    what: str | os.PathLike[str], *, root: str | os.PathLike[str] | None, before_export: Callable[[Run], None]
) -> Path | None:
    """The folder of a bundle or of a run's bundle on this machine; None if ``what`` names neither."""
    folder = expanded(what)
    if _is_bundle(folder):
        return folder
    run = _find_run(what, folder, root)
    return None if run is None else run_bundle(run, before_export=before_export)


def fetched(
    what: str | os.PathLike[str], options: HubOptions, *, files: list[str], root: str | os.PathLike[str] | None
) -> Path:
    """The folder of a pretrained model's files, or of a model's on the Hub.

    Raises:
        GanzooError: if ``what`` is neither; saying what is possible.
    """
    if isinstance(what, str):
        from ganzoo.hub.pretrained import open_pretrained, pretrained_models

        model = pretrained_models().get(what)
        if model is not None:
            return open_pretrained(model, options, files=files).folder
        reference = None if Path(what).exists() else parse_reference(what, revision=options.revision)
        if reference is not None:
            from ganzoo.hub.fetch import fetch

            return fetch(reference, options, files=files).folder
    raise _nothing(what, root)


def run_bundle(run: Run, *, before_export: Callable[[Run], None] = lambda run: None) -> Path:
    """The bundle in a run's folder, exported now unless it stands there and is of the chosen checkpoint or a newer one.

    Raises:
        RunError: if the run has no checkpoint.
        MissingDependencyError: if it has to be exported, and TensorFlow is not installed.
    """
    from ganzoo.runs import exporting

    folder, exported = run.folder / RUN_BUNDLE, exported_step(run)
    if _is_new_enough(exported, run):
        return folder
    if run.chosen_step() is None:
        raise RunError(f"Run {run.name} has no checkpoint yet, so there is nothing to generate from.")
    try:
        require(EXPORT, action="Exporting a run")
        before_export(run)
        with exporting(run):
            if _is_new_enough(exported_step(run), run):  # by another process, meanwhile
                return folder
            from ganzoo.exporters import export_run

            return export_run(run, folder)
    except GanzooError as error:
        if exported is None:
            raise
        older = f"\nA bundle of step {exported} is there: {folder}"
        raise type(error)(f"{error}{older}") from error


def _is_new_enough(exported: int | None, run: Run) -> bool:
    """Whether a bundle of the step ``exported`` is of the chosen checkpoint, or a newer one."""
    chosen = run.chosen_step()
    return exported is not None and (chosen is None or exported >= chosen)


def _is_bundle(folder: Path) -> bool:
    return (folder / "metadata.json").is_file() or (folder / "config.json").is_file()


def _find_run(what: str | os.PathLike[str], folder: Path, root: str | os.PathLike[str] | None) -> Run | None:
    """A run that is named by its folder, or by its name in the folder of runs."""
    from ganzoo.runs import CONFIG, Run, find_run, runs_folder

    if (folder / CONFIG).is_file():
        return Run(folder)
    if not isinstance(what, str) or not runs_folder(root).is_dir():
        return None
    try:
        return find_run(what, root=root)
    except RunError:
        return None


def exported_step(run: Run) -> int | None:
    """Training step of the bundle in a run's folder; None if there is none, or a damaged one."""
    from ganzoo.bundle.folder import read_bundle

    folder = run.folder / RUN_BUNDLE
    if not _is_bundle(folder):
        return None
    try:
        return read_bundle(folder).metadata.facts.training_step
    except BundleError:
        return None


def _nothing(what: str | os.PathLike[str], root: str | os.PathLike[str] | None) -> GanzooError:
    """Why nothing was found, and what is possible instead."""
    text, folder = os.fspath(what), expanded(what)
    if folder.is_file():
        return BundleError(f"'{text}' is a file, and a bundle is a folder. If it is an archive, unpack it first.")
    if folder.is_dir() and (not isinstance(what, str) or os.sep in text):
        return BundleError(
            f"'{text}' is neither a bundle (it has no config.json) nor a run (it has no config.yaml). See: ganzoo runs"
        )
    if not isinstance(what, str) or text.startswith((".", "~", os.sep)) or folder.is_absolute():
        return BundleError(f"No bundle or run at '{text}': there is no such folder. See: ganzoo runs")
    from ganzoo.config.zoo import config_files
    from ganzoo.hub.pretrained import pretrained_models
    from ganzoo.runs import ELSEWHERE, list_runs, runs_folder

    models = config_files()
    if text in models:
        return RunError(
            f"'{text}' is in the zoo, but there are no trained weights of it here. Train it: ganzoo train {text}"
        )
    runs = [name for run in list_runs(root=root) for name in (run.name, run.folder.parent.name)]
    near = did_you_mean(text, {*models, *runs, *pretrained_models()})
    if is_run_name(text):
        return UnknownNameError(
            f"No run '{text}' in '{runs_folder(root).absolute()}'.{near} See all: ganzoo runs\n"
            f"{ELSEWHERE} If a model on the Hugging Face Hub has this name: {SCHEME}{text}"
        )
    return UnknownNameError(
        f"No bundle, run or model named '{text}'.{near}\nSee all: ganzoo list, ganzoo list --pretrained, and for those "
        "trained here: ganzoo runs. A model on the Hugging Face Hub is user/name."
    )
