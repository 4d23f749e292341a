"""Folding on graphs made by hand: what must disappear does, what must stay does, and the samples stay the same."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import tiny_bundles
from onnx import TensorProto, helper, numpy_helper

from ganzoo.exporters.fold import fold_channel_scales
from ganzoo.exporters.simplify import simplify

RNG = np.random.RandomState(0)
NODE = helper.make_node


def array(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def model(nodes, constants, *, channels=6, rank=4):
    """ "x" float32 [batch, 4, 5, 5] (or [batch, 4]) -> "y"."""
    shape = ["batch", 4, 5, 5] if rank == 4 else ["batch", 4]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    return tiny_bundles.make_model(
        nodes, inputs, outputs, [numpy_helper.from_array(v, k) for k, v in constants.items()]
    )


def run(proto, x):
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


def folded(proto, rank=4):
    """Fold, and see that nothing changed but the graph."""
    before = proto.SerializeToString()
    after = fold_channel_scales(proto)
    assert proto.SerializeToString() == before
    x = array(3, 4, 5, 5) if rank == 4 else array(3, 4)
    np.testing.assert_allclose(run(after, x), run(proto, x), rtol=1e-4, atol=1e-5)
    used = {name for node in after.graph.node for name in node.input}
    assert {tensor.name for tensor in after.graph.initializer} <= used
    return [node.op_type for node in after.graph.node]


SCALES = [NODE("Mul", ["a", "s"], ["b"]), NODE("Add", ["b", "t"], ["y"])]
PER_CHANNEL = {"s": array(1, 6, 1, 1), "t": array(1, 6, 1, 1)}


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("op", ["Conv", "ConvTranspose"])
def test_convolutions_take_scale_and_shift(op, bias):
    kernel = array(6, 4, 3, 3) if op == "Conv" else array(4, 6, 3, 3)
    names = ["x", "k", "c"] if bias else ["x", "k"]
    constants = {"k": kernel, **PER_CHANNEL} | ({"c": array(6)} if bias else {})
    assert folded(model([NODE(op, names, ["a"]), *SCALES], constants)) == [op]


def test_scalars_and_bare_channels_are_constants_a_channel_too():
    constants = {"k": array(6, 4, 3, 3), "s": np.float32(3), "t": array(6, 1, 1)}
    assert folded(model([NODE("Conv", ["x", "k"], ["a"]), *SCALES], constants)) == ["Conv"]


def test_a_constant_may_stand_first():
    nodes = [NODE("Conv", ["x", "k"], ["a"]), NODE("Mul", ["s", "a"], ["y"])]
    assert folded(model(nodes, {"k": array(6, 4, 3, 3), "s": array(1, 6, 1, 1)})) == ["Conv"]


@pytest.mark.parametrize("op", ["MatMul", "Gemm"])
def test_matrices_take_scale_and_shift(op):
    constants = {"k": array(4, 6), "s": array(6), "t": array(1, 6)}
    assert folded(model([NODE(op, ["x", "k"], ["a"]), *SCALES], constants, rank=2), rank=2) == ["Gemm"]


def test_a_transposed_matrix():
    constants = {"k": array(6, 4), "c": array(6), "s": array(6), "t": array(6)}
    nodes = [NODE("Gemm", ["x", "k", "c"], ["a"], transB=1), *SCALES]
    assert folded(model(nodes, constants, rank=2), rank=2) == ["Gemm"]


def test_a_reshape_is_seen_through():
    constants = {"k": array(4, 24), "shape": np.array([-1, 2, 2, 6]), "s": array(6), "t": array(1, 1, 1, 6)}
    nodes = [NODE("MatMul", ["x", "k"], ["m"]), NODE("Reshape", ["m", "shape"], ["a"]), *SCALES]
    assert folded(model(nodes, constants, rank=2), rank=2) == ["Gemm", "Reshape"]


def test_shared_weights_are_folded_for_one_reader_alone():
    nodes = [
        NODE("Conv", ["x", "k"], ["a"]),
        NODE("Mul", ["a", "s"], ["b"]),
        NODE("Conv", ["x", "k"], ["c"]),
        NODE("Add", ["b", "c"], ["y"]),
    ]
    assert folded(model(nodes, {"k": array(6, 4, 3, 3), "s": array(1, 6, 1, 1)})) == ["Conv", "Conv", "Add"]


KEPT = {
    "a tensor that something else reads": (
        [NODE("Conv", ["x", "k"], ["a"]), NODE("Mul", ["a", "s"], ["b"]), NODE("Add", ["a", "b"], ["y"])],
        {"k": array(6, 4, 3, 3), "s": array(1, 6, 1, 1)},
    ),
    "a constant that differs inside a channel": (
        [NODE("Conv", ["x", "k"], ["a"]), NODE("Mul", ["a", "s"], ["y"])],
        {"k": array(6, 4, 3, 3), "s": array(1, 1, 3, 3)},
    ),
    "a constant along another axis": (
        [NODE("Conv", ["x", "k"], ["a"]), NODE("Mul", ["a", "s"], ["y"])],
        {"k": array(3, 4, 3, 3), "s": array(3)},
    ),
    "groups": (
        [NODE("ConvTranspose", ["x", "k"], ["a"], group=2), NODE("Mul", ["a", "s"], ["y"])],
        {"k": array(4, 3, 3, 3), "s": array(1, 6, 1, 1)},
    ),
    "weights that are computed": (
        [NODE("Relu", ["k"], ["w"]), NODE("Conv", ["x", "w"], ["a"]), NODE("Mul", ["a", "s"], ["y"])],
        {"k": array(6, 4, 3, 3), "s": array(1, 6, 1, 1)},
    ),
    "an activation between": (
        [NODE("Conv", ["x", "k"], ["r"]), NODE("Relu", ["r"], ["a"]), NODE("Mul", ["a", "s"], ["y"])],
        {"k": array(6, 4, 3, 3), "s": array(1, 6, 1, 1)},
    ),
    "a batch of matrices gets no bias": (
        [NODE("MatMul", ["x", "k"], ["a"]), NODE("Add", ["a", "t"], ["y"])],
        {"k": array(5, 6), "t": array(6)},
    ),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_cannot_be_folded_stays(name):
    nodes, constants = KEPT[name]
    assert folded(model(nodes, constants)) == [node.op_type for node in nodes]


def label_model(offset: int):
    """Keras' wrapping of negative labels, where ``offset`` is 0; another look-up elsewhere."""
    nodes = [
        NODE("Less", ["label", "zero"], ["negative"]),
        NODE("Add", ["label", "shift"], ["shifted"]),
        NODE("Add", ["label", "count"], ["wrapped"]),
        NODE("Where", ["negative", "wrapped", "shifted"], ["index"]),
        NODE("Gather", ["table", "index"], ["vector"]),
    ]
    constants = {"zero": np.int32(0), "shift": np.int32(offset), "count": np.int32(5), "table": array(5, 2)}
    return tiny_bundles.make_model(
        nodes,
        [helper.make_tensor_value_info("label", TensorProto.INT32, ["batch"])],
        [helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["batch", 2])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )


