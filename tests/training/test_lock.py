"""Only one training of a run is allowed, and the lock does not affect readers."""

import os
import signal
import subprocess
import sys
import time

import pytest
from helpers import tiny, tiny_vectors, trainer

import ganzoo
from ganzoo.errors import RunError
from ganzoo.runs import find_run
from ganzoo.training.lock import training_lock
from ganzoo.training.session import resume, start

POINTS = """
name: points
data: {source: ring8, count: 64}
generator: {model: dense, hidden: [4], latent_dim: 2}
discriminator: {model: dense, hidden: [4]}
training: {batch_size: 4, steps: 1000000, log_every: 10, sample_every: 1000000, checkpoint_every: 50}
"""


@pytest.fixture
def training(tmp_path, monkeypatch):
    """A training in another process that has written a checkpoint; its folder is the present one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "points.yaml").write_text(POINTS, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "ganzoo", "train", "points.yaml", "--quiet"], stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("runs/points/001/checkpoints/step-????????")):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    yield process
    process.kill()
    process.wait()
    process.stderr.close()


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_a_run_in_training_is_not_resumed_until_its_process_is_gone(training):
    with pytest.raises(RunError) as caught:
        ganzoo.resume("points", quiet=True)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert message.startswith(f"Run points/001 is being trained by process {training.pid} on '")
    assert " since 20" in message
    assert message.endswith(f"kill {training.pid}; then: ganzoo train --resume points/001")
    before = find_run("points").step
    deadline = time.monotonic() + 30
    while find_run("points").step == before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert find_run("points").step > before, "the first one goes on, and so does its log"

    training.send_signal(signal.SIGKILL)
    training.wait()
    run, outcome = resume("points", max_steps=find_run("points").step + 60, quiet=True)
    assert outcome.reason == "steps"
    assert run.step == outcome.step


@pytest.mark.slow
def test_a_run_can_be_exported_while_it_is_trained(training):
    for _ in range(2):
        ganzoo.export("points")
    assert ganzoo.load("points").sample(range(4)).shape == (4, 2)
    assert training.poll() is None


def test_a_new_run_is_held_while_it_is_trained(tmp_path):
    seen = []

    def info(text):
        if not text.startswith("Run points/001"):
            return  # about the data, before there is a run
        with pytest.raises(RunError, match=f"being trained by process {os.getpid()} on"):
            resume("points", root=tmp_path)
        seen.append(text)

    run, _ = start(tiny_vectors(steps=2), root=tmp_path, quiet=True, info=info)
    assert seen
    with training_lock(run):
        pass


def test_the_lock_is_free_after_a_training_that_failed(tmp_path):
    made = trainer(tiny(), tmp_path)
    with pytest.raises(ZeroDivisionError), training_lock(made.run):
        raise ZeroDivisionError
    with training_lock(made.run), pytest.raises(RunError, match=f"process {os.getpid()} on"), training_lock(made.run):
        pass


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(RunError, match="Cannot write in"), training_lock(ganzoo.Run(tmp_path / "a/001")):
        pass
