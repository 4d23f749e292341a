"""Measures a generator here: time, memory and rounding, for every ONNX file, device and batch size.

Each measurement is made by a fresh process, so that its peak memory is its own. A measurement is the whole way from
seeds to samples: latents, the graph, and for images the conversion to uint8.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from ganzoo.arguments import whole_number
from ganzoo.bundle.folder import Bundle, read_bundle
from ganzoo.environment import files
from ganzoo.errors import GanzooError
from ganzoo.inference.bundle_graph import Precision, graph_file
from ganzoo.inference.generator import Generator
from ganzoo.inference.onnx_runtime import Device, built_for_cuda, import_runtime

BATCHES = (1, 16, 64)
MAX_BATCH = 4096
_COMPARED = 16
"""Number of samples that are compared with those of float32 on the CPU."""
_WARM_UP, _LEAST_RUNS, _MOST_RUNS = 2, 5, 500


class Measurement(NamedTuple):
    """One row of a benchmark.

    Attributes:
        precision: "float32" or "float16".
        device: "cpu" or "cuda".
        batch: number of samples per run, which is one call of ``Generator.sample``. The graph gets at most
            ``Generator.batch_size`` of them at once.
        milliseconds: median time of a run.
        fastest, slowest: the times between which 80% of the runs are, in milliseconds.
        runs: number of runs.
        memory: peak memory of the process in bytes, with Python and ONNX Runtime, without that of a GPU; None if the
            system does not report it.
        file_size: of the ONNX file in bytes.
        difference: largest difference from the samples of float32 on the CPU, one at a time: in levels of 256 for
            images, else of the values.
    """

    precision: Precision
    device: str
    batch: int
    milliseconds: float
    fastest: float
    slowest: float
    runs: int
    memory: int | None
    file_size: int
    difference: float


def precisions(bundle: Bundle) -> list[Precision]:
    """The precisions that a bundle has."""
    found: tuple[Precision, ...] = get_args(Precision)
    return [precision for precision in found if graph_file(precision) in bundle.metadata.files]


def devices(device: Device = "auto") -> list[Device]:
    """The devices to measure: the given one, or the CPU and, if this ONNX Runtime is built for it, CUDA.

    Raises:
        MissingDependencyError: if ONNX Runtime is not installed.
    """
    runtime = import_runtime()
    if device != "auto":
        return [device]
    return ["cpu", "cuda"] if built_for_cuda(runtime) else ["cpu"]


def benchmark(
    bundle: Bundle,
    *,
    batches: Sequence[int] = BATCHES,
    device: Device = "auto",
    threads: int | None = None,
    seconds: float = 1.0,
    info: Callable[[str], None] = lambda text: None,
) -> Iterator[Measurement]:
    """Measure a bundle; one row at a time.

    Args:
        bundle: a verified bundle with the ONNX files of its ``precisions``.
        batches: numbers of samples per run.
        device: "cpu", "cuda", or "auto" for all that work here.
        threads: CPU threads of one run; by default one per core.
        seconds: least time of the runs of a row. There are at least five runs.
        info: called with a message if CUDA does not work, and "auto" leaves it out.

    Raises:
        GanzooError: if an argument is out of range, or a measurement fails.
    """
    sizes = [
        whole_number(size, low=1, high=MAX_BATCH, what=f"A batch has 1 to {MAX_BATCH} samples") for size in batches
    ]
    with tempfile.TemporaryDirectory() as folder:
        reference = Path(folder) / "reference.npy"
        compared = _compared(Generator.from_bundle(bundle, device="cpu", threads=threads), batch=1)
        files.write_file(reference, files.npy_content(compared))
        for place in devices(device):
            for precision in precisions(bundle):
                for size in sizes:
                    task = [os.fspath(bundle.folder.absolute()), precision, place, size, threads, seconds]
                    found = _measured(task, reference)
                    if "error" in found and place == "cuda" and device == "auto":
                        info(f"CUDA is left out: {found['error']}")
                        return
                    yield _row(bundle, precision, place, size, found)


def _row(bundle: Bundle, precision: Precision, place: str, size: int, found: dict[str, Any]) -> Measurement:
    """Raises GanzooError if the measurement failed."""
    if "error" in found:
        raise GanzooError(found["error"])
    times = found["milliseconds"]
    tenths = statistics.quantiles(times, n=10, method="inclusive")
    file_size = bundle.metadata.files[graph_file(precision)].size
    return Measurement(
        precision,
        place,
        size,
        statistics.median(times),
        tenths[0],
        tenths[-1],
        len(times),
        found["memory"],
        file_size,
        found["difference"],
    )


def _measured(task: list[Any], reference: Path) -> dict[str, Any]:
    """The result of one measurement, made by a fresh process. It must not import modules of the current folder."""
    paths = [os.fspath(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    code = "from ganzoo.inference.benchmark import main; main()"
    command = [sys.executable, "-P", "-c", code, json.dumps(task), os.fspath(reference)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, encoding="utf-8", check=False)
    try:
        result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return {"error": f"The measurement of {task[1]} on {task[2]} with batches of {task[3]} failed: {last[:200]}"}
    return result


def main() -> None:
    """The measuring process: prints the times, the memory and the difference as one line of JSON."""
    task, reference = json.loads(sys.argv[1]), sys.argv[2]
    try:
        result = _measure_here(*task, reference=reference)
    except GanzooError as error:
        result = {"error": str(error)}
    sys.stdout.write(json.dumps(result) + "\n")


def _measure_here(
    folder: str,
    precision: Precision,
    device: Device,
    batch: int,
    threads: int | None,
    seconds: float,
    *,
    reference: str,
) -> dict[str, Any]:
    bundle = read_bundle(folder, keep=[graph_file(precision)], download=True)
    generator = Generator.from_bundle(bundle, device=device, threads=threads, precision=precision)
    seeds = range(batch)
    times: list[float] = []
    for _ in range(_WARM_UP):
        generator.sample(seeds)
    end = time.perf_counter() + seconds
    while len(times) < _LEAST_RUNS or (time.perf_counter() < end and len(times) < _MOST_RUNS):
        begun = time.perf_counter()
        generator.sample(seeds)
        times.append(1000 * (time.perf_counter() - begun))
    memory = peak_memory()  # before the samples that are compared are made
    expected = np.load(reference).astype(np.float64)
    difference = float(np.abs(_compared(generator, batch=batch).astype(np.float64) - expected).max())
    return {"milliseconds": times, "memory": memory, "difference": difference}


def _compared(generator: Generator, *, batch: int) -> NDArray[Any]:
    """The samples that are compared, made in batches."""
    samples = [generator.sample(range(first, first + batch)) for first in range(0, _COMPARED, batch)]
    return np.concatenate(samples)[:_COMPARED]


def peak_memory(status: Path = Path("/proc/self/status")) -> int | None:
    """The largest resident memory of this process so far, in bytes; None if the system does not report it.

    On Linux it is VmHWM: ``ru_maxrss`` of a new process starts with the memory of the process that started it.
    """
    try:
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    except (OSError, StopIteration, ValueError, IndexError):
        pass
    try:
        import resource
    except ImportError:  # on Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
