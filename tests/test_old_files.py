"""Bundles and runs that older code wrote: they load, export and resume. tests/fixtures/README.md has their origin."""

import json
import math
import os
import shutil
from pathlib import Path

import numpy as np
import programs
import pytest
from PIL import Image

import ganzoo

FIXTURES = Path(__file__).parent / "fixtures"
SEEDS = range(64)


@pytest.fixture
def old_run(tmp_path):
    """A copy of the old run, under the folder of runs in ``tmp_path``."""
    folder = tmp_path / "runs" / "old-faces" / "001"
    shutil.copytree(FIXTURES / "run", folder)
    return ganzoo.find_run(folder)


def sheet(generator):
    """What ``samples.png`` shows: the first 64 seeds, classes in turn."""
    labels = [seed % generator.num_classes for seed in SEEDS]
    return np.asarray(generator.grid(SEEDS, separator=1, label=labels)).astype(int)


def test_an_old_bundle_makes_the_images_it_made():
    generator = ganzoo.load(FIXTURES / "bundle")
    with Image.open(FIXTURES / "bundle" / "samples.png") as image:
        assert np.abs(sheet(generator) - np.asarray(image)).max() <= 1
    assert generator.class_names == ("avataaars", "micah")


def test_an_old_run_exports_to_the_images_of_its_old_bundle(old_run, tmp_path):
    exported = ganzoo.load(ganzoo.export(old_run, tmp_path / "bundle"))
    assert np.abs(sheet(exported) - sheet(ganzoo.load(FIXTURES / "bundle"))).max() <= 1


@pytest.mark.slow
def test_an_old_run_resumes_as_the_old_code_did(old_run, tmp_path):
    command = ["-m", "ganzoo", "train", "--resume", "old-faces/001", "--quiet"]
    done = programs.run(command, folder=tmp_path, environment=dict(os.environ))
    assert done.returncode == 0, done.stderr
    expected = [json.loads(line) for line in (FIXTURES / "log_after_resume.jsonl").read_text().splitlines()]
    logged = [record for record in old_run.log() if record["step"] > 20 and len(record) > 1]
    assert [record["step"] for record in logged] == [record["step"] for record in expected]
    for old, new in zip(expected, logged, strict=True):
        # Not to the bit: other processors round differently.
        assert {key: new[key] for key in old} == {
            key: pytest.approx(value, rel=1e-2, abs=1e-3) for key, value in old.items()
        }
    assert math.isfinite(logged[-1]["frechet (small_cnn)"])
