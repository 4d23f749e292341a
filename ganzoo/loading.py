"""``ganzoo.load``: from a name or a folder to a Generator.

A bundle that is named by its folder is loaded without pydantic, YAML or any network library, because this is the way
to the first picture. Everything else is imported where it is needed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.dependencies import EXPORT, require
from ganzoo.errors import BundleError, GanzooError, RunError, UnknownNameError, did_you_mean

if TYPE_CHECKING:
    from ganzoo.inference import Generator, Precision
    from ganzoo.runs import Run
    from ganzoo.runtime import Device

RUN_BUNDLE = "bundle"
"""Name of the bundle inside its run's folder."""

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?", re.ASCII)


def load(
    what: str | os.PathLike[str],
    *,
    device: Device = "auto",
    threads: int | None = None,
    precision: Precision = "float32",
) -> Generator:
    """Load a trained generator; TensorFlow is not needed, unless a run has to be exported first.

    Args:
        what: a bundle folder, a run folder, ``model/number`` or a model's name for a run under ``runs/``.
        device: "cpu", "cuda", or "auto" for CUDA where it works and the CPU elsewhere.
        threads: of one run on the CPU; by default as many as there are cores.
        precision: "float16" takes ``onnx/model_fp16.onnx``, if the bundle has it.

    Raises:
        GanzooError: if nothing answers to the name, or what does is damaged, unsafe or cannot run here.
    """
    from ganzoo.inference import Generator

    return Generator.from_bundle(find_bundle(what), device=device, threads=threads, precision=precision)


def find_bundle(what: str | os.PathLike[str], *, before_export: Callable[[Run], None] = lambda run: None) -> Path:
    """The folder of the bundle that ``what`` means: a bundle, else a run, else a name.

    A run without an up-to-date bundle is exported.

    Args:
        what: as in ``load``.
        before_export: called with the run, if it has to be exported first, which takes a while.

    Raises:
        GanzooError: if nothing answers to the name; saying what is possible.
    """
    folder = Path(what).expanduser()
    if _is_bundle(folder):
        return folder
    run = _find_run(what, folder)
    if run is not None:
        return run_bundle(run, before_export=before_export)
    raise _nothing(what, folder)


def run_bundle(run: Run, *, before_export: Callable[[Run], None] = lambda run: None) -> Path:
    """The bundle in a run's folder, exported now unless it stands there and is of the newest checkpoint.

    Raises:
        RunError: if the run has no checkpoint.
        MissingDependencyError: if it has to be exported, and TensorFlow is not installed.
    """
    folder, steps = run.folder / RUN_BUNDLE, run.checkpoint_steps()
    exported = exported_step(run)
    if exported is not None and (not steps or exported >= steps[-1]):
        return folder
    if not steps:
        raise RunError(f"Run {run.name} has no checkpoint yet, so there is nothing to generate from.")
    try:
        require(EXPORT, action="Exporting a run")
        before_export(run)
        return run.export(folder)
    except GanzooError as error:
        if exported is None:
            raise
        older = f"\nA bundle of step {exported} is there: {folder}"
        raise type(error)(f"{error}{older}") from error


def _is_bundle(folder: Path) -> bool:
    return (folder / "metadata.json").is_file() or (folder / "config.json").is_file()


def _find_run(what: str | os.PathLike[str], folder: Path) -> Run | None:
    """A run that is named by its folder, or by its name under ``runs/``."""
    from ganzoo.runs import CONFIG, RUNS, Run, find_run

    if (folder / CONFIG).is_file():
        return Run(folder)
    if not isinstance(what, str) or not RUNS.is_dir():
        return None
    try:
        return find_run(what)
    except RunError:
        return None


def exported_step(run: Run) -> int | None:
    """Training step of the bundle in a run's folder; None if there is none, or a damaged one."""
    from ganzoo.bundle import read_bundle

    folder = run.folder / RUN_BUNDLE
    if not _is_bundle(folder):
        return None
    try:
        return read_bundle(folder).metadata.facts.training_step
    except BundleError:
        return None


def _nothing(what: str | os.PathLike[str], folder: Path) -> GanzooError:
    """Why nothing was found, and what is possible instead."""
    text = os.fspath(what)
    if folder.is_dir() and (not isinstance(what, str) or os.sep in text):
        return BundleError(
            f"'{text}' is neither a bundle (it has no config.json) nor a run (it has no config.yaml). See: ganzoo runs"
        )
    if not isinstance(what, str) or text.startswith((".", "~", os.sep)) or folder.is_absolute():
        return BundleError(f"No bundle or run at '{text}': there is no such folder. See: ganzoo runs")
    from ganzoo.zoo import config_files

    models = config_files()
    if text in models:
        return RunError(
            f"'{text}' is in the zoo, but there are no trained weights of it here. Train it: ganzoo train {text}"
        )
    from ganzoo.runs import list_runs

    runs = [name for run in list_runs() for name in (run.name, run.folder.parent.name)]
    near = did_you_mean(text, {*models, *runs})
    if not near and _HUB_ID.fullmatch(text):
        return UnknownNameError(
            f"No bundle or run '{text}' here, and this version of ganzoo cannot pull models from the Hugging Face Hub. "
            "Download the model's folder and name it by its path, or train one: ganzoo list"
        )
    return UnknownNameError(
        f"No bundle, run or model named '{text}'.{near}\nSee all: ganzoo list, and for trained ones: ganzoo runs"
    )
