"""Measures what a checkpoint costs: milliseconds, megabytes, and its share of the time of a training.

    python benchmarks/checkpoint_cost.py                    # two models of the zoo
    python benchmarks/checkpoint_cost.py dcgan-mnist --repeats 9

Steps and checkpoints run in turn, in one process, on random images. The share is that of the model's own interval,
``training.checkpoint_every``. "step for 1%" is the time of a step at which checkpoints take 1% of a training: a device
with faster steps than this spends more than 1% on them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from interleaved import machine_facts

MODELS = ("cdcgan-faces-64", "dcgan-celeba-128")
HEADS = (
    "model",
    "weights, MB",
    "checkpoint, MB",
    "checkpoint, ms",
    "step, ms",
    "interval, steps",
    "share",
    "step for 1%",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=MODELS, metavar="MODEL", help="models of the zoo")
    parser.add_argument("--repeats", type=int, default=5, help="checkpoints of each model (5)")
    parser.add_argument("--precision", choices=("float32", "mixed_bfloat16"), default="float32")
    options = parser.parse_args()
    if options.repeats < 1:
        parser.error(f"--repeats: received {options.repeats}; allowed is 1 or more")
    print(f"{json.dumps(machine_facts())}\nMedian and range of {options.repeats} checkpoints.\n")
    print(f"| {' | '.join(HEADS)} |\n|{'---|' * len(HEADS)}")
    for model in options.models:
        print(f"| {' | '.join(measured(model, options.repeats, options.precision))} |", flush=True)


def measured(model: str, repeats: int, precision: str) -> list[str]:
    """The row of one model."""
    import ganzoo
    from ganzoo.training.state import TrainingState
    from ganzoo.training.trainer import Trainer

    interval = ganzoo.load_config(model).training.checkpoint_every
    config = ganzoo.load_config(model).replace(
        **{
            "training.precision": precision,
            "training.steps": repeats + 1,
            "training.checkpoint_every": 1,
            "training.sample_every": repeats + 1,
            "training.evaluation": None,
            "training.watch.enabled": False,
        }
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        timed(TrainingState, "save") as saves,
        timed(Trainer, "run_chunk") as steps,
    ):
        run = ganzoo.train(config, data=_data(config), root=folder, quiet=True)
        newest = max((run.folder / "checkpoints").iterdir())
        sizes = {path.name: path.stat().st_size / 1e6 for path in newest.iterdir()}
    saves, steps = saves[1:], steps[1:]  # the first step compiles
    save, step = statistics.median(saves), statistics.median(steps)
    return [
        model,
        f"{sizes['generator.safetensors'] + sizes['discriminator.safetensors']:.1f}",
        f"{sum(sizes.values()):.1f}",
        f"{1000 * save:.0f} ({1000 * min(saves):.0f} to {1000 * max(saves):.0f})",
        f"{1000 * step:.0f}",
        f"{interval:,}",
        f"{save / (save + interval * step):.3%}",
        f"{1000 * 99 * save / interval:.1f} ms",
    ]


@contextmanager
def timed(cls: type, name: str) -> Iterator[list[float]]:
    """Collect the seconds of each call of a method."""
    method, seconds = getattr(cls, name), list[float]()

    def wrapper(*arguments: Any, **options: Any) -> Any:
        begun = time.perf_counter()
        result = method(*arguments, **options)
        seconds.append(time.perf_counter() - begun)
        return result

    setattr(cls, name, wrapper)
    try:
        yield seconds
    finally:
        setattr(cls, name, method)


def _data(config: Any) -> Any:
    """Random images, with labels for a conditional model."""
    rng = np.random.RandomState(0)
    images = rng.randint(0, 256, (4 * config.training.batch_size, *config.sample_shape)).astype(np.uint8)
    return (images, np.arange(len(images)) % config.num_classes) if config.num_classes else images


if __name__ == "__main__":
    main()
