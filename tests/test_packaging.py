"""Tests the published package: metadata, constraints, and the wheel without TensorFlow."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from PIL import Image

import ganzoo
from ganzoo.bundle.folder import CLASSES, CRITIC, NEAREST, SAMPLES, WEIGHTS
from ganzoo.hub.pretrained import pretrained_versions
from ganzoo.model_list import list_models

REPOSITORY = Path(__file__).parents[1]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
INSTALL = "pip install -c constraints.txt -e '.[test]'"


def read(name):
    return (REPOSITORY / name).read_text(encoding="utf-8")


def normal(name):
    """A distribution's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins():
    lines = [line for line in read("constraints.txt").splitlines() if not line.startswith("#")]
    return dict(line.split("==") for line in lines)


def test_names():
    assert PROJECT["name"] == "ganzoo-keras"
    assert PROJECT["scripts"] == {"ganzoo": "ganzoo.__main__:main"}
    assert set(PROJECT["optional-dependencies"]) == {
        "cpu",
        "docs",
        "gpu",
        "faces",
        "heic",
        "parquet",
        "video",
        "train",
        "train-gpu",
        "test",
    }


def test_readme_makefile_and_ci_install_alike():
    assert f"{INSTALL} && pytest" in read("README.md")
    assert INSTALL in read(".ci/run")
    assert "-c constraints.txt\n" in read("Makefile")
    assert "$(INSTALL) -e '.[test]'" in read("Makefile")


def test_constraints_are_plain_pins_of_every_direct_dependency():
    assert all(re.fullmatch(r"[0-9][0-9A-Za-z.]*", version) for version in pins().values())
    extras = PROJECT["optional-dependencies"]
    light = [*PROJECT["dependencies"], *extras["cpu"], *extras["faces"], *extras["video"]]
    wanted = [*light, *extras["train"], *extras["test"]]
    names = {normal(re.match(r"[A-Za-z0-9._-]+", line)[0]) for line in wanted} - {"ganzoo-keras"}
    assert names <= {normal(name) for name in pins()}


def test_nobody_is_told_to_install_the_package_that_is_not_ours():
    files = [*REPOSITORY.glob("*.md"), *(REPOSITORY / "ganzoo").rglob("*.py"), *(REPOSITORY / "examples").rglob("*.md")]
    wrong = re.compile(r"pip install (-\S+ )*['\"]?ganzoo(?!-keras)")
    assert wrong.search("pip install -U 'ganzoo[train]'")
    assert not [path.name for path in files if wrong.search(path.read_text(encoding="utf-8"))]


def test_changelog_has_this_version():
    assert f"## [{ganzoo.__version__}]" in read("CHANGELOG.md")


