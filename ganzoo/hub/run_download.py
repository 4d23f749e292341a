"""Fetches a run from the Hub into a run folder. Its files are checked by name, size and hash."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ganzoo.bundle.content_checks import check_png
from ganzoo.bundle.public_values import local_text
from ganzoo.config import yaml_files
from ganzoo.config.experiment import Config
from ganzoo.environment import files
from ganzoo.environment.quantities import bytes_text
from ganzoo.errors import GanzooError, HubError, RunError, reason
from ganzoo.hub.errors import Situation, explaining
from ganzoo.hub.fetch import client, endpoint, with_retries
from ganzoo.hub.file_hashes import differs, known_hash
from ganzoo.hub.reference import HubReference
from ganzoo.hub.run_files import MOST_FILES, checkpoint_steps, largest_size, step_of
from ganzoo.runs import (
    CHECKPOINTS,
    CONFIG,
    ORIGIN,
    SAMPLES,
    Run,
    checked_runs_folder,
    list_runs,
    new_run,
    read_small_json,
)


def fetch_run(
    reference: HubReference,
    *,
    newest: Callable[[Path], int],
    root: str | os.PathLike[str] | None = None,
    info: Callable[[str], None] = lambda text: None,
    token: str | None = None,
) -> Run:
    """Fetch the newest intact checkpoint of a run on the Hub, with its config, log and samples, into a new run folder.

    If the newest run of this machine that is saved there, or was fetched from there, has an intact checkpoint of the
    same or a later step, it is returned instead.

    Args:
        reference: the repo, and a commit or None for the newest one.
        newest: returns the step of the newest intact checkpoint in a folder of checkpoints; 0 if there is none.
        root: folder of the runs.
        info: called with what is fetched.
        token: by default HF_TOKEN or the token saved by ``hf auth login``.

    Returns:
        The run. Its ``training.hub.repo`` is the repo of ``reference``. A run of an older commit has no
        ``training.hub``, since the repo has later steps.

    Raises:
        HubError: if it cannot be fetched, or there is no run.
        RunError: if the fetched files are damaged, or cannot be written.
    """
    folder = checked_runs_folder(root)
    with explaining(Situation(reference, endpoint(), kind="run")):
        api: Any = client(token)
        repo = with_retries(lambda: api.model_info(reference.repo, revision=reference.revision, files_metadata=True))
        siblings = repo.siblings or ()
        sizes = {sibling.rfilename: sibling.size or 0 for sibling in siblings}
        known = {sibling.rfilename: known_hash(sibling) for sibling in siblings}
        steps = _checked_steps(reference, sizes)
        here = None if reference.revision else _saved_there(reference.repo, root=root)
        if here is not None and newest(here.folder / CHECKPOINTS) >= steps[-1]:
            info(f"{reference} has step {steps[-1]} of run {here.name}, which is not newer than here.")
            return here
        files.remove_leftovers(folder)
        temporary = files.temporary_path(folder / "hub")
        try:
            for step in reversed(steps):
                names = [name for name in sizes if _is_wanted(name, step) and not (temporary / name).exists()]
                total = sum(sizes[name] for name in names)
                _check_space(folder, total, what=f"Step {step} of {reference}")
                info(f"Fetching step {step} of {reference} ({bytes_text(total)}) ...")
                for name in names:
                    api.hf_hub_download(reference.repo, name, revision=repo.sha, local_dir=temporary)
                altered = [name for name in names if differs(temporary / name, known[name])]
                other = next((name for name in altered if not name.startswith(f"{CHECKPOINTS}/")), None)
                if other is not None:
                    raise HubError(f"{reference}: {other} is damaged: its hash is not that of commit {repo.sha[:12]}.")
                if not altered and newest(temporary / CHECKPOINTS) == step:
                    break
                info(f"Step {step} of {reference} is damaged.")
                shutil.rmtree(temporary / CHECKPOINTS)
            else:
                raise RunError(f"All checkpoints in {reference} are damaged.")
            shutil.rmtree(temporary / ".cache", ignore_errors=True)  # the client's notes about the download
            for sample in (temporary / SAMPLES).glob("*"):
                check_png(sample, f"{reference}: {SAMPLES}/{sample.name}")
            config = _read_config(temporary, reference, info=info)
            if reference.revision is None:
                origin = {"repo": reference.repo, "commit": repo.sha}
                files.write_file(temporary / ORIGIN, json.dumps(origin).encode())
            return _moved(temporary, config, root=root)
        except OSError as error:
            if error.filename is None:
                raise
            raise RunError(f"Cannot write a run in '{folder}': {reason(error)}.") from error
        finally:
            files.remove(temporary)


def _checked_steps(reference: HubReference, sizes: dict[str, int]) -> list[int]:
    """The steps of the checkpoints of the run.

    Raises:
        HubError: if there is no run, a file is too large, or there are too many files.
    """
    steps = checkpoint_steps(sizes)
    if CONFIG not in sizes or not steps:
        raise HubError(
            f"{reference} has no training run: it has {'no checkpoint' if CONFIG in sizes else f'no {CONFIG}'}. "
            "A training saves its run there with training.hub=user/name."
        )
    for name, size in sizes.items():
        limit = largest_size(name)
        if limit is not None and size > limit:
            raise HubError(f"{reference}: {name} has {size} bytes; allowed: {limit}.")
    if len(sizes) > MOST_FILES:
        raise HubError(f"{reference} has {len(sizes)} files; allowed: {MOST_FILES}.")
    return steps


def _check_space(folder: Path, size: int, *, what: str) -> None:
    """Raise RunError if the disk of a folder, which may not exist yet, has less than ``size`` bytes left."""
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if size > free:
        raise RunError(f"{what} has {bytes_text(size)}, and the disk of '{folder}' has {bytes_text(free)} left.")


def _is_wanted(name: str, step: int) -> bool:
    """Whether to fetch a file: all files of a run except those of its other checkpoints."""
    is_other = name.startswith(f"{CHECKPOINTS}/") and step_of(name) != step
    return largest_size(name) is not None and not is_other


def _saved_there(repo: str, *, root: str | os.PathLike[str] | None) -> Run | None:
    """The newest run of this machine that is saved in a repo, or was fetched from its newest commit."""
    for run in reversed(list_runs(root=root)):
        if _origin(run) == repo:
            return run
        try:
            settings = run.config.training.hub
        except (GanzooError, LookupError, TypeError):  # another run with a damaged config.yaml
            continue
        if settings is not None and settings.repo == repo:
            return run
    return None


def _origin(run: Run) -> str | None:
    """The repo that a run was fetched from."""
    try:
        return str(read_small_json(run.folder / ORIGIN, dict)["repo"])
    except (OSError, ValueError, KeyError):
        return None


def _read_config(folder: Path, reference: HubReference, *, info: Callable[[str], None]) -> Config:
    """The config of a fetched run, which is saved in the repo that it comes from, unless that has later steps.

    Raises:
        RunError: if it contains a path, which a run on the Hub never does.
        ConfigError: if it is damaged.
    """
    values = yaml_files.read_mapping(folder / CONFIG)
    config = Config.read(values, what=f"{reference}: {CONFIG}")
    path = local_text(config, values)
    if path is not None:
        raise RunError(f"{reference}: {CONFIG} contains a path, {path[:60]!a}, which ganzoo never uploads.")
    if config.training.hub is None:
        return config
    if reference.revision is not None:
        info(
            f"{reference} may be older than {reference.repo}, so the run is not saved there: training.hub is null now."
        )
        config = config.replace(**{"training.hub": None})
    else:
        config = config.replace(**{"training.hub.repo": reference.repo})
    files.write_file(folder / CONFIG, yaml_files.dump(config.to_dict()).encode())
    return config


def _moved(folder: Path, config: Config, *, root: str | os.PathLike[str] | None) -> Run:
    """The run in its final place: the next number of its model."""
    run = new_run(config.name, root=root)
    try:
        files.move_folder(folder, run.folder)
    except OSError:
        files.remove(run.folder)
        raise
    return run
