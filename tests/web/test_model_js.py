"""The page's images are Python's: pretrained models, each operator alone, and (slow) every kind of generator."""

import base64

import numpy as np
import onnxruntime
import pytest
import tiny_bundles
from exporters.generators import TINY, randomise
from onnx import TensorProto, helper, numpy_helper

from ganzoo.bundle.folder import BundleConfig, LatentSpec, read_bundle
from ganzoo.bundle.writing import write_bundle
from ganzoo.config.experiment import Config
from ganzoo.hub.pretrained import find_pretrained, shipped_folder
from ganzoo.images import to_uint8
from ganzoo.inference.generator import Generator
from ganzoo.web.model_data import model_data, operators
from web.node import array, run_node

NODE = helper.make_node
RNG = np.random.RandomState(0)

SAMPLES = """
const model = openModel(input.data);
return input.jobs.map(([seed, label]) => base64(model.run(latentOf(seed, input.data.latent), label)));
"""


def in_page(bundle, seeds, labels=None):
    """The samples of a page: float32 [n, ...]."""
    jobs = list(zip(seeds, [None] * len(seeds) if labels is None else [int(label) for label in labels], strict=True))
    made = run_node(SAMPLES, {"data": model_data(bundle), "jobs": jobs})
    return np.stack([array(text).reshape(bundle.config.shape) for text in made])


def in_python(bundle, seeds, labels=None):
    generator = Generator.from_bundle(bundle, device="cpu")
    return generator.decode(generator.latents(seeds), labels)


def largest_difference(bundle, seeds, labels=None):
    """Relative to the largest value, if that is above 1."""
    expected = in_python(bundle, seeds, labels)
    return np.abs(in_page(bundle, seeds, labels) - expected).max() / max(1.0, np.abs(expected).max())


def pretrained(name):
    return read_bundle(shipped_folder(find_pretrained(name)))


def levels_apart(bundle, seeds, labels):
    """The largest difference between the bytes of a page and of Python."""
    code = """
    const model = openModel(input.data);
    const pixels = input.jobs.map(([seed, label]) =>
      base64(toPixels(model.run(latentOf(seed, input.data.latent), label), model.dims[2])));
    return {dims: model.dims, pixels};
    """
    given = {"data": model_data(bundle), "jobs": list(zip(seeds, labels, strict=True))}
    made = run_node(code, given)
    height, width, channels = made["dims"]
    pixels = np.stack([array(text, np.uint8).reshape(height, width, 4) for text in made["pixels"]]).astype(int)
    own = None if bundle.config.num_classes is None else labels
    expected = Generator.from_bundle(bundle, device="cpu").sample(seeds, label=own).astype(int)
    assert (pixels[..., 3] == 255).all()
    return np.abs(pixels[..., :channels] - expected).max()


@pytest.mark.parametrize("name", ["faces-64@1", "digits-28"])
def test_a_few_images_of_pretrained_models(name):
    bundle = pretrained(name)
    seeds = range(10)
    assert levels_apart(bundle, seeds, [seed % (bundle.config.num_classes or 1) for seed in seeds]) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["faces-64@1", "faces-64@2", "faces-64@3", "portraits-64", "digits-28", "fashion-28"])
def test_every_class_of_the_pretrained_models(name):
    bundle = pretrained(name)
    seeds = range(64)
    assert levels_apart(bundle, seeds, [seed % (bundle.config.num_classes or 1) for seed in seeds]) <= 1


def test_the_class_that_a_seed_chooses():
    bundle = pretrained("digits-28")
    labels = run_node("return input.map((seed) => classOf(seed, 10))", list(range(4)))
    assert largest_difference(bundle, range(4), labels) < 1.5 / 127.5
    assert np.array_equal(Generator.from_bundle(bundle).sample(range(4)), to_uint8(in_python(bundle, range(4), labels)))


