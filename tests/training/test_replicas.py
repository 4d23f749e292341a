"""The same run on one device, on two devices of a process, and in two processes."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from helpers import tiny

from ganzoo.config.experiment import Config
from ganzoo.errors import ConfigError
from ganzoo.training import checkpoint
from ganzoo.training.session import resume, start
from ganzoo.training.split_batch import check_splittable

TESTS = Path(__file__).parent.parent
EXAMPLES = TESTS.parent / "examples"

MODE_SEEKING = {"training": {"batch_size": 6, "penalties": ["mode_seeking"]}}

CASE = {
    "num_classes": 3,
    "channels": 3,
    "data": {"flip": True},
    "generator": {"block": {"name": "conv_transpose", "norm": "batch"}},
    "discriminator": {"block": {"name": "strided_conv", "dropout": 0.2}, "minibatch_stddev": True}
    | {"head": "san_head"},
    "training": {
        "penalties": [{"name": "r1", "interval": 2}],
        "augment": {"name": "diff_augment", "policy": ["color", "translation"], "adaptive": True, "adapt_images": 100},
        "g_optimizer": {"name": "adam", "clip_norm": 0.05, "learning_rate": 1e-3},
        "d_optimizer": {"name": "rmsprop", "learning_rate": 1e-3},
    },
}
"""What depends on the whole batch: layers and losses that mix samples, random draws, clipping, a penalty at some steps.
``benchmarks/same_run.py`` compares all losses, penalties, objectives and updates, on more devices and for longer."""

SCRIPT = """
import json, os, sys, tempfile
from pathlib import Path
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
sys.path.insert(0, sys.argv[1])
import numpy as np
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from helpers import samples, state, tiny, trainer
two_devices = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
config, made = tiny(**json.loads(sys.argv[2])), []
for strategy in (None, two_devices):
    trained = trainer(config, Path(tempfile.mkdtemp()), samples(config, classes=3), strategy=strategy)
    first = state(trained)
    trained.train(quiet=True)
    made.append((first, state(trained), trained.run.log()))
(first, one, log), (_, two, other) = made
weights = [name for name in one if name.startswith(("generator/", "discriminator/", "ema/"))]
print(max(np.abs(one[name] - two[name]).max() for name in weights))
slots = [name for name in one if name.startswith(("g_optimizer/", "d_optimizer/"))]  # a second sum would double them
print(max((np.abs(one[name] - two[name]).max() / (1e-6 + np.abs(one[name]).max())) for name in slots))
print(min(np.abs(one[name] - first[name]).max() for name in one if name.endswith("kernel")))
pairs = [(a[key], b[key]) for a, b in zip(log, other, strict=True) for key in a if "second" not in key]
print(max(abs(a - b) / (1 + abs(a)) for a, b in pairs))
"""


LAZY = {
    "discriminator": {"block": {"name": "strided_conv", "dropout": 0.2}},
    "training": {"loss": "wasserstein", "penalties": [{"name": "wgan_gp", "interval": 2}]},
}
"""A penalty that applies D, and so draws dropout, at some steps only."""


@pytest.mark.slow
@pytest.mark.parametrize("case", [CASE, LAZY], ids=["all", "lazy wgan_gp"])
def test_two_devices_reach_the_weights_of_one(case):
    arguments = [sys.executable, "-c", SCRIPT, str(TESTS), json.dumps(case)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    difference, of_slots, moved, logged = map(float, done.stdout.split())
    assert difference < 1e-5
    assert of_slots < 1e-2
    assert moved > 1e-3
    assert logged < 1e-4


def plane():
    """A tiny dense model of points, whose data every process can make."""
    return {
        "name": "points",
        "data": {"source": "ring8", "count": 64},
        "generator": {"model": "dense", "latent_dim": 2, "hidden": [8]},
        "discriminator": {"model": "dense", "hidden": [8]},
        "training": {"batch_size": 8, "steps": 2_000_000, "log_every": 50, "sample_every": 1_000_000}
        | {"checkpoint_every": 25, "keep_checkpoints": 3},
    }


@pytest.mark.slow
def test_a_killed_process_ends_the_others_and_the_run_goes_on_alone(tmp_path):
    """The resumed run equals one that was never split."""
    (tmp_path / "points.yaml").write_text(json.dumps(plane()))
    with socket.create_server(("", 0)) as found:
        master = f"localhost:{found.getsockname()[1]}"
    services = yaml.safe_load((EXAMPLES / "cluster" / "compose.yaml").read_text())["services"]
    chief, other = (
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                *command.replace("chief:29400", master).replace("cdcgan-faces-32", "points.yaml").split(),
            ],
            cwd=tmp_path,
            env=os.environ | {"GANZOO_RUNS": "runs"},
            text=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for command in (services[name]["command"] for name in ("chief", "worker"))
    )
    try:
        checkpoints = tmp_path / "runs" / "points" / "001" / "checkpoints"
        for line in chief.stderr:
            if "step: " in line and len(list(checkpoints.glob("step-*[0-9]"))) >= 2:
                break
        other.send_signal(signal.SIGKILL)
        _, errors = chief.communicate(timeout=120)
    finally:
        chief.kill()
        other.kill()
        other.communicate()
    (error,) = [line for line in errors.splitlines() if line.startswith("Error")]
    assert chief.returncode == 2
    assert "ended: process 1 on" in error
    assert "train --resume points/001" in error
    step = max(int(path.name.removeprefix("step-")) for path in checkpoints.glob("step-*[0-9]"))
    resumed, _ = resume("points", root=tmp_path / "runs", max_steps=step + 10, quiet=True)
    whole, _ = start(Config.read(plane()), root=tmp_path / "whole", max_steps=step + 10, quiet=True)
    one, two = (checkpoint.load_newest(run.folder / "checkpoints").state for run in (resumed, whole))
    for group in ("generator", "discriminator", "ema"):
        assert all(np.abs(one[group][name] - two[group][name]).max() < 1e-5 for name in two[group])


@pytest.mark.parametrize(
    ("changes", "message"), [({}, "not a multiple of the 3 devices"), (MODE_SEEKING, "1 device only")]
)
def test_a_batch_that_cannot_be_split(changes, message):
    with pytest.raises(ConfigError, match=message):
        check_splittable(tiny(**changes), 3)
