"""Saves a run on the Hugging Face Hub while it trains (``training.hub``), and continues a run that is saved there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.config.experiment import Config
from ganzoo.environment.commands import command
from ganzoo.errors import RunError
from ganzoo.hub.reference import SCHEME, is_repo, is_run_name, require_reference
from ganzoo.resolve import find_training
from ganzoo.runs import Run
from ganzoo.training.callbacks import Callback

if TYPE_CHECKING:
    from ganzoo.hub.run_upload import RunUpload

Info = Callable[[str], None]
SHORT = "hub:"
"""Another prefix for ``hf://``."""


def check(config: Config, *, step: int | None, info: Info) -> set[int] | None:
    """Check, before anything is loaded, that the run may be saved at ``training.hub``. Does nothing without it.

    Args:
        config: of the run.
        step: of the run's newest checkpoint; None for a new run.
        info: called with a message if the Hub cannot be reached.

    Returns:
        The steps of the run's checkpoints on the Hub; None if they are not known.

    Raises:
        HubError: if not. The message names what to do.
    """
    settings = config.training.hub
    if settings is None:
        return None
    from ganzoo.hub.run_commit import check_repo

    return check_repo(config, settings, step=step, info=info)


@contextlib.contextmanager
def saving(
    run: Run, config: Config, *, step: int, known: set[int] | None, info: Info
) -> Iterator[tuple[Callback, ...]]:
    """Yield the callbacks that save the run on the Hub during the block; none without ``training.hub``.

    At the end of the block, also after an exception, the newest checkpoint is saved.

    Args:
        run: the run.
        config: its config.
        step: of the intact checkpoint that the training begins with; 0 for a new run.
        known: the result of ``check``.
        info: called with messages about failed uploads.
    """
    settings = config.training.hub
    if settings is None:
        yield ()
        return
    from ganzoo.hub.run_upload import RunUpload

    info(f"The run will be saved on the Hub every {settings.every:,} steps: {SCHEME}{settings.repo}")
    upload = RunUpload(run, config, settings, step=step, known=known, info=info)
    callback = _Saving(upload, step)
    try:
        if step:
            upload.add(step)
        yield (callback,)
    finally:
        if callback.newest:
            upload.add(callback.newest)
        upload.close()


def find_or_fetch(name: str | None, *, root: str | os.PathLike[str] | None, info: Info) -> Run:
    """The run that ``name`` names here, or on the Hub as ``hf://user/name``. It is fetched if it is newer there.

    Raises:
        GanzooError: if there is no such run, it cannot be fetched, or it is damaged.
    """
    prefix = next((prefix for prefix in (SCHEME, SHORT) if (name or "").startswith(prefix)), None)
    if name is not None and prefix is not None:
        from ganzoo.hub.run_download import fetch_run

        reference = require_reference(SCHEME + name.removeprefix(prefix))
        return fetch_run(reference, newest=_newest_intact, root=root, info=info)
    try:
        return find_training(name, root=root)
    except RunError as error:
        if name is None or not is_repo(name) or is_run_name(name):
            raise
        there = command("train --resume", f"{SCHEME}{name}")
        raise RunError(f"{error} A run that is saved on the Hugging Face Hub: {there}") from error


def _newest_intact(folder: Path) -> int:
    """The step of the newest intact checkpoint; 0 if there is none."""
    from ganzoo.training.checkpoint import load_newest

    try:
        found = load_newest(folder)
    except RunError:
        return 0
    return 0 if found is None else found.step


class _Saving(Callback):
    def __init__(self, upload: RunUpload, step: int) -> None:
        self._upload, self.newest = upload, step

    def on_checkpoint(self, step: int, folder: Path) -> None:
        self.newest = step
        self._upload.add_if_due(step)
