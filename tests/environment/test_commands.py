"""A shell reads each command in a message as it was meant."""

import os
import subprocess
from pathlib import Path

import pytest

from ganzoo.environment.commands import command, path_word, run_word

NAMES = [
    "plain",
    "a b",
    "it's",
    'a"b',
    "$HOME",
    "a;b",
    "*",
    "é",
    "-x",
    "--",
    "",
    "a\nb",
    "a\tb\x1b[31m",
    "b\udcff'\\",
    "~",
]

pytestmark = pytest.mark.skipif(os.name != "posix", reason="quotes as POSIX shells have them")


@pytest.mark.parametrize("name", NAMES)
def test_bash_gives_back_the_name(name):
    line = command("show", name, options="--json").removeprefix("ganzoo ")
    assert all(char.isprintable() for char in line)
    done = subprocess.run(["bash", "-c", f"printf '%s\\0' {line}"], capture_output=True, check=True)
    words = [os.fsdecode(word) for word in done.stdout.split(b"\0")[:-1]]
    assert words == (["show", "--json", "--", name] if name.startswith("-") else ["show", name, "--json"])


def test_a_run_is_named_so_that_it_is_found_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    here, elsewhere = tmp_path / "runs/m/001", tmp_path / "other/m/001"
    here.mkdir(parents=True)
    elsewhere.mkdir(parents=True)
    assert run_word(Path("runs/m/001")) == "m/001"
    assert run_word(here) == "m/001"
    assert run_word(elsewhere) == "other/m/001"
    monkeypatch.chdir(elsewhere)
    assert run_word(here) == str(here)


def test_a_folder_of_the_same_name_is_not_taken_for_the_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("runs/m/001").mkdir(parents=True)
    Path("m/001").mkdir(parents=True)
    assert run_word(Path("runs/m/001")) == "runs/m/001"


def test_a_path_is_short_where_it_can_be(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert path_word(tmp_path / "a") == "a"
    assert path_word(Path("../b")) == "../b"
    assert path_word(Path("/etc")) == "/etc"
