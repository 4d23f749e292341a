"""The float32 matrix peak of the machine: the fastest of several large products in NumPy (OpenBLAS).

The unit of work is one GFLOP, so it prints seconds per GFLOP.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from interleaved import serve

SIZE, PRODUCTS = 2048, 5


def main() -> None:
    a, b = np.random.default_rng(0).standard_normal((2, SIZE, SIZE), np.float32)

    def work() -> float:
        best = float("inf")
        for _ in range(PRODUCTS):
            begun = time.perf_counter()
            a @ b
            best = min(best, time.perf_counter() - begun)
        return best / (2 * SIZE**3 / 1e9)

    serve(work)


if __name__ == "__main__":
    main()
