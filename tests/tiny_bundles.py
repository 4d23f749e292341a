"""Small real ONNX generators and bundles for tests, made with onnx.helper."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ganzoo.bundle.folder import Bundle, BundleConfig, BundleFacts, LatentSpec
from ganzoo.bundle.writing import write_bundle


def image_model(
    *, latent_dim: int = 8, side: int = 8, channels: int = 3, num_classes: int | None = None, seed: int = 0
) -> onnx.ModelProto:
    """latent (and label) -> Gemm, ConvTranspose, Tanh -> image. Every weight is random."""
    rng = np.random.RandomState(seed)
    half = side // 2
    weights = {
        "dense": rng.standard_normal((latent_dim, half * half * 4)) * 0.3,
        "kernel": rng.standard_normal((4, channels, 4, 4)) * 0.3,
        "bias": rng.standard_normal(channels) * 0.1,
    }
    nodes = [helper.make_node("MatMul", ["latent" if num_classes is None else "z", "dense"], ["x0"])]
    inputs = [helper.make_tensor_value_info("latent", TensorProto.FLOAT, ["batch", latent_dim])]
    if num_classes is not None:
        weights["classes"] = rng.standard_normal((num_classes, latent_dim))
        inputs.append(helper.make_tensor_value_info("label", TensorProto.INT32, ["batch"]))
        nodes.insert(0, helper.make_node("Gather", ["classes", "label"], ["embedded"]))
        nodes.insert(1, helper.make_node("Add", ["latent", "embedded"], ["z"]))
    nodes += [
        helper.make_node("Reshape", ["x0", "shape"], ["x1"]),
        helper.make_node(
            "ConvTranspose", ["x1", "kernel", "bias"], ["x2"], kernel_shape=[4, 4], strides=[2, 2], pads=[1, 1, 1, 1]
        ),
        helper.make_node("Tanh", ["x2"], ["x3"]),
        helper.make_node("Transpose", ["x3"], ["image"], perm=[0, 2, 3, 1]),
    ]
    constants = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
    constants.append(numpy_helper.from_array(np.array([-1, 4, half, half], np.int64), "shape"))
    output = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", side, side, channels])
    return make_model(nodes, inputs, [output], constants)


def spliced(*nodes: onnx.NodeProto, constants: dict[str, np.ndarray] | None = None) -> onnx.ModelProto:
    """The image model with operations between the picture "x3" and the output; they read "x3" and make "y"."""
    model = image_model()
    graph = model.graph
    last = graph.node[-1]
    last.input[0] = "y"
    del graph.node[-1]
    graph.node.extend([*nodes, last])
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in (constants or {}).items())
    return model


def computed_sizes_model() -> onnx.ModelProto:
    """Shape -> Cast -> Slice -> Concat -> Tile -> Reshape, as tf2onnx writes keras.ops.repeat, and a Resize."""
    nodes = [
        helper.make_node("Shape", ["x3"], ["s"]),
        helper.make_node("Cast", ["s"], ["s32"], to=TensorProto.INT32),
        helper.make_node("Slice", ["s32", "zero", "one"], ["b"]),
        helper.make_node("Constant", [], ["rest"], value=numpy_helper.from_array(np.array([3, 8, 16], np.int32))),
        helper.make_node("Concat", ["b", "rest"], ["wide"], axis=0),
        helper.make_node("Cast", ["wide"], ["wide64"], to=TensorProto.INT64),
        helper.make_node("Unsqueeze", ["x3", "four"], ["u"]),
        helper.make_node("Tile", ["u", "times"], ["t"]),
        helper.make_node("Reshape", ["t", "wide64"], ["r"]),
        helper.make_node("Slice", ["r", "zero", "eight", "axis"], ["small"]),
        helper.make_node("Resize", ["small", "", "twice"], ["large"]),
        helper.make_node("AveragePool", ["large"], ["y"], kernel_shape=[2, 2], strides=[2, 2]),
    ]
    numbers = {"zero": [0], "one": [1], "eight": [8], "axis": [3], "four": [4], "times": [1, 1, 1, 1, 2]}
    constants = {name: np.array(value, np.int64) for name, value in numbers.items()}
    return spliced(*nodes, constants=constants | {"twice": np.array([1, 1, 2, 2], np.float32)})


def vector_model(*, latent_dim: int = 4, dim: int = 2) -> onnx.ModelProto:
    """latent -> one matrix -> vector."""
    weight = np.random.RandomState(0).standard_normal((latent_dim, dim)).astype(np.float32)
    return make_model(
        [helper.make_node("MatMul", ["latent", "w"], ["vector"])],
        [helper.make_tensor_value_info("latent", TensorProto.FLOAT, ["batch", latent_dim])],
        [helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["batch", dim])],
        [numpy_helper.from_array(weight, "w")],
    )


def critic_model(
    *, kind: str = "image", shape: tuple[int, ...] = (8, 8, 3), num_classes: int | None = None, bright: float = 1.0
) -> onnx.ModelProto:
    """image or vector (and label) -> logit: ``bright`` times the mean of the values, negative for odd classes."""
    size = int(np.prod(shape))
    weights = {"w": np.full((size, 1), bright / size)}
    nodes = [helper.make_node("Reshape", [kind, "flat"], ["x"]), helper.make_node("MatMul", ["x", "w"], ["sum"])]
    inputs = [helper.make_tensor_value_info(kind, TensorProto.FLOAT, ["batch", *shape])]
    if num_classes is not None:
        weights["signs"] = np.array([[(-1.0) ** index] for index in range(num_classes)])
        inputs.append(helper.make_tensor_value_info("label", TensorProto.INT32, ["batch"]))
        nodes.append(helper.make_node("Gather", ["signs", "label"], ["sign"]))
        nodes.append(helper.make_node("Mul", ["sum", "sign"], ["logit"]))
    else:
        nodes.append(helper.make_node("Identity", ["sum"], ["logit"]))
    constants = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
    constants.append(numpy_helper.from_array(np.array([-1, size], np.int64), "flat"))
    output = helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["batch", 1])
    return make_model(nodes, inputs, [output], constants)


def encoder_model(
    *, kind: str = "image", shape: tuple[int, ...] = (8, 8, 3), latent_dim: int = 8, scale: float = 1.0
) -> onnx.ModelProto:
    """image or vector -> latent: a random matrix."""
    size = int(np.prod(shape))
    weight = np.random.RandomState(0).standard_normal((size, latent_dim)) * scale / size**0.5
    nodes = [helper.make_node("Reshape", [kind, "flat"], ["x"]), helper.make_node("MatMul", ["x", "w"], ["latent"])]
    constants = [numpy_helper.from_array(weight.astype(np.float32), "w")]
    constants.append(numpy_helper.from_array(np.array([-1, size], np.int64), "flat"))
    return make_model(
        nodes,
        [helper.make_tensor_value_info(kind, TensorProto.FLOAT, ["batch", *shape])],
        [helper.make_tensor_value_info("latent", TensorProto.FLOAT, ["batch", latent_dim])],
        constants,
    )


def make_model(nodes, inputs, outputs, constants, *, opset: int = 18) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "g", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def image_config(**changes: object) -> BundleConfig:
    values: dict[str, object] = {"name": "tiny", "kind": "image", "shape": (8, 8, 3), "latent": LatentSpec(dim=8)}
    return BundleConfig(**{**values, **changes})  # type: ignore[arg-type]


def vector_config() -> BundleConfig:
    return BundleConfig(name="ring", kind="vector", shape=(2,), latent=LatentSpec(dim=4, distribution="uniform"))


def image_bundle(
    folder: Path,
    *,
    num_classes: int | None = None,
    class_names: tuple[str, ...] | None = None,
    critic: onnx.ModelProto | None = None,
    encoder: onnx.ModelProto | None = None,
    model: onnx.ModelProto | None = None,
    card: str | None = None,
) -> Bundle:
    """A complete bundle of a random 8 px generator, or of ``model``."""
    return write_bundle(
        folder,
        config=image_config(num_classes=num_classes, class_names=class_names, model={"blocks": [{"channels": 4}]}),
        onnx=(model or image_model(num_classes=num_classes)).SerializeToString(),
        card=card,
        weights={"dense/kernel": np.ones((8, 64), np.float32)},
        samples=PNG,
        critic=None if critic is None else critic.SerializeToString(),
        encoder=None if encoder is None else encoder.SerializeToString(),
        facts=BundleFacts(parity_error=1e-7, training_step=10, metrics={"fid": {"value": 12.5, "protocol": "none"}}),
    )


def vector_bundle(folder: Path) -> Bundle:
    weights = {"w": np.ones((4, 2), np.float32)}
    return write_bundle(folder, config=vector_config(), onnx=vector_model().SerializeToString(), weights=weights)


PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00:~\x9bU"
    b"\x00\x00\x00\nIDATx\x9cc`\x00\x00\x00\x02\x00\x01H\xaf\xa4q\x00\x00\x00\x00IEND\xaeB`\x82"
)
