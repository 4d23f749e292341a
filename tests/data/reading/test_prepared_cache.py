import contextlib
import errno
import json
import os
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from ganzoo.data.reading.prepared_cache import Chunk, Recipe, prepared
from ganzoo.environment.files import temporary_path
from ganzoo.environment.places import cache_root
from ganzoo.errors import DataError

SAMPLES = np.arange(10 * 4 * 4 * 3, dtype=np.uint16).astype(np.uint8).reshape(10, 4, 4, 3)
LABELS = np.arange(10, dtype=np.int32) % 2


class Producer:
    """Gives SAMPLES in two chunks, and counts how often it is asked."""

    def __init__(self, broken=()):
        self.calls = 0
        self.broken = dict(broken)

    def __call__(self, broken):
        self.calls += 1
        broken.update(self.broken)
        yield Chunk(SAMPLES[:7], LABELS[:7])
        yield Chunk(SAMPLES[7:], LABELS[7:])


def recipe(**changes):
    values = {
        "source": "test",
        "content": "abc",
        "config": {"crop": "center"},
        "shape": (4, 4, 3),
        "count": 12,
        "class_names": ("a", "b"),
    }
    return Recipe(**{**values, **changes})


def only_folder(cache):
    folders = list((cache / "data").iterdir())
    assert len(folders) == 1
    return folders[0]


def test_made_once_then_read_as_a_memory_map(cache):
    produce = Producer(broken={"x.jpg": "is text"})
    first = prepared(recipe(), produce, cache_dir=cache)
    second = prepared(recipe(), produce, cache_dir=cache)
    assert produce.calls == 1
    assert (first.report.cached, second.report.cached) == (False, True)
    assert first.report.broken == second.report.broken == {"x.jpg": "is text"}
    assert first.report.files == second.report.files == 11
    for dataset in (first, second):
        assert isinstance(dataset.samples, np.memmap)
        assert not dataset.samples.flags.writeable
        assert (dataset.samples == SAMPLES).all()
        assert (dataset.labels == LABELS).all()
        assert dataset.class_names == ("a", "b")
    plain = np.load(only_folder(cache) / "samples.npy", mmap_mode="r")  # the header is a true NumPy header
    assert plain.shape == (10, 4, 4, 3)


@pytest.mark.parametrize(
    "change",
    [{"source": "other"}, {"content": "abd"}, {"config": {"crop": "pad"}}, {"count": 13}, {"class_names": ("b", "a")}],
)
def test_whatever_changes_the_result_changes_the_folder(change):
    assert recipe(**change).folder_name() != recipe().folder_name()


@pytest.mark.parametrize("damage", ["cut", "overwrite", "no_manifest", "bad_manifest", "labels", "zeros"])
def test_damaged_cache_is_made_again(cache, damage):
    produce = Producer()
    prepared(recipe(), produce, cache_dir=cache)
    folder = only_folder(cache)
    samples = folder / "samples.npy"
    if damage == "cut":
        samples.write_bytes(samples.read_bytes()[:-5])
    elif damage == "overwrite":
        samples.write_bytes(samples.read_bytes()[:-1] + b"\x07")
    elif damage == "zeros":
        samples.write_bytes(bytes(samples.stat().st_size))
    elif damage == "no_manifest":
        (folder / "manifest.json").unlink()
    elif damage == "bad_manifest":
        (folder / "manifest.json").write_text('{"sizes": 3}')
    else:
        (folder / "labels.npy").unlink()
    again = prepared(recipe(), produce, cache_dir=cache)
    assert produce.calls == 2
    assert (again.samples == SAMPLES).all()
    assert prepared(recipe(), produce, cache_dir=cache).report.cached


