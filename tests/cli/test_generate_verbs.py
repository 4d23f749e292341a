"""Tests generate and interpolate: from a bundle or run to files."""

import io
from pathlib import Path

import numpy as np
import pytest
import tiny_bundles
from PIL import Image

import ganzoo
from ganzoo.bundle.writing import write_bundle
from ganzoo.cli.destination import Output
from ganzoo.errors import GanzooError
from ganzoo.inference.onnx_session import OnnxSession
from ganzoo.resolve import run_bundle
from ganzoo.runs import Run


def pixels(path):
    return np.asarray(Image.open(path))


def test_a_folder_of_pictures(command, bundle, place):
    assert command("generate", "bundle", "--seeds", "0-2,70", "-o", "out").stdout == "out\n"
    assert sorted(path.name for path in (place / "out").iterdir()) == ["0000.png", "0001.png", "0002.png", "0070.png"]
    np.testing.assert_array_equal(pixels(place / "out/0070.png"), ganzoo.load(bundle).sample([70])[0])


LONGEST = ("x" * 251 + ".png", "ü" * 125 + "y.png", "x" * 255, "x" * 251 + ".npz", "x" * 251 + ".gif")
"""Names of 255 bytes, the most that file systems allow."""


@pytest.mark.parametrize("name", LONGEST)
def test_the_longest_name(command, bundle, place, name):
    verb = ["interpolate", "bundle", "1", "2"] if name.endswith("gif") else ["generate", "bundle", "--seeds", "0-1"]
    assert len(name.encode()) == 255
    command(*verb, *(["--grid"] if name.endswith("png") else []), "-o", name)
    assert [path.name for path in place.iterdir() if path.name[0] in name] == [name]


@pytest.mark.parametrize("name", LONGEST)
def test_a_name_that_is_too_long_is_one_line(fails, bundle, name):
    verb = ["interpolate", "bundle", "1", "2"] if name.endswith("gif") else ["generate", "bundle", "--seeds", "0-1"]
    assert "File name too long" in fails(*verb, *(["--grid"] if name.endswith("png") else []), "-o", f"z{name}")
    assert "File name too long" in fails("generate", f"z{name}", "--seeds", "0")


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


@pytest.mark.parametrize(("output", "size"), [("grid.png", 74), ("grid.webp", 74), ("one.png", 24)])
def test_pictures_are_enlarged(command, bundle, place, output, size):
    seeds = "5" if output == "one.png" else "0-8"
    command("generate", "bundle", "--seeds", seeds, "--scale", "3", "-o", output)
    enlarged = Image.open(place / output)
    assert enlarged.size == (size, size), "3 x 3 images of 24 px and lines of 1 px between them, or one image"
    if output.endswith(".png"):
        wanted = ganzoo.load(bundle).generate(int(seeds[0])).resize((24, 24), Image.Resampling.LANCZOS)
        np.testing.assert_array_equal(np.asarray(enlarged)[:24, :24], np.asarray(wanted))


def test_a_folder_of_enlarged_pictures(command, bundle, place):
    command("generate", "bundle", "--seeds", "0-2", "--scale", "2", "-o", "out")
    assert pixels(place / "out/0001.png").shape == (16, 16, 3)


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


def test_several_truncations_of_vectors(fails, place):
    tiny_bundles.vector_bundle(place / "v")
    for output in ("a.png", "a.npy"):
        message = fails("generate", "v", "--truncation", "0.5,1", "-o", output)
        assert "'ring' generates vectors; give one value, not --truncation 0.5,1" in message


def test_codes(command, fails, bundle, place):
    write_bundle(
        place / "coded",
        config=tiny_bundles.image_config(codes=2),
        onnx=tiny_bundles.image_model().SerializeToString(),
        weights={"w": np.ones((2, 2), np.float32)},
        samples=tiny_bundles.PNG,
    )
    command("generate", "./coded", "--seeds", "5", "--codes", "-1,1.5", "-o", "x.png")
    np.testing.assert_array_equal(pixels("x.png"), ganzoo.load(place / "coded").sample([5], codes=[-1, 1.5])[0])
    assert "received 1" in fails("generate", "./coded", "--codes", "1")
    assert "has no continuous codes" in fails("generate", "bundle", "--codes", "1")
    assert "--codes are numbers" in fails("generate", "bundle", "--codes", "one")


