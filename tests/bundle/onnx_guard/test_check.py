"""Each refused file is made here with the onnx package and differs from an accepted one by one thing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
import tiny_bundles
from onnx import TensorProto, helper, numpy_helper

from ganzoo.bundle.onnx_guard import check_onnx
from ganzoo.errors import BundleError

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
    negative_dims: "invalid shape",
    twice_the_same_constant: "two constants with the same name",
    constant_for_an_input: "with the name of the input",
    renamed_input: "noise",
    wrong_latent: r"latent' float32 \[batch, 9\]",
    static_batch: r"\[1, 8\]",
    output_of_another_type: "float64",
    declared_output_larger: "4096",
    second_output: "'x1'",
    nothing_makes_the_output: "no operation computes its output",
    two_make_one_name: "exactly one new output",
    input_from_nowhere: "lacks the input",
    bias_from_nowhere: "lacks the input 2",
    two_outputs_of_one_operation: "exactly one new output",
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
    with pytest.raises(BundleError, match=r"allowed:|too large|n times|only known at run time"):
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
