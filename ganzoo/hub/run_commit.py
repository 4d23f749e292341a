"""Saves a copy of a run on the Hub: one commit with the files that are new or changed, or nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from ganzoo.bundle.folder import CARD, LIMITS, METADATA
from ganzoo.bundle.model_card import is_ours
from ganzoo.config.experiment import Config
from ganzoo.config.run_on_hub import RunOnHub
from ganzoo.environment.commands import command
from ganzoo.errors import GanzooError, HubError
from ganzoo.hub.errors import Situation, explaining, unreachable
from ganzoo.hub.fetch import client, endpoint, with_retries
from ganzoo.hub.file_hashes import hashes, known_hash
from ganzoo.hub.reference import SCHEME, HubReference
from ganzoo.hub.run_card import run_card
from ganzoo.hub.run_copy import names_in
from ganzoo.hub.run_files import checkpoint_steps, largest_size, step_of
from ganzoo.runs import CHECKPOINTS, CONFIG, SAMPLES


def check_repo(
    config: Config, settings: RunOnHub, *, step: int | None, info: Callable[[str], None], token: str | None = None
) -> set[int] | None:
    """Create the repo of ``training.hub`` if it does not exist, and check that this run may be saved there.

    Args:
        config: of the run.
        settings: its ``training.hub``.
        step: of the run's newest checkpoint; None for a new run.
        info: called with a message if the Hub cannot be reached. The training can start nevertheless.
        token: by default HF_TOKEN or the token saved by ``hf auth login``.

    Returns:
        The steps of the run's checkpoints there; None if the Hub cannot be reached.

    Raises:
        HubError: if the token may not write there, or the repo is public against ``private``, or it has another run, or
            a later step of this run.
    """
    try:
        with explaining(situation(settings)):
            return _steps_of_same_run(config, _opened(settings, token), step, token)
    except HubError as error:
        if error.__cause__ is None or not unreachable(error.__cause__):
            raise HubError(f"{error} To train without saving the run there: training.hub=null") from error
        info(
            f"{endpoint()} cannot be reached, so the run is not saved on the Hub yet. The training starts, and ganzoo "
            "tries again with each upload."
        )
        return None


def commit_copy(
    folder: Path,
    config: Config,
    settings: RunOnHub,
    *,
    step: int,
    first_step: int,
    known: Collection[int] | None,
    attempted: Collection[int] = (),
    token: str | None = None,
) -> set[int]:
    """Make one commit of a copy of a run, and remove the checkpoints there that are superseded.

    Args:
        folder: the copy, by ``run_copy.copy_run``.
        config: of the run.
        settings: its ``training.hub``.
        step: of its checkpoint.
        first_step: the step at which this training began; 0 for a new run.
        known: the steps of the checkpoints that this training knows there, from ``check_repo`` or the last commit; None
            if it has not seen the repo yet.
        attempted: steps that this training tried to save before. The answer of the Hub may have been lost, so they may
            be there.
        token: by default HF_TOKEN or the token saved by ``hf auth login``.

    Returns:
        The steps of the checkpoints there after the commit.

    Raises:
        HubError: if the Hub refuses or cannot be reached, or another training has saved a checkpoint there. Nothing is
            changed then.
    """
    with explaining(situation(settings)):
        repo = _opened(settings, token)
        if known is None:
            known = _steps_of_same_run(config, repo, first_step or None, token)
        _check_own_steps(settings.repo, checkpoint_steps(_names(repo)), known, attempted)
        return _commit(folder, config, settings, repo, step=step, token=token)


def situation(settings: RunOnHub) -> Situation:
    """The upload, for messages."""
    return Situation(HubReference(settings.repo), endpoint(), doing="save")


def _check_own_steps(repo: str, steps: Collection[int], known: Collection[int], attempted: Collection[int]) -> None:
    """Raise HubError if another training has changed the checkpoints in a repo."""
    added, removed = {*steps} - {*known}, {*known} - {*steps}
    if added - {*attempted} or (removed and not added):
        what = f"has saved step {max(added)}" if added else "has removed a checkpoint"
        raise HubError(f"Another training {what} in {repo}, so this one no longer saves its run there.")


def _names(repo: Any) -> list[str]:
    return [sibling.rfilename for sibling in repo.siblings or ()]


def _commit(folder: Path, config: Config, settings: RunOnHub, repo: Any, *, step: int, token: str | None) -> set[int]:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    known = {sibling.rfilename: known_hash(sibling) for sibling in repo.siblings or ()}
    steps, names = checkpoint_steps(known), names_in(folder)
    operations: list[Any] = [
        CommitOperationAdd(path_in_repo=name, path_or_fileobj=str(folder / name))
        for name in names
        if known.get(name) not in hashes(folder / name)
    ]
    earlier = [one for one in steps if one < step]
    kept = {step, *earlier[max(0, len(earlier) - settings.keep + 1) :]}
    superseded = [name for name in known if name not in names and _is_superseded(name, kept, step)]
    operations += [CommitOperationDelete(path_in_repo=name) for name in sorted(superseded)]
    if not operations:
        return {*steps}
    if METADATA not in known and (CARD not in known or is_ours(_read(repo, CARD, token))):
        card = run_card(config, repo=settings.repo, step=step, names=names)
        operations.append(CommitOperationAdd(path_in_repo=CARD, path_or_fileobj=card.encode()))
    client(token).create_commit(
        settings.repo,
        operations,
        commit_message=f"Step {step} of {config.training.steps}",
        parent_commit=repo.sha,
    )
    return kept


def _opened(settings: RunOnHub, token: str | None) -> Any:
    """The state of the repo, which is created if it does not exist. Checks that the token may write to it."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    api: Any = client(token)
    try:
        found = with_retries(lambda: api.model_info(settings.repo, files_metadata=True))
    except GatedRepoError:
        raise
    except RepositoryNotFoundError:
        api.create_repo(settings.repo, private=settings.private)
        return with_retries(lambda: api.model_info(settings.repo, files_metadata=True))
    if settings.private and not found.private:
        raise HubError(
            f"{settings.repo} exists and is public. If the run may be public: "
            f"'training.hub={{repo: {settings.repo}, private: false}}'. Otherwise choose another repo."
        )
    try:
        with_retries(lambda: api.auth_check(settings.repo, write=True))
    except TypeError:  # before huggingface_hub 1.2 it only checks whether the repo can be read
        api.auth_check(settings.repo)
    return found


