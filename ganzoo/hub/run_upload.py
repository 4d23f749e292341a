"""Uploads a run to the Hub while it trains, in the background.

A failed upload never stops the training. It is repeated after a pause, or with the next checkpoint.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ganzoo.config.experiment import Config
from ganzoo.config.run_on_hub import RunOnHub
from ganzoo.environment import files
from ganzoo.environment.commands import command, run_word
from ganzoo.errors import GanzooError, reason
from ganzoo.hub.fetch import without_bars
from ganzoo.hub.run_commit import commit_copy
from ganzoo.hub.run_copy import copy_run
from ganzoo.runs import Run

FIRST_PAUSE, LONGEST_PAUSE = 60.0, 900.0
"""Seconds before a failed upload is repeated. The pause doubles each time."""
_FOLDER = "hub-upload"


@dataclass
class _Copy:
    """The files of the run at one checkpoint, which wait for their upload."""

    step: int
    folder: Path


class RunUpload:
    """Uploads the checkpoints of one run, of several that wait the newest one.

    Args:
        run: the run.
        config: its config.
        settings: its ``training.hub``.
        step: at which the training begins; 0 for a new run.
        known: the steps of its checkpoints on the Hub, as ``check_repo`` returns them.
        info: called with messages: the first of several failures, and the success after it.
        token: by default HF_TOKEN or the token saved by ``hf auth login``.
    """

    def __init__(
        self,
        run: Run,
        config: Config,
        settings: RunOnHub,
        *,
        step: int,
        known: set[int] | None,
        info: Callable[[str], None],
        token: str | None = None,
    ) -> None:
        self.run, self.config, self.settings = run, config, settings
        self._info, self._token = info, token
        self._first_step = self._last_step = step
        self._known, self._attempted = known, set[int]()
        self._last_multiple = step // settings.every
        self._place, self._numbers = run.folder / _FOLDER, itertools.count()
        files.remove(self._place)  # of a killed training
        self._changed = threading.Condition()
        self._waiting: _Copy | None = None
        self._is_busy = self._is_closing = False
        self._failure: str | None = None
        self._thread = threading.Thread(target=self._work, name="ganzoo-hub", daemon=True)
        self._thread.start()

    def add_if_due(self, step: int) -> None:
        """Upload the checkpoint ``step`` if it is the first one since a multiple of ``training.hub.every``."""
        multiple = step // self.settings.every
        if multiple != self._last_multiple:
            self._last_multiple = multiple
            self.add(step)

    def add(self, step: int) -> None:
        """Copy the run at its checkpoint ``step``, and upload the copy instead of one that still waits."""
        self._last_step = step
        copy = _Copy(step, self._place / str(next(self._numbers)))
        try:
            self._place.mkdir(exist_ok=True)
            copy.folder.mkdir()
            copy_run(self.run, self.config, copy.folder, step=step)
        except OSError as error:
            files.remove(copy.folder)
            self._fail(step, f"its files cannot be copied: {reason(error)}.")
            return
        with self._changed:
            older, self._waiting = self._waiting, copy
            self._changed.notify_all()
        if older is not None:
            files.remove(older.folder)

    def close(self) -> None:
        """Wait for the last upload, and report if it failed. Ctrl-C ends the wait."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
            is_busy = self._is_busy or self._waiting is not None
        if is_busy:
            self._info("Saving the run on the Hub (Ctrl-C skips it) ...")
        failure = None
        try:
            while self._thread.is_alive():
                self._thread.join(0.2)  # in parts, so that Ctrl-C is noticed
            failure = self._failure
        except KeyboardInterrupt:
            failure = "Skipped."
        files.remove(self._place)
        if failure is not None:
            later = command("train --resume", run_word(self.run.folder), options=f"--max-steps {self._last_step}")
            self._info(f"The newest checkpoint is not on the Hub: {failure} To save it there later: {later}")

    def _work(self) -> None:
        """The thread: upload each copy, and try again after a pause if that fails."""
        pause = FIRST_PAUSE
        while True:
            with self._changed:
                while self._waiting is None and not self._is_closing:
                    self._changed.wait()
                copy, self._waiting, is_last = self._waiting, None, self._is_closing
                self._is_busy = copy is not None
            if copy is None:
                return
            failure = self._upload(copy)
            with self._changed:
                self._is_busy = False
                if failure is not None and not is_last and self._waiting is None:
                    self._waiting = copy
                else:
                    files.remove(copy.folder)
            if failure is None:
                pause = FIRST_PAUSE
                self._succeed(copy.step)
                continue
            self._fail(copy.step, failure)
            with self._changed:
                if self._waiting is copy and not self._is_closing:
                    self._changed.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _upload(self, copy: _Copy) -> str | None:
        """Upload a copy. Returns why that failed, as a sentence."""
        try:
            with without_bars():  # they would be drawn into that of the training
                self._known = commit_copy(
                    copy.folder,
                    self.config,
                    self.settings,
                    step=copy.step,
                    first_step=self._first_step,
                    known=self._known,
                    attempted=self._attempted,
                    token=self._token,
                )
                self._attempted.clear()
        except GanzooError as error:
            self._attempted.add(copy.step)
            return " ".join(str(error).split())
        except Exception as error:  # whatever it is, the training goes on
            self._attempted.add(copy.step)
            return f"{reason(error)}."
        return None

    def _succeed(self, step: int) -> None:
        failed, self._failure = self._failure is not None, None
        if failed:
            self._report(f"Step {step} is saved on the Hub.")

    def _fail(self, step: int, failure: str) -> None:
        """Report the first failure in a row. The failure of the last upload is reported by ``close``."""
        is_first, self._failure = self._failure is None, failure
        if is_first and not self._is_closing:
            self._report(
                f"Step {step} is not saved on the Hub: {failure} The training goes on, and ganzoo tries again."
            )

    def _report(self, text: str) -> None:
        """Call ``info`` in the thread, which goes on if that fails."""
        with contextlib.suppress(Exception):
            self._info(text)
