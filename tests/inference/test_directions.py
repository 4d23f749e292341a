"""Directions of the latent space, on graphs whose directions are known."""

import copy
import json
import pickle

import numpy as np
import pytest
import tiny_bundles
from onnx import helper, numpy_helper

import ganzoo
from ganzoo.bundle.directions_file import NamedDirection, write_directions
from ganzoo.bundle.folder import CARD, DIRECTIONS, LatentSpec, read_bundle
from ganzoo.bundle.onnx_guard.graph import Tensor
from ganzoo.bundle.writing import add_file, write_bundle
from ganzoo.errors import BundleError, GanzooError
from ganzoo.inference.bundle_graph import tensor_values
from ganzoo.inference.directions import METHODS


def axis(number, dim=8):
    return np.eye(dim, dtype=np.float32)[number]


@pytest.fixture
def folder(tmp_path):
    """A generator whose image depends most on value 5 of the latent, then on value 2, and hardly on the others."""
    model = tiny_bundles.image_model(num_classes=3)
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    dense = numpy_helper.to_array(weights["dense"]) * 1e-3
    dense[5] *= 1000
    dense[2] *= 300
    weights["dense"].CopyFrom(numpy_helper.from_array(dense, "dense"))
    return tiny_bundles.image_bundle(tmp_path / "b", num_classes=3, model=model, card="# A card\n").folder


@pytest.mark.parametrize("method", METHODS)
def test_the_first_direction_has_the_largest_effect(folder, method):
    found = ganzoo.load(folder).directions(4, method=method)
    prefix = {"sefa": "", "pca": "pca:"}[method]
    assert [direction.name for direction in found] == [f"{prefix}{number}" for number in (1, 2, 3, 4)]
    assert found[0].vector == pytest.approx(axis(5), abs=0.1)
    assert found[1].vector == pytest.approx(axis(2), abs=0.1)
    changes = [direction.change for direction in found]
    assert changes == sorted(changes, reverse=True)
    assert all(np.linalg.norm(direction.vector) == pytest.approx(1) for direction in found)


@pytest.mark.parametrize("method", METHODS)
def test_a_name_is_the_same_direction_for_every_count(tmp_path, method):
    model = tiny_bundles.image_model(latent_dim=16)
    config = tiny_bundles.image_config(latent=LatentSpec(dim=16))
    bundle = write_bundle(tmp_path / "b", config=config, onnx=model.SerializeToString(), weights={})
    generator = ganzoo.load(bundle.folder)
    most = generator.directions(16, method=method)
    changes = [direction.change for direction in most]
    assert changes[:10] == sorted(changes[:10], reverse=True)
    for count in (1, 3, 10, 12):
        found = generator.directions(count, method=method)
        assert [direction.name for direction in found] == [direction.name for direction in most[:count]]
        for direction, same in zip(found, most, strict=False):
            np.testing.assert_array_equal(direction.vector, same.vector)
    for direction in (most[0], most[9], most[11]):
        expected = generator.decode(generator.latents([7]) + 2.0 * direction.vector)
        moved = generator.sample([7], directions={direction.name: 2.0})
        assert np.abs(moved - np.rint((expected + 1) * 127.5)).max() <= 1


def test_the_change_is_that_of_the_pixels(folder):
    generator = ganzoo.load(folder)
    first = generator.directions(1)[0]
    low, high = (generator.sample(range(32), directions={"1": sign * 2.0}).astype(float) for sign in (-1, 1))
    assert first.change == pytest.approx(np.abs(high - low).mean(), rel=1e-3)


def test_a_strength_is_added_to_the_truncated_latent(folder):
    generator = ganzoo.load(folder)
    first, second = (direction.vector for direction in generator.directions(2))
    z = generator.latents([7, 8], truncation=0.5) + 2.0 * first - 1.0 * second
    expected = np.rint((generator.decode(z, generator.labels([7, 8])) + 1) * 127.5)
    moved = generator.sample([7, 8], truncation=0.5, directions={"1": 2.0, "2": -1})
    assert np.abs(moved - expected).max() <= 1
    assert np.abs(np.asarray(generator.generate(7, truncation=0.5, directions={"1": 2, "2": -1})) - moved[0]).max() <= 1
    assert (generator.sample([7], directions={}) == generator.sample([7])).all()


def test_uniform_latents_move_in_their_own_unit(tmp_path):
    generator = ganzoo.load(tiny_bundles.vector_bundle(tmp_path / "v").folder)
    vector = generator.directions(1)[0].vector
    z = generator.latents([3]) + 2.0 / np.sqrt(3.0) * vector
    np.testing.assert_allclose(generator.sample([3], directions={"1": 2.0}), generator.decode(z), atol=1e-5)