def run(*command, folder, ok=True, **environment):
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={key: value for key, value in os.environ.items() if not key.startswith("PYTHON")} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) == ok, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Folder of the source archive, and of the wheel that was made from it."""
    folder = tmp_path_factory.mktemp("built")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, REPOSITORY, folder=folder)
    return folder


@pytest.mark.slow
def test_the_wheel_is_complete(built):
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
        metadata = wheel.read(f"ganzoo_keras-{ganzoo.__version__}.dist-info/METADATA").decode()
    modules = {path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "ganzoo").rglob("*.py")}
    assert modules | {f"ganzoo/zoo_configs/{name}.yaml" for name in list_models()} | {"ganzoo/py.typed"} <= names
    assert "ganzoo/zoo_configs/pretrained.json" in names
    assert {"ganzoo/extractors/small_cnn.onnx", "ganzoo/extractors/small_cnn.json"} <= names
    shipped = {
        f"ganzoo/pretrained/{name}/v{version}/{file}"
        for name, versions in pretrained_versions().items()
        for version, model in versions.items()
        for file in model.files
    }
    assert shipped - names == {name for name in shipped if name.endswith((WEIGHTS, SAMPLES, CLASSES, NEAREST, CRITIC))}
    assert f"ganzoo_keras-{ganzoo.__version__}.dist-info/licenses/LICENSE" in names
    assert {name.split("/")[0] for name in names} == {"ganzoo", f"ganzoo_keras-{ganzoo.__version__}.dist-info"}
    assert "License-Expression: Apache-2.0" in metadata
    assert "Requires-Python: <3.14,>=3.11" in metadata


@pytest.mark.slow
def test_the_source_archive_holds_what_its_tests_need(built):
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"constraints.txt", "Makefile", "CHANGELOG.md", ".ci/run", "tests/test_packaging.py"}
    assert wanted | {"examples/plugin/pyproject.toml"} <= names


@pytest.fixture(scope="module")
def light(built, tmp_path_factory):
    """The programs of a new environment that has the wheel and the extra ``cpu`` alone."""
    folder = tmp_path_factory.mktemp("light")
    run(sys.executable, "-m", "venv", folder / "venv", folder=folder)
    programs = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    wheel = f"{next(built.glob('*.whl'))}[cpu]"
    python = programs / "python"
    run(python, "-m", "pip", "install", "-q", "-c", REPOSITORY / "constraints.txt", wheel, folder=folder)
    return programs


@pytest.mark.slow
def test_the_light_half_works_without_tensorflow(light, tmp_path):
    for name in ("tensorflow", "keras", "tf2onnx", "onnx"):
        assert "ModuleNotFoundError" in run(light / "python", "-c", f"import {name}", folder=tmp_path, ok=False).stderr

    listed = run(light / "ganzoo", "list", folder=tmp_path).stdout
    assert all(name in listed for name in list_models())
    assert "non_saturating" in run(light / "ganzoo", "show", "dcgan-faces-32", folder=tmp_path).stdout
    doctor = run(light / "ganzoo", "doctor", folder=tmp_path).stdout
    assert "TensorFlow: not available" in doctor
    assert "pip install 'ganzoo-keras[train]'" in doctor

    refused = run(light / "ganzoo", "train", "dense-ring8", folder=tmp_path, ok=False)
    assert refused.returncode == 2
    assert "pip install 'ganzoo-keras[train]'" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_the_light_half_generates_what_the_other_exported(light, tmp_path):
    code = """
import ganzoo, numpy
run = ganzoo.train("dcgan-faces-32", steps=2, overrides=["data.count=60", "training.batch_size=4"], quiet=True)
numpy.save("expected.npy", ganzoo.load(ganzoo.export(run, "bundle")).sample(range(4)))
"""
    run(sys.executable, "-c", code, folder=tmp_path, GANZOO_CACHE=str(tmp_path / "cache"))
    shutil.rmtree(tmp_path / "runs")
    run(light / "ganzoo", "generate", "bundle", "--seeds", "0-3", "--grid", "-o", "grid.png", folder=tmp_path)
    check = """
import json, sys
import ganzoo, numpy
from PIL import Image
samples = ganzoo.load("bundle").sample(range(4)).astype(int)
difference = int(abs(samples - numpy.load("expected.npy")).max())
print(json.dumps([difference, int(samples.std() > 0), Image.open("grid.png").size, "tensorflow" in sys.modules]))
"""
    difference, varied, size, tensorflow = json.loads(run(light / "python", "-c", check, folder=tmp_path).stdout)
    assert difference <= 1, "pixels may differ by one level between runtimes"
    assert varied
    assert min(size) > 64
    assert not tensorflow


@pytest.mark.slow
def test_the_pretrained_faces_come_with_the_wheel(light, tmp_path):
    code = "import ganzoo; ganzoo.load('faces-64').generate(7).save('seed7.png')"
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "empty")}
    run(light / "python", "-c", code, folder=tmp_path, **offline)
    assert Image.open(tmp_path / "seed7.png").size == (64, 64)
    assert "with ganzoo" in run(light / "ganzoo", "list", "--pretrained", folder=tmp_path, **offline).stdout
