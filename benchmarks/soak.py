"""Long runs in constant memory: millions of images, threads and processes that share a generator, 200,000 steps.

    python benchmarks/soak.py
    python benchmarks/soak.py --only threads

Each part has its own process. A thread reads the resident memory (RSS) every two seconds. What counts is the
line of least squares after the first minute, in MB an hour, and the difference between the first and the last ten
seconds after that minute. Every image of the threads and processes is compared with the image that one thread made of
the same seed. The output is a table in Markdown; the exit status is 1 if an image differs.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
from numpy.typing import NDArray

WARM_UP, INTERVAL = 60.0, 2.0
"""Seconds before the memory counts, and between two readings."""
THREADS, PROCESSES, SEEDS = 24, 4, 64
MODEL = "digits-28"
SMALL = {
    "name": "small",
    "data": {"source": "numpy", "resolution": 28, "channels": 1},
    "generator": {"latent_dim": 16, "base_channels": 8, "block": "conv_transpose"},
    "discriminator": {"base_channels": 8, "block": "strided_conv"},
    "training": {"batch_size": 16, "steps": 20, "evaluation": None},
}


class Memory:
    """Reads the resident memory of this process until ``stop``."""

    def __init__(self) -> None:
        self._readings: list[tuple[float, float]] = []
        self._stopped = threading.Event()
        self._begun = time.monotonic()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        page = os.sysconf("SC_PAGE_SIZE")
        while not self._stopped.wait(INTERVAL):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self._readings.append((time.monotonic() - self._begun, pages * page / 1e6))

    def stop(self) -> dict[str, float]:
        """What the table shows of the memory."""
        self._stopped.set()
        self._thread.join()
        late = np.array([reading for reading in self._readings if reading[0] > WARM_UP])
        minutes = (time.monotonic() - self._begun) / 60
        if len(late) < 10:
            return {"minutes": minutes}
        slope = float(np.polyfit(late[:, 0] / 3600, late[:, 1], 1)[0])
        growth = float(late[-5:, 1].mean() - late[:5, 1].mean())
        return {"minutes": minutes, "mb": float(late[:, 1].max()), "mb_per_hour": slope, "growth": growth}


def many_images(amount: int) -> dict[str, Any]:
    """Generate ``amount`` images of a small model with one thread, 256 at a time."""
    import ganzoo

    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/pixels.npy", np.random.RandomState(0).randint(0, 256, (64, 28, 28, 1)).astype(np.uint8))
        Path(folder, "small.yaml").write_text(yaml.safe_dump(SMALL))
        ganzoo_command = [sys.executable, "-m", "ganzoo"]  # in processes of their own: TensorFlow stays out of this one
        train = [*ganzoo_command, "train", "small.yaml", "--data", "pixels.npy", "--runs", "runs", "--quiet"]
        for command in (train, [*ganzoo_command, "export", "small", "--runs", "runs", "-o", "bundle"]):
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)
        generator = ganzoo.load(f"{folder}/bundle")
        memory, done = Memory(), 0
        first = generator.sample(range(256))
        while done < amount:
            made = generator.sample(range(done, done + 256))
            done += len(made)
        again = generator.sample(range(256))
        return {
            "done": f"{done:,} images",
            "different": int((first != again).any(axis=(1, 2, 3)).sum()),
        } | memory.stop()


class Shared(NamedTuple):
    """A generator that was used before, and its images of the first seeds, without a label and with one."""

    generator: Any
    expected: dict[int | None, NDArray[np.uint8]]


def shared_generator() -> Shared:
    import ganzoo

    generator = ganzoo.load(MODEL)
    return Shared(generator, {label: generator.sample(range(SEEDS), label=label) for label in (None, 3)})


def many_threads(shared: Shared, seconds: float, threads: int = THREADS) -> dict[str, Any]:
    """Call one generator from many threads at once: one image, some images, with a label and without."""
    generator, expected = shared
    done, different = [0] * threads, [0] * threads
    memory = Memory()
    until = time.monotonic() + seconds

    def work(number: int) -> None:
        rng = np.random.RandomState(number)
        while time.monotonic() < until:
            label = (None, 3)[rng.randint(2)]
            first, count = rng.randint(SEEDS), rng.choice([1, 1, 4, 16])
            seeds = range(first, min(first + count, SEEDS))
            made = generator.sample(seeds, label=label)
            done[number] += len(made)
            wrong = np.abs(made.astype(int) - expected[label][first : first + len(made)]).max(axis=(1, 2, 3)) > 0
            different[number] += int(wrong.sum())

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return {"done": f"{sum(done):,} images", "different": sum(different)} | memory.stop()


_inherited: list[Shared] = []


def _in_process(seconds: float) -> dict[str, Any]:
    return many_threads(_inherited[0], seconds, THREADS // PROCESSES)


def many_processes(seconds: float) -> dict[str, Any]:
    """The same in four processes, forked after the first use. The numbers are the largest of the four."""
    _inherited.append(shared_generator())
    with multiprocessing.get_context("fork").Pool(PROCESSES) as pool:
        results = pool.map(_in_process, [seconds] * PROCESSES, chunksize=1)
    images = sum(int(one["done"].split()[0].replace(",", "")) for one in results)
    numbers = {key: max(one[key] for one in results) for key in results[0] if key != "done"}
    return numbers | {"done": f"{images:,} images", "different": sum(one["different"] for one in results)}


def many_steps(steps: int) -> dict[str, Any]:
    """Train ``dense-ring8`` with previews, evaluations and checkpoints."""
    import ganzoo

    with tempfile.TemporaryDirectory() as folder:
        memory = Memory()
        run = ganzoo.train("dense-ring8", steps=steps, root=folder, quiet=True)
        return {"done": f"{max(run.checkpoint_steps()):,} steps", "different": 0} | memory.stop()


def parts(arguments: argparse.Namespace) -> dict[str, tuple[str, Callable[[], dict[str, Any]]]]:
    """Name -> title of the row, and what to do."""
    minutes = 60 * arguments.minutes
    return {
        "images": ("a small model, one thread, batches of 256", lambda: many_images(arguments.images)),
        "threads": (f"`{MODEL}`, {THREADS} threads, one generator", lambda: many_threads(shared_generator(), minutes)),
        "processes": (
            f"`{MODEL}`, {PROCESSES} processes with {THREADS // PROCESSES} threads each, one generator",
            lambda: many_processes(minutes),
        ),
        "steps": ("training `dense-ring8`", lambda: many_steps(arguments.steps)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Long runs, and the memory that they take.")
    parser.add_argument("--only", default="", help="Only the part of this name: images, threads, processes or steps.")
    parser.add_argument("--images", type=int, default=10_000_000)
    parser.add_argument("--minutes", type=float, default=10, help="For the threads, and for the processes.")
    parser.add_argument("--steps", type=int, default=200_000)
    parser.add_argument("--part", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    known = parts(arguments)
    if arguments.part:
        print(json.dumps(known[arguments.part][1]()))
        return
    if arguments.only and arguments.only not in known:
        parser.error(f"--only {arguments.only}: choose {', '.join(known)}")
    print("| Part | done | minutes | different images | RSS, MB | growth after the first minute, MB | MB an hour |")
    print("|---|---|---|---|---|---|---|", flush=True)
    failed = False
    for name, (title, _) in known.items():
        if arguments.only in ("", name):
            command = [sys.executable, __file__, *sys.argv[1:], "--part", name]
            made = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
            memory = [f"{made[key]:.1f}" if key in made else "" for key in ("mb", "growth", "mb_per_hour")]
            cells = [title, made["done"], f"{made['minutes']:.1f}", str(made["different"]), *memory]
            print(f"| {' | '.join(cells)} |", flush=True)
            failed |= made["different"] > 0
    sys.exit(failed)


if __name__ == "__main__":
    main()