def test_named_directions_are_those_of_the_file(folder):
    names = [NamedDirection("hair", axis(2)), NamedDirection("light", axis(5))]
    without = ganzoo.load(folder)
    expected = without.decode(without.latents([7]) + 2.0 * axis(5), without.labels([7]))
    add_file(read_bundle(folder), DIRECTIONS, write_directions(names))
    generator = ganzoo.load(folder)
    assert [direction.name for direction in generator.directions()] == ["hair", "light"]
    assert generator.directions()[0].vector == pytest.approx(axis(2))
    assert [direction.name for direction in generator.directions(1)] == ["hair"]
    assert [direction.name for direction in generator.directions(3, method="sefa")] == ["1", "2", "3"]
    with pytest.raises(GanzooError, match="1 to 8 directions"):
        generator.directions(0)
    moved = generator.sample([7], directions={"light": 2.0})
    assert np.abs(moved - np.rint((expected + 1) * 127.5)).max() <= 1
    expected = without.sample([7], directions={"1": 2.0})
    assert (generator.sample([7], directions={"1": 2.0}) == expected).all(), "numbers are those of sefa"
    assert (generator.sample([7], directions={1: 2.0}) == expected).all()
    assert (generator.sample([7], directions={"pca:1": 2.0}) != generator.sample([7])).any()
    with pytest.raises(
        GanzooError, match=r"'tiny' has no direction 'hairs'. Did you mean 'hair'\? It has the names hair"
    ):
        generator.sample([7], directions={"hairs": 2.0})
    for other in (pickle.loads(pickle.dumps(generator)), copy.deepcopy(generator)):
        assert (other.sample([7], directions={"light": 2.0}) == moved).all()
    assert (folder / CARD).read_text() == "# A card\n"


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"11": 1.0}, "has no direction '11'. It has the numbers 1 to 8, and pca:1 to pca:8. See: ganzoo directions"),
        ({"sefa:1": 1.0}, "has no direction 'sefa:1'"),
        ({"01": 1.0}, "has no direction '01'"),
        ({"pca:9": 1.0}, "has no direction 'pca:9'"),
        ({"1": 11}, "from -10 to 10"),
        ({"1": float("nan")}, "from -10 to 10"),
        ({"1": "much"}, "from -10 to 10"),
        (["1"], "names with strengths"),
    ],
)
def test_wrong_directions(folder, wanted, message):
    with pytest.raises(GanzooError, match="(?s)" + message.replace("?", r"\?").replace(".", r"\.")):
        ganzoo.load(folder).generate(7, directions=wanted)


@pytest.mark.parametrize(("count", "method"), [(0, None), (9, None), (65, "pca"), (3, "pcaa")])
def test_wrong_counts_and_methods(folder, count, method):
    with pytest.raises(GanzooError, match=r"1 to 8|Did you mean 'pca'"):
        ganzoo.load(folder).directions(count, method=method)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[", "not readable as JSON"),
        (b'{"directions": []}', "1 to 64 directions"),
        (b'{"directions": [3]}', "not a JSON object"),
        (b'{"directions": [{"name": "a"}]}', "the key 'vector' is missing"),
        (json.dumps({"directions": [{"name": "A", "vector": [1] + [0] * 7}]}).encode(), "lower-case"),
        (json.dumps({"directions": [{"name": "a", "vector": [1] + [0] * 6}]}).encode(), "8 numbers"),
        (json.dumps({"directions": [{"name": "a", "vector": [True] + [0] * 7}]}).encode(), "8 numbers"),
        (json.dumps({"directions": [{"name": "a", "vector": [0] * 8}]}).encode(), "the length 0"),
        (json.dumps({"directions": [{"name": "a", "vector": [1] + [0] * 7}] * 2}).encode(), "the same name"),
    ],
)
def test_damaged_files_are_one_line(folder, content, message):
    add_file(read_bundle(folder), DIRECTIONS, content)
    with pytest.raises(BundleError, match=message) as caught:
        ganzoo.load(folder).directions()
    assert "\n" not in str(caught.value)


def test_a_changed_file_is_refused(folder):
    add_file(read_bundle(folder), DIRECTIONS, write_directions([NamedDirection("hair", axis(2))]))
    path = folder / DIRECTIONS
    path.write_bytes(path.read_bytes().replace(b"hair", b"skin"))
    with pytest.raises(BundleError, match="damaged or altered"):
        ganzoo.load(folder)


def one_matrix(folder, weight, *, squeezed=False):
    """A generator of vectors that multiplies the latent with one matrix."""
    model = tiny_bundles.vector_model()
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weight.astype(np.float32), "w"))
    if squeezed:
        model.graph.node[0].output[0] = "x"
        model.graph.node.append(helper.make_node("Squeeze", ["x", "axis"], ["vector"]))
        model.graph.initializer.append(numpy_helper.from_array(np.array([0], np.int64), "axis"))
    content = model.SerializeToString()
    return write_bundle(folder, config=tiny_bundles.vector_config(), onnx=content, weights={}).folder


def test_weights_of_another_rank_have_no_directions(tmp_path):
    generator = ganzoo.load(one_matrix(tmp_path / "b", np.ones((1, 4, 2)), squeezed=True))
    with pytest.raises(GanzooError, match=r"so the method sefa has no directions\. Use pca"):
        generator.directions(2, method="sefa")


def test_samples_that_are_not_finite_have_no_directions(tmp_path):
    generator = ganzoo.load(one_matrix(tmp_path / "b", np.full((4, 2), 3e38)))
    with np.errstate(all="ignore"), pytest.raises(BundleError, match="too large to compute directions"):
        generator.directions(2, method="pca")


@pytest.mark.parametrize("number", [70_000, -1])
def test_numbers_that_are_not_float16_are_one_line(number):
    with pytest.raises(BundleError, match="'w' has numbers that are not float16"):
        tensor_values(Tensor("w", (2,), "float16", memoryview(b""), (0, number)))


def test_float16_weights_have_directions():
    found = ganzoo.load("zoo:faces-64@1").directions(3)
    assert found[0].change > found[2].change > 20  # random directions: 7 to 12 levels
