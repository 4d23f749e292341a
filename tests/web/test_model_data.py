"""The data of a page: what is in it, when weights become float16, and what a page cannot run."""

import base64
import json

import numpy as np
import onnx
import pytest
import tiny_bundles
from onnx import TensorProto, helper, numpy_helper

from ganzoo.bundle.folder import ONNX, BundleConfig, LatentSpec, read_bundle
from ganzoo.bundle.writing import write_bundle
from ganzoo.errors import BundleError
from ganzoo.inference.bundle_graph import inspected_graph
from ganzoo.inference.onnx_session import OnnxSession
from ganzoo.web.model_data import LARGE, model_data, operators

NODE = helper.make_node


def tensors_of(data):
    """Every tensor of a page, as an array with its own type."""
    blob = base64.b64decode(data["weights"])
    return {
        t["name"]: np.frombuffer(blob[t["offset"] : t["offset"] + t["length"]], t["dtype"]).reshape(t["dims"])
        for t in data["tensors"]
    }


def dense_bundle(folder, *, scale, kind="image"):
    """latent -> one large matrix -> tanh -> image of 64 x 64 px, or vector."""
    weights = np.random.RandomState(0).standard_normal((8, 4096)).astype(np.float32) * np.float32(scale)
    assert weights.size > LARGE
    shape = (64, 64, 1) if kind == "image" else (4096,)
    nodes = [NODE("MatMul", ["latent", "w"], ["a"]), NODE("Tanh", ["a"], ["b"]), NODE("Reshape", ["b", "to"], [kind])]
    model = tiny_bundles.make_model(
        nodes,
        [helper.make_tensor_value_info("latent", TensorProto.FLOAT, ["batch", 8])],
        [helper.make_tensor_value_info(kind, TensorProto.FLOAT, ["batch", *shape])],
        [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(np.array([-1, *shape]), "to")],
    )
    config = BundleConfig(name="dense", kind=kind, shape=shape, latent=LatentSpec(dim=8))
    content = model.SerializeToString()
    return write_bundle(folder, config=config, onnx=content, weights={"w": weights}), weights


def changed_bundle(folder, change):
    """The conditional image bundle after ``change(model)``."""
    model = tiny_bundles.image_model(num_classes=3)
    change(model)
    return write_bundle(
        folder,
        config=tiny_bundles.image_config(num_classes=3),
        onnx=model.SerializeToString(),
        weights={"w": np.ones(1, np.float32)},
    )


def test_the_data_of_a_conditional_model(tmp_path):
    names = ("red", "green", "blue")
    data = model_data(tiny_bundles.image_bundle(tmp_path / "b", num_classes=3, class_names=names))
    assert json.loads(json.dumps(data)) == data
    assert set(data) == {"name", "title", "sample", "latent", "classes", "graph", "weights", "tensors"}
    assert data["name"] == data["title"] == "tiny"
    assert data["sample"] == {"kind": "image", "dims": [8, 8, 3]}
    assert data["latent"] == {"dim": 8, "distribution": "normal"}
    assert data["classes"] == {"count": 3, "names": list(names)}
    assert data["graph"]["inputs"] == ["latent", "label"]
    assert data["graph"]["output"] == "image"
    ops = [node["op"] for node in data["graph"]["nodes"]]
    assert ops == ["Gather", "Add", "MatMul", "Reshape", "ConvTranspose", "Tanh", "Transpose"]
    assert all(node["cost"] > 0 for node in data["graph"]["nodes"])


def test_classes_without_names_are_numbered(tmp_path):
    data = model_data(tiny_bundles.image_bundle(tmp_path / "b", num_classes=3))
    assert data["classes"] == {"count": 3, "names": ["0", "1", "2"]}


def test_the_data_of_vectors(tmp_path):
    data = model_data(tiny_bundles.vector_bundle(tmp_path / "b"))
    assert data["sample"] == {"kind": "vector", "dims": [2]}
    assert data["latent"] == {"dim": 4, "distribution": "uniform"}
    assert data["classes"] == {"count": 0, "names": []}


