"""A damaged checkpoint is skipped: the previous checkpoint is loaded, and the reason is reported."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganzoo.errors import RunError
from ganzoo.training import checkpoint


def content(step):
    """A state that depends on its step."""
    rng = np.random.RandomState(step)
    return {
        "generator": {"0000/kernel": rng.standard_normal((3, 4)).astype(np.float32), "0001/bias": np.float32([step])},
        "optimizer": {"0000/iteration": np.array(step, np.int64), "0001/seed": np.array([1, step], np.uint32)},
    }


def save(folder, *steps, keep=2):
    for step in steps:
        checkpoint.save(folder, step=step, state=content(step), keep=keep)


def is_whole(found, step):
    """Whether the loaded state equals that of the step, in values, types and names."""
    wanted = content(step)
    return (
        found.step == step
        and found.state.keys() == wanted.keys()
        and all(
            found.state[group].keys() == arrays.keys()
            and all(
                np.array_equal(found.state[group][n], a) and found.state[group][n].dtype == a.dtype
                for n, a in arrays.items()
            )
            for group, arrays in wanted.items()
        )
    )


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_checkpoint_that_a_running_training_removes_meanwhile(tmp_path, monkeypatch):
    """An export reads during the training. Its chosen checkpoint is removed, and newer ones exist."""
    save(tmp_path, 5, 10)
    read_bytes, reads = Path.read_bytes, []

    def read_and_train_on(path):
        reads.append(path)
        if len(reads) in (1, 2):
            save(tmp_path, 10 * len(reads) + 5, 10 * len(reads) + 10)
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", read_and_train_on)
    found = checkpoint.load_newest(tmp_path)
    assert is_whole(found, 30)
    assert found.skipped == ()


def test_the_newest_is_read_as_it_was_written(tmp_path):
    save(tmp_path, 5, 10)
    found = checkpoint.load_newest(tmp_path)
    assert is_whole(found, 10)
    assert found.skipped == ()


def test_nothing_there_is_no_error(tmp_path):
    assert checkpoint.load_newest(tmp_path) is None
    assert checkpoint.load_newest(tmp_path / "nowhere") is None


@settings(max_examples=150)
@given(data=st.data())
def test_damage_of_any_file_falls_back_to_the_one_before_and_says_why(data):
    folder = Path(tempfile.mkdtemp())
    try:
        save(folder, 1, 2)
        files = sorted((folder / "step-00000002").iterdir())
        path = data.draw(st.sampled_from(files))
        kind = data.draw(st.sampled_from(["truncate", "flip", "delete", "empty", "append", "swap"]))
        damage(path, kind, data)
        found = checkpoint.load_newest(folder)
        if found.skipped:
            assert is_whole(found, 1)
            assert len(found.skipped) == 1
            assert found.skipped[0].startswith("step-00000002: ")
            assert "\n" not in found.skipped[0]
            assert len(found.skipped[0]) > len("step-00000002: ")
        else:  # damage that means nothing, such as another blank in the manifest
            assert path.name == checkpoint.MANIFEST
            assert is_whole(found, 2)
    finally:
        shutil.rmtree(folder)


def damage(path, kind, data):
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    if kind == "delete":
        path.unlink()
    elif kind == "truncate":
        path.write_bytes(content[:place])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "append":
        path.write_bytes(content + b"x")
    elif kind == "swap":
        other = "optimizer" if path.stem == "generator" else "generator"
        path.write_bytes((path.parent / f"{other}.safetensors").read_bytes())
    else:
        content[place] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(content)


def test_the_step_of_another_checkpoint_is_not_believed(tmp_path):
    save(tmp_path, 1, 2)
    (tmp_path / "step-00000002").rename(tmp_path / "step-00000009")
    found = checkpoint.load_newest(tmp_path)
    assert is_whole(found, 1)
    assert found.skipped == ("step-00000009: manifest.json is for step 2",)


def test_all_damaged_is_an_error_that_names_every_reason(tmp_path):
    save(tmp_path, 1, 2)
    for path in tmp_path.glob("*/generator.safetensors"):
        path.unlink()
    with pytest.raises(RunError, match=r"step-00000002: generator\.safetensors: No such file.*step-00000001") as caught:
        checkpoint.load_newest(tmp_path)
    assert "\n" not in str(caught.value)


def test_the_rest_of_a_killed_write_is_passed_over_and_tidied(tmp_path):
    save(tmp_path, 1, 2)
    (tmp_path / "step-00000003.tmp").mkdir()
    (tmp_path / "step-00000003.tmp" / "generator.safetensors").write_bytes(b"half")
    (tmp_path / "step-notes").mkdir()
    (tmp_path / "step-7.txt").write_text("mine")
    assert is_whole(checkpoint.load_newest(tmp_path), 2)
    save(tmp_path, 4)
    assert names(tmp_path) == ["step-00000002", "step-00000004", "step-7.txt", "step-notes"]


@pytest.mark.parametrize("keep", [2, 3])
def test_the_newest_are_kept(tmp_path, keep):
    save(tmp_path, *range(1, 7), keep=keep)
    assert names(tmp_path) == [f"step-{step:08d}" for step in range(7 - keep, 7)]


def test_steps_are_ordered_as_numbers(tmp_path):
    save(tmp_path, 99_999_999, 100_000_000, 100_000_001)
    assert is_whole(checkpoint.load_newest(tmp_path), 100_000_001)
    assert names(tmp_path) == ["step-100000000", "step-100000001"]


def test_a_damaged_one_does_not_count_among_those_that_are_kept(tmp_path):
    """After the training skipped a damaged checkpoint, two intact ones are kept as soon as there are two."""
    save(tmp_path, 1, 2, 5)
    (tmp_path / "step-00000005" / checkpoint.MANIFEST).unlink()
    assert checkpoint.load_newest(tmp_path).step == 2
    save(tmp_path, 3)
    assert names(tmp_path) == ["step-00000002", "step-00000003"]


def test_writing_the_same_step_again_replaces_it(tmp_path):
    save(tmp_path, 1, 2)
    (tmp_path / "step-00000002" / checkpoint.MANIFEST).write_text("{}")
    save(tmp_path, 2)
    assert is_whole(checkpoint.load_newest(tmp_path), 2)


@pytest.mark.parametrize("call", ["fsync", "mkdir", "rename"])
def test_a_write_that_fails_leaves_the_older_ones_and_no_rest(tmp_path, monkeypatch, call):
    save(tmp_path, 1, 2)

    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os if call == "fsync" else Path, call, full)
        with pytest.raises(RunError, match=r"Cannot write the checkpoint '.*step-00000003': No space left on device"):
            save(tmp_path, 3)
    assert names(tmp_path) == ["step-00000001", "step-00000002"]
    assert is_whole(checkpoint.load_newest(tmp_path), 2)


def test_a_real_limit_of_the_system_is_one_clear_error(tmp_path, size_limit):
    save(tmp_path, 1, 2)
    big = {"generator": {"0000/kernel": np.zeros((100, 100), np.float32)}}
    with size_limit(2000), pytest.raises(RunError, match="File too large"):
        checkpoint.save(tmp_path, step=3, state=big, keep=2)
    assert names(tmp_path) == ["step-00000001", "step-00000002"]


WRITER = """
import sys
from pathlib import Path
import numpy as np
from ganzoo.training import checkpoint
step = int(sys.argv[2])
print("ready", flush=True)
while True:
    step += 1
    arrays = {f"{n:04d}/w": np.full((64, 64), step, np.float32) for n in range(20)}
    checkpoint.save(Path(sys.argv[1]), step=step, state={"one": arrays, "two": arrays}, keep=2)
"""


@pytest.mark.slow
def test_kill_9_while_writing_never_costs_what_was_written(tmp_path):
    rng = np.random.RandomState(0)
    newest = 1
    save(tmp_path, 0, 1)
    for _ in range(6):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(newest)], stdout=subprocess.PIPE)
        process.stdout.readline()
        time.sleep(0.1 + 0.2 * rng.random_sample())
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        found = checkpoint.load_newest(tmp_path)
        assert found is not None
        assert found.skipped == ()
        if found.step > 1:
            assert all((array == found.step).all() for group in found.state.values() for array in group.values())
        complete = [name for name in names(tmp_path) if not name.startswith(".")]
        assert len(complete) >= 2
        assert found.step >= newest
        newest = found.step
    assert newest > 6
