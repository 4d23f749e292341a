"""Each refused file is made here with the onnx package and differs from an accepted one by one thing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
import tiny_bundles
from onnx import TensorProto, helper, numpy_helper
from tiny_bundles import computed_sizes_model, spliced

from ganzoo.bundle.onnx_guard import check_onnx
from ganzoo.errors import BundleError

CONFIG = tiny_bundles.image_config()
F, I64 = TensorProto.FLOAT, TensorProto.INT64


def check(model: onnx.ModelProto) -> None:
    check_onnx(model.SerializeToString(), CONFIG)


def test_good_models_are_accepted_and_measured():
    report = check_onnx(tiny_bundles.image_model().SerializeToString(), CONFIG)
    dense, up = 8 * 64, 4 * 16 * 3 * 16
    assert report.multiply_adds == dense + up
    assert report.parameters == 8 * 64 + 4 * 3 * 16 + 3
    assert report.nodes == 5
    assert report.peak_bytes == 4 * (4 * 4 * 4 + 3 * 8 * 8 + 3 * 16 * 16), "input, output, and the columns between them"
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
    "peak between two batches": (
        [
            helper.make_node("Slice", ["latent", "six", "end", "zero"], ["rising"]),
            helper.make_node("Slice", ["rising", "zero", "one", "one"], ["rising1"]),
            helper.make_node("Shape", ["latent"], ["s"], end=1),
            helper.make_node("Slice", ["eight", "s", "end", "one"], ["falling"]),
            helper.make_node("Mul", ["rising1", "falling"], ["both"]),
            helper.make_node("Tile", ["both", "times"], ["t"]),
            helper.make_node("ReduceSum", ["t"], ["m"]),
            helper.make_node("Identity", ["x3"], ["y"]),
        ],
        {
            "six": int64(6),
            "end": int64(2**62),
            "zero": int64(0),
            "one": int64(1),
            "eight": np.ones((1, 8), np.float32),
            "times": int64(2**17, 2**16),
        },
    ),
    "chosen from a table by the batch": (
        [
            helper.make_node("Shape", ["latent"], ["s"], end=1),
            helper.make_node("Gather", ["table", "s"], ["n"]),
            helper.make_node("ConstantOfShape", ["n"], ["c"]),
            helper.make_node("Identity", ["x3"], ["y"]),
        ],
        {"table": np.where(np.arange(257) == 7, 2**33, 1)},
    ),
    "squares of squares": (
        [
            *(helper.make_node("Mul", [f"n{i}", f"n{i}"], [f"n{i + 1}"]) for i in range(14)),
            helper.make_node("ConstantOfShape", ["n14"], ["c"]),
            helper.make_node("Identity", ["x3"], ["y"]),
        ],
        {"n0": int64(3)},
    ),
    "a constant with two values": (
        [
            helper.make_node("Constant", [], ["n"], foo=[2**33], value=numpy_helper.from_array(int64(1))),
            helper.make_node("ConstantOfShape", ["n"], ["c"]),
            helper.make_node("Identity", ["x3"], ["y"]),
        ],
        {},
    ),
    "a constant with two values of known names": (
        [
            helper.make_node("Constant", [], ["n"], value_ints=[2**33], value=numpy_helper.from_array(int64(1))),
            helper.make_node("ConstantOfShape", ["n"], ["c"]),
            helper.make_node("Identity", ["x3"], ["y"]),
        ],
        {},
    ),
    "columns of a transposed convolution": (
        [
            helper.make_node("ConstantOfShape", ["n"], ["c"]),
            helper.make_node("ConvTranspose", ["c", "w"], ["u"]),
            helper.make_node("Identity", ["x3"], ["y"]),
        ],
        {"n": int64(1, 1, 362, 362), "w": np.ones((1, 1, 256, 256), np.float32)},
    ),
    "resized with its aspect ratio": (
        [
            helper.make_node("ConstantOfShape", ["n"], ["c"]),
            helper.make_node(
                "Resize", ["c", "", "", "n2"], ["t"], mode="linear", keep_aspect_ratio_policy="not_smaller"
            ),
            helper.make_node("Identity", ["x3"], ["y"]),
        ],
        {"n": int64(1, 1, 1, 64), "n2": int64(1, 1, 64, 64)},
    ),
    "a number that ONNX Runtime wraps": (
        [
            helper.make_node("Cast", ["n"], ["start"], to=TensorProto.INT32),
            helper.make_node("Cast", ["end"], ["end32"], to=TensorProto.INT32),
            helper.make_node("Slice", ["one", "start", "end32"], ["empty"]),
            helper.make_node("Tile", ["empty", "n"], ["t"]),
            helper.make_node("Identity", ["x3"], ["y"]),
        ],
        {"n": int64(2**32), "end": int64(2**31 - 1), "one": np.ones(1, np.float32)},
    ),
    "an empty tensor": (
        [
            helper.make_node("Slice", ["one", "n", "n"], ["empty"]),
            helper.make_node("Identity", ["x3"], ["y"]),
        ],
        {"n": int64(1), "one": np.ones(1, np.float32)},
    ),
    "many constants that are computed": (
        [
            *(helper.make_node("ConstantOfShape", ["n"], [f"c{i}"]) for i in range(10)),
            *(helper.make_node("ReduceSum", [f"c{i}"], [f"s{i}"], keepdims=0) for i in range(10)),
            helper.make_node("Identity", ["x3"], ["y"]),
        ],
        {"n": int64(2**25)},
    ),
    "texts": (
        [
            helper.make_node("Cast", ["x3"], ["t"], to=TensorProto.STRING),
            helper.make_node("Identity", ["x3"], ["y"]),
        ],
        {},
    ),
    "numbers of 8 bytes": (
        [
            helper.make_node("Tile", ["x3", "n"], ["t"]),
            helper.make_node("Cast", ["t"], ["d"], to=TensorProto.DOUBLE),
            helper.make_node("Identity", ["x3"], ["y"]),
        ],
        {"n": int64(1, 1, 2**9, 2**10)},
    ),
    "a pool of millions": (
        [
            helper.make_node("ConstantOfShape", ["n"], ["c"]),
            helper.make_node("AveragePool", ["c"], ["t"], kernel_shape=[2048, 2048]),
            helper.make_node("Identity", ["x3"], ["y"]),
        ],
        {"n": int64(1, 1, 4096, 4096)},
    ),
    "read again and again": (
        [
            helper.make_node("ConstantOfShape", ["n"], ["c"]),
            *(helper.make_node("ReduceSum", ["c"], [f"s{i}"], keepdims=0) for i in range(200)),
            helper.make_node("Identity", ["x3"], ["y"]),
        ],
        {"n": int64(2**27)},
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_graphs_that_take_too_much_are_refused(name):
    nodes, constants = BOMBS[name]
    with pytest.raises(BundleError, match=r"allowed|too large|n times|only known at run time|does not match"):
        check(spliced(*nodes, constants=constants))


def test_huge_numbers_that_no_size_needs_are_harmless():
    squares = [helper.make_node("Mul", [f"n{i}", f"n{i}"], [f"n{i + 1}"]) for i in range(40)]
    check(spliced(*squares, helper.make_node("Identity", ["x3"], ["y"]), constants={"n0": int64(3)}))


def test_a_size_may_be_cut_at_the_batch_size():
    """x[:, :n] with a computed n, as exporters write it: it grows with the batch size."""
    nodes = [
        helper.make_node("Shape", ["x3"], ["s"], start=1, end=2),
        helper.make_node("Slice", ["x3", "zero", "s", "one"], ["y"]),
    ]
    check(spliced(*nodes, constants={"zero": int64(0), "one": int64(1)}))


def test_the_sizes_of_an_exported_repeat_are_followed():
    check(computed_sizes_model())
