"""Resumes a training of six steps after each of its steps, and compares the result bit by bit.

    python benchmarks/resume_everywhere.py

For each config of ``same_run.py``, and for streamed data: one training of six steps that nothing disturbs, and one for
each step 1 to 5 that stops there and is resumed by a new trainer. The last checkpoint (weights, optimizers, averages,
augmentation, collapse watch, best weights) and all numbers of the log must be the same. The output is a table in
Markdown; the exit status is 1 if anything differs.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from same_run import CLASSES, CONFIGS, config_of

from ganzoo.config.experiment import Config
from ganzoo.data.base import Dataset
from ganzoo.environment.tensorflow import import_tensorflow
from ganzoo.runs import Run, new_run
from ganzoo.training import checkpoint

STEPS = 6
STREAMED = "streamed data"
CLOCK = ("seconds", "images_per_second")


def train(config: Config, data: Dataset, run: Run, *, last: int, streamed: bool) -> None:
    """Train a run up to a step, from its newest checkpoint."""
    from ganzoo.training.input_pipeline import InputPipeline
    from ganzoo.training.trainer import Trainer

    trainer = Trainer(config, data, run)
    if streamed:
        trainer.steps.input_pipeline = InputPipeline(config, data, memory_limit=data.samples.nbytes // 2)
    trainer.state.restore()
    trainer.train(max_steps=last, quiet=True)


def result(run: Run) -> tuple[dict[str, bytes], list[dict[str, object]]]:
    """The bits of the last checkpoint, and the log without what a clock measured."""
    found = checkpoint.load_newest(run.folder / "checkpoints")
    if found is None or found.step != STEPS:
        raise SystemExit(f"{run.folder} did not reach step {STEPS}")
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
        if result(stopped) != result(whole):
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
    for name, changes in {**CONFIGS, STREAMED: {}}.items():
        if arguments.only not in name:
            continue
        every = {"log_every": 1, "sample_every": 2, "checkpoint_every": 2, "watch": {"enabled": True}}
        config = config_of(changes, STEPS).replace(**{f"training.{key}": value for key, value in every.items()})
        images = np.random.RandomState(0).randint(0, 256, (64, *config.sample_shape)).astype(np.uint8)
        labels = (np.arange(64) % CLASSES).astype(np.int32) if config.num_classes else None
        data = Dataset(images, labels, tuple(str(n) for n in range(CLASSES)) if config.num_classes else ())
        with tempfile.TemporaryDirectory() as folder:
            wrong = differences(config, data, Path(folder), streamed=name == STREAMED)
        failed |= bool(wrong)
        print(f"| {name} | {'the same bits' if not wrong else f'different after {wrong}'} |", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
