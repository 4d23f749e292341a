"""The command in this process, in an empty folder, and one small run that is trained once."""

import shutil

import numpy as np
import pytest
import tiny_bundles
from typer.testing import CliRunner

import ganzoo
from ganzoo.cli.main import app

IMAGES = """
# Dense GAN on noise, for tests.
# Recipe: none.
data: {source: numpy, resolution: 8, path: PATH}
num_classes: 3
generator: {model: dense, hidden: [4], latent_dim: 3}
discriminator: {model: dense, hidden: [4]}
training: {batch_size: 4, steps: 3, log_every: 1, sample_every: 2}
"""

POINTS = """
data: {source: ring8, count: 64}
generator: {model: dense, hidden: [4], latent_dim: 2}
discriminator: {model: dense, hidden: [4]}
training: {batch_size: 4, steps: 3}
"""


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """An empty folder that the command runs in."""
    folder = tmp_path / "place"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def command():
    """Runs the command: ``command("list", "--json")``; what it exits with must be as expected."""

    def run(*arguments, code=0):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="ganzoo")
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return result

    return run


@pytest.fixture
def fails(command):
    """Runs the command, which must end with exit code 2, nothing on standard output, and a short message."""

    def run(*arguments):
        result = command(*arguments, code=2)
        assert result.stdout == ""
        assert result.stderr.count("Error: ") == 1
        message = result.stderr[result.stderr.index("Error: ") :]
        assert len(message.splitlines()) <= 2
        return message

    return run


@pytest.fixture
def points_yaml(place):
    path = place / "points.yaml"
    path.write_text(POINTS, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def _trained(tmp_path_factory):
    """A folder with runs/images/001: a conditional model of 8 px images, three steps, not exported."""
    folder = tmp_path_factory.mktemp("trained")
    rng = np.random.default_rng(0)
    labels = np.arange(12) % 3
    np.savez(folder / "data.npz", samples=rng.integers(0, 256, (12, 8, 8, 3), np.uint8), labels=labels)
    path = folder / "images.yaml"
    path.write_text(IMAGES.replace("PATH", str(folder / "data.npz")), encoding="utf-8")
    ganzoo.train(path, root=folder / "runs", quiet=True)
    return folder


@pytest.fixture
def trained(_trained, place):
    """The folder that the command runs in, with runs/images/001 and images.yaml in it."""
    shutil.copytree(_trained, place, dirs_exist_ok=True)
    return place


@pytest.fixture
def bundle(place):
    """A bundle of 8 px images, in the folder ``bundle``."""
    return tiny_bundles.image_bundle(place / "bundle").folder
