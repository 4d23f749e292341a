"""Finds the code blocks of a Markdown page, shortens their trainings, runs them, and parses the commands of ganzoo."""

import fcntl
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import programs
import typer

from ganzoo.cli.main import app

SHORTER = {
    "--max-minutes 3": "--max-steps 4 data.count=200",
    "--max-steps 200": "--max-steps 4 data.count=200",
    "data preview dcgan-faces-32": "data preview dcgan-faces-32 data.count=200",
    "--resume": "--resume --max-steps 6",
    "evaluate dcgan-faces-32": "evaluate dcgan-faces-32 --samples 100 --draws 2",
}
"""Replacements in a command that trains or measures."""

USE_TENSORFLOW = {"train", "export", "evaluate"}
"""The commands that import TensorFlow."""

CACHE = str(Path(tempfile.gettempdir(), "ganzoo-tests-cache"))
"""The cache of prepared data, if the variable GANZOO_CACHE is not set."""

_BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<code>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE)


def all_blocks(text):
    """Every block of a page, as pairs of language and code."""
    return [(block["language"], textwrap.dedent(block["code"])) for block in _BLOCK.finditer(text)]


def blocks(text, language):
    """The code of every block in a language."""
    return [code for found, code in all_blocks(text) if found == language]


def lines(text, language):
    """Every line of the blocks in a language, for example every command."""
    return [line for block in blocks(text, language) for line in block.splitlines()]


def run(command, folder, *, tensorflow=False):
    """Run a program in a folder. It must succeed. All programs share a cache, so that the faces are drawn once.

    With ``tensorflow``, the command is a Python program that may use TensorFlow: it starts with TensorFlow imported.
    """
    environment = {"GANZOO_CACHE": CACHE} | os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    if tensorflow:
        done = programs.run(command[1:], folder=folder, environment=environment)
    else:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


def run_commands(commands, folder, *, trained):
    """Run commands of ganzoo, with shorter trainings.

    Pages show the same first training. It runs once for all of them in the folder ``trained``, and each page gets a
    copy of the run. So only the first page that shows a command of training checks that it works.
    """
    for line in commands:
        for long, short in SHORTER.items():
            line = line.replace(long, short)
        program, *arguments = shlex.split(line)
        assert program == "ganzoo", line
        if arguments[0] == "train" and "--resume" not in arguments and not (folder / "runs").exists():
            shutil.copytree(_trained(arguments, trained), folder / "runs")
        else:
            _run_ganzoo(arguments, folder)


def _run_ganzoo(arguments, folder):
    run([sys.executable, "-m", "ganzoo.cli.main", *arguments], folder, tensorflow=arguments[0] in USE_TENSORFLOW)


def _trained(arguments, folder):
    """The folder of runs of a training, which may be done by another process of the tests."""
    place = folder / re.sub(r"\W+", "-", " ".join(arguments))
    place.mkdir(parents=True, exist_ok=True)
    done = place / "done"
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(place / "runs", ignore_errors=True)  # of a page that failed
            _run_ganzoo(arguments, place)
            done.touch()
    return place / "runs"


def parsed(line):
    """Parse a command as the command line does, without running it.

    Returns:
        The words of the verb, and the values of its options and arguments.
    """
    program, *arguments = shlex.split(line.partition(" > ")[0])
    assert program == "ganzoo", line
    command, verb = typer.main.get_command(app), []
    while hasattr(command, "commands") and arguments and not arguments[0].startswith("-"):
        verb.append(arguments.pop(0))
        assert verb[-1] in command.commands, f"no such command: {line}"
        command = command.commands[verb[-1]]
    return verb, command.make_context(" ".join(["ganzoo", *verb]), arguments).params
