"""Resumes a training of six steps after each of its steps, and compares the result bit by bit.

    python benchmarks/resume_everywhere.py

For each config of ``same_run.py``, for streamed data and for a training that rolls back: one training of six steps that
nothing disturbs, and one for each step 1 to 5 that stops there and is resumed by a new trainer. The last checkpoint
(weights, optimizers, averages, augmentation, collapse watch, best weights) and all numbers of the log must be the same.
The output is a table in Markdown; the exit status is 1 if anything differs.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from same_run import CLASSES, CONFIGS, config_of

from ganzoo.config.experiment import Config
from ganzoo.data.base import Dataset
from ganzoo.environment.tensorflow import import_tensorflow
from ganzoo.runs import Run, new_run
from ganzoo.training import checkpoint

STEPS = 6
STREAMED, ROLLBACK = "streamed data", "rollbacks"
MATRIX: dict[str, dict[str, Any]] = {
    **CONFIGS,
    STREAMED: {},
    ROLLBACK: {  # a fast D, which the collapse watch calls saturated
        "training": {
            "d_optimizer": {"name": "adam", "learning_rate": 0.03},
            "watch": {"on_collapse": "rollback", "grace_steps": 0, "patience": 1, "saturation": 0.51},
        },
    },
}
"""Name -> changes of a config for ``same_run.config_of``."""
CLOCK = ("seconds", "images_per_second")


def of_matrix(name: str, steps: int, **training: Any) -> tuple[Config, Dataset]:
    """A config of the matrix, with more changes of ``training``, and random images for it."""
    changes = MATRIX[name]
    config = config_of(changes, steps).replace(**{f"training.{key}": value for key, value in training.items()})
    if "watch" not in changes.get("training", {}):
        config = config.replace(**{"training.watch": {"enabled": True}})
    count = 24 if name == ROLLBACK else 64  # too few for previews, so that only a saturated D makes it go back
    images = np.random.RandomState(0).randint(0, 256, (count, *config.sample_shape)).astype(np.uint8)
    labels = (np.arange(count) % CLASSES).astype(np.int32) if config.num_classes else None
    return config, Dataset(images, labels, tuple(str(n) for n in range(CLASSES)) if config.num_classes else ())


def train(config: Config, data: Dataset, run: Run, *, last: int, streamed: bool) -> None:
    """Train a run up to a step, from its newest checkpoint."""
    from ganzoo.training.input_pipeline import InputPipeline
    from ganzoo.training.trainer import Trainer

    trainer = Trainer(config, data, run)
    if streamed:
        trainer.steps.input_pipeline = InputPipeline(config, data, memory_limit=data.samples.nbytes // 2)
    trainer.state.restore()
    trainer.train(max_steps=last, quiet=True)


def result(run: Run, *, steps: int) -> tuple[dict[str, bytes], list[dict[str, object]]]:
    """The bits of the last checkpoint, and the log without what a clock measured."""
    found = checkpoint.load_newest(run.folder / "checkpoints")
    if found is None or found.step != steps:
        raise SystemExit(f"{run.folder} did not reach step {steps}")
    bits = {
        f"{group}/{name}": np.asarray(value).tobytes()
        for group, named in found.state.items()
        for name, value in named.items()
    }
    log = [{key: value for key, value in entry.items() if key not in CLOCK} for entry in run.log()]
    return bits, [entry for entry in log if len(entry) > 1]


def differences(config: Config, data: Dataset, folder: Path, *, streamed: bool) -> list[int]:
    """The steps after which a resumed training differs from an undisturbed one."""
    whole = new_run("whole", root=folder)
    train(config, data, whole, last=STEPS, streamed=streamed)
    wrong = []
    for step in range(1, STEPS):
        stopped = new_run(f"stopped-{step}", root=folder)
        train(config, data, stopped, last=step, streamed=streamed)
        train(config, data, stopped, last=STEPS, streamed=streamed)
        if result(stopped, steps=STEPS) != result(whole, steps=STEPS):
            wrong.append(step)
        shutil.rmtree(stopped.folder)
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description="Resumes a training after each step, and compares the bits.")
    parser.add_argument("--only", default="", help="Only the configs whose name contains this text.")
    arguments = parser.parse_args()
    import_tensorflow()
    failed = False
    print("| Config | resumed after steps 1 to 5 |\n|---|---|")
    for name in MATRIX:
        if arguments.only not in name:
            continue
        config, data = of_matrix(name, STEPS, log_every=1, sample_every=2, checkpoint_every=2)
        with tempfile.TemporaryDirectory() as folder:
            wrong = differences(config, data, Path(folder), streamed=name == STREAMED)
        failed |= bool(wrong)
        print(f"| {name} | {'the same bits' if not wrong else f'different after {wrong}'} |", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
