"""Each refused file is made here with the onnx package and differs from an accepted one by one thing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
import tiny_bundles
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from ganzoo import onnx_wire
from ganzoo.errors import BundleError
from ganzoo.onnx_check import check_onnx
from ganzoo.onnx_rules import RULES
from ganzoo.onnx_shapes import cost
from ganzoo.onnx_wire import read_graph

CONFIG = tiny_bundles.image_config()
F, I64 = TensorProto.FLOAT, TensorProto.INT64


def check(model: onnx.ModelProto) -> None:
    check_onnx(model.SerializeToString(), CONFIG)


def spliced(*nodes: onnx.NodeProto, constants: dict[str, np.ndarray] | None = None) -> onnx.ModelProto:
    """The good model with operations put in between the picture "x3" and the output; they read "x3" and make "y"."""
    model = tiny_bundles.image_model()
    graph = model.graph
    last = graph.node[-1]
    last.input[0] = "y"
    del graph.node[-1]
    graph.node.extend([*nodes, last])
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in (constants or {}).items())
    return model


def test_good_models_are_accepted_and_measured():
    report = check_onnx(tiny_bundles.image_model().SerializeToString(), CONFIG)
    dense, up = 8 * 64, 4 * 16 * 3 * 16
    assert report.multiply_adds == dense + up
    assert report.parameters == 8 * 64 + 4 * 3 * 16 + 3
    assert report.nodes == 5
    assert report.peak_bytes == 4 * 2 * 8 * 8 * 3
    conditional = tiny_bundles.image_model(num_classes=3).SerializeToString()
    check_onnx(conditional, tiny_bundles.image_config(num_classes=3))
    check_onnx(tiny_bundles.vector_model().SerializeToString(), tiny_bundles.vector_config())


def external_data(model):
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"


def external_location_only(model):
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL


def external_in_an_attribute(model):
    tensor = numpy_helper.from_array(np.zeros(1, "f4"), "c")
    tensor.data_location = TensorProto.EXTERNAL
    model.graph.node.insert(0, helper.make_node("Constant", [], ["c"], value=tensor))


def loop(model):
    body = helper.make_graph([], "body", [], [])
    model.graph.node.insert(0, helper.make_node("Loop", ["", ""], ["c"], body=body))


def subgraph_under_a_good_name(model):
    model.graph.node[0].attribute.append(helper.make_attribute("body", helper.make_graph([], "body", [], [])))


def functions(model):
    function = helper.make_function("f", "MatMul", ["a"], ["b"], [], [helper.make_opsetid("", 18)])
    model.functions.append(function)


def custom_domain(model):
    model.graph.node[0].domain = "com.microsoft"


def custom_opset(model):
    model.opset_import.append(helper.make_opsetid("com.evil", 1))


def old_opset(model):
    model.opset_import[0].version = 9


def no_opset(model):
    del model.opset_import[:]
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))


def ep_context(model):
    model.graph.node[0].op_type = "EPContext"


def sparse(model):
    model.graph.sparse_initializer.add()


def training_code(model):
    model.training_info.add()


def metadata(model):
    entry = model.metadata_props.add()
    entry.key, entry.value = "ort_config", "{}"


def text_tensor(model):
    model.graph.initializer.append(helper.make_tensor("s", TensorProto.STRING, [1], [b"x"]))


def not_finite(model):
    model.graph.initializer[0].raw_data = np.full(8 * 64, np.nan, "f4").tobytes()


def infinite_in_an_attribute(model):
    tensor = numpy_helper.from_array(np.array([np.inf], "f4"), "c")
    model.graph.node.insert(0, helper.make_node("Constant", [], ["c"], value=tensor))


def short_data(model):
    model.graph.initializer[0].raw_data = b"1234"


def huge_dims(model):
    model.graph.initializer[0].dims[0] = 2**40


def negative_dims(model):
    model.graph.initializer[0].dims[0] = -8


def twice_the_same_constant(model):
    model.graph.initializer.append(model.graph.initializer[0])


def constant_for_an_input(model):
    model.graph.initializer.append(numpy_helper.from_array(np.zeros((1, 8), "f4"), "latent"))


def renamed_input(model):
    model.graph.input[0].name = "noise"


def wrong_latent(model):
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 9


def static_batch(model):
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


def output_of_another_type(model):
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.DOUBLE


def declared_output_larger(model):
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 4096


def second_output(model):
    model.graph.output.append(helper.make_tensor_value_info("x1", F, ["batch", 4, 4, 4]))


def nothing_makes_the_output(model):
    model.graph.node[-1].output[0] = "elsewhere"


def two_make_one_name(model):
    model.graph.node[1].output[0] = "x0"


def input_from_nowhere(model):
    model.graph.node[0].input[0] = "nowhere"


def bias_from_nowhere(model):
    model.graph.node[2].input[2] = "nowhere"


def two_outputs_of_one_operation(model):
    model.graph.node[0].output.append("extra")


def sequence_input(model):
    model.graph.input[0].type.sequence_type.elem_type.tensor_type.elem_type = F


DAMAGES: dict[Callable[[onnx.ModelProto], None], str] = {
    external_data: "external data",
    external_location_only: "external data",
    external_in_an_attribute: "external data",
    loop: "subgraph",
    subgraph_under_a_good_name: "subgraph",
    functions: "functions",
    custom_domain: "com.microsoft.MatMul",
    custom_opset: "com.evil",
    old_opset: "opset 9",
    no_opset: "opset",
    ep_context: "EPContext",
    sparse: "sparse",
    training_code: "training code",
    metadata: "metadata",
    text_tensor: "element type 8|text",
    not_finite: "not finite",
    infinite_in_an_attribute: "not finite",
    short_data: "with 4 bytes of data",
    huge_dims: "bytes of data",
    negative_dims: "impossible shape",
    twice_the_same_constant: "two constants of one name",
    constant_for_an_input: "in the place of the input",
    renamed_input: "noise",
    wrong_latent: r"latent' float32 \[batch, 9\]",
    static_batch: r"\[1, 8\]",
    output_of_another_type: "float64",
    declared_output_larger: "4096",
    second_output: "'x1'",
    nothing_makes_the_output: "nothing makes its output",
    two_make_one_name: "there already",
    input_from_nowhere: "misses input",
    bias_from_nowhere: "misses input 2",
    two_outputs_of_one_operation: "several",
    sequence_input: "unknown part",
}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_file_that_a_bundle_must_not_hold_is_refused_in_one_line(damage):
    model = tiny_bundles.image_model()
    damage(model)
    with pytest.raises(BundleError, match=DAMAGES[damage]) as caught:
        check(model)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def int64(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


BOMBS = {
    "constant of 256 GiB": (
        [helper.make_node("ConstantOfShape", ["n"], ["c"]), helper.make_node("Identity", ["x3"], ["y"])],
        {"n": int64(2**36)},
    ),
    "tiled and summed": (
        [
            helper.make_node("Tile", ["x3", "n"], ["t"]),
            helper.make_node("ReduceMean", ["t", "a"], ["m"], keepdims=1),
            helper.make_node("Add", ["m", "x3"], ["y"]),
        ],
        {"n": int64(1, 1, 2**13, 2**13), "a": int64(2, 3)},
    ),
    "resized": (
        [
            helper.make_node("Resize", ["x3", "", "s"], ["t"]),
            helper.make_node("ReduceMean", ["t", "a"], ["m"], keepdims=1),
            helper.make_node("Add", ["m", "x3"], ["y"]),
        ],
        {"s": np.array([1, 1, 1e4, 1e4], np.float32), "a": int64(2, 3)},
    ),
    "padded": (
        [
            helper.make_node("Pad", ["x3", "p"], ["t"]),
            helper.make_node("Slice", ["t", "zero", "end", "axes"], ["y"]),
        ],
        {"p": int64(0, 0, 0, 0, 0, 0, 2**20, 2**20), "zero": int64(0, 0), "end": int64(8, 8), "axes": int64(2, 3)},
    ),
    "matrix of the batch with itself": (
        [
            helper.make_node("Reshape", ["x3", "flat"], ["r"]),
            helper.make_node("Transpose", ["r"], ["q"]),
            helper.make_node("MatMul", ["r", "q"], ["p"]),
            helper.make_node("ReduceMean", ["p", "a"], ["m"], keepdims=1),
            helper.make_node("Add", ["m", "x3"], ["y"]),
        ],
        {"flat": int64(-1, 1), "a": int64(0, 1)},
    ),
    "size that the latent decides": (
        [
            helper.make_node("Cast", ["latent"], ["i"], to=I64),
            helper.make_node("ConstantOfShape", ["i"], ["c"]),
            helper.make_node("Identity", ["x3"], ["y"]),
        ],
        {},
    ),
    "size hidden between two batches": (
        [
            helper.make_node("Shape", ["latent"], ["n"]),
            helper.make_node("Div", ["n", "three"], ["d"]),
            helper.make_node("ConstantOfShape", ["d"], ["c"]),
            helper.make_node("Identity", ["x3"], ["y"]),
        ],
        {"three": int64(3)},
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_graphs_that_take_too_much_are_refused(name):
    nodes, constants = BOMBS[name]
    with pytest.raises(BundleError, match=r"allowed:|too large|n times|only known when it runs"):
        check(spliced(*nodes, constants=constants))


def test_the_sizes_of_an_exported_repeat_are_followed():
    """Shape -> Cast -> Slice -> Concat -> Tile -> Reshape, as tf2onnx writes keras.ops.repeat."""
    nodes = [
        helper.make_node("Shape", ["x3"], ["s"]),
        helper.make_node("Cast", ["s"], ["s32"], to=TensorProto.INT32),
        helper.make_node("Slice", ["s32", "zero", "one"], ["b"]),
        helper.make_node("Concat", ["b", "rest"], ["wide"], axis=0),
        helper.make_node("Cast", ["wide"], ["wide64"], to=I64),
        helper.make_node("Unsqueeze", ["x3", "four"], ["u"]),
        helper.make_node("Tile", ["u", "times"], ["t"]),
        helper.make_node("Reshape", ["t", "wide64"], ["r"]),
        helper.make_node("Slice", ["r", "zero", "eight", "axis"], ["y"]),
    ]
    constants = {
        "zero": int64(0),
        "one": int64(1),
        "eight": int64(8),
        "axis": int64(3),
        "four": int64(4),
        "times": int64(1, 1, 1, 1, 2),
        "rest": np.array([3, 8, 16], np.int32),
    }
    check(spliced(*nodes, constants=constants))


def test_too_many_fields_end_soon(monkeypatch):
    monkeypatch.setattr(onnx_wire, "MAX_FIELDS", 20)
    with pytest.raises(BundleError, match="more than 20"):
        check(tiny_bundles.image_model())


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
        "Resize sized": ([node("Resize", ["x", "", "", "n"], ["y"])], {"n": int64(2, 12, 9, 9)}),
        "Shape": ([node("Shape", x, ["y"], start=1)], {}),
        "Slice": (
            [node("Slice", ["x", "s", "e", "a", "t"], ["y"])],
            {"s": int64(-5, 1), "e": int64(2**62, -1), "a": int64(1, 3), "t": int64(2, 1)},
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
