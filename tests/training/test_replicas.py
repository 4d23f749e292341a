"""Two devices give the same training as one device."""

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent

SCRIPT = """
import os, sys, tempfile
from pathlib import Path
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
sys.path.insert(0, sys.argv[1])
import numpy as np
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from helpers import samples, state, tiny, trainer
config = tiny(
    num_classes=3,
    data={"flip": True},
    discriminator={"block": {"name": "strided_conv", "norm": "spectral"}},
    training={
        "d_steps": 2,
        "penalties": [{"name": "r1", "interval": 2}, "r2"],
        "loss": "relativistic",
        "g_optimizer": {"name": "adam", "clip_norm": 0.05, "learning_rate": 1e-3},
        "d_optimizer": {"name": "rmsprop", "learning_rate": 1e-3},
    },
)
made = []
for strategy in (None, tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])):
    trained = trainer(config, Path(tempfile.mkdtemp()), samples(config, classes=3), strategy=strategy)
    first = state(trained)
    trained.train(quiet=True)
    made.append((first, state(trained), trained.run.log()))
(first, one, log), (_, two, other) = made
print(max(np.abs(one[name].astype(float) - two[name]).max() for name in one))
print(min(np.abs(one[name].astype(float) - first[name]).max() for name in one if name.endswith("kernel")))
print(max(abs(a[key] - b[key]) for a, b in zip(log, other, strict=True) for key in a if "second" not in key))
"""


@pytest.mark.slow
def test_two_replicas_reach_the_weights_of_one():
    """Losses, penalties, clipping and spectral normalization included; no batch normalization, which is local."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(TESTS)], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    difference, moved, logged = map(float, done.stdout.split())
    assert difference < 1e-5
    assert moved > 1e-3
    assert logged < 1e-4
