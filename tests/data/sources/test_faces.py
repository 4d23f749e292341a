import subprocess
import sys
import textwrap

import numpy as np
import pytest
from pydantic import ValidationError

from ganzoo import images
from ganzoo.data import data_sources
from ganzoo.data.reading import face_painter
from ganzoo.data.reading.face_painter import FaceJob, FacePainter, style_names
from ganzoo.data.sources.faces import _draw, _painted, style_credits
from ganzoo.errors import DataError, MissingDependencyError, UnknownNameError

pytest.importorskip("dicebear")

SIX = ("avataaars", "open-peeps", "micah", "adventurer", "personas", "toon-head")


def faces(**fields):
    return data_sources.create({"source": "faces", "resolution": 16, "count": 12, **fields})


def test_styles_have_equal_parts_and_are_the_classes(cache):
    dataset = faces(count=13).load()
    assert dataset.samples.shape == (13, 16, 16, 3)
    assert dataset.class_names == SIX
    assert np.bincount(dataset.labels).tolist() == [3, 2, 2, 2, 2, 2]
    assert len(np.unique(dataset.samples.reshape(13, -1), axis=0)) == 13


@pytest.mark.slow
def test_a_face_is_keyed_by_style_seed_and_index(cache):
    many = faces().load().samples
    fewer = faces(count=7).load().samples
    assert (many[:7] == fewer).all()
    micah = faces(styles=["micah"], count=2).load().samples
    assert (micah == many[[2, 8]]).all()  # micah is the third of six styles
    assert (faces(seed=1).load().samples != many).any()


def test_faces_look_like_drawings_on_their_background(cache):
    white = faces(resolution=32).load().samples
    assert (white[:, 0, 0] == 255).mean() > 0.9
    assert white.std(axis=(1, 2, 3)).min() > 20
    blue = faces(resolution=32, background="#0000ff").load().samples
    assert ((blue[:, 0, 0] == [0, 0, 255]).all(axis=1)).mean() > 0.9
    gray = faces(resolution=32, channels=1).load().samples
    assert gray.shape == (12, 32, 32, 1)


def test_transparent_faces_are_those_on_white_cut_out(cache):
    cut = faces(resolution=32, channels=4)
    assert cut.background == "transparent"
    samples = cut.load().samples
    assert (samples[:, 0, 0, 3] == 0).mean() > 0.9
    assert samples[..., 3].max() == 255
    on_white = np.stack([np.asarray(images.on_white(images.to_pil(face))) for face in samples]).astype(int)
    assert np.abs(on_white - faces(resolution=32).load().samples).max() <= 8
    assert (faces(resolution=32, channels=4, background="red").load().samples[..., 3] == 255).all()


@pytest.mark.slow
def test_a_drawing_fills_the_shorter_side_on_its_background(cache):
    square = faces(resolution=16, background="#0000ff").load().samples
    tall = faces(resolution="24x16", background="#0000ff").load().samples
    assert (tall[:, 8:] == square).all()
    assert (tall[:, :8] == [0, 0, 255]).all()
    wide = faces(resolution="16x24", background="#0000ff").load().samples
    assert (wide[:, :, 4:20] == square).all()
    assert (faces(resolution="24x16", channels=4).load().samples[:, :8, :, 3] == 0).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_a_transparent_background_needs_an_alpha_channel(channels):
    with pytest.raises(ValidationError, match="needs channels: 4; received channels"):
        faces(channels=channels, background="transparent")


def test_worker_processes_draw_the_same_faces():
    job = FaceJob(("personas", "micah"), 3, 16, 3, "#ffffff")
    blocks = [(0, 5), (5, 6), (6, 20)]
    here = FacePainter(job).paint(0, 20)
    there = np.concatenate(list(_painted(job, blocks, workers=2)))
    assert here.shape == (20, 16, 16, 3)
    assert (here == there).all()


def test_labels_fit_the_faces_across_blocks():
    job = FaceJob(("avataaars", "micah", "personas"), 0, 8, 3, "#ffffff")
    labels = np.concatenate([chunk.labels for chunk in _draw(job, 100, quiet=True)])
    assert labels.tolist() == [index % 3 for index in range(100)]


def test_worker_that_dies_is_one_line():
    job = FaceJob(("no-such-style",), 0, 8, 3, "#ffffff")
    with pytest.raises(DataError, match="No face style named 'no-such-style'") as caught:
        list(_painted(job, [(0, 1), (1, 2)], workers=2))
    assert "\n" not in str(caught.value)


def test_a_script_without_a_main_guard_can_draw(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""
        from pathlib import Path
        from ganzoo.data import data_sources
        source = data_sources.create({"source": "faces", "resolution": 8, "count": 100, "styles": ["micah"]})
        print(source.load(cache_dir=Path("cache")).samples.shape)
        """)
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "(100, 8, 8, 3)\n", "")


def test_unknown_style_names_the_nearest():
    with pytest.raises(ValidationError, match="Did you mean 'avataaars'"):
        faces(styles=["avataars"])
    with pytest.raises(ValidationError, match="listed twice"):
        faces(styles=["micah", "micah"])
    with pytest.raises(UnknownNameError, match="'micah'"):
        style_credits(["mica"])


def test_unknown_color_is_refused():
    with pytest.raises(ValidationError, match="Did you mean 'white'"):
        faces(background="whit")


def test_missing_packages_say_what_to_install(monkeypatch, cache):
    monkeypatch.setattr(face_painter, "find_spec", lambda name: None)
    source = faces(styles=["micah"])  # a config can still be read
    with pytest.raises(MissingDependencyError, match=r"pip install 'ganzoo-keras\[faces\]'"):
        source.load()
    with pytest.raises(MissingDependencyError):
        style_credits(["micah"])


def test_credits_come_from_the_definitions():
    by_style = {credit.style: credit for credit in style_credits(SIX)}
    assert by_style["open-peeps"].license == "CC0 1.0"
    assert by_style["micah"].license == "CC BY 4.0"
    assert by_style["micah"].creator == "Micah Lanier"
    assert by_style["avataaars"].license == "Free for personal and commercial use"
    assert all(credit.text and credit.license_url.startswith("https://") for credit in by_style.values())


def test_every_style_has_a_credit():
    credits = style_credits(style_names())
    assert len(credits) > 40
    assert all(credit.license and credit.creator for credit in credits)