def test_several_truncations_make_a_contact_sheet(command, bundle, place):
    assert command("generate", "bundle", "--seeds", "1-3", "--truncation", "0.5,1").stdout == "tiny-grid.png\n"
    expected = ganzoo.load(bundle).grid([1, 2, 3], truncation=(0.5, 1), separator=1)
    np.testing.assert_array_equal(pixels(place / "tiny-grid.png"), expected)


def test_the_best_of_several(command, place):
    folder = tiny_bundles.image_bundle(place / "b", critic=tiny_bundles.critic_model()).folder
    generator = ganzoo.load(folder)
    best = generator.sample([7, 8], best_of=4)
    assert not np.array_equal(best, generator.sample([7, 8]))
    command("generate", "b", "--seeds", "7-8", "--best-of", "4", "-o", "out")
    np.testing.assert_array_equal(np.stack([pixels(place / f"out/000{seed}.png") for seed in (7, 8)]), best)
    command("generate", "b", "--seeds", "7-8", "--best-of", "4", "-o", "a.npy")
    np.testing.assert_array_equal(np.load(place / "a.npy"), best)
    command("generate", "b", "--seeds", "7-8", "--best-of", "4", "--grid", "-o", "g.png")
    np.testing.assert_array_equal(pixels(place / "g.png")[:8, :8], best[0])
    command("generate", "b", "--seeds", "7", "--best-of", "1", "-o", "x.png")
    np.testing.assert_array_equal(pixels(place / "x.png"), generator.sample([7])[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bundle", "--best-of", "4"], "ganzoo export RUN --critic"),
        (["bundle", "--best-of", "4", "-o", "-"], "ganzoo export RUN --critic"),
        (["bundle", "--best-of", "65"], "64 at most"),
        (["bundle", "--best-of", "0"], "1 or more"),
        (["bundle", "--scale", "0"], "1"),
        (["bundle", "--scale", "17"], "16"),
        (["bundle", "--scale", "2", "-o", "a.npy"], "--scale enlarges pictures"),
        (["bundle", "--seeds", "0-10000", "--grid", "-o", "images"], "fewer seeds, or write one file for each"),
        (["bundle", "--grid", "-o", "a.npy"], "--grid makes a picture, and .npy is a file of numbers"),
        (["bundle", "--seeds", "9-1"], "write 1-9"),
        (["bundle", "--seeds", "x"], "0-63,70"),
        (["bundle", "--label", "1"], "no classes"),
        (["bundle", "--truncation", "2"], "from 0"),
        (["bundle", "--truncation", "0.5,x"], "received '0.5,x'"),
        (["bundle", "--truncation", "0.5,2"], "received 2.0"),
        (["bundle", "--truncation", "0.5,1", "-o", "a.npy"], "make a picture"),
        (["bundle", "--truncation", "0.5,1", "--seeds", "0-5000", "-o", "a.png"], "received 10002"),
        (["bundle", "-o", "x.bmp"], ".png"),
        (["bundle", "--device", "tpu"], "cpu"),
        (["nosuch"], "ganzoo list"),
        (["dense-ring8"], "ganzoo train dense-ring8"),
        (["./nosuch"], "the folder does not exist"),
        (["."], "'.' is neither a bundle"),
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


def test_an_existing_folder_is_a_folder_whatever_its_name(command, bundle, place):
    (place / "my.v1").mkdir()
    assert command("generate", "bundle", "--seeds", "1,2", "-o", "my.v1").stdout == "my.v1\n"
    assert command("generate", "bundle", "--seeds", "3", "-o", "new.v2/").stdout == "new.v2/0003.png\n"
    assert command("interpolate", "bundle", 1, 2, "--frames", 2, "-o", "my.v1").stdout == "my.v1/tiny-1-2.gif\n"
    tiny_bundles.vector_bundle(place / "vectors")
    assert command("generate", "vectors", "--seeds", "0-3", "-o", "my.v1").stdout == "my.v1/ring.npy\n"
    assert len(list((place / "my.v1").iterdir())) == 4


def test_a_picture_that_cannot_be_written_leaves_no_rest(fails, bundle, place):
    (place / "file").write_text("")
    for name in ("x.png", "x.npy", "y/x.png"):
        message = fails("generate", "bundle", "--seeds", "1", "-o", f"file/{name}")
        assert f"Cannot write 'file/{name}': 'file' is a file, not a folder" in message
    assert "'file' is a file" in fails("interpolate", "bundle", 1, 2, "--frames", 2, "-o", "file/x.gif")
    assert sorted(path.name for path in place.iterdir()) == ["bundle", "file"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_device_is_not_a_folder(fails, bundle):
    message = fails("generate", "bundle", "--seeds", "1-3", "-o", "/dev/full")
    assert "'/dev/full' is a device, and without a suffix -o names a folder" in message
    for words in (("generate", "bundle", "--grid"), ("interpolate", "bundle", 1, 2, "--frames", 2)):
        assert "'/dev/full' is a device, not a folder" in fails(*words, "-o", "/dev/full")


@pytest.mark.parametrize("output", ["bundle", "bundle/samples.png", "bundle/onnx/", "bundle/../bundle/a.npy"])
def test_nothing_is_written_into_the_bundle(fails, bundle, place, output):
    before = sorted(bundle.rglob("*"))
    assert "is in the bundle" in fails("generate", "bundle", "--seeds", "1", "-o", output)
    assert "is in the bundle" in fails("interpolate", "bundle", 1, 2, "-o", "bundle/a.gif")
    assert sorted(bundle.rglob("*")) == before
    assert ganzoo.load(bundle)


def test_an_unknown_suffix_is_not_a_folder_and_says_how_to_name_one(fails, bundle, place):
    assert "-o my.v1/" in fails("generate", "bundle", "-o", "my.v1")
    assert [path.name for path in place.iterdir()] == ["bundle"]


def test_standard_output(command, fails, bundle, place, monkeypatch):
    generator = ganzoo.load(bundle)
    for options, form, expected in (
        (["--seeds", "5"], "PNG", generator.sample([5])[0]),
        (["--seeds", "0-8"], "PNG", np.asarray(generator.grid(range(9), separator=1))),
    ):
        made = Image.open(io.BytesIO(command("generate", "bundle", *options, "-o", "-").stdout_bytes))
        assert made.format == form
        np.testing.assert_array_equal(np.asarray(made), expected)
    made = command("generate", "bundle", "--seeds", "1,2", "-o", "-", "--format", "npy").stdout_bytes
    np.testing.assert_array_equal(np.load(io.BytesIO(made)), generator.sample([1, 2]))
    made = command("interpolate", "bundle", 1, 2, "--frames", 3, "-o", "-", "--format", "webp").stdout_bytes
    assert Image.open(io.BytesIO(made)).n_frames == 3
    tiny_bundles.vector_bundle(place / "vectors")
    assert np.load(io.BytesIO(command("generate", "vectors", "-o", "-").stdout_bytes)).shape == (64, 2)
    assert "Allowed: png, " in fails("generate", "bundle", "-o", "-", "--format", "bmp")
    assert "Allowed: gif, " in fails("interpolate", "bundle", 1, 2, "-o", "-", "--format", "png")
    assert "(-o -)" in fails("generate", "bundle", "--format", "npy")
    assert sorted(path.name for path in place.iterdir()) == ["bundle", "vectors"], "no folder -"


def test_a_terminal_is_not_sent_a_file(monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    with pytest.raises(GanzooError, match="terminal"):
        Output.parse("-")


def test_arrays_with_their_seeds(command, bundle, place):
    assert command("generate", "bundle", "--seeds", "3-4", "-o", "a.npz").stdout == "a.npz\n"
    with np.load(place / "a.npz") as arrays:
        assert arrays["seeds"].tolist() == [3, 4]
        np.testing.assert_array_equal(arrays["samples"], ganzoo.load(bundle).sample([3, 4]))


def test_a_label_that_could_mean_two_classes(command, place):
    """The classes are named 1, 2 and 3: --label 1 is the first, and Python's "1" is, too."""
    folder = tiny_bundles.image_bundle(place / "b", num_classes=3, class_names=("1", "2", "3")).folder
    generator = ganzoo.load(folder)
    assert "(0 is '1', 1 is '2', 2 is '3')" in repr(generator)
    for text, index in (("1", 0), ("0", 0), ("3", 2), ("index:1", 1), ("name:2", 1)):
        done = command("generate", "b", "--seeds", "7", "--label", text, "-o", "x.png")
        assert ("--label index:1" in done.stderr) == (text == "1")
        expected = generator.sample([7], label=index)[0]
        np.testing.assert_array_equal(pixels(place / "x.png"), expected)
        np.testing.assert_array_equal(generator.sample([7], label=text)[0], expected)
        np.testing.assert_array_equal(generator.sample([7], label=[text])[0], expected)


def test_threads_reach_onnx_runtime(command, fails, bundle, monkeypatch):
    seen = []
    real = OnnxSession.__init__

    def watched(self, content, **options):
        seen.append(options["threads"])
        real(self, content, **options)

    monkeypatch.setattr(OnnxSession, "__init__", watched)
    command("generate", "bundle", "--threads", "2", "--seeds", "1")
    command("interpolate", "bundle", 1, 2, "--frames", "2", "--threads", "3")
    command("generate", "bundle", "--seeds", "1")
    assert seen == [2, 3, None]
    assert "--threads" in fails("generate", "bundle", "--threads", "0")


def test_a_run_is_exported_once(command, trained):
    first = command("generate", "images", "--seeds", "0-3", "--grid")
    assert "Exporting run images/001 at step 3" in first.stderr
    for what in ("images", "images/001", "runs/images/001", "runs/images"):
        assert "Exporting" not in command("generate", what, "--seeds", "0-3", "--grid").stderr


def test_the_step_that_is_named_is_the_exported_one(tmp_path, monkeypatch):
    """The best, which need not be the newest."""
    run = Run(tmp_path / "images" / "001")
    monkeypatch.setattr(Run, "chosen_step", lambda self: 2)
    monkeypatch.setattr(Run, "checkpoint_steps", lambda self: [2, 3])
    messages = []
    with pytest.raises(GanzooError):
        run_bundle(run, info=messages.append)
    assert messages == ["Exporting run images/001 at step 2 ..."]


def test_interpolation(command, fails, bundle, place):
    assert command("interpolate", "bundle", 3, 8, "--frames", 5, "-o", "w.gif").stdout == "w.gif\n"
    animation = Image.open(place / "w.gif")
    assert (animation.n_frames, animation.size) == (5, (8, 8))
    assert ".mp4" in fails("interpolate", "bundle", 3, 8, "-o", "w.png")
    assert "1 to 50" in fails("interpolate", "bundle", 3, 8, "-o", "w.gif", "--fps", 60)
    command("interpolate", "bundle", 3, 8, 5, "--frames", 4, "--loop", "-o", "through.gif")
    assert Image.open(place / "through.gif").n_frames == 10
    assert "frames" in fails("interpolate", "bundle", 3, 8, "--frames", 1)


@pytest.mark.parametrize("name", ["w.webp", "w.mp4"])
def test_interpolation_to_other_formats(command, bundle, place, name):
    assert command("interpolate", "bundle", 3, 8, "--frames", 5, "-o", name).stdout == f"{name}\n"
    assert sorted(path.name for path in place.iterdir()) == ["bundle", name]
    assert (place / name).stat().st_size > 100
