"""Tests data check and data preview."""

import json
import zipfile

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def photos(place):
    folder = place / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(4):
        Image.fromarray(rng.integers(0, 256, (80, 80, 3), np.uint8)).save(folder / f"{number}.png")
    return folder


def test_check_of_good_images(command, photos):
    text = command("data", "check", "photos").stdout
    assert "4 images, 4 usable" in text
    assert "No problems found" in text


def test_check_finds_and_names(command, photos):
    (photos / "bad.jpg").write_bytes(b"no image")
    (photos / "copy.png").write_bytes((photos / "1.png").read_bytes())
    Image.new("RGB", (8, 8)).save(photos / "small.png")
    result = command("data", "check", "photos", code=1)
    rows = {line.split()[0]: line for line in result.stdout.splitlines()}
    assert "bad.jpg" in rows["broken"]
    assert "1.png = copy.png" in rows["duplicate"]
    assert "small.png" in rows["tiny"]
    report = json.loads(command("data", "check", "photos", "--json", code=1).stdout)
    assert list(report["broken"]) == ["bad.jpg"]


def test_check_names_the_guess_and_what_was_passed_over(command, photos):
    for part in ("train", "test"):
        for name in ("2", "10"):
            (photos / part / name).mkdir(parents=True)
    for number in range(4):
        (photos / f"{number}.png").rename(photos / "train" / ("2" if number < 2 else "10") / f"{number}.png")
    Image.new("RGB", (80, 80), "red").save(photos / "test" / "2" / "a.jfif", "JPEG")
    (photos / "film.mov").write_bytes(b"film")
    result = command("data", "check", "photos").stdout
    assert "5 images, 5 usable (4 PNG, 1 JPEG" in result
    assert "2 classes: 2 (2), 10 (2)" in result
    assert "Split: train, 4 of 5 images; the folders are test, train (data.split=all" in result
    assert "Classes: the folders (data.classes=none" in result
    assert "Skipped 1 file; of a format that is not read: 1 (film.mov)" in result
    assert "No problems found" not in result
    report = json.loads(command("data", "check", "photos", "--json").stdout)
    assert report["passed_over"] == {"of a format that is not read": ["film.mov"]}
    assert len(report["notes"]) == 2


def test_preview_names_the_guess_and_what_was_passed_over(command, photos):
    (photos / "labels.csv").write_text("id,kind\n0,x\n1,y\n2,x\n3,y\n")
    options = ("data", "preview", "image_folder", "--data", "photos", "data.resolution=16", "-o", "grid.png")
    plain = command(*options).stderr.splitlines()
    assert plain == [
        "4 samples (16 x 16 px RGB), without labels",
        "No labels: labels.csv is not used (if it has labels: data.classes=csv:labels.csv)",
        "Skipped 1 file; not an image: 1 (labels.csv)",
    ]
    assert command(*options, "data.classes=csv:labels.csv").stderr.splitlines() == [
        "4 samples (16 x 16 px RGB) in 2 classes: x, y"
    ]


def test_control_characters_in_names_do_not_reach_the_terminal(command, photos):
    with zipfile.ZipFile("names.zip", "w") as archive:
        archive.write(next(photos.rglob("*.png")), "a\x1b[31m/1.png")
        archive.write(next(photos.rglob("*.png")), "b\x07/2.png")
        archive.writestr("b\x07/3\x9b.png", b"text")
        archive.writestr("\x1b]0;x\x07.txt", b"text")
    shown = command("data", "check", "names.zip", code=1).stdout
    assert "\\x1b]0;x\\x07.txt" in shown
    assert all(char.isprintable() or char == "\n" for char in shown)


def test_check_of_nothing(fails, place):
    assert "nosuch" in fails("data", "check", "nosuch")
    (place / "empty").mkdir()
    assert "empty" in fails("data", "check", "empty")


def test_preview_is_what_the_networks_see(command, photos, place):
    result = command("data", "preview", "image_folder", "data.resolution=16", "--data", "photos", "-o", "grid.png")
    assert result.stdout == "grid.png\n"
    assert "4 samples (16 x 16 px RGB)" in result.stderr
    assert Image.open(place / "grid.png").size == (2 * 16 + 1, 2 * 16 + 1)


def test_preview_of_a_model_in_the_zoo(command, photos, place):
    command("data", "preview", "dcgan-portraits-128", "data.resolution=32", "--data", "photos", "-o", "grid.png")
    assert Image.open(place / "grid.png").size == (65, 65)


@pytest.mark.slow
def test_preview_takes_the_overrides_of_train(command, place):
    changes = ["data.styles=[micah]", "data.count=4", "data.resolution=32", "num_classes=1", "generator.blocks="]
    changes += ["discriminator.blocks=", "generator.block.norm=batch"]
    result = command("data", "preview", "cdcgan-faces-64", *changes, "generator.stem=", "-o", "grid.png")
    assert "4 samples (32 x 32 px RGB) in 1 class: micah" in result.stderr
    command("train", "cdcgan-faces-64", *changes, "generator.stem=", "--dry-run")


def test_preview_shows_every_mode(command, place):
    command("data", "preview", "grid25", "-o", "grid.png")
    dark = np.asarray(Image.open(place / "grid.png").convert("L")) < 128
    fifths = [np.array_split(row, 5, axis=1) for row in np.array_split(dark, 5)]
    assert all(cell.any() for row in fifths for cell in row)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ring9"], "Did you mean 'ring8'"),
        (["image_folder"], "--data PATH"),
        (["ring8", "cout=3"], "Did you mean 'data.count'"),
        (["ring8", "data.count=0"], "data.count = 0"),
        (["ring8", "count"], "key=value"),
        (["ring8", "count=3"], "Did you mean 'data.count'"),
        (["cdcgan-faces-64", "num_classes=2"], "num_classes is 2, but the data source has"),
        (["dcgan-faces-32", "data.source="], "data.source: a data source needs the key 'source', one of celeba, "),
        (["ring8", "--data", "x"], "makes its own samples"),
        (["ring8", "-o", "x.gif"], ".png"),
        (["image_folder", "data.classes=cvs:labels.csv"], "csv:labels.csv:COLUMN"),
    ],
)
def test_preview_refuses(fails, place, arguments, message):
    assert message in fails("data", "preview", *arguments)
    assert list(place.iterdir()) == []


def test_mirroring_is_shown():
    from ganzoo.data.base import Dataset, ImageSource
    from ganzoo.data.preview import preview_picture

    samples = np.zeros((64, 4, 4, 3), np.uint8)
    samples[:, :, 0] = 255
    sheet = preview_picture(ImageSource(resolution=4, flip=True), Dataset(samples))
    plain = preview_picture(ImageSource(resolution=4), Dataset(samples))
    left, right = sheet[::5, ::5], sheet[::5, 3::5]
    assert 10 < np.count_nonzero((left == 0).all(-1)) < 54
    assert np.array_equal((left == 0), (right == 255))
    assert (plain[::5, ::5] == 255).all()
