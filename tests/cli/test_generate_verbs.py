"""generate and interpolate: from a bundle or run to files."""

import numpy as np
import pytest
import tiny_bundles
from PIL import Image

import ganzoo
from ganzoo.cli import generate
from ganzoo.runs import Run


def pixels(path):
    return np.asarray(Image.open(path))


def test_a_folder_of_pictures(command, bundle, place):
    assert command("generate", "bundle", "--seeds", "0-2,70", "-o", "out").stdout == "out\n"
    assert sorted(path.name for path in (place / "out").iterdir()) == ["0000.png", "0001.png", "0002.png", "0070.png"]
    np.testing.assert_array_equal(pixels(place / "out/0070.png"), ganzoo.load(bundle).sample([70])[0])


def test_one_picture(command, bundle, place):
    assert command("generate", "bundle", "--seeds", "5").stdout == "tiny-5.png\n"
    np.testing.assert_array_equal(pixels(place / "tiny-5.png"), ganzoo.load(bundle).sample([5])[0])


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (["--grid"], "tiny-grid.png"),
        (["-o", "x.png"], "x.png"),
        (["--grid", "-o", "folder"], "folder/tiny-grid.png"),
    ],
)
def test_a_grid(command, bundle, place, arguments, path):
    assert command("generate", "bundle", "--seeds", "0-8", *arguments).stdout == f"{path}\n"
    assert pixels(place / path).shape == (26, 26, 3), "3 x 3 images of 8 px and lines of 1 px between them"


def test_an_array(command, bundle, place):
    assert command("generate", "bundle", "--seeds", "3-4", "-o", "a.npy").stdout == "a.npy\n"
    np.testing.assert_array_equal(np.load(place / "a.npy"), ganzoo.load(bundle).sample([3, 4]))


def test_vectors_go_to_an_array(command, fails, place):
    tiny_bundles.vector_bundle(place / "vectors")
    assert command("generate", "vectors", "--seeds", "0-9").stdout == "ring.npy\n"
    assert np.load(place / "ring.npy").shape == (10, 2)
    assert "-o points.npy" in fails("generate", "vectors", "-o", "a.png")
    assert "vectors" in fails("interpolate", "vectors", 1, 2)


def test_labels_by_name_and_number(command, fails, place):
    folder = tiny_bundles.image_bundle(place / "b", num_classes=3, class_names=("cat", "dog", "0")).folder
    generator = ganzoo.load(folder)
    for text, label in (("dog", 1), ("1", 1), ("0", 2)):
        command("generate", "b", "--seeds", "7", "--label", text, "-o", "x.png")
        np.testing.assert_array_equal(pixels(place / "x.png"), generator.sample([7], label=label)[0])
    assert "cat, dog" in fails("generate", "b", "--label", "cow")


def test_truncation(command, bundle, place):
    command("generate", "bundle", "--seeds", "1,2", "--truncation", "0", "-o", "a.npy")
    first, second = np.load(place / "a.npy")
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bundle", "--seeds", "9-1"], "write 1-9"),
        (["bundle", "--seeds", "x"], "0-63,70"),
        (["bundle", "--label", "1"], "no classes"),
        (["bundle", "--truncation", "2"], "from 0"),
        (["bundle", "-o", "x.bmp"], ".png"),
        (["bundle", "--device", "tpu"], "cpu"),
        (["nosuch"], "ganzoo list"),
        (["dense-ring8"], "ganzoo train dense-ring8"),
        (["./nosuch"], "no such folder"),
    ],
)
def test_generate_refuses(fails, bundle, place, arguments, message):
    assert message in fails("generate", *arguments)
    assert [path.name for path in place.iterdir()] == ["bundle"]


def test_a_damaged_bundle(fails, bundle):
    content = bytearray((bundle / "onnx/model.onnx").read_bytes())
    content[-1] ^= 1
    (bundle / "onnx/model.onnx").write_bytes(content)
    assert "damaged" in fails("generate", "bundle")


def test_an_existing_folder_is_a_folder_whatever_its_name(fails, bundle, place):
    (place / "x.png").mkdir()
    assert "x.png" in fails("generate", "bundle", "--seeds", "1", "-o", "x.png")
    assert sorted(path.name for path in place.iterdir()) == ["bundle", "x.png"], "no temporary file"


def test_a_run_is_exported_once(command, trained):
    first = command("generate", "images", "--seeds", "0-3", "--grid")
    assert "Exporting run images/001 at step 3" in first.stderr
    for what in ("images", "images/001", "runs/images/001", "runs/images"):
        assert "Exporting" not in command("generate", what, "--seeds", "0-3", "--grid").stderr


def test_the_step_that_is_named_is_the_exported_one(tmp_path, monkeypatch, capsys):
    """The best, which need not be the newest."""
    run = Run(tmp_path / "images" / "001")
    monkeypatch.setattr(Run, "chosen_step", lambda self: 2)
    monkeypatch.setattr(Run, "checkpoint_steps", lambda self: [2, 3])
    generate.tell_export(run)
    assert capsys.readouterr().err.strip().endswith("at step 2 ...")


def test_interpolation(command, fails, bundle, place):
    assert command("interpolate", "bundle", 3, 8, "--frames", 5, "-o", "w.gif").stdout == "w.gif\n"
    animation = Image.open(place / "w.gif")
    assert (animation.n_frames, animation.size) == (5, (8, 8))
    assert ".gif" in fails("interpolate", "bundle", 3, 8, "-o", "w.mp4")
    assert "frames" in fails("interpolate", "bundle", 3, 8, "--frames", 1)
