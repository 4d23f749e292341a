"""Configs and data that are small enough to train in a test."""

import numpy as np

from ganzoo.config.experiment import Config
from ganzoo.data.base import Dataset
from ganzoo.runs import Run

TRAINING = {"batch_size": 4, "steps": 6, "log_every": 2, "sample_every": 3, "checkpoint_every": 3}


def values(*, resolution=8, channels=1, training=None, **changes):
    """Plain values of a DCGAN for tiny images; ``changes`` replace whole groups or update ``generator`` and so on."""
    made = {
        "name": "tiny",
        "data": {"source": "numpy", "resolution": resolution, "channels": channels},
        "generator": {
            "latent_dim": 4,
            "base_channels": 4,
            "block": {"name": "conv_transpose", "norm": "none"},
        },
        "discriminator": {"base_channels": 4, "block": "strided_conv"},
        "training": TRAINING | (training or {}),
    }
    for key, value in changes.items():
        made[key] = made[key] | value if isinstance(value, dict) and key in made else value
    return made


def tiny(**changes):
    """The config of ``values``."""
    return Config.read(values(**changes))


def tiny_vectors(**training):
    """A dense model for points in the plane."""
    return Config.read(
        {
            "name": "points",
            "data": {"source": "ring8", "count": 64},
            "generator": {"model": "dense", "latent_dim": 2, "hidden": [8]},
            "discriminator": {"model": "dense", "hidden": [8]},
            "training": TRAINING | training,
        }
    )


def samples(config, *, count=24, classes=0, seed=0):
    """Random real images that fit a config."""
    rng = np.random.RandomState(seed)
    images = rng.randint(0, 256, (count, *config.sample_shape)).astype(np.uint8)
    labels = (np.arange(count) % classes).astype(np.int32) if classes else None
    return Dataset(images, labels, tuple(str(n) for n in range(classes)))


def new_run(folder, name="tiny"):
    """An empty run folder."""
    path = folder / name / "001"
    path.mkdir(parents=True)
    return Run(path)


def trainer(config, folder, dataset=None, **options):
    """A trainer with an empty run folder."""
    from ganzoo.training.trainer import Trainer

    return Trainer(config, samples(config) if dataset is None else dataset, new_run(folder), **options)


def state(trained):
    """Every number that a trainer would save: name -> array."""
    return {
        f"{group}/{name}": np.asarray(variable)
        for group, variables in trained.state.groups().items()
        for name, variable in variables.items()
    }


def put_state(trained, values, *, step=0):
    """Give a trainer back a state that ``state`` returned."""
    for group, variables in trained.state.groups().items():
        for name, variable in variables.items():
            variable.assign(values[f"{group}/{name}"])
    trained.state.step = step


def same(first, second):
    """Whether two states are the same bits."""
    return first.keys() == second.keys() and all(first[key].tobytes() == second[key].tobytes() for key in first)
