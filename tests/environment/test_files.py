"""Files and folders are replaced completely or not at all, and no two writers share a temporary name."""

import errno
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from ganzoo.environment import files

LEFT = r"\.tmp-[0-9a-f]{8}-\d+-[0-9a-f]{12}$"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def of_dead_process(path):
    """The name that a process of this machine would have used, which has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return path.with_name(path.name.replace(f"-{os.getpid()}-", f"-{ended.pid}-"))


def of_other_machine(path):
    return path.with_name(re.sub(r"(\.(?:tmp|old)-)[0-9a-f]{8}-", r"\g<1>00000000-", path.name))


@pytest.mark.parametrize("length", [10, 200, 100_000])
def test_an_array_that_does_not_fit_on_the_disk_is_an_error_with_its_reason(tmp_path, size_limit, length):
    """``numpy.save`` loses the reason or, for a short array, the error."""
    array = np.arange(length, dtype=np.float64)
    with size_limit(100), pytest.raises(OSError, match="File too large") as caught:
        files.write_file(tmp_path / "a.npy", files.npy_content(array))
    assert caught.value.errno == errno.EFBIG
    assert list(tmp_path.iterdir()) == []
    files.write_file(tmp_path / "a.npy", files.npy_content(array))
    assert (np.load(tmp_path / "a.npy", allow_pickle=False) == array).all()


@pytest.mark.parametrize("name", ["a.png", "a" * 250, "ü" * 120, "a.tmp-b"])
def test_a_temporary_name_is_hidden_unique_and_short_enough(tmp_path, name):
    path = tmp_path / name
    found = {files.temporary_path(path) for _ in range(100)}
    assert len(found) == 100
    for one in found:
        assert one.parent == tmp_path
        assert one.name.startswith(".a") or one.name.startswith(".ü")
        assert re.search(LEFT, one.name)
        assert len(os.fsencode(one.name)) <= 255
    files.write_file(path, b"x")
    assert names(tmp_path) == [name]


def test_a_block_that_raises_leaves_the_old_file_and_folder(tmp_path):
    files.write_file(tmp_path / "new" / "file", b"old")
    with files.replacing_folder(tmp_path / "folder") as fresh:
        (fresh / "x").write_text("old")
    with pytest.raises(RuntimeError), files.replacing_file(tmp_path / "new" / "file") as file:
        file.write(b"half")
        raise RuntimeError
    with pytest.raises(RuntimeError), files.replacing_folder(tmp_path / "folder") as fresh:
        (fresh / "x").write_text("half")
        raise RuntimeError
    assert (tmp_path / "new" / "file").read_bytes() == b"old"
    assert (tmp_path / "folder" / "x").read_text() == "old"
    assert names(tmp_path) == ["folder", "new"]
    assert names(tmp_path / "new") == ["file"]


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    for content in ("first", "second"):
        with files.replacing_folder(tmp_path / "f") as fresh:
            (fresh / content).mkdir()
            (fresh / content / "x").write_text(content)
    assert names(tmp_path) == ["f"]
    assert names(tmp_path / "f") == ["second"]


def test_a_folder_is_kept_where_another_process_was_faster(tmp_path):
    with files.replacing_folder(tmp_path / "f", unless=(tmp_path / "f").is_dir) as slow:
        with files.replacing_folder(tmp_path / "f") as fast:
            (fast / "fast").write_text("")
        (slow / "slow").write_text("")
    assert names(tmp_path / "f") == ["fast"]
    assert names(tmp_path) == ["f"]


def test_a_folder_that_appears_between_two_renames_is_replaced(tmp_path, monkeypatch):
    """Another process renames its folder into place just before this one does."""
    real, rivals = Path.rename, iter([True, True])

    def rename(self, target):
        if ".tmp-" in self.name and next(rivals, None):
            Path(target).mkdir()
            (Path(target) / "theirs").write_text("")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with files.replacing_folder(tmp_path / "f") as fresh:
        (fresh / "mine").write_text("")
    assert names(tmp_path / "f") == ["mine"]
    assert names(tmp_path) == ["f"]


def test_threads_that_replace_one_file_and_one_folder(tmp_path):
    """A name made of the process alone is shared by threads, and by process 1 of two containers on one disk."""
    errors = []

    def work(number):
        try:
            for _ in range(30):
                files.write_file(tmp_path / "file", bytes([number]) * 5000)
                with files.replacing_folder(tmp_path / "folder") as fresh:
                    for part in "ab":
                        (fresh / part).write_text(str(number))
        except OSError as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    content = (tmp_path / "file").read_bytes()
    assert len(content) == 5000
    assert len(set(content)) == 1
    assert (tmp_path / "folder" / "a").read_text() == (tmp_path / "folder" / "b").read_text()
    assert names(tmp_path) == ["file", "folder"]


def test_leftovers_of_dead_processes_are_removed_and_others_are_not(tmp_path):
    final = tmp_path / "f"
    own, other = files.temporary_path(final), of_other_machine(files.temporary_path(final))
    dead, old = of_dead_process(files.temporary_path(final)), of_other_machine(files.temporary_path(final))
    strange, another = tmp_path / ".f.tmp-mine", of_dead_process(files.temporary_path(tmp_path / "g"))
    for path in (own, other, dead, old, strange, another):
        path.mkdir()
        (path / "x").write_text("half")
    past = time.time() - 2 * files.STALE_SECONDS
    for path in (old / "x", old, strange / "x", strange):
        os.utime(path, (past, past))
    files.remove_leftovers(tmp_path, "f")
    assert set(tmp_path.iterdir()) == {own, other, strange, another}
    files.remove_leftovers(tmp_path)
    assert set(tmp_path.iterdir()) == {own, other, strange}
    files.remove_leftovers(tmp_path / "none")


KILLED = """
import os, signal, sys
from pathlib import Path
from ganzoo.environment import files
real = Path.rename
def rename(self, target):
    if ".tmp-" in self.name:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, target)
