"""Measuring a generator. No time is compared, because it depends on the machine."""

from __future__ import annotations

import pytest
import tiny_bundles

from ganzoo.bundle.folder import read_bundle
from ganzoo.bundle.writing import write_bundle
from ganzoo.errors import GanzooError
from ganzoo.inference import benchmark as measuring


def test_a_row_for_each_precision_and_batch(tmp_path):
    model = tiny_bundles.image_model().SerializeToString()
    other = tiny_bundles.image_model(seed=1).SerializeToString()
    config = tiny_bundles.image_config()
    bundle = write_bundle(tmp_path / "b", config=config, onnx=model, onnx_fp16=other, weights={})
    assert measuring.precisions(bundle) == ["float32", "float16"]
    rows = list(measuring.benchmark(bundle, batches=[1, 3], device="cpu", seconds=0))
    assert [(row.precision, row.device, row.batch) for row in rows] == [
        (precision, "cpu", batch) for precision in ("float32", "float16") for batch in (1, 3)
    ]
    for row in rows:
        assert row.runs == 5
        assert 0 < row.fastest <= row.milliseconds <= row.slowest
        assert row.file_size == len(model if row.precision == "float32" else other)
        assert row.memory is None or row.memory > 10_000_000
        assert row.difference <= 1 if row.precision == "float32" else row.difference > 10, "the other has other weights"


def test_vectors_and_modules_of_the_current_folder(tmp_path, monkeypatch):
    tiny_bundles.vector_bundle(tmp_path / "b")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "json.py").write_text("raise SystemExit(3)")
    (row,) = measuring.benchmark(read_bundle("b"), batches=[2], device="cpu", seconds=0)
    assert row.difference < 1e-5


def test_what_cannot_be_measured(tmp_path):
    bundle = tiny_bundles.vector_bundle(tmp_path / "b")
    with pytest.raises(GanzooError, match="A batch has 1 to 4096 samples"):
        list(measuring.benchmark(bundle, batches=[0]))
    rows = measuring.benchmark(bundle, batches=[1, 2], device="cpu", seconds=0)
    next(rows)
    (tmp_path / "b/onnx/model.onnx").write_bytes(b"other")
    with pytest.raises(GanzooError, match=r"metadata.json lists"):
        next(rows)


def test_cuda_that_does_not_work_is_left_out_unless_it_was_asked_for(tmp_path, monkeypatch):
    bundle = tiny_bundles.vector_bundle(tmp_path / "b")
    monkeypatch.setattr(measuring, "built_for_cuda", lambda runtime: True)
    monkeypatch.setattr(measuring, "_measured", lambda task, reference: {"error": "no GPU"})
    with pytest.raises(GanzooError, match="no GPU"):
        list(measuring.benchmark(bundle, batches=[1], device="cuda"))
    found = {"milliseconds": [1.0, 2.0, 9.0], "memory": None, "difference": 0.0}
    monkeypatch.setattr(
        measuring, "_measured", lambda task, reference: {"error": "no GPU"} if task[2] == "cuda" else found
    )
    messages = []
    (row,) = measuring.benchmark(bundle, batches=[1], info=messages.append)
    assert (row.milliseconds, row.memory, row.runs) == (2.0, None, 3)
    assert messages == ["CUDA is left out: no GPU"]


def test_a_process_that_dies_is_an_error_in_one_line(tmp_path, monkeypatch):
    bundle = tiny_bundles.vector_bundle(tmp_path / "b")
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(measuring.sys, "executable", str(program))
    with pytest.raises(GanzooError, match="The measurement of float32 on cpu with batches of 1 failed: exit code 1"):
        list(measuring.benchmark(bundle, batches=[1], device="cpu"))


def test_the_peak_is_that_of_the_process_and_not_of_its_parent(tmp_path):
    (tmp_path / "status").write_text("Name:\tx\nVmPeak:\t 9 kB\nVmHWM:\t   12 kB\n")
    assert measuring.peak_memory(tmp_path / "status") == 12 * 1024
    assert (measuring.peak_memory(tmp_path / "none") or 0) > 1_000_000, "from ru_maxrss"
