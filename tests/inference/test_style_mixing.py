"""Style mixing, on a small generator that NumPy computes as well."""

import copy
import pickle

import numpy as np
import onnx
import pytest
import tiny_bundles
from onnx import TensorProto, helper, numpy_helper

import ganzoo
from ganzoo.bundle.folder import BundleConfig, LatentSpec, read_bundle
from ganzoo.bundle.onnx_guard.wire import joined, split
from ganzoo.bundle.writing import write_bundle
from ganzoo.errors import BundleError, GanzooError
from ganzoo.inference.style_graph import style_graphs

RNG = np.random.RandomState(0)
WEIGHTS = {
    "map": RNG.standard_normal((6, 5)),
    "mean": RNG.standard_normal((1, 5)),
    "small": RNG.standard_normal((5, 4)),
    "large": RNG.standard_normal((5, 4)),
    "constant": RNG.standard_normal((1, 4, 4, 4)),
    "colors": 0.1 * RNG.standard_normal((3, 4, 1, 1)),
    "classes": RNG.standard_normal((3, 6)),
}
WEIGHTS = {name: value.astype(np.float32) for name, value in WEIGHTS.items()}


def style_bundle(folder, *, num_classes=None):
    """latent -> style -> scales of a 4 px constant and, enlarged, of its 8 px image."""
    inputs = [helper.make_tensor_value_info("latent", TensorProto.FLOAT, ["batch", 6])]
    nodes, latent = [], "latent"
    if num_classes:
        inputs.append(helper.make_tensor_value_info("label", TensorProto.INT32, ["batch"]))
        nodes = [
            helper.make_node("Gather", ["classes", "label"], ["class"]),
            helper.make_node("Add", ["latent", "class"], ["both"]),
        ]
        latent = "both"
    inputs.append(helper.make_tensor_value_info("truncation", TensorProto.FLOAT, []))
    nodes += [
        helper.make_node("MatMul", [latent, "map"], ["w"]),
        helper.make_node("Sub", ["w", "mean"], ["centered"]),
        helper.make_node("Mul", ["truncation", "centered"], ["scaled"]),
        helper.make_node("Add", ["mean", "scaled"], ["style"]),
    ]
    for size, image in (("small", "constant"), ("large", "up")):
        nodes += [
            helper.make_node("MatMul", ["style", size], [f"{size}_vector"]),
            helper.make_node("Reshape", [f"{size}_vector", "shape"], [f"{size}_scale"]),
            helper.make_node("Mul", [image, f"{size}_scale"], [f"{size}_image"]),
        ]
        if size == "small":
            nodes.append(helper.make_node("Resize", ["small_image", "", "twice"], ["up"], mode="nearest"))
    nodes += [
        helper.make_node("Conv", ["large_image", "colors"], ["rgb"]),
        helper.make_node("Tanh", ["rgb"], ["colored"]),
        helper.make_node("Transpose", ["colored"], ["image"], perm=[0, 2, 3, 1]),
    ]
    constants = [numpy_helper.from_array(v, name) for name, v in WEIGHTS.items() if name != "classes" or num_classes]
    constants += [
        numpy_helper.from_array(np.array([-1, 4, 1, 1], np.int64), "shape"),
        numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "twice"),
        numpy_helper.from_array(np.array(1.0, np.float32), "truncation"),
    ]
    output = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 8, 8, 3])
    model = tiny_bundles.make_model(nodes, inputs, [output], constants)
    config = tiny_bundles.image_config(latent=LatentSpec(dim=6, truncation="style"), num_classes=num_classes)
    return write_bundle(folder, config=config, onnx=model.SerializeToString(), weights={}).folder


def expected(generator, coarse, fine, *, labels=None, psi=1.0):
    """The image of two seeds, computed with NumPy."""
    w = generator.latents([coarse, fine])
    if labels is not None:
        w = w + WEIGHTS["classes"][labels]
    styles = WEIGHTS["mean"] + psi * (w @ WEIGHTS["map"] - WEIGHTS["mean"])
    small = WEIGHTS["constant"][0] * (styles[0] @ WEIGHTS["small"])[:, None, None]
    large = small.repeat(2, axis=1).repeat(2, axis=2) * (styles[1] @ WEIGHTS["large"])[:, None, None]
    image = np.tanh(np.einsum("chw,oc->hwo", large, WEIGHTS["colors"][..., 0, 0]))
    return np.rint((image + 1) * 127.5).astype(int)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return style_bundle(tmp_path_factory.mktemp("style") / "b")


@pytest.fixture
def generator(folder):
    return ganzoo.load(folder)


def differs(image, other):
    return np.abs(np.asarray(image).astype(int) - other).max()


def test_small_layers_have_one_style_and_large_layers_the_other(generator):
    assert generator.style_heights == (4, 8)
    for coarse, fine in ((7, 9), (9, 7), (7, 7)):
        assert differs(generator.mix(coarse, fine), expected(generator, coarse, fine)) <= 1
        assert differs(generator.mix(coarse, fine, truncation=0.3), expected(generator, coarse, fine, psi=0.3)) <= 1
    assert differs(generator.mix(7, 7), generator.sample([7])[0]) <= 1
    assert differs(generator.mix(7, 9), generator.sample([7])[0]) > 5
    assert differs(generator.mix(7, 9), generator.sample([9])[0]) > 5