Path.rename = rename
files._exchange = lambda one, other: False  # as on a system that cannot exchange two names
with files.replacing_folder(Path(sys.argv[1])) as fresh:
    (fresh / "x").write_text("new")
"""


def test_a_folder_whose_replacement_was_killed_between_two_renames_comes_back(tmp_path):
    with files.replacing_folder(tmp_path / "f") as fresh:
        (fresh / "x").write_text("old")
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "f")], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "f").exists()
    files.remove_leftovers(tmp_path, "f")
    assert names(tmp_path) == ["f"]
    assert (tmp_path / "f" / "x").read_text() == "old"


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux' renameat2")
def test_a_folder_that_is_replaced_is_there_at_every_moment(tmp_path):
    """So that a reader, or the next command after a kill, finds the old or the new one."""
    folder, missing, done = tmp_path / "f", [], threading.Event()
    folder.mkdir()

    def look():
        while not done.is_set():
            missing.extend([] if folder.is_dir() else [1])

    reader = threading.Thread(target=look)
    reader.start()
    for number in range(200):
        new = tmp_path / "new"
        new.mkdir()
        (new / "x").write_text(str(number))
        files.move_folder(new, folder)
    done.set()
    reader.join()
    assert not missing
    assert (folder / "x").read_text() == "199"
    assert names(tmp_path) == ["f"]


def test_what_cannot_be_written_is_an_os_error(tmp_path, size_limit):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"Not a directory|File exists"):
        files.write_file(tmp_path / "file" / "x", b"")
    with size_limit(10), pytest.raises(OSError, match="File too large"):
        files.write_file(tmp_path / "big", bytes(100), sync=True)
    assert names(tmp_path) == ["file"]


def test_nothing_else_makes_temporary_names():
    """One owner: no other module builds a name from the process or renames what it wrote."""
    package = Path(files.__file__).parents[1]
    pattern = re.compile(r"\{os\.getpid|\.tmp\"|\.rename\(|\.tmp-|mkstemp")
    sources = {str(path.relative_to(package)): path.read_text(encoding="utf-8") for path in package.rglob("*.py")}
    owners = {name for name, text in sources.items() if pattern.search(text)}
    assert owners == {"environment/files.py", "training/checkpoint.py"}, "checkpoint.py removes those of ganzoo 0.1"
