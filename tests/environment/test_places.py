"""Tests the home, cache and Keras folders: for a user without a home folder, and for unknown users."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ganzoo.environment.places import cache_root, expanded, keras_home
from ganzoo.errors import GanzooError

VARIABLES = ("HOME", "XDG_CACHE_HOME", "GANZOO_CACHE", "HF_HOME", "HF_HUB_CACHE", "KERAS_HOME")

POINTS = """
data: {source: ring8, count: 64}
generator: {model: dense, hidden: [4], latent_dim: 2}
discriminator: {model: dense, hidden: [4]}
training: {batch_size: 4, steps: 1}
"""


@pytest.fixture
def homeless(monkeypatch):
    """A process whose user has no HOME and no entry in the list of users."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)


def test_the_variables_come_first(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GANZOO_CACHE", "~/named")
    monkeypatch.setenv("KERAS_HOME", "~/k")
    assert cache_root() == tmp_path / "named"
    assert cache_root("~/given") == tmp_path / "given"
    assert keras_home() == tmp_path / "k"


def test_a_home_folder_is_the_default(monkeypatch, tmp_path):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert tmp_path in cache_root().parents
    assert keras_home() == tmp_path / ".keras"


@pytest.mark.parametrize("find", [cache_root, keras_home, lambda: expanded("~/a")])
def test_no_home_folder_is_one_line_with_what_to_do(homeless, find):
    with pytest.raises(GanzooError, match=r"no home folder.*export HOME=PATH") as said:
        find()
    assert "\n" not in str(said.value)


def test_without_a_home_the_variables_still_work(homeless, monkeypatch, tmp_path):
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path))
    assert cache_root() == tmp_path


def test_a_user_that_is_not_here():
    with pytest.raises(GanzooError, match="this machine has no user 'nosuchuser'"):
        expanded("~nosuchuser/a")


def test_a_file_may_have_such_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("~nosuchuser").touch()
    assert expanded("~nosuchuser") == tmp_path / "~nosuchuser"


def test_a_folder_with_a_tilde_stays_this_folder_when_it_is_expanded_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = expanded("./~nobody")
    assert first == expanded(first) == tmp_path / "~nobody"


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="users as POSIX has them")
@pytest.mark.parametrize(
    ("line", "fails"),
    [
        ("list", False),
        ("train points.yaml --quiet", False),
        ("runs", False),
        ("cache", True),
        ("cache remove x", True),
        ("data preview ring8", False),
        ("data preview faces", True),
        ("data preview mnist", True),
        ("pull someone/tiny", True),
        ("generate someone/tiny", True),
        ("generate ~nosuchuser/x", True),
        ("generate faces-64 --seeds 1 -o ~nosuchuser/x.png", True),
        ("data preview image_folder --data ~nosuchuser/x", True),
        ("train dcgan-celeba-64 --data ~nosuchuser/x --dry-run", True),
        ("pull a/b --cache-dir ~nosuchuser/x", True),
    ],
)
def test_commands_of_a_user_without_a_home(tmp_path, line, fails):
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    (tmp_path / "points.yaml").write_text(POINTS)
    program = Path(__file__).with_name("homeless.py")
    done = subprocess.run(
        [sys.executable, str(program), *line.split()],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=environment,
    )
    assert done.returncode == (2 if fails else 0), done.stderr
    assert "Traceback" not in done.stderr
    if fails:
        assert len(done.stderr.splitlines()) <= 2, done.stderr
    assert not (tmp_path / "~").exists()