def _steps_of_same_run(config: Config, repo: Any, step: int | None, token: str | None) -> set[int]:
    """The steps of the checkpoints in a repo, if they are those of this run up to ``step``.

    Raises:
        HubError: if it has another run, or a later step of this run.
    """
    steps = checkpoint_steps(_names(repo))
    if not steps:
        return set()
    resume = command("train --resume", f"{SCHEME}{repo.id}")
    go_on = f"Continue that one: {resume}, or choose another repo for training.hub."
    if step is None:
        raise HubError(f"{repo.id} already has a run, at step {steps[-1]}. {go_on}")
    if not _is_same(config, _read(repo, CONFIG, token)):
        raise HubError(f"{repo.id} has a run with another config. {go_on}")
    if steps[-1] > step:
        raise HubError(f"{repo.id} has step {steps[-1]} of this run, and here it is at step {step}. {go_on}")
    return {*steps}


def _is_same(config: Config, text: str) -> bool:
    """Whether a config.yaml on the Hub is that of a run, except for its length, the place of its data, and the Hub."""
    from ganzoo.bundle.public_values import public_values
    from ganzoo.config import yaml_files

    changes = {"training.hub": None, "training.steps": config.training.steps}
    try:
        theirs = Config.read(yaml_files.parse(text, what=CONFIG)).replace(**changes)
        mine = Config.read(public_values(config, config.to_dict())).replace(**changes)
    except GanzooError:
        return False
    return mine == theirs


def _read(repo: Any, name: str, token: str | None) -> str:
    """The text of a small file; empty if there is none, or it is too large for one that ganzoo wrote."""
    sizes = {sibling.rfilename: sibling.size or 0 for sibling in repo.siblings or ()}
    if name not in sizes or sizes[name] > (largest_size(name) or LIMITS[CARD]):
        return ""
    api: Any = client(token)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(api.hf_hub_download(repo.id, name, revision=repo.sha, local_dir=folder))
        return path.read_text(encoding="utf-8", errors="replace")


def _is_superseded(name: str, kept: Collection[int], step: int) -> bool:
    """Whether a file on the Hub belongs to a checkpoint that is removed, or to a step that was rolled back."""
    its_step = step_of(name)
    if largest_size(name) is None or its_step is None:
        return False
    if name.startswith(f"{CHECKPOINTS}/"):
        return its_step not in kept
    return its_step > step if name.startswith(f"{SAMPLES}/") else True