def test_the_weights_of_a_page_are_those_of_the_bundle(tmp_path):
    bundle = tiny_bundles.image_bundle(tmp_path / "b")
    model = onnx.load_from_string(bundle.read(ONNX))
    own = [numpy_helper.to_array(tensor) for tensor in model.graph.initializer]
    found = tensors_of(model_data(bundle)).values()
    assert len(found) == len(own)
    assert all(any(np.array_equal(tensor, mine) for mine in own) for tensor in found)
    assert {tensor.dtype.name for tensor in found} == {"float32", "int32"}, "small tensors stay float32"


@pytest.mark.parametrize("scale", [0.3, 100.0, 1e6])
def test_large_weights_become_float16_where_that_does_not_show(scale, tmp_path):
    """Larger weights make rounding errors larger, and above 65504 they are infinite."""
    bundle, weights = dense_bundle(tmp_path / "b", scale=scale)
    (found,) = (tensor for tensor in tensors_of(model_data(bundle)).values() if tensor.dtype.kind == "f")
    expected = weights.astype(np.float16) if scale == 0.3 else weights
    assert found.dtype == expected.dtype
    assert np.array_equal(found, expected)


def test_memory_limits_the_samples_of_one_run(tmp_path, monkeypatch):
    bundle, weights = dense_bundle(tmp_path / "b", scale=0.3)
    counts, run = [], OnnxSession.run

    def counted(self, outputs, feed):
        counts.append(len(feed["latent"]))
        return run(self, outputs, feed)

    monkeypatch.setattr(OnnxSession, "run", counted)
    monkeypatch.setattr("ganzoo.web.model_data._BATCH_BYTES", 24 * inspected_graph(bundle)[1].peak_bytes)
    found = tensors_of(model_data(bundle)).values()
    assert any(np.array_equal(tensor, weights.astype(np.float16)) for tensor in found)
    assert counts == [24, 24, 24, 24, 16, 16]


def test_the_weights_of_vectors_stay_float32(tmp_path):
    bundle, weights = dense_bundle(tmp_path / "b", scale=0.3, kind="vector")
    assert any(np.array_equal(tensor, weights) for tensor in tensors_of(model_data(bundle)).values())


def test_measuring_does_not_change_the_bundle(tmp_path):
    bundle, _ = dense_bundle(tmp_path / "b", scale=0.3)
    kept = read_bundle(bundle.folder, keep=[ONNX])
    before = bytes(kept.kept[ONNX])
    model_data(kept)
    assert kept.kept[ONNX] == before


def test_sizes_that_the_graph_computes_become_constants(tmp_path):
    def change(model):
        nodes = model.graph.node
        (reshape,) = (node for node in nodes if node.op_type == "Reshape")
        for name, value in {"first": np.array([0]), "rest": np.array([4, 4, 4])}.items():
            model.graph.initializer.append(numpy_helper.from_array(value, name))
        chain = [
            NODE("Shape", ["latent"], ["s"]),
            NODE("Gather", ["s", "first"], ["n"]),
            NODE("Concat", ["n", "rest"], ["to"], axis=0),
        ]
        reshape.input[1] = "to"
        before = list(nodes)
        del nodes[:]
        nodes.extend(chain + before)

    data = model_data(changed_bundle(tmp_path / "b", change))
    assert not {"Shape", "Concat"} & {node["op"] for node in data["graph"]["nodes"]}
    assert any(tensor.tolist() == [1, 4, 4, 4] for tensor in tensors_of(data).values())


def replace_tanh(op, **attributes):
    def change(model):
        (node,) = (node for node in model.graph.node if node.op_type == "Tanh")
        node.CopyFrom(NODE(op, node.input, node.output, **attributes))

    return change


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (replace_tanh("Softplus"), "the operation Softplus."),
        (replace_tanh("Selu"), "the operation Selu."),
    ],
)
def test_an_operation_that_a_page_cannot_run(change, named, tmp_path):
    with pytest.raises(BundleError) as caught:
        model_data(changed_bundle(tmp_path / "b", change))
    text = str(caught.value)
    assert text.startswith(f"A web page cannot run 'tiny', because its graph has {named} Use ganzoo generate")
    assert text.count("\n") == 0
    assert "ConvTranspose" in text, "it names what can run"


