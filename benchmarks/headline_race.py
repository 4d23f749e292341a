"""The race of the headline benchmark: contenders train in turns, each on one core of its own.

``headline.py`` explains why. A contender is a script of ``peers/`` in its own process; ``peers/clock.py`` is its side.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import queue
import random
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PEERS = Path(__file__).parent / "peers"
SCRIPTS = {
    "ganzoo": "ganzoo_recipe.py",
    "torch_tutorial": "torch_dcgan.py",
    "keras_example": "keras_dcgan.py",
    "torch_same_networks": "torch_dcgan.py",
}
"""Contender -> its script."""
Group = list[tuple[str, int]]
"""Contenders that train at the same time, each with its core."""


class Racer:
    """The process of a contender. It trains on one core between ``begin`` and ``wait``."""

    def __init__(self, name: str, folder: Path, python: str, *, core: int, one_dnn: bool | None) -> None:
        self.name, self.log = name, folder / "log.txt"
        with self.log.open("a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [python, str(PEERS / SCRIPTS[name]), "train", str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment(one_dnn),
                preexec_fn=lambda: os.sched_setaffinity(0, {core}),
            )
        self.seconds, self.done = 0.0, False
        self.wait()

    def begin(self, core: int, until: float) -> None:
        """Train on a core until the training time is ``until`` seconds."""
        for thread in Path(f"/proc/{self.process.pid}/task").iterdir():
            with contextlib.suppress(ProcessLookupError):  # a thread that has just ended
                os.sched_setaffinity(int(thread.name), {core})
        with contextlib.suppress(BrokenPipeError):  # if the process has ended, wait() reports it
            self.process.stdin.write(f"{until}\n")  # type: ignore[union-attr]
            self.process.stdin.flush()  # type: ignore[union-attr]

    def wait(self) -> None:
        """Wait for the end of the turn."""
        answer = self.process.stdout.readline()  # type: ignore[union-attr]
        if not answer:
            raise SystemExit(f"The contender '{self.name}' ended before its time. The reason is in {self.log}")
        state = json.loads(answer)
        self.seconds, self.done = state["seconds"], state["done"]

    def stop(self) -> None:
        """End the process. All that it needs to continue is saved."""
        self.process.kill()
        self.process.wait()


def environment(one_dnn: bool | None) -> dict[str, str]:
    """Return the variables of a contender's process: one thread for OpenMP, and TensorFlow's oneDNN on or off."""
    made = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    return made if one_dnn is None else made | {"TF_ENABLE_ONEDNN_OPTS": str(int(one_dnn))}


def turns(names: Sequence[str], cores: Sequence[int]) -> Iterator[list[Group]]:
    """Yield rounds without end. In a round, each contender has one turn."""
    orders = list(itertools.permutations(names))
    random.Random(0).shuffle(orders)
    for order in itertools.cycle(orders):
        yield [
            list(zip(order[first : first + len(cores)], cores, strict=False))
            for first in range(0, len(order), len(cores))
        ]


def train(racers: Mapping[str, Racer], cores: Sequence[int], slice_seconds: float) -> None:
    """Let all contenders train in turns until they have all their snapshots."""
    done = int(min(racer.seconds for racer in racers.values()) // slice_seconds)
    for number, groups in enumerate(turns(list(racers), cores), start=done + 1):
        for group in groups:
            running = [(racers[name], core) for name, core in group if not racers[name].done]
            for racer, core in running:
                racer.begin(core, number * slice_seconds)
            for racer, _ in running:
                racer.wait()
        print(", ".join(f"{name} {racer.seconds / 60:.1f} min" for name, racer in racers.items()), flush=True)
        if all(racer.done for racer in racers.values()):
            return


def sample(
    folders: Mapping[str, Path], pythons: Mapping[str, str], cores: Sequence[int], one_dnn: Mapping[str, bool | None]
) -> None:
    """Generate the samples of all snapshots, one contender on each core at a time, with oneDNN as in its training."""
    free: queue.Queue[int] = queue.Queue()
    for core in cores:
        free.put(core)

    def make(name: str) -> None:
        core, path = free.get(), folders[name] / "log.txt"
        command = [pythons[name], str(PEERS / SCRIPTS[name]), "sample", str(folders[name])]
        with path.open("a", encoding="utf-8") as log:
            made = subprocess.run(
                command,
                check=False,
                stdout=log,
                stderr=log,
                env=environment(one_dnn[name]),
                preexec_fn=lambda: os.sched_setaffinity(0, {core}),
            )
        free.put(core)
        if made.returncode:
            raise SystemExit(f"The contender '{name}' cannot generate its samples. The reason is in {path}")

    with ThreadPoolExecutor(len(cores)) as pool:
        list(pool.map(make, folders))
