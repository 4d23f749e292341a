"""Generation with PyTorch: channels last, inference mode. Argument: the batch size."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from contenders.networks_torch import generator
from interleaved import serve


def main(batch: int) -> None:
    model = generator().eval().to(memory_format=torch.channels_last)
    z = np.random.RandomState(0).standard_normal((batch, 100, 1, 1)).astype(np.float32)
    calls = max(4, 128 // batch)

    def work() -> float:
        begun = time.perf_counter()
        with torch.inference_mode():
            for _ in range(calls):
                model(torch.from_numpy(z).to(memory_format=torch.channels_last)).numpy()
        return (time.perf_counter() - begun) / (calls * batch)

    serve(work)


if __name__ == "__main__":
    main(int(sys.argv[1]))