def vector_with(folder, *nodes, shape=(1, 4, 4), length=16, **constants):
    """latent [n, 16] -> "x" of ``shape`` -> nodes -> "y" -> vector."""
    given = {**constants, "shape": np.array([-1, *shape]), "flat": np.array([-1, length])}
    nodes = [NODE("Reshape", ["latent", "shape"], ["x"]), *nodes, NODE("Reshape", ["y", "flat"], ["vector"])]
    model = tiny_bundles.make_model(
        nodes,
        [helper.make_tensor_value_info("latent", TensorProto.FLOAT, ["batch", 16])],
        [helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["batch", length])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in given.items()],
    )
    config = BundleConfig(name="v", kind="vector", shape=(length,), latent=LatentSpec(dim=16))
    return write_bundle(folder, config=config, onnx=model.SerializeToString(), weights={"w": np.ones(1, np.float32)})


SETTINGS = {
    "ConvTranspose with group 2": {
        "node": NODE("ConvTranspose", ["x", "k"], ["y"], group=2),
        "shape": (4, 2, 2),
        "k": np.ones((4, 2, 1, 1), np.float32),
    },
    "MatMul of two stacks of matrices with other numbers": {
        "node": NODE("MatMul", ["x", "k"], ["y"]),
        "shape": (4, 2, 2),
        "k": np.ones((1, 1, 2, 2), np.float32),
    },
    "Conv with auto_pad SAME_UPPER": {
        "node": NODE("Conv", ["x", "k"], ["y"], auto_pad="SAME_UPPER"),
        "k": np.ones((1, 1, 3, 3), np.float32),
    },
    "Conv of 3 and 3 axes": {
        "node": NODE("Conv", ["x", "k"], ["y"]),
        "shape": (4, 4),
        "k": np.ones((4, 4, 1), np.float32),
    },
    "Resize with mode cubic": {
        "node": NODE("Resize", ["x", "", "scales"], ["y"], mode="cubic", coordinate_transformation_mode="half_pixel"),
        "length": 64,
        "scales": np.array([1, 1, 2, 2], np.float32),
    },
    "Resize with nearest_mode round_prefer_floor": {
        "node": NODE("Resize", ["x", "", "scales"], ["y"]),
        "length": 64,
        "scales": np.array([1, 1, 2, 2], np.float32),
    },
    "Resize of other axes than height and width": {
        "node": NODE("Resize", ["x", "", "scales"], ["y"], nearest_mode="floor"),
        "scales": np.array([1, 2, 1, 1], np.float32),
        "length": 32,
    },
    "Cast with to 7": {
        "node": NODE("Cast", ["x"], ["y"], to=TensorProto.INT64),
    },
    "Gather with axis 1": {
        "node": NODE("Gather", ["x", "which"], ["y"], axis=1),
        "which": np.array([0]),
    },
}


@pytest.mark.parametrize("named", SETTINGS)
def test_a_setting_that_a_page_cannot_run(named, tmp_path):
    given = dict(SETTINGS[named])
    bundle = vector_with(tmp_path / "b", given.pop("node"), **given)
    with pytest.raises(BundleError, match=f"has the operation {named}. Use ganzoo generate"):
        model_data(bundle)


def test_a_truncated_bundle(tmp_path):
    bundle = tiny_bundles.image_bundle(tmp_path / "b")
    path = bundle.folder / ONNX
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(BundleError, match="It was truncated or altered"):
        model_data(bundle)


def test_the_list_of_operators():
    assert {"Conv", "ConvTranspose", "Gemm", "Resize"} < operators()
    assert "Softplus" not in operators()
