"""Compares two options of ONNX Runtime on a GPU, with faces-64: TF32, and cuDNN's search for a convolution algorithm.

It needs a GPU and ``pip install 'ganzoo-keras[gpu]'``. It does not need TensorFlow.
"""

from __future__ import annotations

import statistics
import subprocess
import time
from itertools import product
from typing import Any

import numpy as np
import onnxruntime
from interleaved import keep

import ganzoo
from ganzoo.bundle.folder import ONNX
from ganzoo.images import to_uint8

BATCHES = (1, 16, 64, 256)
NEW_BATCHES = (2, 3, 5, 7, 11, 13, 100, 200)
REPEATS, RUNS = 5, 20
SEARCHES = ("EXHAUSTIVE", "HEURISTIC", "DEFAULT")


def main() -> None:
    generator = ganzoo.load("faces-64", device="cuda")
    content, latents = generator.bundle.read(ONNX), generator.latents(range(max(BATCHES)))
    expected = ganzoo.load("faces-64", device="cpu").decode(latents)
    sessions = {"CPU": onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])}
    for tf32, search in product("10", SEARCHES):
        options = {"use_tf32": tf32, "cudnn_conv_algo_search": search}
        providers = [("CUDAExecutionProvider", options), "CPUExecutionProvider"]
        sessions[f"TF32 {'on' if tf32 == '1' else 'off'}, {search}"] = quiet_session(content, providers)
    rows = {name: accuracy(session, latents, expected) for name, session in sessions.items()}
    for name, rates in speeds(sessions, latents).items():
        rows[name] |= rates
        print(name, rows[name], flush=True)
    gpu = subprocess.run(
        ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"],
        check=True,
        capture_output=True,
        text=True,
    )
    keep("generate_cuda", [{"gpu": gpu.stdout.strip(), "rows": rows}], packages=("onnxruntime-gpu", "numpy"))


def quiet_session(content: bytes, providers: list[Any]) -> Any:
    """Return a CUDA session that does not log the algorithms that cuDNN cannot use."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(content, options, providers=providers)
    if session.get_providers()[0] != "CUDAExecutionProvider":
        raise SystemExit("ONNX Runtime cannot use CUDA on this machine. For the reason, run: ganzoo doctor")
    return session


def accuracy(session: Any, latents: Any, expected: Any) -> dict[str, float]:
    """Return the differences from ganzoo on the CPU, and the milliseconds of the first run of a new batch size."""
    run(session, latents[:8])
    firsts = [run(session, latents[:size]) for size in NEW_BATCHES]
    made = session.run(None, {"latent": latents})[0]
    levels = np.abs(to_uint8(made).astype(int) - to_uint8(expected))
    return {
        "largest_difference": float(f"{np.abs(made - expected).max():.3g}"),
        "largest_difference_in_levels": int(levels.max()),
        "equal_pixels": round(float((levels == 0).mean()), 6),
        "first_run_ms": round(statistics.median(firsts), 3),
        "first_run_ms_largest": round(max(firsts), 3),
    }


def speeds(sessions: dict[str, Any], latents: Any) -> dict[str, dict[str, Any]]:
    """Measure milliseconds per run for each batch size: median, minimum and maximum of the repeats.

    Each repeat runs every session, so other work on the machine slows all of them.
    """
    found: dict[str, dict[str, Any]] = {name: {} for name in sessions}
    for batch in BATCHES:
        times: dict[str, list[float]] = {name: [] for name in sessions}
        for repeat in range(REPEATS + 1):
            for name, session in sessions.items():
                each = [run(session, latents[:batch]) for _ in range(RUNS)]
                if repeat:  # repeat 0 is the warm-up
                    times[name].append(statistics.median(each))
        for name, values in times.items():
            found[name][f"ms_batch_{batch}"] = [
                round(value, 3) for value in (statistics.median(values), min(values), max(values))
            ]
    return found


def run(session: Any, latents: Any) -> float:
    """Return the milliseconds of one run, with the copies to and from the GPU."""
    start = time.perf_counter()
    session.run(None, {"latent": latents})
    return (time.perf_counter() - start) * 1e3


if __name__ == "__main__":
    main()
