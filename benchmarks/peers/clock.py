"""Runs one contender of the headline benchmark in its own process, and counts its training time.

The contender trains in slices. ``headline.py`` sends a line with the training second at which to pause. The clock
counts wall time only inside a slice, so a pause, a saved snapshot and a saved state cost the contender nothing. The
construction of the networks and all compilation are counted. Imports and reading the data are not.

This file imports neither TensorFlow nor PyTorch nor ganzoo, because contenders may run in different environments.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol, TextIO

import numpy as np
from numpy.typing import NDArray

SETTINGS, PROGRESS = "settings.json", "progress.json"
PACKAGES = ("torch", "tensorflow", "keras", "numpy")
STATE_SECONDS = 300
"""Training time between two saved states, which also limits the loss of a killed training."""
Weights = dict[str, NDArray[Any]]


class TimeIsUp(Exception):  # noqa: N818
    """The last snapshot is saved, so the training can end."""


class Peer(Protocol):
    """A contender. Its constructor gets the settings, and reads the data."""

    def build(self, state: Path | None) -> None:
        """Build the networks. With a folder, continue from what ``save`` wrote there."""

    def train(self, tick: Callable[[int], None]) -> None:
        """Train, and call ``tick`` with the number of real images after each step, until it raises TimeIsUp."""

    def weights(self) -> Weights:
        """Return the weights of the generator that a user would sample from."""

    def save(self, folder: Path) -> None:
        """Write the state of the training: networks, optimizers, random numbers."""

    def sample(self, weights: Weights, count: int) -> NDArray[np.uint8]:
        """Generate ``[count, h, w, 3]`` images from latents that are the same in each call. Needs no ``build``."""


class Clock:
    """Counts training time, pauses between slices, and saves a snapshot at each time of the protocol.

    Args:
        peer: the contender.
        folder: its folder.
        minutes: training times of the snapshots, rising.
        commands, answers: streams from and to ``headline.py``.
    """

    def __init__(self, peer: Peer, folder: Path, minutes: list[float], commands: TextIO, answers: TextIO) -> None:
        self.peer, self.folder, self.minutes = peer, folder, minutes
        self._commands, self._answers = commands, answers
        path = folder / PROGRESS
        empty = {"seconds": 0.0, "cpu_seconds": 0.0, "images": 0, "starts": 0, "snapshots": []}
        self.progress = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else empty
        self.progress["starts"] += 1
        self.progress["versions"] = {name: version(name) for name in PACKAGES if name in sys.modules}
        self._until, self._saved_at = 0.0, self.progress["seconds"]

    @property
    def due(self) -> list[float]:
        """Times of the snapshots that are not saved yet."""
        return self.minutes[len(self.progress["snapshots"]) :]

    def start(self) -> None:
        """Wait for the first slice."""
        self._pause()

    def tick(self, images: int) -> None:
        """Count one training step of ``images`` real images.

        Raises:
            TimeIsUp: if all snapshots are saved.
        """
        self.progress["images"] += images
        self._count()
        while self.due and self.progress["seconds"] >= 60 * self.due[0]:
            self._snapshot(self.due[0])
        if self.progress["seconds"] >= self._saved_at + STATE_SECONDS:
            self._save()
        if not self.due:
            raise TimeIsUp
        if self.progress["seconds"] >= self._until:
            self._pause()
        self._resume()

    def end(self) -> None:
        """Use the current weights for all snapshots that are left, if a recipe ended before its time."""
        if self.due:
            self.progress["ended_at_seconds"] = self.progress["seconds"]
        for minute in self.due:
            self._snapshot(minute)
        self._answer(done=True)

    def _count(self) -> None:
        self.progress["seconds"] += time.perf_counter() - self._wall
        self.progress["cpu_seconds"] += time.process_time() - self._cpu

    def _resume(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def _pause(self) -> None:
        while self.progress["seconds"] >= self._until:
            self._answer()
            command = self._commands.readline()
            if not command:
                sys.exit("The benchmark has ended.")
            self._until = float(command)
        self._resume()

    def _answer(self, *, done: bool = False) -> None:
        print(json.dumps({"seconds": self.progress["seconds"], "done": done}), file=self._answers, flush=True)

    def _snapshot(self, minute: float) -> None:
        """Save the weights of the generator."""
        np.savez(self.folder / f"weights-{minute:g}.npz", **self.peer.weights())
        self.progress["snapshots"].append(
            {"minute": minute, "seconds": self.progress["seconds"], "images": self.progress["images"]}
        )
        self._save()

    def _save(self) -> None:
        """Save the state from which a killed training continues. The older one is removed last."""
        older = self.progress.get("state")
        state = self.folder / f"state-{self.progress['images']}"
        if older != state.name:
            shutil.rmtree(state, ignore_errors=True)
            state.mkdir()
            self.peer.save(state)
        self.progress["state"] = state.name
        self._saved_at = self.progress["seconds"]
        write_json(self.folder / PROGRESS, self.progress)
        if older and older != state.name:
            shutil.rmtree(self.folder / older, ignore_errors=True)


def write_json(path: Path, values: Any) -> None:
    """Write a JSON file so that it is complete or unchanged, also if the process is killed."""
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    draft.replace(path)


def latents(count: int, dim: int) -> NDArray[np.float32]:
    """Return the latents of the samples, ``[count, dim]``. They do not occur in any training."""
    return np.random.RandomState(20_261_127).standard_normal((count, dim)).astype(np.float32)


def main(create: Callable[[Path, dict[str, Any]], Peer]) -> None:
    """Run ``python CONTENDER.py train FOLDER`` or ``python CONTENDER.py sample FOLDER``."""
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    verb, folder = sys.argv[1], Path(sys.argv[2])
    settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not reach headline.py
    peer = create(folder, settings)
    if verb == "sample":
        _sample(peer, folder, settings)
        return
    clock = Clock(peer, folder, settings["minutes"], sys.stdin, answers)
    clock.start()
    state = clock.progress.get("state")
    peer.build(folder / state if state else None)
    with contextlib.suppress(TimeIsUp):
        peer.train(clock.tick)
    clock.end()


def _end_with_parent(parent: int) -> None:
    """Exit when the benchmark ends, also in the middle of a long step."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _sample(peer: Peer, folder: Path, settings: dict[str, Any]) -> None:
    for minute in settings["minutes"]:
        path = folder / f"samples-{minute:g}.npy"
        if not path.is_file():
            with np.load(folder / f"weights-{minute:g}.npz") as weights:
                images = peer.sample(dict(weights), settings["samples"])
            draft = path.with_suffix(".tmp.npy")
            np.save(draft, images)
            draft.replace(path)
