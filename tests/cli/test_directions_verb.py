"""Tests ganzoo directions, and generate --direction."""

import io
import json
import shlex

import numpy as np
import pytest
import tiny_bundles
from PIL import Image

import ganzoo
from ganzoo.captioned_grid import CaptionedGrid


def test_a_table_and_a_picture(command, bundle, place):
    done = command("directions", "bundle", "--count", "3", "--seeds", "0,1", "-o", "sheet.png")
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["direction", "1", "2", "3", "sheet.png"]
    width, height = Image.open(place / "sheet.png").size
    assert width > 10 * 49 and height > 3 * 49, "10 columns and 3 rows of 8 px, enlarged 6 times, and the captions"


def test_the_picture_is_that_of_the_captioned_grid(command, bundle, place):
    command("directions", "bundle", "--count", "2", "--seeds", "5,6", "-o", "sheet.png")
    generator = ganzoo.load(bundle)
    cells = [
        generator.sample([seed], directions={name: strength})[0]
        for name in ("1", "2")
        for seed in (5, 6)
        for strength in (-3, -1.5, 0, 1.5, 3)
    ]
    layout = CaptionedGrid(
        (8, 8, 3),
        rows=["1", "2"],
        columns=["-3", "-1.5", "0", "1.5", "3"] * 2,
        groups=["seed 5", "seed 6"],
        scale=6,
    )
    picture = np.asarray(Image.open(place / "sheet.png")).astype(int)
    assert np.abs(picture - layout.filled([np.stack(cells)])).max() <= 3, "levels differ by one before enlarging"


def test_json_has_the_vectors(command, bundle):
    printed = json.loads(command("directions", "bundle", "--count", "2", "--method", "pca", "--json").stdout)
    expected = ganzoo.load(bundle).directions(2, method="pca")
    assert [entry["name"] for entry in printed] == ["pca:1", "pca:2"]
    np.testing.assert_allclose(printed[0]["vector"], expected[0].vector, atol=1e-6)


def test_standard_output_is_only_json_or_only_the_picture(command, bundle, place):
    done = command("directions", "bundle", "--count", "2", "--json", "-o", "sheet.png")
    assert len(json.loads(done.stdout)) == 2
    assert (place / "sheet.png").is_file() and "Written: sheet.png" in done.stderr
    picture = command("directions", "bundle", "--count", "2", "-o", "-").stdout_bytes
    assert picture.startswith(b"\x89PNG") and Image.open(io.BytesIO(picture)).width > 15 * 49


def test_the_table_has_the_option_of_each_direction(command, bundle, place):
    done = command("directions", "bundle", "--method", "pca", "--count", "2")
    options = [line.split()[-2:] for line in done.stdout.splitlines()[1:]]
    assert options == [["--direction", "pca:1=2"], ["--direction", "pca:2=2"]]
    assert done.stderr == "Use one: ganzoo generate bundle --direction pca:1=2 --seeds 0-9 --grid -o moved.png\n"
    command(*shlex.split(done.stderr.partition("ganzoo ")[2]))
    assert (place / "moved.png").is_file()
    command("directions", "bundle", "--name", "2=short hair")
    done = command("directions", "bundle")
    assert done.stdout.splitlines()[1].endswith("--direction 'short hair=2'")
    command(*shlex.split(done.stderr.partition("ganzoo ")[2]))


def test_numbers_of_another_version_of_a_pretrained_model(command):
    assert "ganzoo generate fashion-28@1 --direction " in command("directions", "fashion-28@1", "--count", "1").stderr


def test_names_are_saved_and_used(command, bundle, place):
    vector = ganzoo.load(bundle).directions()[1].vector
    command("directions", "bundle", "--name", "2=hair", "--name", "1=light")
    listed = command("directions", "bundle").stdout.splitlines()[1:]
    again = command("directions", "bundle", "--name", "2=hair", "--name", "1=light").stdout.splitlines()[1:]
    assert again == listed, "numbers mean the same when the bundle has names"
    assert [line.split()[0] for line in listed] == ["hair", "light"]
    command("generate", "bundle", "--seeds", "5", "--direction", "hair=-1.5", "-o", "x.png")
    generator = ganzoo.load(bundle)
    expected = generator.decode(generator.latents([5]) - 1.5 * vector)
    written = np.asarray(Image.open(place / "x.png"))
    assert np.abs(written - np.rint((expected[0] + 1) * 127.5)).max() <= 1


def test_the_opposite_of_a_direction_can_have_the_name(command, bundle):
    vector = ganzoo.load(bundle).directions()[1].vector
    command("directions", "bundle", "--name", "-2=fair")
    np.testing.assert_allclose(ganzoo.load(bundle).directions()[0].vector, -vector, atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["generate", "bundle", "--direction", "hair"], "A direction is NAME=STRENGTH, as in hair=2; received 'hair'"),
        (["generate", "bundle", "--direction", "1=x"], "received '1=x'"),
        (["generate", "bundle", "--direction", "1=1", "--direction", "1=2"], "'1' is given twice"),
        (["generate", "bundle", "--direction", "12=1"], "has no direction '12'"),
        (["generate", "bundle", "--direction", "1=99", "-o", "a.npy"], "from -10 to 10; received 99"),
        (["directions", "bundle", "--name", "1=Hair"], "lower-case letters"),
        (["directions", "bundle", "--name", "11=hair"], "There is no direction '11'"),
        (["directions", "bundle", "--name", "-11=hair"], "There is no direction '-11'"),
        (["directions", "bundle", "--name", "1=hair", "--name", "2=hair"], "was given before"),
        (["directions", "bundle", "--method", "sefaa"], "Did you mean 'sefa'"),
        (["directions", "bundle", "--seeds", "0-8"], "up to 8 seeds"),
        (["directions", "bundle", "-o", "sheet.txt"], "the suffix must be"),
        (["directions", "bundle", "-o", "bundle/sheet.png"], "is in the bundle"),
        (["directions", "bundle", "--json", "-o", "-"], "both write to standard output"),
        (["directions", "vectors", "-o", "sheet.png"], "generates vectors"),
        (["directions", "zoo:digits-28", "--name", "1=slant"], "a copy that ganzoo manages"),
    ],
)
def test_mistakes_are_one_line(fails, bundle, place, arguments, message):
    tiny_bundles.vector_bundle(place / "vectors")
    before = sorted(path.name for path in place.iterdir())
    assert message in fails(*arguments)
    assert sorted(path.name for path in place.iterdir()) == before


@pytest.mark.slow
def test_an_export_of_the_same_weights_keeps_the_names(command, fails, trained):
    command("directions", "images", "--name", "1=hair")
    command("export", "images")
    command("generate", "images", "--direction", "hair=2", "--seeds", "0", "-o", "moved.png")
    command("train", "--resume", "images", "training.steps=5")
    assert "The directions hair were those of other weights" in command("export", "images").stderr
    assert "has no direction 'hair'" in fails("generate", "images", "--direction", "hair=2", "-o", "moved.png")
