"""A long training (100,000 steps) for tests that kill it: python subject.py ROOT."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

from helpers import samples, tiny, trainer

CHANGES = {
    "discriminator": {"block": {"name": "strided_conv", "norm": "spectral", "dropout": 0.25}},
    "generator": {"block": {"name": "conv_transpose", "norm": "batch"}},
    "data": {"flip": True},
    "training": {
        "steps": 100_000,
        "log_every": 1,
        "checkpoint_every": 2,
        "sample_every": 100_000,
        "g_optimizer": {"name": "adam", "schedule": "cosine", "warmup_steps": 5},
    },
}
"""Everything that keeps state or draws numbers, and that could be forgotten in a checkpoint."""


def main() -> None:
    config = tiny(**CHANGES)
    print(trainer(config, Path(sys.argv[1]), samples(config)).train())


if __name__ == "__main__":
    main()
