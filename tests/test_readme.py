"""Runs the README's commands and code unchanged, except for shorter trainings."""

import re
import sys
from pathlib import Path

import pytest
from markdown_blocks import blocks, lines, run, run_commands

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("readme")


@pytest.mark.slow
def test_commands(folder, shared_trainings):
    commands = lines(README, "console")
    assert len(commands) >= 6
    run_commands(commands, folder, trained=shared_trainings)
    assert (folder / "faces.png").stat().st_size > 1000
    assert (folder / "real.png").stat().st_size > 1000


@pytest.mark.slow
def test_python(folder):
    for code in blocks(README, "python"):
        run([sys.executable, "-c", code.replace("steps=2000", "steps=4")], folder, tensorflow="train(" in code)


def test_yaml(tmp_path):
    from ganzoo.config.zoo import load_config

    for number, text in enumerate(blocks(README, "yaml")):
        path = tmp_path / f"mine{number}.yaml"
        path.write_text(text, encoding="utf-8")
        assert load_config(path).name == path.stem


def test_names_every_model():
    from ganzoo.model_list import list_models

    assert set(re.findall(r"`([a-z0-9-]+)`", README)) >= set(list_models())
