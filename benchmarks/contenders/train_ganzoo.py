"""Training with ganzoo: one graph runs many steps. Argument: "simultaneous" or "alternating"."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from contenders.networks_keras import BATCH, IMAGES, config
from interleaved import serve

from ganzoo.data import Dataset
from ganzoo.objectives.base import METRICS
from ganzoo.runs import new_run
from ganzoo.training.running_means import RunningMeans
from ganzoo.training.trainer import Trainer

STEPS = 3


def main(update: str) -> None:
    samples = np.random.default_rng(0).integers(0, 256, (IMAGES, 64, 64, 3), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(config(update), Dataset(samples), new_run("bench", root=Path(folder)))

        def work() -> float:
            begun = time.perf_counter()
            trainer.run_chunk(STEPS, RunningMeans(METRICS))
            return (time.perf_counter() - begun) / (STEPS * BATCH)

        serve(work)


if __name__ == "__main__":
    main(sys.argv[1])
