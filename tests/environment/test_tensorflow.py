"""TensorFlow is imported without its startup log, and with the right variables. Each test starts a new process."""

import os
import subprocess
import sys

import pytest

SETTINGS = ("TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS")
TRAINED = "import ganzoo; run = ganzoo.train('dense-ring8', steps=2); "


def python(code, folder, **settings):
    environment = {name: value for name, value in os.environ.items() if name not in SETTINGS} | settings
    program = [sys.executable, "-c", code]
    return subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True, check=True)


@pytest.mark.slow
def test_training_from_python_prints_only_lines_of_ganzoo(tmp_path):
    samples, labels, run, device, report, step, losses, end = python(
        TRAINED + "ganzoo.export(run)", tmp_path
    ).stderr.splitlines()
    assert samples.startswith("100000 samples (vector of 2 values) in 8 classes: ")
    assert labels.startswith("The labels are not used")
    assert run == "Run dense-ring8/001 in runs/dense-ring8/001"
    assert device.startswith("Device: ")
    assert report == "Report, updated during the training: runs/dense-ring8/001/report.html"
    assert end == "Report: runs/dense-ring8/001/report.html"
    assert step.startswith("dense-ring8: step: 2 of 2, ")
    assert losses.startswith("The training was too short for losses.png: ")


@pytest.mark.slow
def test_exporting_from_python_is_quiet(tmp_path):
    python(TRAINED, tmp_path)
    assert python("import ganzoo; ganzoo.export()", tmp_path).stderr == ""


@pytest.mark.slow
def test_who_sets_the_level_of_the_log_gets_what_it_says(tmp_path):
    assert len(python(TRAINED, tmp_path, TF_CPP_MIN_LOG_LEVEL="0").stderr.splitlines()) > 1


@pytest.mark.slow
def test_without_a_standard_error(tmp_path):
    closed = "import os, sys; os.close(2); sys.stderr = None; "  # as Python starts where it is closed
    assert python(closed + TRAINED + "print(ganzoo.export(run).name)", tmp_path).stdout.split()[-1] == "bundle"


@pytest.mark.slow
def test_one_dnn_is_on(tmp_path):
    code = (
        "from ganzoo.environment.tensorflow import import_tensorflow; import_tensorflow();"
        "from tensorflow.python.util import _pywrap_util_port as port; print(port.IsMklEnabled())"
    )
    assert python(code, tmp_path).stdout.split() == ["True"]
