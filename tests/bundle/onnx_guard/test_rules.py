"""The rules of shapes beside ONNX Runtime."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import tiny_bundles
from onnx import TensorProto, helper, numpy_helper

from ganzoo.bundle.onnx_guard.graph import read_graph
from ganzoo.bundle.onnx_guard.rules import RULES
from ganzoo.bundle.onnx_guard.shapes import cost

F, I64 = TensorProto.FLOAT, TensorProto.INT64


def int64(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def _shape_cases() -> dict[str, tuple[list[onnx.NodeProto], dict[str, np.ndarray]]]:
    """Operations on x: [2, 12, 6, 5], with every rule whose result is not simply the shape of x."""
    f4, node = np.float32, helper.make_node
    kernel, up = np.ones((7, 12, 3, 3), f4), np.ones((12, 7, 4, 4), f4)
    x = ["x"]
    return {
        "AveragePool": ([node("AveragePool", x, ["y"], kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 0])], {}),
        "Concat": ([node("Concat", ["x", "x"], ["y"], axis=-2)], {}),
        "ConstantOfShape": ([node("ConstantOfShape", ["n"], ["y"])], {"n": int64(3, 4)}),
        "Conv": ([node("Conv", ["x", "k"], ["y"], strides=[2, 1], pads=[1, 1, 1, 1])], {"k": kernel}),
        "Conv same": ([node("Conv", ["x", "k"], ["y"], strides=[2, 2], auto_pad="SAME_UPPER")], {"k": kernel}),
        "Conv dilated": ([node("Conv", ["x", "k"], ["y"], dilations=[2, 2], auto_pad="VALID")], {"k": kernel}),
        "ConvTranspose": ([node("ConvTranspose", ["x", "k"], ["y"], strides=[2, 2], pads=[1, 1, 1, 1])], {"k": up}),
        "ConvTranspose same": (
            [node("ConvTranspose", ["x", "k"], ["y"], strides=[2, 2], auto_pad="SAME_UPPER")],
            {"k": up},
        ),
        "ConvTranspose odd": (
            [node("ConvTranspose", ["x", "k"], ["y"], strides=[3, 2], output_padding=[1, 1], dilations=[2, 1])],
            {"k": up},
        ),
        "ConvTranspose sized": (
            [node("ConvTranspose", ["x", "k"], ["y"], strides=[2, 2], output_shape=[12, 10])],
            {"k": up},
        ),
        "DepthToSpace": ([node("DepthToSpace", x, ["y"], blocksize=2)], {}),
        "Expand": ([node("Expand", ["x", "n"], ["y"])], {"n": int64(3, 1, 12, 1, 5)}),
        "Flatten": ([node("Flatten", x, ["y"], axis=2)], {}),
        "Gather": ([node("Gather", ["x", "i"], ["y"], axis=1)], {"i": int64(3, 4).reshape(1, 2)}),
        "Gemm": (
            [node("Flatten", x, ["f"]), node("Gemm", ["f", "w"], ["y"], transB=1)],
            {"w": np.ones((4, 360), f4)},
        ),
        "GlobalAveragePool": ([node("GlobalAveragePool", x, ["y"])], {}),
        "MatMul": ([node("MatMul", ["x", "w"], ["y"])], {"w": np.ones((5, 9), f4)}),
        "MaxPool": ([node("MaxPool", x, ["y"], kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)], {}),
        "Mul": ([node("Mul", ["x", "b"], ["y"])], {"b": np.ones((3, 1, 12, 1, 1), f4)}),
        "OneHot": (
            [node("OneHot", ["i", "n", "v"], ["y"], axis=0)],
            {"i": int64(1, 2), "n": int64(5), "v": np.array([0, 1], f4)},
        ),
        "Pad": ([node("Pad", ["x", "p"], ["y"])], {"p": int64(0, 0, 1, 2, 0, 1, 0, 3)}),
        "ReduceMean": ([node("ReduceMean", ["x", "a"], ["y"], keepdims=0)], {"a": int64(-1, 2)}),
        "ReduceSum": ([node("ReduceSum", x, ["y"])], {}),
        "Reshape": ([node("Reshape", ["x", "n"], ["y"])], {"n": int64(0, -1, 4)}),
        "Resize": ([node("Resize", ["x", "", "s"], ["y"])], {"s": np.array([1, 1, 2.5, 2], f4)}),
        "Resize rounded": ([node("Resize", ["x", "", "s"], ["y"])], {"s": np.array([1, 1, 43 / 6, 1 / 5], f4)}),
        "ReduceSum of all": ([node("ReduceSum", ["x", "a"], ["y"])], {"a": int64()}),
        "Resize sized": ([node("Resize", ["x", "", "", "n"], ["y"])], {"n": int64(2, 12, 9, 9)}),
        "Shape": ([node("Shape", x, ["y"], start=1)], {}),
        "Slice": (
            [node("Slice", ["x", "s", "e", "a", "t"], ["y"])],
            {"s": int64(-5, 1), "e": int64(2**62, -1), "a": int64(1, 3), "t": int64(2, 1)},
        ),
        "Slice backwards": (
            [node("Slice", ["x", "s", "e", "a", "t"], ["y"])],
            {"s": int64(-1, 9), "e": int64(-(2**62), 2), "a": int64(1, 2), "t": int64(-1, -2)},
        ),
        "SpaceToDepth": (
            [node("Slice", ["x", "s", "e", "a"], ["c"]), node("SpaceToDepth", ["c"], ["y"], blocksize=2)],
            {"s": int64(0), "e": int64(4), "a": int64(3)},
        ),
        "Squeeze": ([node("GlobalAveragePool", x, ["g"]), node("Squeeze", ["g", "a"], ["y"])], {"a": int64(2, -1)}),
        "Tile": ([node("Tile", ["x", "n"], ["y"])], {"n": int64(1, 2, 3, 1)}),
        "Transpose": ([node("Transpose", x, ["y"], perm=[0, 2, 3, 1])], {}),
        "Unsqueeze": ([node("Unsqueeze", ["x", "a"], ["y"])], {"a": int64(0, -1)}),
    }


SHAPE_CASES = _shape_cases()


@pytest.mark.parametrize("name", SHAPE_CASES)
def test_every_rule_agrees_with_onnx_runtime(name):
    import onnxruntime

    nodes, constants = SHAPE_CASES[name]
    given_input = helper.make_tensor_value_info("x", F, [2, 12, 6, 5])
    kind = I64 if name == "Shape" else F
    initializers = [numpy_helper.from_array(value, key) for key, value in constants.items()]
    model = tiny_bundles.make_model(
        nodes, [given_input], [helper.make_tensor_value_info("y", kind, None)], initializers
    )
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (made,) = session.run(None, {"x": np.ones((2, 12, 6, 5), np.float32)})
    assert cost(read_graph(model.SerializeToString()), inputs={"x": (2, 12, 6, 5)}).outputs == (made.shape,)


def test_every_rule_that_changes_a_shape_has_such_a_case():
    plain = {rule for rule in RULES if RULES[rule] in (RULES["Relu"], RULES["Add"], RULES["ReduceMean"])}
    assert set(RULES) - plain - {"Constant"} <= {name.split()[0] for name in SHAPE_CASES}


def test_operations_that_keep_a_shape_are_real_onnx_operations():
    for name in RULES:
        assert onnx.defs.has(name), name
