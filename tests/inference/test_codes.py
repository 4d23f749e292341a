"""Tests the continuous codes of a bundle: config.json, the latents that they set, and wrong codes."""

import json

import numpy as np
import pytest
import tiny_bundles
from PIL import Image
from typer.testing import CliRunner

import ganzoo
from ganzoo.bundle.folder import read_bundle
from ganzoo.bundle.schema import BundleConfig
from ganzoo.bundle.writing import write_bundle
from ganzoo.cli.main import app
from ganzoo.errors import BundleError, GanzooError
from ganzoo.inference.codes import parse_codes


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A bundle with three classes and two codes."""
    return write_bundle(
        tmp_path_factory.mktemp("codes") / "bundle",
        config=tiny_bundles.image_config(num_classes=3, codes=2),
        onnx=tiny_bundles.image_model(num_classes=3).SerializeToString(),
        critic=tiny_bundles.critic_model(num_classes=3).SerializeToString(),
        weights={"w": np.ones((2, 2), np.float32)},
        samples=tiny_bundles.PNG,
    ).folder


@pytest.fixture(scope="module")
def generator(folder):
    return ganzoo.load(folder)


def test_the_key_is_there_only_if_there_are_codes():
    with_codes = tiny_bundles.image_config(codes=2)
    assert with_codes.to_dict()["codes"] == 2
    assert BundleConfig.from_dict(with_codes.to_dict()) == with_codes
    without = tiny_bundles.image_config()
    assert "codes" not in without.to_dict()
    assert BundleConfig.from_dict(without.to_dict()) == without


@pytest.mark.parametrize("codes", [-1, 9, 1.0, True, None, "2"])
def test_a_wrong_number_of_codes_in_a_bundle_is_one_line(folder, tmp_path, codes):
    values = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    with pytest.raises(BundleError, match=r"codes is .*; allowed: a whole number from 0 to 8"):
        BundleConfig.from_dict({**values, "codes": codes})
    assert read_bundle(folder).config.codes == 2


@pytest.mark.parametrize("codes", [[1.5, -1], (1.5, -1), {0: 1.5, 1: -1}, np.array([1.5, -1])], ids=str)
def test_codes_replace_the_first_entries_of_the_latent(generator, codes):
    z = generator.latents([7, 8])
    z[:, :2] = 1.5, -1
    wanted = generator.decode(z, labels=[2, 0])
    samples = generator.sample([7, 8], label=[2, 0], codes=codes)
    np.testing.assert_array_equal(samples, ganzoo.images.to_uint8(wanted))
    one = np.asarray(generator.generate(7, label=2, codes=codes))
    np.testing.assert_array_equal(one, samples[0])


def test_some_codes_and_the_rest_from_the_seed(generator):
    z = generator.latents([7])
    z[:, 1] = 3.0
    wanted = ganzoo.images.to_uint8(generator.decode(z, labels=1))
    np.testing.assert_array_equal(generator.sample([7], label=1, codes={1: 3.0}), wanted)


def test_codes_are_exact_after_truncation_and_directions(generator):
    options = {"label": 0, "codes": [2.0, 2.0]}
    alone = generator.sample([1, 2], truncation=0.0, **options)
    np.testing.assert_array_equal(alone[0], alone[1])
    z = np.zeros((1, 8), np.float32)
    z[:, :2] = 2.0
    np.testing.assert_array_equal(alone[:1], ganzoo.images.to_uint8(generator.decode(z, labels=0)))
    moved = generator.sample([1], directions={"1": 1.0}, **options)
    assert not np.array_equal(moved, generator.sample([1], **options))


def test_every_way_to_generate_has_codes(generator):
    wanted = generator.sample(range(4), label=0, codes={0: -2})
    (batch,) = generator.iter_samples(range(4), label=0, codes={0: -2}, batch_size=4)
    np.testing.assert_array_equal(batch, wanted)
    grid = np.asarray(generator.grid(range(4), columns=4, label=0, codes={0: -2}))
    np.testing.assert_array_equal(grid, np.concatenate(wanted, axis=1))
    best = generator.sample(range(4), label=0, codes={0: -2}, best_of=3)
    assert not np.array_equal(best, wanted)
    assert "2 continuous codes" in repr(generator)


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        ([1.0], "'tiny' has 2 continuous codes, so codes is a list of that length; received 1"),
        ([1, 2, 3], "received 3"),
        ([], "received 0"),
        ([float("nan"), 0], "A code is from -10 to 10; received nan"),
        ([float("inf"), 0], "received inf"),
        ([11, 0], "received 11"),
        (["1", 0], "received '1'"),
        ({2: 1.0}, "'tiny' has the codes 0 to 1; received 2"),
        ({"a": 1.0}, "received 'a'"),
        ({0: None}, "received None"),
        (1.5, "Codes are a list of numbers"),
        ("1,2", "Codes are a list of numbers"),
        ([[1, 2], [3, 4]], "Codes are a list of numbers"),
        ([[1], [3, 4]], "Codes are a list of numbers"),
        (np.array(1.5), "Codes are a list of numbers"),
    ],
    ids=str,
)
def test_wrong_codes_are_one_line(generator, codes, words):
    with pytest.raises(GanzooError, match=words) as caught:
        generator.generate(7, codes=codes)
    assert "\n" not in str(caught.value)


def test_a_walk_has_codes_of_all_samples(generator):
    fixed = generator.interpolate(7, 8, 3, label=1, codes={0: -2.0})
    for frame, seed in ((0, 7), (2, 8)):
        np.testing.assert_array_equal(fixed[frame], generator.generate(seed, label=1, codes={0: -2.0}))


def test_a_walk_goes_evenly_from_codes_to_codes(generator):
    walk = generator.walk([7, 7, 9], 5, label=1, codes=[[-2, 1], {0: 2.0}, None])
    own = float(generator.latents([7])[0, 1])
    for frame, code in enumerate((-2.0, -1.0, 0.0, 1.0, 2.0)):
        codes = {0: code, 1: 1 + (own - 1) * frame / 4}
        np.testing.assert_array_equal(walk[frame], generator.generate(7, label=1, codes=codes))
    np.testing.assert_array_equal(walk[-1], generator.generate(9, label=1))
    ends = generator.interpolate(7, 8, 2, label=1, truncation=0.5, codes=np.array([[1, 2], [3, 4]]))
    np.testing.assert_array_equal(ends[1], generator.generate(8, label=1, truncation=0.5, codes=[3, 4]))


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        ([[1, 2]], "one for each seed; received 1 sets for 2 seeds"),
        ([{0: 1}] * 3, "received 3 sets for 2 seeds"),
        ([{0: 1}, {5: 1}], "the codes 0 to 1; received 5"),
        ([{0: 1}, 2.0], "Codes are a list of numbers"),
        ([[1, 2], [[1], [1, 2]]], "Codes are a list of numbers"),
        ([1.0], "a list of that length; received 1"),
        ("ab", "Codes are a list of numbers"),
    ],
    ids=str,
)
def test_wrong_codes_of_a_walk_are_one_line(generator, codes, words):
    with pytest.raises(GanzooError, match=words) as caught:
        generator.walk([7, 8], 3, codes=codes)
    assert "\n" not in str(caught.value)


def test_codes_of_the_command_interpolate(folder, generator, tmp_path):
    def command(*words):
        arguments = ["interpolate", str(folder), "7", "9", "--frames", "2", "--label", "1", *words]
        return CliRunner().invoke(app, arguments, prog_name="ganzoo")

    path = tmp_path / "walk.webp"
    result = command("--loop", "--codes", "0=-2", "--codes", "1,2", "-o", str(path))
    assert result.exit_code == 0, result.output
    with Image.open(path) as animation:
        assert animation.n_frames == 3
    for words, text in (
        (["--codes", "1,2,3"], "received 3"),
        (["--codes", "a"], "--codes are numbers"),
        (["--codes", "0=1"] * 3, "--codes is given once, or once for each seed; received 3 for 2 seeds"),
    ):
        result = command(*words)
        assert result.exit_code == 2
        assert text in result.stderr and "Traceback" not in result.stderr


def test_a_model_without_codes_takes_none(tmp_path):
    generator = ganzoo.load(tiny_bundles.image_bundle(tmp_path / "bundle").folder)
    assert generator.codes == 0
    with pytest.raises(GanzooError, match=r"'tiny' has no continuous codes, so it takes no codes; received \[1.5\]"):
        generator.generate(7, codes=[1.5])
    with pytest.raises(GanzooError, match="so it takes no codes"):
        generator.interpolate(7, 8, 3, codes=[[1.5], [2.5]])


@pytest.mark.parametrize(
    ("text", "wanted"), [("1.5,-1", [1.5, -1.0]), ("-1", [-1.0]), ("0=1.5", {0: 1.5}), ("1=2,0=-1", {1: 2.0, 0: -1.0})]
)
def test_codes_of_the_command_line(text, wanted):
    assert parse_codes(text) == wanted


@pytest.mark.parametrize("text", ["", "a", "1,,2", "0=", "=1", "0=1=2", "0=1,2", "0=1,0=2", "x=1"])
def test_a_wrong_text_is_one_line(text):
    with pytest.raises(GanzooError, match="--codes") as caught:
        parse_codes(text)
    assert "\n" not in str(caught.value)
