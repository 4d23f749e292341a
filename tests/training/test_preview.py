"""Tests the images of a training."""

import json

import numpy as np
import pytest
from helpers import new_run, tiny, tiny_vectors
from PIL import Image

from ganzoo import images, latents
from ganzoo.runs import LOG
from ganzoo.sample_sheet import draw_samples
from ganzoo.training import networks, preview


@pytest.mark.parametrize("classes", [0, 3])
def test_the_sample_picture_shows_the_seeds_that_are_promised(classes):
    config = tiny(num_classes=classes)
    generator = networks.build_generator(config)
    make = preview.sampler(config, generator)

    def draw():
        return draw_samples(make())

    sheet = draw()
    assert sheet.shape == (8 * 9 - 1, 8 * 9 - 1, 1)
    z = latents.latents([9], dim=4, distribution="normal")
    inputs = [z] if not classes else [z, np.array([9 % classes], np.int32)]
    wanted = images.to_uint8(np.asarray(generator([np.asarray(x) for x in inputs], training=False)))[0]
    np.testing.assert_array_equal(sheet[9 : 9 + 8, 9 : 9 + 8], wanted)
    np.testing.assert_array_equal(sheet, draw())
    generator.weights[0].assign(generator.weights[0] + 1.0)
    assert not np.array_equal(sheet, draw())


def test_a_class_preview_has_each_latent_in_each_class():
    config = tiny(num_classes=5)
    generator = networks.build_generator(config)
    made = preview.class_sampler(config, generator)()
    assert made.shape == (16, 5, 8, 8, 1)
    z = latents.latents([7], dim=4, distribution="normal")
    wanted = np.asarray(generator([z, np.array([3], np.int32)], training=False))[0]
    np.testing.assert_allclose(made[7, 3], wanted, atol=1e-6)
    assert preview.class_sampler(tiny(), generator) is None


def test_the_sample_picture_of_vectors_shows_points():
    config = tiny_vectors()
    sheet = draw_samples(preview.sampler(config, networks.build_generator(config))())
    assert sheet.dtype == np.uint8
    assert sheet.shape[0] == sheet.shape[1]
    assert 0 < (sheet[..., 0] < 255).sum() < sheet[..., 0].size / 2


def write_log(run, losses):
    lines = [json.dumps({"step": 10 * n, "d_loss": d, "g_loss": g}) + "\n" for n, (d, g) in enumerate(losses)]
    (run.folder / LOG).write_text("".join(lines))


def test_the_losses_are_a_picture_without_a_rest(tmp_path):
    run = new_run(tmp_path)
    write_log(run, [(1 - n / 10, 2.0) for n in range(10)])
    preview.save_curve(run)
    assert Image.open(run.folder / "losses.png").size == (800, 400)
    assert sorted(path.name for path in run.folder.iterdir()) == ["log.jsonl", "losses.png"]


@pytest.mark.parametrize("losses", [[], [(1.0, 1.0)]])
def test_no_curve_of_less_than_two_points(tmp_path, losses):
    run = new_run(tmp_path)
    write_log(run, losses)
    said = []
    preview.save_curve(run, info=said.append)
    assert said == ["The training was too short for losses.png: its log has fewer than two lines (training.log_every)"]
    assert not (run.folder / "losses.png").exists()


def test_without_matplotlib_the_losses_are_left_out_with_a_message(tmp_path, monkeypatch):
    monkeypatch.setattr(preview, "is_installed", lambda module: module != "matplotlib")
    run, said = new_run(tmp_path), []
    write_log(run, [(1.0, 2.0)] * 3)
    preview.save_curve(run, info=said.append)
    assert said == ["losses.png needs matplotlib, which is not installed. Run: pip install 'ganzoo-keras[train]'"]
    assert not (run.folder / "losses.png").exists()


def test_a_sheet_that_cannot_be_read_is_a_message(tmp_path):
    run, said = new_run(tmp_path), []
    for step in range(3):
        preview.save_samples(run, step, np.zeros((8, 8, 3), np.uint8))
    run.sample_files()[0].write_bytes(b"no picture")
    preview.save_animation(run, info=said.append)
    assert len(said) == 1
    assert said[0].startswith("training.gif was not written: ")
    assert not (run.folder / "training.gif").exists()


def test_the_animation_has_a_frame_a_sheet_and_stays_on_the_last(tmp_path):
    run = new_run(tmp_path)
    preview.save_animation(run)
    assert not (run.folder / "training.gif").exists()
    for step in range(90):
        preview.save_samples(run, step, np.full((8, 8, 3), 2 * step, np.uint8))
    preview.save_animation(run, frames=20)
    with Image.open(run.folder / "training.gif") as film:
        assert 20 <= film.n_frames <= 30
        levels, held = [], 0
        for frame in range(film.n_frames):
            film.seek(frame)
            levels.append(film.convert("L").getpixel((0, 0)))
            held = film.info["duration"] if frame == film.n_frames - 1 else 0
    assert levels == sorted(levels)
    assert levels[0] <= 2
    assert levels[-1] >= 176
    assert film.n_frames == 30 or held >= 1000