def test_hole_in_a_large_file_is_found(cache):
    big = np.random.RandomState(0).randint(0, 256, (64, 256, 256, 3)).astype(np.uint8)
    large = recipe(shape=(256, 256, 3), count=64, class_names=())
    prepared(large, lambda broken: [Chunk(big)], cache_dir=cache)
    samples = only_folder(cache) / "samples.npy"
    with samples.open("r+b") as file:  # a quarter of the file was never written
        file.seek(samples.stat().st_size // 2)
        file.write(bytes(samples.stat().st_size // 4))
    assert not prepared(large, lambda broken: [Chunk(big)], cache_dir=cache).report.cached


def test_failure_leaves_nothing_behind(cache):
    def fails(broken):
        yield Chunk(SAMPLES[:3], LABELS[:3])
        raise DataError("too many broken images")

    with pytest.raises(DataError, match="too many"):
        prepared(recipe(), fails, cache_dir=cache)
    assert list((cache / "data").iterdir()) == []


def test_killed_process_leaves_nothing_that_looks_complete(cache):
    program = f"""
        import os
        from pathlib import Path
        import numpy as np
        from ganzoo.data.reading.prepared_cache import Chunk, Recipe, prepared
        def chunks(broken):
            yield Chunk(np.zeros((3, 4, 4, 3), np.uint8), np.zeros(3, np.int32))
            os._exit(9)
        recipe = Recipe("test", "abc", {{"crop": "center"}}, (4, 4, 3), 12, ("a", "b"))
        prepared(recipe, chunks, cache_dir=Path({str(cache)!r}))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False)
    assert done.returncode == 9
    left = list((cache / "data").iterdir())
    assert len(left) == 1
    assert ".tmp-" in left[0].name
    dataset = prepared(recipe(), Producer(), cache_dir=cache)
    assert not dataset.report.cached
    assert (dataset.samples == SAMPLES).all()
    assert not left[0].exists()  # and it was cleaned up
    assert only_folder(cache).name == recipe().folder_name()


def test_another_process_at_work_on_the_same_data_is_left_alone(cache):
    folder = cache / "data"
    folder.mkdir(parents=True)
    own = temporary_path(folder / recipe().folder_name())
    theirs = own.with_name(own.name.replace(f"-{os.getpid()}-", f"-{os.getppid()}-"))
    theirs.mkdir()
    prepared(recipe(), Producer(), cache_dir=cache)
    assert theirs.exists()


def two_at_once(cache, caplog, produce, *, begin=lambda: None):
    """The datasets of two threads that prepare the same data at once. The second one waits for the first.

    They are threads, because the locks of two open files exclude each other as those of two processes do.
    """
    begun = threading.Event()

    def slow(broken):
        begin()
        begun.set()
        deadline = time.monotonic() + 20
        while not caplog.text and time.monotonic() < deadline:
            time.sleep(0.02)
        yield from produce(broken)

    with ThreadPoolExecutor() as pool:
        first = pool.submit(prepared, recipe(), slow, cache_dir=cache)
        assert begun.wait(20)
        second = pool.submit(prepared, recipe(), slow, cache_dir=cache)
        return first.result(), second.result()


def test_two_processes_at_once_prepare_the_data_once(cache, caplog):
    produce = Producer()
    assert all((dataset.samples == SAMPLES).all() for dataset in two_at_once(cache, caplog, produce))
    assert produce.calls == 1
    assert f"Waiting for process {os.getpid()} on " in caplog.text


def test_a_process_that_waits_for_another_needs_no_free_space(cache, caplog, monkeypatch):
    def fill():
        usage = "ganzoo.data.reading.prepared_cache.shutil.disk_usage"
        monkeypatch.setattr(usage, lambda path: SimpleNamespace(free=0))

    produce = Producer()
    assert all((dataset.samples == SAMPLES).all() for dataset in two_at_once(cache, caplog, produce, begin=fill))
    assert produce.calls == 1


def test_without_locks_the_slower_of_two_processes_takes_the_result_of_the_faster(cache, monkeypatch):
    monkeypatch.setattr("ganzoo.environment.locks.lock", lambda path, **options: contextlib.nullcontext())

    def slow(broken):
        prepared(recipe(), Producer(), cache_dir=cache)
        yield Chunk(255 - SAMPLES, LABELS)

    assert (prepared(recipe(), slow, cache_dir=cache).samples == SAMPLES).all()
    assert only_folder(cache).name == recipe().folder_name()
    assert (np.load(only_folder(cache) / "samples.npy") == SAMPLES).all()


def test_full_disk_is_one_line(cache, monkeypatch):
    def full(broken):
        yield Chunk(SAMPLES[:3], LABELS[:3])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(DataError) as caught:
        prepared(recipe(), full, cache_dir=cache)
    assert "No space left" in str(caught.value)
    assert "GANZOO_CACHE" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list((cache / "data").iterdir()) == []


def test_too_little_room_is_said_before_anything_is_written(cache):
    produce = Producer()
    with pytest.raises(DataError, match=r"needs 48 TB, but .* has \S+ [kMGT]B free"):
        prepared(recipe(count=10**12), produce, cache_dir=cache)
    assert produce.calls == 0


def test_little_room_is_said_in_a_fitting_unit(cache, monkeypatch):
    monkeypatch.setattr("ganzoo.data.reading.prepared_cache.shutil.disk_usage", lambda path: SimpleNamespace(free=812))
    with pytest.raises(DataError, match=r"needs \S+ (kB|B), but .* has 812 B free"):
        prepared(recipe(count=100), Producer(), cache_dir=cache)


def test_cache_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="Cannot write prepared data"):
        prepared(recipe(), Producer(), cache_dir=tmp_path / "file")


def test_where_the_cache_is(monkeypatch, tmp_path):
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "named"))
    assert cache_root() == tmp_path / "named"
    assert cache_root(tmp_path / "given") == tmp_path / "given"
    monkeypatch.delenv("GANZOO_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr(sys, "platform", "linux")
    assert cache_root() == tmp_path / "xdg" / "ganzoo"


def test_manifest_says_what_the_data_is(cache):
    prepared(recipe(), Producer(), cache_dir=cache)
    manifest = json.loads((only_folder(cache) / "manifest.json").read_text())
    assert manifest["source"] == "test"
    assert manifest["config"] == {"crop": "center"}
    assert manifest["shape"] == [10, 4, 4, 3]


def test_with_other_readers_only_a_set_with_broken_files_is_made_again(cache):
    for broken, calls in (({}, 1), ({"x.heic": "needs a reader"}, 2)):
        produce = Producer(broken)
        prepared(recipe(content=str(broken), readers="JPEG"), produce, cache_dir=cache)
        prepared(recipe(content=str(broken), readers="JPEG"), produce, cache_dir=cache)
        prepared(recipe(content=str(broken), readers="JPEG HEIF"), produce, cache_dir=cache)
        prepared(recipe(content=str(broken), readers="JPEG HEIF"), produce, cache_dir=cache)
        assert produce.calls == calls
    assert len(list((cache / "data").iterdir())) == 2
