"""Tests the plug-in of examples/plugin, installed as a separate package, and a broken plug-in."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
EXAMPLE = REPOSITORY / "examples" / "plugin"
PARTS = ("pearson", "gated_upsample", "mirror_consistency")
TRAIN = """
import ganzoo
run = ganzoo.train("gated-faces-32.yaml", steps=3, overrides=["data.count=60", "training.batch_size=4"], quiet=True)
config = run.config.to_dict()
assert config["training"]["loss"] == {"name": "pearson"}, config["training"]["loss"]
assert config["objective"]["name"] == "mirror_consistency", config["objective"]
assert run.log()[-1]["d_consistency"] >= 0
assert config["generator"]["block"]["name"] == "gated_upsample", config["generator"]
print(ganzoo.load(ganzoo.export(run)).sample(range(3)).shape, run.step)
"""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    """The plug-in, installed without a network into a separate folder."""
    source = tmp_path_factory.mktemp("source") / "plugin"
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
    target = tmp_path_factory.mktemp("installed")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--target", str(target)]
    run([sys.executable, "-m", "pip", "install", *options, str(source)], target)
    return source, target


@pytest.fixture
def broken(tmp_path):
    """An installed plug-in whose import fails."""
    information = tmp_path / "broken_plugin-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-plugin\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[ganzoo.losses]\nlost = broken_plugin:Lost\n")
    (tmp_path / "broken_plugin.py").write_text('raise RuntimeError("the license server is gone")\n')
    return tmp_path


def run(command, folder, *path, ok=True):
    environment = os.environ | {
        "GANZOO_CACHE": str(folder / "cache"),
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == ok, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


def ganzoo(*arguments, folder, path=(), ok=True):
    program = [sys.executable, "-c", "from ganzoo.cli.main import main; main()"]
    return run([*program, *arguments], folder, *path, ok=ok)


def names(kind, folder, *path):
    return {row["name"] for row in json.loads(ganzoo("parts", kind, "--json", folder=folder, path=path).stdout)}


def test_ganzoo_itself_does_not_know_the_plugin(tmp_path):
    files = [path for place in ("ganzoo", "zoo_configs") for path in (REPOSITORY / place).rglob("*.*")]
    texts = {path.name: path.read_text(encoding="utf-8") for path in files if path.suffix in (".py", ".yaml")}
    assert "losses.py" in texts
    assert not [name for name, text in texts.items() if any(word in text.lower() for word in PARTS)]
    assert "pearson" not in names("losses", tmp_path)


def test_its_parts_are_found(plugin, tmp_path):
    _, target = plugin
    assert {"hinge", "pearson"} <= names("losses", tmp_path, target)
    assert {"adversarial", "mirror_consistency"} <= names("objectives", tmp_path, target)
    assert {"conv_transpose", "gated_upsample"} <= names("generator_blocks", tmp_path, target)


@pytest.mark.slow
def test_trains_exports_and_generates(plugin, tmp_path):
    source, target = plugin
    shutil.copy(source / "gated-faces-32.yaml", tmp_path)
    assert run([sys.executable, "-c", TRAIN], tmp_path, target).stdout.split("\n")[-2] == "(3, 32, 32, 3) 3"


@pytest.mark.slow
def test_it_passes_its_own_tests(plugin, tmp_path):
    source, target = plugin
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--rootdir", str(source)]
    done = run([sys.executable, "-m", "pytest", *options, str(source)], tmp_path, target)
    assert " passed" in done.stdout


def test_a_wrong_field_of_a_plugin_is_one_clear_line(plugin, tmp_path):
    source, target = plugin
    config = str(source / "gated-faces-32.yaml")
    done = ganzoo("train", config, "--dry-run", "generator.block.openness=99", folder=tmp_path, path=[target], ok=False)
    assert done.returncode == 2
    assert "openness" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_broken_plugin_is_named_and_harms_nothing_else(plugin, broken, tmp_path):
    _, target = plugin
    listed = ganzoo("parts", "losses", "--json", folder=tmp_path, path=[target, broken])
    assert {"hinge", "pearson"} <= {row["name"] for row in json.loads(listed.stdout)}
    assert "lost (broken_plugin:Lost)" in listed.stderr
    assert "the license server is gone" in listed.stderr


def test_a_broken_plugin_is_named_where_its_part_is_missed(broken, tmp_path):
    arguments = ["train", "dcgan-faces-32", "training.loss=lost", "--dry-run"]
    done = ganzoo(*arguments, folder=tmp_path, path=[broken], ok=False)
    assert done.returncode == 2
    assert "No loss named 'lost'" in done.stderr
    assert "lost (broken_plugin:Lost)" in done.stderr
    assert "Traceback" not in done.stderr
