"""Measures the time from a new process to one image: with ganzoo, and with NumPy and ONNX Runtime only."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from generate_speed import make_bundle
from interleaved import keep

OURS = "import ganzoo; ganzoo.load({bundle!r}).generate(0)"
BARE = (
    "import numpy as np, onnxruntime as ort; s = ort.InferenceSession({model!r}, providers=['CPUExecutionProvider']);"
    "z = np.random.RandomState(0).standard_normal((1, 100)).astype('f4');"
    "((s.run(None, {{'latent': z}})[0] + 1) * 127.5).round().astype('u1')"
)


def seconds(code: str) -> float:
    """Return the wall time of ``python -c code``. ONNX Runtime's telemetry is off, as ganzoo turns it off."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"ORT_DISABLE_TELEMETRY": "1"})
    return time.perf_counter() - begun


def main(repeats: int = 15) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bundle = make_bundle(Path(folder))
        ours, bare = OURS.format(bundle=bundle), BARE.format(model=f"{bundle}/onnx/model.onnx")
        seconds(ours), seconds(bare)  # fills the disk cache before the measurement
        pairs = [(seconds(ours), seconds(bare)) for _ in range(repeats)]
    ratio = statistics.median(mine / other for mine, other in pairs)
    mine, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"ganzoo {mine:.3f} s, bare {other:.3f} s, ratio {ratio:.2f} (median of {repeats} pairs)")
    keep("cold_start", [{"ganzoo_seconds": mine, "bare_seconds": other, "ratio": ratio}])


if __name__ == "__main__":
    main()