def operator_bundle(folder, nodes, constants, shape):
    """A bundle that feeds its latent, as a tensor of ``shape``, to ``nodes``, and returns their output as a vector.

    ``nodes`` read "x" and write "y".
    """
    size = int(np.prod(shape))
    given = {**constants, "shape": np.array([-1, *shape]), "flat": np.array([0, -1])}
    nodes = [NODE("Reshape", ["latent", "shape"], ["x"]), *nodes, NODE("Reshape", ["y", "flat"], ["vector"])]
    inputs = [helper.make_tensor_value_info("latent", TensorProto.FLOAT, ["batch", size])]
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in given.items()]

    def model(length):
        output = helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["batch", length])
        return tiny_bundles.make_model(nodes, inputs, [output], tensors).SerializeToString()

    session = onnxruntime.InferenceSession(model("length"), providers=["CPUExecutionProvider"])
    length = session.run(None, {"latent": np.zeros((1, size), np.float32)})[0].shape[1]
    config = BundleConfig(name="one", kind="vector", shape=(length,), latent=LatentSpec(dim=size))
    return write_bundle(folder, config=config, onnx=model(length), weights={"w": np.ones(1, np.float32)})


def values(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def resize(**attributes):
    return [NODE("Resize", ["x", "", "scales"], ["y"], **attributes)], {"scales": np.array([1, 1, 2, 3], np.float32)}


IMAGE = (3, 5, 4)
OPERATOR_CASES = {
    "Add": ([NODE("Add", ["x", "c"], ["y"])], {"c": values(3, 1, 1)}),
    "Add of a row": ([NODE("Add", ["c", "x"], ["y"])], {"c": values(4)}),
    "Add of a number": ([NODE("Add", ["x", "c"], ["y"])], {"c": np.float32(0.5)}),
    "Add that makes a tensor larger": (
        [NODE("ReduceMean", ["x", "axis"], ["m"]), NODE("Add", ["m", "c"], ["y"])],
        {"axis": np.array([2]), "c": values(1, 3, 5, 4)},
    ),
    "Cast": ([NODE("Cast", ["x"], ["h"], to=TensorProto.DOUBLE), NODE("Cast", ["h"], ["y"], to=1)], {}),
    "Concat": ([NODE("Concat", ["x", "x"], ["y"], axis=1)], {}),
    "Concat along the last axis": ([NODE("Concat", ["x", "x"], ["y"], axis=-1)], {}),
    "Conv": ([NODE("Conv", ["x", "k", "b"], ["y"], pads=[1, 1, 1, 1])], {"k": values(6, 3, 3, 3), "b": values(6)}),
    "Conv, uneven": (
        [NODE("Conv", ["x", "k"], ["y"], pads=[2, 0, 1, 1], strides=[2, 1], dilations=[1, 2])],
        {"k": values(2, 3, 2, 3)},
    ),
    "Conv in groups": (
        [
            NODE("Concat", ["x", "x"], ["c"], axis=1),
            NODE("Conv", ["c", "k", "b"], ["d"], pads=[1, 1, 1, 1], group=2),
            NODE("Conv", ["d", "l"], ["y"], strides=[2, 1], group=4),
        ],
        {"k": values(8, 3, 3, 3), "b": values(8), "l": values(4, 2, 2, 1)},
    ),
    "ConvTranspose": (
        [NODE("ConvTranspose", ["x", "k", "b"], ["y"], pads=[1, 1, 1, 1], strides=[2, 2])],
        {"k": values(3, 6, 4, 4), "b": values(6)},
    ),
    "ConvTranspose, uneven": (
        [
            NODE(
                "ConvTranspose",
                ["x", "k"],
                ["y"],
                pads=[0, 1, 2, 0],
                strides=[2, 3],
                dilations=[2, 1],
                output_padding=[1, 0],
            )
        ],
        {"k": values(3, 2, 3, 2)},
    ),
    "Div": ([NODE("Div", ["x", "c"], ["y"])], {"c": 1 + np.abs(values(1, 1, 4))}),
    "Elu": ([NODE("Elu", ["x"], ["y"], alpha=0.7)], {}),
    "Erf": ([NODE("Erf", ["x"], ["y"])], {}),
    "Gemm": (
        [NODE("Reshape", ["x", "two"], ["m"]), NODE("Gemm", ["m", "k", "b"], ["y"], alpha=0.5, beta=2.0)],
        {"two": np.array([-1, 60]), "k": values(60, 9), "b": values(9)},
    ),
    "Gemm, transposed": (
        [NODE("Reshape", ["x", "two"], ["m"]), NODE("Gemm", ["m", "k"], ["y"], transB=1)],
        {"two": np.array([-1, 60]), "k": values(9, 60)},
    ),
    "Identity": ([NODE("Identity", ["x"], ["y"])], {}),
    "LeakyRelu": ([NODE("LeakyRelu", ["x"], ["y"], alpha=0.2)], {}),
    "MatMul": ([NODE("MatMul", ["x", "k"], ["y"])], {"k": values(4, 7)}),
    "MatMul of two computed stacks": (
        [NODE("Transpose", ["x"], ["t"], perm=[0, 1, 3, 2]), NODE("MatMul", ["x", "t"], ["y"])],
        {},
    ),
    "MatMul of two computed stacks of three axes": (
        [
            NODE("ReduceMean", ["x", "axis"], ["a"], keepdims=0),
            NODE("Transpose", ["a"], ["b"], perm=[0, 2, 1]),
            NODE("MatMul", ["a", "b"], ["y"]),
        ],
        {"axis": np.array([1])},
    ),
    "Mul": ([NODE("Mul", ["x", "x"], ["y"])], {}),
    "Neg": ([NODE("Neg", ["x"], ["y"])], {}),
    "Reciprocal": ([NODE("Mul", ["x", "c"], ["z"]), NODE("Reciprocal", ["z"], ["y"])], {"c": np.float32(3)}),
    "ReduceMean": ([NODE("ReduceMean", ["x", "axes"], ["y"], keepdims=0)], {"axes": np.array([1, -1])}),
    "Relu": ([NODE("Relu", ["x"], ["y"])], {}),
    "Resize, nearest": resize(mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
    "Resize, linear": resize(mode="linear", coordinate_transformation_mode="half_pixel"),
    "Resize, nearest, then Conv": (
        [
            NODE(
                "Resize",
                ["x", "", "scales"],
                ["r"],
                mode="nearest",
                coordinate_transformation_mode="asymmetric",
                nearest_mode="floor",
            ),
            NODE("Conv", ["r", "k", "b"], ["y"], pads=[1, 2, 0, 1]),
        ],
        {"scales": np.array([1, 1, 2, 3], np.float32), "k": values(6, 3, 3, 4), "b": values(6)},
    ),
    "Sigmoid": ([NODE("Sigmoid", ["x"], ["y"])], {}),
    "Slice": (
        [NODE("Slice", ["x", "starts", "ends", "axes", "steps"], ["y"])],
        {
            "starts": np.array([1, -4]),
            "ends": np.array([2**63 - 1, -1]),
            "axes": np.array([1, -2]),
            "steps": np.array([1, 2]),
        },
    ),
    "Slice, backwards": (
        [NODE("Slice", ["x", "starts", "ends", "axes", "steps"], ["y"])],
        {
            "starts": np.array([-1, 9, 2]),
            "ends": np.array([-(2**63), 0, -(2**31)]),
            "axes": np.array([1, -2, -1]),
            "steps": np.array([-1, -2, -1]),
        },
    ),
    "Softmax": ([NODE("Softmax", ["x"], ["y"])], {}),
    "Softmax of the channels": ([NODE("Softmax", ["x"], ["y"], axis=1)], {}),
    "Sqrt": ([NODE("Mul", ["x", "x"], ["s"]), NODE("Sqrt", ["s"], ["y"])], {}),
    "Sub": ([NODE("Sub", ["c", "x"], ["y"])], {"c": values(5, 1)}),
    "Tanh": ([NODE("Tanh", ["x"], ["y"])], {}),
    "Transpose": ([NODE("Transpose", ["x"], ["y"], perm=[0, 2, 3, 1])], {}),
    "sizes from a shape": (
        [
            NODE("Shape", ["x"], ["s"]),
            NODE("Gather", ["s", "first"], ["batch"]),
            NODE("Concat", ["batch", "rest"], ["to"], axis=0),
            NODE("Reshape", ["x", "to"], ["y"]),
        ],
        {"first": np.array([0]), "rest": np.array([5, 12])},
    ),
}


@pytest.mark.parametrize("case", OPERATOR_CASES)
def test_one_operator(case, tmp_path):
    nodes, constants = OPERATOR_CASES[case]
    bundle = operator_bundle(tmp_path / "b", nodes, constants, IMAGE)
    assert largest_difference(bundle, range(3)) < 1e-6


def test_two_scalars():
    code = "return OPERATORS.Mul({}, [input, input])[0].data[0] + OPERATORS.Sub({}, [input, input])[0].data[0];"
    assert run_node(code, {"dims": [], "data": [3]}) == 9


def test_every_operator_is_tested():
    used = {node.op_type for nodes, _ in OPERATOR_CASES.values() for node in nodes}
    assert used | {"Reshape"} >= operators()


def test_the_operators_of_python_are_those_of_the_page():
    assert set(run_node("return Object.keys(OPERATORS)")) == operators()


def test_a_conditional_image_model(tmp_path):
    bundle = tiny_bundles.image_bundle(tmp_path / "b", num_classes=3)
    assert largest_difference(bundle, range(6), [0, 1, 2, 2, 1, 0]) < 1e-6


def test_a_vector_model(tmp_path):
    assert largest_difference(tiny_bundles.vector_bundle(tmp_path / "b"), range(6)) < 1e-6


def test_progress(tmp_path):
    data = model_data(tiny_bundles.image_bundle(tmp_path / "b"))
    shares = run_node(
        """
        const shares = [];
        openModel(input).run(latentOf(0, input.latent), null, (share) => shares.push(share));
        return shares;
        """,
        data,
    )
    assert len(shares) == len(data["graph"]["nodes"])
    assert shares[0] > 0
    assert sorted(shares) == shares
    assert shares[-1] == 1


WRONG = {
    "openModel(input).run(new Float32Array(3), 0)": "A latent of this model has 8 values; received 3.",
    "openModel(input).run(new Float32Array(8), 3)": "The class must be from 0 to 2; received 3.",
    "openModel(input).run(new Float32Array(8))": "The class must be from 0 to 2; received null.",
    "input.graph.nodes[1].op = 'Softplus'; openModel(input)": "This page cannot run the operator Softplus.",
    "input.weights = input.weights.slice(0, 400); openModel(input)": "The weights of this page are incomplete: t",
    "toPixels(Float32Array.of(0, NaN, 0), 3)": "The image has values that are not numbers.",
}


@pytest.mark.parametrize("code", WRONG)
def test_what_cannot_work_is_named(code, tmp_path):
    data = model_data(tiny_bundles.image_bundle(tmp_path / "b", num_classes=3))
    assert run_node(f"return message(() => {{ {code}; }})", data).startswith(WRONG[code])


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pixels_are_rounded_as_in_python(channels):
    levels = np.arange(0, 510) / 255  # all levels, and the ties between them
    steps = np.concatenate([levels - 1, RNG.uniform(-1.2, 1.2, 690)]).astype(np.float32)
    found = run_node(
        "return base64(toPixels(Float32Array.from(input.values), input.channels))",
        {"values": steps.tolist(), "channels": channels},
    )
    expected = to_uint8(steps).reshape(-1, channels)
    pixels = array(found, np.uint8).reshape(-1, 4)
    assert np.array_equal(pixels[:, : max(3, channels)], np.broadcast_to(expected, (len(pixels), max(3, channels))))
    assert channels == 4 or (pixels[:, 3] == 255).all()


def test_every_float16():
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
    halves = halves[np.isfinite(halves)]
    data = {
        "latent": {"dim": 1},
        "sample": {"dims": [len(halves)]},
        "graph": {
            "nodes": [{"op": "Identity", "inputs": ["t"], "outputs": ["vector"], "attributes": {}, "cost": 1}],
            "inputs": ["latent"],
            "output": "vector",
        },
        "weights": base64.b64encode(halves.tobytes()).decode(),
        "tensors": [{"name": "t", "dims": [len(halves)], "dtype": "float16", "offset": 0, "length": 2 * len(halves)}],
    }
    found = array(run_node("return base64(openModel(input).run(Float32Array.of(0)))", data))
    assert np.array_equal(found, halves.astype(np.float32))


def residual(**block):
    return {"generator": {"model": "residual", "base_channels": 8, "block": {"name": "residual_up", **block}}}


def dense(**block):
    return {
        "generator": {"model": "dense", "hidden": [24, 32], "block": {"name": "dense", **block}},
        "discriminator": {"model": "dense", "hidden": [8]},
    }


def odd(kernel_size):
    blocks = [
        {"name": "conv_transpose", "channels": 8, "odd": True, "kernel_size": kernel_size},
        {"name": "conv_transpose", "channels": 8, "kernel_size": 9 - kernel_size},
    ]
    stem = {"name": "dense_stem", "height": 4, "width": 4}
    return {
        "data": {"source": "numpy", "resolution": 14, "channels": 1},
        "generator": {"stem": stem, "blocks": blocks, "head": {"name": "image_head"}},
    }


GENERATORS = {
    "transposed": {},
    "transposed, layer norm, gelu": {"block": {"norm": "layer", "activation": "gelu"}},
    "nearest, pixel norm, silu": {
        "block": {"name": "upsample_conv", "kernel_size": 5, "norm": "pixel", "activation": "silu"}
    },
    "bilinear, spectral norm, elu": {
        "block": {
            "name": "upsample_conv",
            "interpolation": "bilinear",
            "norm": "spectral",
            "activation": "elu",
        }
    },
    "pixel shuffle, leaky": {"block": {"name": "pixel_shuffle", "activation": "leaky_relu"}},
    "residual": {**residual(norm="batch"), "num_classes": 6},
    "residual, bilinear, layer norm": residual(interpolation="bilinear", norm="layer"),
    "dense": dense(norm="batch"),
    "dense, layer norm, sigmoid": dense(norm="layer", activation="sigmoid"),
    "classes in the norms": {"num_classes": 6, "generator": {"conditioning": "batch_norm"}},
    "self-modulated, classes": {
        "num_classes": 6,
        "block": {"name": "upsample_conv"},
        "generator": {"conditioning": "batch_norm", "self_modulation": True},
    },
    "attention, spectral norm": {
        "block": {"norm": "spectral"},
        "generator": {"model": "dcgan", "attention": 8, "base_channels": 8, "block": {"name": "upsample_conv"}},
    },
    "r3gan": {"generator": {"model": "r3gan", "base_channels": 8, "block": {"name": "r3gan_up", "group_width": 8}}},
    "palette, classes": {
        "num_classes": 6,
        "generator": {"conditioning": "batch_norm", "self_modulation": True, "head": {"name": "palette_head"}},
    },
    "palette without a style": {"generator": {"head": {"name": "palette_head", "colors": 7}}},
    "odd, kernel of 4": odd(4),
    "odd, kernel of 5": odd(5),
    "a flag with transparency": {"data": {"source": "numpy", "resolution": "16x32", "channels": 4}},
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", GENERATORS)
def test_every_kind_of_generator(kind, tmp_path, monkeypatch):
    pytest.importorskip("tensorflow")
    monkeypatch.setattr("ganzoo.web.model_data.LARGE", 10**9)  # float32 weights: the rounding is tested elsewhere
    from ganzoo.exporters.bundle import bundle_config
    from ganzoo.exporters.onnx import to_onnx
    from ganzoo.training import networks

    changes = dict(GENERATORS[kind])
    block = changes.pop("block", {})
    own = changes.pop("generator", {})
    generator = {"latent_dim": 16, **({} if own.get("model") or own.get("blocks") else TINY["generator"]), **own}
    if "block" in generator and block:
        generator["block"] = {**generator["block"], **block}
    config = Config.read({**TINY, "name": "tiny", **changes, "generator": generator})
    model = to_onnx(randomise(networks.build_generator(config)), num_classes=config.num_classes)
    bundle = write_bundle(
        tmp_path / "b",
        config=bundle_config(config),
        onnx=model.SerializeToString(),
        weights={"w": np.ones(1, np.float32)},
    )
    labels = [seed % config.num_classes for seed in range(7)] if config.num_classes else None
    assert largest_difference(bundle, range(7), labels) < 2e-5
