"""A lock ends with its process: on this machine by the kernel, on another one by the file's time."""

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from ganzoo.environment import locks

HOLDER = """
import sys, time
from pathlib import Path
from ganzoo.environment import locks
with locks.lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "lock")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def left_by_another_machine(path):
    path.write_text(json.dumps({"pid": 7, "host": "other", "since": "2026-01-01 00:00:00 +0000", "machine": "another"}))


def test_the_second_is_refused_and_learns_who_holds_it(tmp_path, holder):
    with pytest.raises(locks.HeldError) as caught, locks.lock(tmp_path / "lock"):
        pass
    assert caught.value.holder.pid == holder.pid
    assert caught.value.holder.is_here
    assert str(caught.value.holder).startswith(f"process {holder.pid} on '")
    assert time.strftime("%Y-") in caught.value.holder.since


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_kill_9_frees_it_at_once(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (tmp_path / "lock").read_bytes(), "the dead process is still named"
    begun = time.monotonic()
    with locks.lock(tmp_path / "lock"):
        pass
    assert time.monotonic() - begun < 1
    assert (tmp_path / "lock").read_bytes() == b"", "no process holds it"


def test_two_threads_of_one_process_exclude_each_other_too(tmp_path):
    with locks.lock(tmp_path / "lock"), pytest.raises(locks.HeldError), locks.lock(tmp_path / "lock"):
        pass


def test_a_wait_ends_with_the_holder(tmp_path, holder):
    asked = []

    def on_wait(found):
        asked.append(found.pid)
        holder.terminate()

    with locks.lock(tmp_path / "lock", wait=True, on_wait=on_wait):
        assert asked == [holder.pid]


def test_a_dead_process_of_another_machine_is_watched_and_passed_over(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "WATCH_SECONDS", 0.5)
    left_by_another_machine(tmp_path / "lock")
    watched = []
    with locks.lock(tmp_path / "lock", on_watch=watched.append):
        assert [found.host for found in watched] == ["other"]


@pytest.mark.parametrize("supported", [True, False])
def test_a_live_process_of_another_machine_is_seen_by_its_touches(tmp_path, monkeypatch, supported):
    """Also where the file system does not pass locks on, or has none."""
    monkeypatch.setattr(locks, "WATCH_SECONDS", 5.0)
    if not supported:
        monkeypatch.setattr("fcntl.flock", no_locks)
    left_by_another_machine(tmp_path / "lock")
    ended = threading.Event()

    def touch():
        while not ended.wait(0.2):
            os.utime(tmp_path / "lock")

    thread = threading.Thread(target=touch)
    thread.start()
    try:
        with pytest.raises(locks.HeldError, match="process 7 on 'other'"), locks.lock(tmp_path / "lock"):
            pass
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("error", [None, ValueError("of the block")])
def test_a_disk_that_fails_at_the_end_does_not_replace_the_error_of_the_block(tmp_path, monkeypatch, error):
    close = os.close

    def failing(descriptor):
        close(descriptor)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with contextlib.ExitStack() as stack:
        if error:
            stack.enter_context(pytest.raises(ValueError, match="of the block"))
        with locks.lock(tmp_path / "lock"):
            monkeypatch.setattr("os.close", failing)
            if error:
                raise error
    monkeypatch.undo()
    with locks.lock(tmp_path / "lock"):
        pass


def test_the_holder_touches_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "BEAT_SECONDS", 0.05)
    with locks.lock(tmp_path / "lock"):
        before = (tmp_path / "lock").stat().st_mtime_ns
        time.sleep(0.3)
        assert (tmp_path / "lock").stat().st_mtime_ns > before


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]", b'{"pid": 1}', b'{"pid": 1' + b"0" * 9000])
def test_a_damaged_file_is_a_free_lock(tmp_path, content):
    (tmp_path / "lock").write_bytes(content)
    with locks.lock(tmp_path / "lock"):
        assert json.loads((tmp_path / "lock").read_bytes())["pid"] == os.getpid()


def no_locks(descriptor, operation):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