def test_each_seed_chooses_the_class_of_its_style(tmp_path):
    generator = ganzoo.load(style_bundle(tmp_path / "b", num_classes=3))
    first, *others = generator.labels(range(20))
    seed = 1 + next(index for index, label in enumerate(others) if label != first)
    own = generator.labels([0, seed])
    assert differs(generator.mix(0, seed), expected(generator, 0, seed, labels=own)) <= 1
    assert differs(generator.mix(0, seed, label=2), expected(generator, 0, seed, labels=[2, 2])) <= 1


def test_several_seeds(generator, monkeypatch):
    images = generator.mix([1, 2, 3], 9)
    assert len(images) == 3 and len(generator.mix(9, [1])) == 1
    for seed, image in zip((1, 2, 3), images, strict=True):
        assert differs(image, expected(generator, seed, 9)) <= 1
    monkeypatch.setattr(type(generator), "batch_size", 2)
    assert all(
        differs(a, np.asarray(b).astype(int)) <= 1 for a, b in zip(generator.mix([1, 2, 3], 9), images, strict=True)
    )


def test_a_picture_has_the_seeds_themselves_first(generator):
    made = np.asarray(generator.mix_grid([1, 2], [7, 8, 9], scale=8))
    cell = lambda row, column: made[made.shape[0] - 64 * (3 - row) :, made.shape[1] - 64 * (4 - column) :][:64, :64]  # noqa: E731
    from ganzoo.images import enlarged

    for row, column, coarse, fine in ((0, 1, 7, 7), (1, 0, 1, 1), (2, 3, 2, 9)):
        assert differs(cell(row, column), enlarged(np.asarray(generator.mix(coarse, fine)), 8).astype(int)) <= 3
    assert (cell(0, 0) == 255).all()


def test_copies_mix_as_well(generator):
    wanted = np.asarray(generator.mix(7, 9)).astype(int)
    for other in (pickle.loads(pickle.dumps(generator)), copy.deepcopy(generator)):
        assert differs(other.mix(7, 9), wanted) == 0


def test_the_parts_are_valid_and_small(folder):
    bundle = read_bundle(folder)
    content = bundle.read("onnx/model.onnx")
    graphs = style_graphs(content, bundle.config)
    for part in (graphs.mapping, graphs.synthesis):
        onnx.checker.check_model(onnx.load_from_string(part), full_check=True)
    names = [{tensor.name for tensor in onnx.load_from_string(part).graph.initializer} for part in graphs[:2]]
    assert names == [{"map", "mean", "truncation"}, {"small", "large", "constant", "colors", "shape", "twice"}]
    assert graphs.style_inputs == {4: "style_4", 8: "style_8"} and graphs.other_inputs == ()


def test_a_message_is_written_as_it_was_read(folder):
    content = (folder / "onnx/model.onnx").read_bytes()
    assert joined(split(memoryview(content))) == content
    negative = helper.make_node("Transpose", ["x"], ["y"], axis=-3).attribute[0].SerializeToString()
    assert joined(split(memoryview(negative))) == negative


def odd_style(nodes, constants):
    """The graph of a generator of vectors whose style is ``mean + truncation * mean``."""
    inputs = [
        helper.make_tensor_value_info("latent", TensorProto.FLOAT, ["batch", 6]),
        helper.make_tensor_value_info("truncation", TensorProto.FLOAT, []),
    ]
    nodes = [
        helper.make_node("Mul", ["truncation", "mean"], ["scaled"]),
        helper.make_node("Add", ["mean", "scaled"], ["style"]),
        helper.make_node("MatMul", ["latent", "map"], ["w"]),
        *(helper.make_node(op, names, [output]) for op, names, output in nodes),
    ]
    constants = {"map": WEIGHTS["map"], **constants}
    tensors = [numpy_helper.from_array(np.array(value, np.float32), name) for name, value in constants.items()]
    output = helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["batch", 5])
    config = BundleConfig(name="odd", kind="vector", shape=(5,), latent=LatentSpec(dim=6, truncation="style"))
    return tiny_bundles.make_model(nodes, inputs, [output], tensors).SerializeToString(), config


@pytest.mark.parametrize(
    ("mean", "last", "message"),
    [
        (1.0, "style", "The style is not found"),
        (np.ones((1, 1, 5)), "style", "The style is not found"),
        (np.ones((1, 0)), "w", "it is empty or too large"),
        (np.ones((1, 5)), "w", "No operation of the ONNX file reads the style"),
    ],
)
def test_a_style_of_another_form_is_one_line(mean, last, message):
    content, config = odd_style([("Add", ["w", last], "vector")], {"mean": mean})
    with pytest.raises(BundleError, match=message) as caught:
        style_graphs(content, config)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((7, 9), {"crossover": 8}, "is a height of its layers: 4; received 8"),
        ((7, 9), {"crossover": True}, "received True"),
        ((7, 9), {"crossover": "4"}, "received '4'"),
        ((7, 9), {"truncation": 2}, "from 0"),
        ((7, 9), {"label": 1}, "has no classes"),
        ((7, -1), {}, "A seed is"),
        (([1, 2], [1, 2, 3]), {}, "received 2 and 3"),
        ((7, []), {}, "at least one"),
    ],
)
def test_wrong_arguments(generator, arguments, options, message):
    with pytest.raises(GanzooError, match=message):
        generator.mix(*arguments, **options)


def test_a_model_without_a_mapping_network(tmp_path):
    generator = ganzoo.load(tiny_bundles.image_bundle(tmp_path / "b").folder)
    assert generator.style_heights == ()
    for use in (generator.mix, lambda *seeds: generator.mix_grid(*([seed] for seed in seeds))):
        with pytest.raises(GanzooError, match="'tiny' has no styles to mix"):
            use(7, 9)
