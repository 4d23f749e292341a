"""Compares one training on 1, 2 and 4 devices: the largest difference of any weight, statistic or average.

    python benchmarks/same_run.py --steps 200

The devices are logical ones of the processor, so nothing is measured about speed. The output is a table in Markdown: a
row for each config, with the differences on 2 and 4 devices, and how far the weights moved during the training.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ganzoo.config.experiment import Config
from ganzoo.data.base import Dataset
from ganzoo.environment.tensorflow import import_tensorflow
from ganzoo.runs import new_run

BATCH, CLASSES = 16, 3
BATCH_NORM = {"generator": {"block": {"name": "conv_transpose", "norm": "batch"}}}
CONFIGS = {
    "non_saturating, R1 at every 4th step": {"training": {"penalties": [{"name": "r1", "interval": 4}]}},
    "saturating, batch normalization": BATCH_NORM | {"training": {"loss": "saturating"}},
    "least_squares, simultaneous, dropout": {
        "discriminator": {"block": {"name": "strided_conv", "dropout": 0.2}},
        "training": {"loss": "least_squares", "update": "simultaneous"},
    },
    "hinge, spectral normalization": {
        "discriminator": {"block": {"name": "strided_conv", "norm": "spectral"}},
        "training": {"loss": "hinge"},
    },
    "wasserstein, WGAN-GP, 3 D steps": {
        "training": {"loss": "wasserstein", "penalties": ["wgan_gp"], "d_steps": 3},
    },
    "relativistic, R1 + R2": {"training": {"loss": "relativistic", "penalties": ["r1", "r2"]}},
    "minibatch_stddev, clipping": {
        "discriminator": {"minibatch_stddev": True},
        "training": {"g_optimizer": {"name": "adam", "clip_norm": 0.1}},
    },
    "packing": {"discriminator": {"packing": 2}},
    "adaptive DiffAugment": {
        "channels": 3,
        "training": {"augment": {"name": "diff_augment", "adaptive": True, "adapt_images": 2000}},
    },
    "classes, projection, batch_norm": {
        "num_classes": CLASSES,
        "generator": {"conditioning": "batch_norm", "block": {"name": "conv_transpose", "norm": "batch"}},
        "discriminator": {"minibatch_stddev": True},
    },
    "acgan": {"num_classes": CLASSES, "objective": "acgan"},
    "infogan": {"num_classes": CLASSES, "objective": {"name": "infogan", "codes": 1}},
    "bigan": {"objective": "bigan"},
    "san_head": {"discriminator": {"head": "san_head"}},
}


def config_of(changes: dict, steps: int) -> Config:
    """A DCGAN for images of 8 px, with changes."""
    values = {
        "name": "same",
        "data": {"source": "numpy", "resolution": 8, "channels": changes.get("channels", 1), "flip": True},
        "num_classes": changes.get("num_classes", 0),
        "objective": changes.get("objective", "adversarial"),
        "generator": {"latent_dim": 4, "base_channels": 4, "block": {"name": "conv_transpose", "norm": "none"}},
        "discriminator": {"base_channels": 4, "block": "strided_conv"},
        "training": {"batch_size": BATCH, "steps": steps, "log_every": steps, "sample_every": steps}
        | {"checkpoint_every": steps, "watch": {"enabled": False}, "evaluation": None},
    }
    for group in ("generator", "discriminator", "training"):
        values[group] |= changes.get(group, {})
    return Config.read(values)


def train_all(devices: int, folder: Path, steps: int) -> None:
    """Train all configs on this number of devices, and save the weights before and after."""
    import_tensorflow()
    import tensorflow as tf

    from ganzoo.training.trainer import Trainer

    strategy = None
    if devices > 1:
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * devices)
        strategy = tf.distribute.MirroredStrategy([f"CPU:{number}" for number in range(devices)])
    for number, changes in enumerate(CONFIGS.values()):
        config = config_of(changes, steps)
        images = np.random.RandomState(0).randint(0, 256, (64, *config.sample_shape)).astype(np.uint8)
        labels = (np.arange(64) % CLASSES).astype(np.int32) if config.num_classes else None
        data = Dataset(images, labels, tuple(str(n) for n in range(CLASSES)) if config.num_classes else ())
        with tempfile.TemporaryDirectory() as runs:
            trainer = Trainer(config, data, new_run("same", root=Path(runs)), strategy=strategy)
            np.savez(folder / f"{number}-first.npz", **values_of(trainer))
            trainer.train(quiet=True)
            np.savez(folder / f"{number}-{devices}.npz", **values_of(trainer))


def main() -> None:
    parser = argparse.ArgumentParser(description="Compares one training on 1, 2 and 4 devices.")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--train", nargs=2, metavar=("DEVICES", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.train:
        train_all(int(arguments.train[0]), Path(arguments.train[1]), arguments.steps)
        return
    with tempfile.TemporaryDirectory() as folder:
        for devices in (1, 2, 4):  # each in a process of its own: TensorFlow numbers the exchanges of a process
            command = [sys.executable, __file__, "--steps", str(arguments.steps), "--train", str(devices), folder]
            subprocess.run(command, check=True)
        print("| Config | 2 devices | 4 devices | moved |\n|---|---|---|---|")
        for number, name in enumerate(CONFIGS):
            first, one, two, four = (np.load(Path(folder) / f"{number}-{key}.npz") for key in ("first", 1, 2, 4))
            print(f"| {name} | {largest(one, two):.1e} | {largest(one, four):.1e} | {largest(first, one):.1e} |")


def values_of(trainer) -> dict[str, np.ndarray]:
    """The weights and averages by name."""
    groups = ("generator", "discriminator", "ema")
    return {
        f"{group}/{name}": np.asarray(variable, np.float64)
        for group, variables in trainer.state.groups().items()
        if group in groups
        for name, variable in variables.items()
    }


def largest(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> float:
    """The largest difference of any value."""
    return max(float(np.abs(one[name] - other[name]).max()) for name in one)


if __name__ == "__main__":
    main()
