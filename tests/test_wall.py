"""The wall: the light half never imports TensorFlow, Keras or the ONNX tools. Each check starts a new process."""

import pkgutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import tiny_bundles

import ganzoo

HEAVY = {"tensorflow", "keras", "tf2onnx", "onnx"}
BEHIND_THE_WALL = ("ganzoo.training.", "ganzoo.blocks._")
WATCHED = HEAVY | {"huggingface_hub", "pydantic"}
REPORT = f"""
import sys
print("imported:", *{{name.partition(".")[0] for name in sys.modules}} & {WATCHED})
"""


def imported_by(code, *, folder=None):
    """Names of the heavy packages that a new process has imported after ``code``."""
    program = [sys.executable, "-c", code + REPORT]
    done = subprocess.run(program, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].removeprefix("imported:").split())


def modules():
    return [found.name for found in pkgutil.walk_packages(ganzoo.__path__, "ganzoo.")]


def command(*arguments):
    return f"""
import sys
from ganzoo.cli.main import main
sys.argv = ["ganzoo", *{arguments!r}]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""


def test_a_heavy_import_is_seen():
    assert imported_by("import onnx") >= {"onnx"}


def test_import_ganzoo_imports_nothing():
    assert imported_by("import ganzoo") == set()


def test_load_and_generate(tmp_path):
    tiny_bundles.image_bundle(tmp_path / "bundle")
    code = "import ganzoo; image = ganzoo.load('bundle').generate(0); assert image.size == (8, 8)"
    assert imported_by(code, folder=tmp_path) == set()


def test_every_light_module():
    light = [name for name in modules() if not name.startswith(BEHIND_THE_WALL)]
    assert {"ganzoo.config.experiment", "ganzoo.inference.generator", "ganzoo.blocks.dcgan", "ganzoo.cli.main"} <= set(
        light
    )
    code = f"import importlib\nfor name in {light!r}: importlib.import_module(name)\n"
    assert not imported_by(code) & HEAVY


@pytest.mark.parametrize("name", BEHIND_THE_WALL)
def test_the_wall_stands_where_this_file_says(name):
    assert any(module.startswith(name) for module in modules())


def test_reading_every_config():
    code = "import ganzoo\nfor name in ganzoo.list_models(): ganzoo.load_config(name)\n"
    assert not imported_by(code) & HEAVY


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("list",),
        ("parts",),
        ("schema",),
        ("runs",),
        ("list", "--pretrained"),
        ("cache",),
        ("publish", "bundle", "someone/tiny", "--dry-run"),
        ("show", "dcgan-faces-32", "--config"),
        ("train", "dcgan-faces-32", "--dry-run"),
        ("generate", "bundle", "--seeds", "0-3", "--grid", "-o", "grid.png"),
        ("interpolate", "bundle", "0", "1", "--frames", "3", "-o", "walk.gif"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_command(arguments, tmp_path):
    tiny_bundles.image_bundle(tmp_path / "bundle")
    assert not imported_by(command(*arguments), folder=tmp_path) & HEAVY


def test_the_repository_keeps_tensorflow_out_of_the_light_extras():
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    extras = project["optional-dependencies"]
    light = [*project["dependencies"], *extras["cpu"], *extras["gpu"]]
    assert not [name for name in light if name.startswith(("tensorflow", "keras", "onnx>", "tf2onnx"))]
