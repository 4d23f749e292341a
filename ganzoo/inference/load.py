"""``ganzoo.load``: from a name or a folder to a Generator.

A bundle that is named by its folder is loaded without pydantic, YAML or any network library, because this is the way
to the first picture. Everything else is imported where it is needed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.environment.places import expanded
from ganzoo.environment.requirements import EXPORT, require
from ganzoo.errors import BundleError, GanzooError, HubError, RunError, UnknownNameError, did_you_mean
from ganzoo.hub.reference import DEFAULTS, SCHEME, HubOptions, is_run_name, parse_reference

if TYPE_CHECKING:
    from ganzoo.bundle.folder import Bundle
    from ganzoo.inference.generator import Generator, Precision
    from ganzoo.inference.onnx_runtime import Device
    from ganzoo.runs import Run

RUN_BUNDLE = "bundle"
"""Name of the bundle inside its run's folder."""


def load(
    what: str | os.PathLike[str],
    *,
    device: Device = "auto",
    threads: int | None = None,
    precision: Precision = "float32",
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    local_files_only: bool = False,
    force_download: bool = False,
    root: str | os.PathLike[str] | None = None,
) -> Generator:
    """Load a trained generator; TensorFlow is not needed, unless a run has to be exported first.

    Args:
        what: a bundle folder, a run folder, ``model/number`` or a model's name for a run in ``root``, a pretrained
            model of the zoo (``ganzoo list --pretrained``), or a model on the Hugging Face Hub: ``user/name``,
            ``user/name@revision``, ``hf://user/name``. The first that is there is taken; ``hf://`` is always the Hub,
            and ``name/number`` never.
        device: "cpu", "cuda", or "auto" for CUDA where it works and the CPU elsewhere.
        threads: of one run on the CPU; by default as many as there are cores.
        precision: "float16" takes ``onnx/model_fp16.onnx``, if the bundle has it.
        revision: branch, tag or commit on the Hub; by default ``main``. A full commit is loaded without asking the Hub
            once it is in the cache.
        token: for private and gated models; by default HF_TOKEN or what ``hf auth login`` has saved.
        cache_dir: by default the Hub's cache (HF_HOME).
        local_files_only: never ask the Hub.
        force_download: fetch the files again.
        root: where runs are kept; by default the variable GANZOO_RUNS, or ``runs/`` in the present folder.

    Raises:
        GanzooError: if nothing answers to the name, or what does is damaged, unsafe or cannot run here.
    """
    hub = HubOptions(revision, token, cache_dir, local_files_only, force_download)
    return open_generator(what, hub=hub, device=device, threads=threads, precision=precision, root=root)


def open_generator(
    what: str | os.PathLike[str],
    *,
    hub: HubOptions = DEFAULTS,
    before_export: Callable[[Run], None] = lambda run: None,
    device: Device = "auto",
    threads: int | None = None,
    precision: Precision = "float32",
    root: str | os.PathLike[str] | None = None,
) -> Generator:
    """``load`` for the command line: ``before_export`` is called with a run that has to be exported first."""
    from ganzoo.inference.generator import Generator, graph_file

    local = _local_bundle(what, root=root, before_export=before_export)
    if local is not None and hub.revision is not None:
        raise HubError(f"A revision is of a model on the Hub, but '{os.fspath(what)}' is here: {local}")
    folder = local or _fetched(what, hub, files=[graph_file(precision)], root=root)
    return Generator.from_bundle(folder, device=device, threads=threads, precision=precision, download=local is None)


def open_bundle(
    what: str | os.PathLike[str], *, files: list[str], root: str | os.PathLike[str] | None = None
) -> Bundle:
    """The verified bundle that ``what`` means, as in ``load``, with at least these of its files.

    Raises:
        GanzooError: if nothing answers to the name, or what does is damaged or unsafe.
    """
    from ganzoo.bundle.folder import read_bundle

    local = _local_bundle(what, root=root, before_export=lambda run: None)
    if local is not None:
        return read_bundle(local)
    return read_bundle(_fetched(what, DEFAULTS, files=files, root=root), download=True)


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
    folder = _local_bundle(what, root=root, before_export=before_export)
    if folder is None:
        raise _nothing(what, root)
    return folder


def _local_bundle(
    what: str | os.PathLike[str], *, root: str | os.PathLike[str] | None, before_export: Callable[[Run], None]
) -> Path | None:
    folder = expanded(what)
    if _is_bundle(folder):
        return folder
    run = _find_run(what, folder, root)
    return None if run is None else run_bundle(run, before_export=before_export)


def _fetched(
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
