"""Run folders as a training leaves them, made of a few lines."""

import json

import numpy as np
import pytest
from PIL import Image

from ganzoo.config import yaml_files
from ganzoo.runs import Run

CONFIG = {
    "name": "tiny",
    "data": {"source": "faces", "resolution": 8, "channels": 3},
    "num_classes": 0,
    "training": {
        "steps": 100,
        "batch_size": 4,
        "log_every": 10,
        "d_steps": 1,
        "g_optimizer": {"name": "adam", "learning_rate": 0.0002, "schedule": "linear", "warmup_steps": 0},
        "d_optimizer": {"name": "adam", "learning_rate": 0.0004, "schedule": "constant", "warmup_steps": 0},
    },
}


def line(step, **values):
    """A line of the log with the losses."""
    return {
        "step": step,
        "d_loss": 1.0 + step / 1000,
        "g_loss": 2.0 - step / 1000,
        "d_real": 0.7,
        "d_fake": 0.3,
        "images_per_second": 40.0,
        "seconds": step / 2,
        **values,
    }


def write_log(run, records):
    (run.folder / "log.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


@pytest.fixture
def make_run(tmp_path):
    """``make_run("tiny", records, pictures=[10, 20])`` is a run with this log and these sample pictures."""

    def make(name="tiny", records=None, *, number=1, pictures=(), config=CONFIG):
        folder = tmp_path / "runs" / name / f"{number:03d}"
        (folder / "samples").mkdir(parents=True)
        (folder / "config.yaml").write_text(yaml_files.dump(config), encoding="utf-8")
        run = Run(folder)
        write_log(run, [line(step) for step in (10, 20, 30)] if records is None else records)
        for step in pictures:
            save_picture(folder / "samples" / f"step-{step:08d}.png", level=step % 256)
        return run

    return make


def save_picture(path, *, level=0, size=8):
    Image.fromarray(np.full((size, size, 3), level, np.uint8)).save(path)


@pytest.fixture
def noise():
    """``noise(path, size)`` writes a picture that PNG cannot make small."""

    def write(path, size, *, alpha=False, seed=0):
        pixels = np.random.RandomState(seed).randint(0, 256, (size, size, 4 if alpha else 3)).astype(np.uint8)
        Image.fromarray(pixels).save(path)

    return write
