"""Tests closed, unread, full and limited standard output and error. Each test starts a new process."""

import json
import os
import subprocess
import sys

import pytest

PROGRAM = [sys.executable, "-m", "ganzoo"]

pytestmark = pytest.mark.skipif(os.name != "posix", reason="descriptors as POSIX has them")


@pytest.fixture
def environment(monkeypatch):
    """Variables that a test changes, without those that would hide what it looks for."""
    for name in ("PYTHONIOENCODING", "PYTHONUTF8", "LC_ALL"):
        monkeypatch.delenv(name, raising=False)
    return dict(os.environ)


def shell(line, *arguments, **variables):
    """A line for ``bash`` in which ``"$@"`` is the program and its arguments."""
    done = subprocess.run(
        ["bash", "-c", line, "bash", *PROGRAM, *arguments], capture_output=True, check=False, env=os.environ | variables
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode(errors="replace")
    return done


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "line", ['"$@" >&-', '"$@" 2>&-', '"$@" >&- 2>&- <&-', '"$@" | head -0; exit ${PIPESTATUS[0]}', '"$@" 2>/dev/full']
)
@pytest.mark.parametrize("arguments", [["generate", "bundle", "--seeds", "1", "-o", "a.png"]])
def test_work_that_is_done_succeeds_whoever_reads(bundle, place, line, arguments, unbuffered):
    assert shell(line, *arguments, PYTHONUNBUFFERED=unbuffered).returncode == 0
    assert (place / "a.png").is_file()


@pytest.mark.slow
def test_a_training_goes_on_when_its_readers_leave(points_yaml, place):
    done = shell('"$@" 2>&1 | head -0; exit ${PIPESTATUS[0]}', "train", "points.yaml")
    assert done.returncode == 0
    assert [path.name for path in (place / "runs/points/001/checkpoints").iterdir()] == ["step-00000003"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('"$@" >&-', 0),
        ('"$@" | head -0; exit ${PIPESTATUS[0]}', 141),
        ('"$@" > /dev/full', 2),
    ],
)
def test_lines_that_are_the_product(line, code):
    done = shell(line, "list", PYTHONUNBUFFERED="")
    assert done.returncode == code
    assert len(done.stderr.splitlines()) == (code == 2)


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "ascii:strict", "utf-8:strict"])
@pytest.mark.parametrize("name", ["おは.png", "grün😀.png", b"b\xff.png"])
def test_names_that_a_stream_cannot_write(bundle, place, encoding, name):
    done = shell('"$@"', "generate", "bundle", "--seeds", "1", "-o", name, PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    assert (place / os.fsdecode(name)).is_file()
    written = done.stdout.removesuffix(b"\n")
    if isinstance(name, bytes):
        assert written == name
    else:
        codec = encoding.partition(":")[0]
        assert written == name.encode(codec, errors="backslashreplace")
    assert shell('"$@"', "show", os.fsencode(name) + b".yaml", PYTHONIOENCODING=encoding).returncode == 2


@pytest.mark.parametrize("name", ["おは", "grün😀", b"b\xff"])
def test_json_is_json_in_every_encoding(trained, name):
    (trained / "runs/images").rename(trained / "runs" / os.fsdecode(name))
    done = shell('"$@"', "runs", "--json", PYTHONIOENCODING="ascii:strict")
    assert done.returncode == 0
    assert json.loads(done.stdout)[0]["run"] == f"{os.fsdecode(name)}/001"
