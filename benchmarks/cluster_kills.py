"""Kills a random process of a training of two processes at random moments, and resumes it each time.

    python benchmarks/cluster_kills.py --kills 20

The processes run on this machine. After each kill it checks that the other process has ended by itself, and that the
newest checkpoint is at most one interval before the last step of the log. At the end, the weights are compared with
those of a training in one process that was never disturbed. The output is one line for each kill, and a summary.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import yaml

from ganzoo.runs import Run
from ganzoo.training import checkpoint

EVERY = 50
CONFIG = {
    "name": "points",
    "data": {"source": "ring8", "count": 512},
    "generator": {"model": "dense", "latent_dim": 2, "hidden": [32]},
    "discriminator": {"model": "dense", "hidden": [32]},
    "training": {"batch_size": 16, "log_every": 10, "sample_every": 1_000_000, "checkpoint_every": EVERY},
}


def start(folder: Path, *, steps: int, resume: bool, nodes: int = 2) -> list[subprocess.Popen]:
    """Start the processes. They write to ``folder``."""
    with socket.create_server(("", 0)) as found:
        master = f"localhost:{found.getsockname()[1]}"
    verb = ["--resume", "points"] if resume else ["points.yaml"]
    command = [sys.executable, "-m", "ganzoo", "train", *verb]
    if not resume:
        command.append(f"training.steps={steps}")
    return [
        subprocess.Popen(
            [*command, *(["--nodes", str(nodes), "--node-rank", str(rank), "--master", master] if nodes > 1 else [])],
            cwd=folder,
            env=os.environ | {"GANZOO_RUNS": "runs"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(nodes)
    ]


def last_logged(run: Path) -> int:
    """The last step of the log; 0 without one."""
    return max((entry["step"] for entry in Run(run).log()), default=0) if (run / "log.jsonl").is_file() else 0


def newest(run: Path) -> int:
    """The step of the newest checkpoint; 0 without one."""
    found = checkpoint.load_newest(run / "checkpoints") if (run / "checkpoints").is_dir() else None
    return 0 if found is None else found.step


def kill_once(folder: Path, run: Path, *, steps: int, rng: random.Random) -> str:
    """Start or resume, wait until the log grows, kill one process a little later. Returns a line of the report."""
    before = last_logged(run) if run.is_dir() else 0
    processes = start(folder, steps=steps, resume=(run / "config.yaml").is_file())
    deadline = time.monotonic() + 300
    while not (run / "log.jsonl").is_file() or last_logged(run) <= before:
        if time.monotonic() > deadline or any(process.poll() is not None for process in processes):
            errors = [process.communicate(timeout=60)[1] for process in processes]
            raise SystemExit(f"The training did not go on: {errors}")
        time.sleep(0.05)
    time.sleep(rng.uniform(0, 2))
    victim = rng.randrange(2)
    killed = time.monotonic()
    processes[victim].send_signal(signal.SIGKILL)
    other = processes[1 - victim]
    _, errors = other.communicate(timeout=90)
    seconds = time.monotonic() - killed
    processes[victim].communicate()
    logged, saved = last_logged(run), newest(run)
    if other.returncode != 2 or "Traceback" in errors:
        raise SystemExit(f"The other process ended with {other.returncode}: {errors[-500:]}")
    if logged - saved > EVERY:
        raise SystemExit(f"The checkpoint {saved} is more than {EVERY} steps before the last logged step {logged}")
    name = "chief" if victim == 0 else "follower"
    return f"killed the {name}; the other ended after {seconds:.1f} s; logged {logged}, checkpoint {saved}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Kills processes of a training on two processes at random.")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as name:
        folder, alone = Path(name, "two"), Path(name, "one")
        for place in (folder, alone):
            place.mkdir()
            (place / "points.yaml").write_text(yaml.safe_dump(CONFIG))
        run = folder / "runs" / "points" / "001"
        for number in range(1, arguments.kills + 1):
            print(f"{number:2d} {kill_once(folder, run, steps=10_000_000, rng=rng)}", flush=True)
        step = newest(run)
        (undisturbed,) = start(alone, steps=step, resume=False, nodes=1)
        _, errors = undisturbed.communicate()
        if undisturbed.returncode:
            raise SystemExit(errors)
        one, two = (checkpoint.load_newest(place / "runs/points/001/checkpoints") for place in (alone, folder))
        groups = ("generator", "discriminator", "ema")
        difference = max(
            float(np.abs(one.state[group][key] - two.state[group][key]).max())
            for group in groups
            for key in one.state[group]
        )
        print(json.dumps({"kills": arguments.kills, "step": step, "difference": difference}))


if __name__ == "__main__":
    main()
