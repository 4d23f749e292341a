"""Runs the README's commands and code unchanged, except for shorter trainings."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
SHORTER = {
    "--max-minutes 3": "--max-steps 4",
    "--max-steps 200": "--max-steps 4",
    "--resume": "--resume --max-steps 6",
    "evaluate dcgan-faces-32": "evaluate dcgan-faces-32 --samples 100 --draws 2",
}


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """An empty folder, and an environment whose data cache is empty at first."""
    folder = tmp_path_factory.mktemp("readme")
    return folder, os.environ | {"GANZOO_CACHE": str(folder / "cache"), "TF_CPP_MIN_LOG_LEVEL": "3"}


def run(command, place):
    folder, environment = place
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.mark.slow
def test_commands(place):
    lines = [line for block in blocks("console") for line in block.splitlines()]
    assert len(lines) >= 6
    for line in lines:
        for long, short in SHORTER.items():
            line = line.replace(long, short)
        program, *arguments = shlex.split(line)
        assert program == "ganzoo"
        run([sys.executable, "-m", "ganzoo.cli.main", *arguments], place)
    assert (place[0] / "faces.png").stat().st_size > 1000
    assert (place[0] / "real.png").stat().st_size > 1000


@pytest.mark.slow
def test_python(place):
    for code in blocks("python"):
        run([sys.executable, "-c", code.replace("steps=2000", "steps=4")], place)


def test_yaml(tmp_path):
    from ganzoo.config.zoo import load_config

    for number, text in enumerate(blocks("yaml")):
        path = tmp_path / f"mine{number}.yaml"
        path.write_text(text, encoding="utf-8")
        assert load_config(path).name == path.stem


def test_names_every_model():
    from ganzoo.config.zoo import list_models

    assert set(re.findall(r"`([a-z0-9-]+)`", README)) >= set(list_models())
