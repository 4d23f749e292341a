"""Measures how long a device waits for data that do not fit in memory: read ahead, against read when it asks for them.

The data are random images of 64 px in a memory map. Before each measurement, the system's cached pages of the file are
dropped, and no image is read twice in a measurement. So every image comes from the disk, as with data much larger than
memory. (RLIMIT_AS cannot limit the memory here: it counts the whole memory map.)

Two devices are measured. The CPU trains dcgan-faces-64. A simulated faster device sleeps as long as such a device
would compute; it needs no processor time and no copy to its own memory.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from interleaved import keep

from ganzoo.environment.tensorflow import import_tensorflow

SHAPE = (64, 64, 3)
MEMORY_LIMIT = 512 << 20
RATES = (1_000, 5_000, 10_000, 20_000)
CHUNK_SECONDS = 1.0
AHEAD, NONE = "read ahead", "read on request"


def write_images(path: Path, count: int) -> None:
    """Write random images, in blocks."""
    rng = np.random.default_rng(0)
    images = np.lib.format.open_memmap(path, "w+", np.uint8, (count, *SHAPE))
    for first in range(0, count, 4096):
        images[first : first + 4096] = rng.integers(0, 256, (min(4096, count - first), *SHAPE), np.uint8)
    images.flush()


def drop_cached(path: Path) -> None:
    """Drop the pages of a file from the system's cache. Pages that a process has mapped stay."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def pipeline(kind: str, config: Any, path: Path) -> Any:
    """Open the memory map anew, with no page in the cache."""
    from ganzoo.data.base import Dataset
    from ganzoo.training.data_order import batch_indices
    from ganzoo.training.input_pipeline import InputPipeline

    class OnRequest(InputPipeline):
        """Gathers the samples in the call that needs them."""

        def take(self, *, first: int, steps: int) -> tuple[Any, Any, Any]:
            import tensorflow as tf

            per_step = (config.training.d_steps, config.training.batch_size)
            indices = batch_indices(
                first=first, steps=steps, per_step=per_step, count=len(samples), seed=config.training.seed
            )
            needed, local = np.unique(indices, return_inverse=True)
            gathered = tf.convert_to_tensor(np.ascontiguousarray(samples[needed]))
            local = tf.convert_to_tensor(local.reshape(indices.shape).astype(np.int32))
            return gathered, tf.zeros(len(needed), tf.int32), local

    drop_cached(path)
    samples = np.load(path, mmap_mode="r")
    return {AHEAD: InputPipeline, NONE: OnRequest}[kind](config, Dataset(samples), memory_limit=MEMORY_LIMIT)


class Stopwatch:
    """Wraps a pipeline and adds up the time of ``take``, during which the device has nothing to do."""

    def __init__(self, wrapped: Any) -> None:
        self._wrapped, self.seconds = wrapped, 0.0

    def take(self, **place: int) -> Any:
        begun = time.perf_counter()
        taken = self._wrapped.take(**place)
        self.seconds += time.perf_counter() - begun
        return taken


class CpuDevice:
    """Trains dcgan-faces-64."""

    name = "CPU, dcgan-faces-64"

    def __init__(self, config: Any, folder: Path) -> None:
        from ganzoo.data.base import Dataset
        from ganzoo.runs import Run
        from ganzoo.training.running_means import RunningMeans
        from ganzoo.training.trainer import Trainer

        self._trainer = Trainer(config, Dataset(np.zeros((512, *SHAPE), np.uint8)), Run(folder))
        self._means = RunningMeans(config.objective.metrics(config))
        self._trainer.run_chunk(1, self._means)  # compiles
        self.chunk = max(1, round(CHUNK_SECONDS / (self._trainer.run_chunk(3, self._means) / 3)))

    def run(self, data: Stopwatch, *, first: int, steps: int) -> None:
        """Run the steps from ``first``."""
        self._trainer.steps.input_pipeline, self._trainer.state.step = data, first
        self._trainer.run_chunk(steps, self._means)


class StandIn:
    """Takes samples at the rate of a faster device, and sleeps instead of computing."""

    def __init__(self, config: Any, rate: int) -> None:
        self.name = f"simulated, {rate:,} images/s"
        self._seconds = config.training.batch_size / rate
        self.chunk = round(CHUNK_SECONDS / self._seconds)

    def run(self, data: Stopwatch, *, first: int, steps: int) -> None:
        """Run the steps from ``first``."""
        data.take(first=first, steps=steps)
        time.sleep(steps * self._seconds)


def waiting(
    device: CpuDevice | StandIn, data: Stopwatch, *, batch: int, seconds: float, most_steps: int
) -> tuple[float, float]:
    """Return images per second, and the share of the time in which the device waited for data."""
    step, chunk = 0, min(device.chunk, most_steps)
    for steps in (*(2**n for n in range(chunk.bit_length())), chunk):  # as in a training, the first chunks double
        device.run(data, first=step, steps=min(steps, chunk))
        step += min(steps, chunk)
    first = step
    data.seconds, begun = 0.0, time.perf_counter()
    while (wall := time.perf_counter() - begun) < seconds:
        device.run(data, first=step, steps=chunk)
        step += chunk
    return (step - first) * batch / wall, data.seconds / wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=300_000)
    parser.add_argument("--seconds", type=float, default=12.0, help="of each measurement")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="for 3.7 GB of images; by default a temporary folder")
    arguments = parser.parse_args()
    import_tensorflow()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        path = Path(folder) / "images.npy"
        write_images(path, arguments.images)
        measure(path, seconds=arguments.seconds, repeats=arguments.repeats)


def measure(path: Path, *, seconds: float, repeats: int) -> None:
    """Measure every device with each kind of reading, in turn, and print and keep the medians."""
    from ganzoo.config.zoo import load_config

    config = load_config("dcgan-faces-64", ["training.evaluation=null", "training.watch.enabled=false"])
    devices: list[CpuDevice | StandIn] = [
        CpuDevice(config, path.parent / "run"),
        *(StandIn(config, rate) for rate in RATES),
    ]
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for _ in range(repeats):
        for device in devices:
            for kind in (AHEAD, NONE):
                with pipeline(kind, config, path) as opened:
                    result = waiting(
                        device,
                        Stopwatch(opened),
                        batch=config.training.batch_size,
                        seconds=seconds,
                        most_steps=opened.most_steps,
                    )
                found.setdefault((device.name, kind), []).append(result)
                print(f"{device.name:<26} {kind:<16} {result[0]:>8.0f} images/s, waits {result[1]:.1%}", flush=True)
    rows = []
    print("\nMedians")
    for (device_name, kind), results in found.items():
        rates, shares = zip(*results, strict=True)
        rows.append({"device": device_name, "data": kind, "images_per_second": rates, "waiting": shares})
        print(
            f"{device_name:<26} {kind:<16} {statistics.median(rates):>8.0f} images/s, "
            f"waits {statistics.median(shares):.1%} ({min(shares):.1%} to {max(shares):.1%})"
        )
    keep("streaming", [{"title": "Waiting for streamed data", "rows": rows}], packages=("tensorflow", "numpy"))


if __name__ == "__main__":
    main()
