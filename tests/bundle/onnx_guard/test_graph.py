"""Reading an ONNX file: what is cut, changed or no ONNX at all ends in one line, and what is read is what it says."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import tiny_bundles
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from ganzoo.bundle.onnx_guard import check_onnx, wire
from ganzoo.bundle.onnx_guard.graph import read_graph
from ganzoo.errors import BundleError

CONFIG = tiny_bundles.image_config()
F = TensorProto.FLOAT


def test_too_many_fields_end_soon(monkeypatch):
    monkeypatch.setattr(wire, "MAX_FIELDS", 20)
    with pytest.raises(BundleError, match="more than 20"):
        check_onnx(tiny_bundles.image_model().SerializeToString(), CONFIG)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00",
        b"\x3a\xff\xff\xff\xff\x7f",
        b"\x3a\x00\x3a\x00",
        b"\x0b\x0c",
        b"\xff" * 11,
        b"\x38\x01",
        b"\x80\x04K\x01.",
        b"\x89HDF\r\n\x1a\n",
        b"PK\x03\x04",
        b"\x93NUMPY",
    ],
)
def test_what_is_no_onnx_is_refused(content):
    with pytest.raises(BundleError):
        check_onnx(content, CONFIG)


GOOD = tiny_bundles.image_model().SerializeToString()


@given(st.integers(0, len(GOOD) - 1))
def test_every_cut_file_is_refused(length):
    with pytest.raises(BundleError):
        check_onnx(GOOD[:length], CONFIG)


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_a_mutated_file_is_refused_or_means_the_same_to_the_real_reader(changes):
    content = bytearray(GOOD)
    for place, value in changes:
        content[place] = value
    try:
        check_onnx(bytes(content), CONFIG)
    except BundleError as error:
        assert len(str(error)) < 1000
        return
    ours, theirs = read_graph(bytes(content)), onnx.load_from_string(bytes(content))
    assert [node.op for node in ours.nodes] == [node.op_type for node in theirs.graph.node]
    assert {t.name: t.dims for t in ours.constants.values()} == {t.name: (*t.dims,) for t in theirs.graph.initializer}
    assert not theirs.functions


@given(st.binary(max_size=200))
def test_any_bytes_end_in_one_line(content):
    with pytest.raises(BundleError):
        check_onnx(content, CONFIG)


def test_constants_are_read_in_every_form_that_onnx_writes():
    values = {
        "a": helper.make_tensor("a", TensorProto.INT64, [3], [1, -1, 2**40]),
        "b": helper.make_tensor("b", TensorProto.INT32, [2], [-5, 7]),
        "c": numpy_helper.from_array(np.array([-3, 4], np.int64), "c"),
        "d": helper.make_tensor("d", F, [2], [1.5, -2.5]),
    }
    model = tiny_bundles.vector_model()
    model.graph.initializer.extend(values.values())
    graph = read_graph(model.SerializeToString())
    assert graph.constants["a"].ints() == (1, -1, 2**40)
    assert graph.constants["b"].ints() == (-5, 7)
    assert graph.constants["c"].ints() == (-3, 4)
    assert np.frombuffer(graph.constants["d"].raw, "f4").tolist() == [1.5, -2.5]