def test_labels_are_looked_up_as_they_are():
    assert [node.op_type for node in simplify(label_model(0), num_classes=5).graph.node] == ["Gather"]


def test_labels_that_are_changed_stay_changed():
    assert len(simplify(label_model(1), num_classes=4).graph.node) > 1


def test_constants_are_named_by_their_order_and_equal_ones_are_merged():
    """tf2onnx numbers its constants differently in each export of the same network."""

    def numbered(first, second, third):
        nodes = [NODE("Mul", ["x", first], ["a"]), NODE("Add", ["a", second], ["b"]), NODE("Mul", ["b", third], ["y"])]
        scale, shift = PER_CHANNEL["s"][:, :4], PER_CHANNEL["t"][:, :4]
        return simplify(model(nodes, dict(sorted({first: scale, second: shift, third: scale}.items())), channels=4))

    one, other = numbered("opt__7", "opt__3", "ends__9"), numbered("opt__12", "opt__40", "opt__12")
    assert one.SerializeToString() == other.SerializeToString()
    assert [list(node.input) for node in one.graph.node] == [
        ["x", "constant_0"],
        ["a", "constant_1"],
        ["b", "constant_0"],
    ]
    x = array(2, 4, 5, 5)
    scale, shift = PER_CHANNEL["s"][:, :4], PER_CHANNEL["t"][:, :4]
    np.testing.assert_allclose(run(one, x), (x * scale + shift) * scale, rtol=1e-5)
