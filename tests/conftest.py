"""Shared settings of the tests."""

import contextlib
import io
import os
import resource
import sys

import pytest
from hypothesis import settings
from PIL import Image

# The tests run in one process per core. One thread for each thread pool is then faster than all of them in each.
for pool in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(pool, "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's log does not explain a failed test
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # for tests that import ONNX Runtime themselves

# pytest-timeout limits the time. Hypothesis' own limit of 200 ms fails by chance on a busy machine.
settings.register_profile("ganzoo", deadline=None)
settings.load_profile("ganzoo")


DRAWS_LOSSES = ("test_preview", "test_trainer", "test_docs", "test_readme")
"""The test modules that draw ``losses.png``. tests/report/test_loss_chart.py draws it without a training."""


@pytest.fixture(autouse=True)
def quick_chart(request, monkeypatch):
    """A training of a test writes one pixel as ``losses.png``, because drawing takes a third of a tiny training."""
    preview = sys.modules.get("ganzoo.training.preview")
    if preview is not None and request.module.__name__.rpartition(".")[2] not in DRAWS_LOSSES:
        pixel = io.BytesIO()
        Image.new("L", (1, 1)).save(pixel, "PNG")

        def chart(history):
            return pixel.getvalue() if len(history.series("d_loss", "D").steps) > 1 else None

        monkeypatch.setattr(preview, "loss_chart", chart)


@pytest.fixture
def size_limit():
    """``with size_limit(bytes):`` no file grows beyond it, as if the disk were full."""

    @contextlib.contextmanager
    def limited(size):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited


@pytest.fixture(scope="session")
def shared_trainings(tmp_path_factory):
    """A folder for trainings that several pages of the documentation show. All processes of one test run share it."""
    folder = tmp_path_factory.getbasetemp()
    return (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "trained"
