"""Compares one training on 1, 2 and 4 devices: the largest difference of any weight, statistic or average.

    python benchmarks/same_run.py --steps 200

The devices are logical ones of the processor, so nothing is measured about speed. The output is a table in Markdown: a
row for each config, with the differences on 2 and 4 devices, and how far the weights moved during the training.
"""

from __future__ import annotations

import argparse
import tempfile
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


def main() -> None:
    parser = argparse.ArgumentParser(description="Compares one training on 1, 2 and 4 devices.")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--only", help="Only the configs whose name contains this text.")
    arguments = parser.parse_args()
    import_tensorflow()
    import tensorflow as tf

    from ganzoo.training.trainer import Trainer

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 4)
    strategies = {1: None} | {n: tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(n)]) for n in (2, 4)}
    print("| Config | 2 devices | 4 devices | moved |\n|---|---|---|---|")
    for name, changes in CONFIGS.items():
        if arguments.only and arguments.only not in name:
            continue
        config = config_of(changes, arguments.steps)
        rng = np.random.RandomState(0)
        images = rng.randint(0, 256, (64, *config.sample_shape)).astype(np.uint8)
        labels = (np.arange(64) % CLASSES).astype(np.int32) if config.num_classes else None
        data = Dataset(images, labels, tuple(str(n) for n in range(CLASSES)) if config.num_classes else ())
        states, first = {}, {}
        for devices, strategy in strategies.items():
            with tempfile.TemporaryDirectory() as folder:
                trainer = Trainer(config, data, new_run("same", root=Path(folder)), strategy=strategy)
                first = first or values_of(trainer)
                trainer.train(quiet=True)
                states[devices] = values_of(trainer)
        differences = [largest(states[1], states[devices]) for devices in (2, 4)]
        print(f"| {name} | {differences[0]:.1e} | {differences[1]:.1e} | {largest(first, states[1]):.1e} |", flush=True)


def values_of(trainer) -> dict[str, np.ndarray]:
    """The weights and averages by name."""
    groups = ("generator", "discriminator", "ema")
    return {
        f"{group}/{name}": np.asarray(variable, np.float64)
        for group, variables in trainer.state.groups().items()
        if group in groups
        for name, variable in variables.items()
    }


def largest(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> float:
    """The largest difference of any value."""
    return max(float(np.abs(one[name] - other[name]).max()) for name in one)


if __name__ == "__main__":
    main()
