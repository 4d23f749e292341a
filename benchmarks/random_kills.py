"""Kills trainings with SIGKILL at random moments, resumes them, and compares the result bit by bit.

    python benchmarks/random_kills.py

For each config of ``resume_everywhere.py``: one training that nothing disturbs, and trainings that are killed at
random moments, again and again. The moment is a random time between the start of a process and the time that the whole
training took. A killed training goes on from its newest checkpoint in a new process. At its end, the last checkpoint
and all numbers of the log must be those of the undisturbed training. After each kill, the newest checkpoint must be at
most one interval before the last step of the log.

The processes are forks of one that has imported TensorFlow and not used it. The output is a table in Markdown; the exit
status is 1 if anything differs.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from resume_everywhere import MATRIX, STREAMED, of_matrix, result, train

from ganzoo.config.experiment import Config
from ganzoo.data.base import Dataset
from ganzoo.environment.tensorflow import import_tensorflow
from ganzoo.runs import Run, new_run

STEPS, EVERY = 400, 20
"""Length of a training, and steps between two checkpoints."""
SETTINGS = {
    "log_every": 5,
    "sample_every": 40,
    "checkpoint_every": EVERY,
    "evaluation": {"every": 100, "metrics": ["frechet"], "extractor": "pixels", "samples": 16},
}


def ends(work: Callable[[], None], seconds: float | None) -> bool:
    """Do ``work`` in a fork of this process, and kill it after some seconds. Returns whether it ended before."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:  # a fork must never return to the caller's code
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    deadline = None if seconds is None else time.monotonic() + seconds
    while deadline is None or time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            if status:
                raise SystemExit(f"A training failed with status {status}.")
            return True
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return status == 0


@dataclass
class Count:
    """What happened to the trainings of a config."""

    kills: int = 0
    trainings: int = 0
    lost: int = 0
    different: int = 0


def disturbed(name: str, config: Config, data: Dataset, folder: Path, *, kills: int, rng: random.Random) -> Count:
    """Kill trainings of a config ``kills`` times."""

    def work(run: Run) -> Callable[[], None]:
        return lambda: train(config, data, run, last=STEPS, streamed=name == STREAMED)

    whole = new_run("whole", root=folder)
    begun = time.monotonic()
    ends(work(whole), None)
    seconds = time.monotonic() - begun
    expected = result(whole, steps=STEPS)
    count = Count()
    while count.kills < kills:
        run = new_run("killed", root=folder)
        while not ends(work(run), rng.uniform(0, seconds) if count.kills < kills else None):
            count.kills += 1
            steps = [int(entry["step"]) for entry in run.log()]
            count.lost = max(count.lost, max(steps, default=0) - max(run.checkpoint_steps(), default=0))
        count.trainings += 1
        count.different += result(run, steps=STEPS) != expected
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description="Kills trainings at random moments, and compares the bits.")
    parser.add_argument("--kills", type=int, default=13, help="For each config.")
    parser.add_argument("--seed", type=int, default=0, help="Of the random moments.")
    parser.add_argument("--only", default="", help="Only the configs whose name contains this text.")
    arguments = parser.parse_args()
    import_tensorflow()
    total = Count()
    print("| Config | kills | trainings | steps lost by a kill, at most | different from an undisturbed one |")
    print("|---|---|---|---|---|", flush=True)
    for number, name in enumerate(MATRIX):
        if arguments.only not in name:
            continue
        config, data = of_matrix(name, STEPS, **SETTINGS)
        rng = random.Random(1000 * arguments.seed + number)
        with tempfile.TemporaryDirectory() as folder:
            count = disturbed(name, config, data, Path(folder), kills=arguments.kills, rng=rng)
        print(f"| {name} | {count.kills} | {count.trainings} | {count.lost} | {count.different} |", flush=True)
        total = Count(
            total.kills + count.kills,
            total.trainings + count.trainings,
            max(total.lost, count.lost),
            total.different + count.different,
        )
    print(f"| all | {total.kills} | {total.trainings} | {total.lost} | {total.different} |")
    sys.exit(total.different > 0 or total.lost > EVERY)


if __name__ == "__main__":
    main()
