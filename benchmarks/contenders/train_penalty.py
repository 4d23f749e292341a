"""Training with a gradient penalty in the ganzoo of a folder. Argument: the options of ``penalty_speed``, as JSON."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from interleaved import serve

import ganzoo
from ganzoo.config.experiment import Config
from ganzoo.data import Dataset
from ganzoo.errors import GanzooError
from ganzoo.runs import new_run
from ganzoo.training.running_means import RunningMeans
from ganzoo.training.trainer import Trainer

try:
    from ganzoo.objectives.base import METRICS
except ImportError:  # older revisions know one step, so their means need no names
    NAMES: tuple[Any, ...] = ()
else:
    NAMES = (METRICS,)

IMAGES = 512


def config(options: dict[str, Any]) -> Config:
    """DCGAN as in ``networks_keras``, with a discriminator that judges each sample alone, as a penalty requires."""
    channels = options["channels"]
    values = {
        "data": {"source": "faces", "resolution": options["resolution"]},
        "generator": {"model": "dcgan", "latent_dim": 100, "base_channels": channels, "block": "conv_transpose"},
        "discriminator": {"model": "dcgan", "base_channels": channels, "block": "strided_conv"},
        "training": {"batch_size": options["batch"], "steps": 10**6, "penalties": options["penalties"]},
    }
    return Config.read(values)


def main(options: dict[str, Any]) -> None:
    if not Path(ganzoo.__file__).is_relative_to(options["source"]):
        raise SystemExit(f"This contender should measure {options['source']}, and imported {ganzoo.__file__}.")
    size, steps = options["resolution"], options["steps"]
    samples = np.random.default_rng(0).integers(0, 256, (IMAGES, size, size, 3), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(config(options), Dataset(samples), new_run("bench", root=Path(folder)))

        def work() -> float:
            begun = time.perf_counter()
            trainer.run_chunk(steps, RunningMeans(*NAMES))
            return (time.perf_counter() - begun) / (steps * options["batch"])

        serve(work)


if __name__ == "__main__":
    try:
        main(json.loads(sys.argv[1]))
    except GanzooError as error:
        raise SystemExit(str(error)) from None
