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


def pixels_of(path, color):
    return np.argwhere((np.asarray(Image.open(path).convert("RGB")) == color).all(axis=-1))


def test_the_curve_falls_where_the_loss_falls(tmp_path):
    run = new_run(tmp_path)
    write_log(run, [(1 - n / 10, 2.0) for n in range(10)])
    preview.save_curve(run)
    falling = pixels_of(run.folder / "losses.png", preview.D_COLOR)
    falling = falling[falling[:, 1] > 150]  # not the legend
    left, right = falling[falling[:, 1].argmin()], falling[falling[:, 1].argmax()]
    assert right[0] > left[0] + 100  # further down in the picture
    flat = pixels_of(run.folder / "losses.png", preview.G_COLOR)
    assert np.ptp(flat[flat[:, 1] > 150][:, 0]) <= 2


@pytest.mark.parametrize("losses", [[], [(1.0, 1.0)]])
def test_no_curve_of_less_than_two_points(tmp_path, losses):
    run = new_run(tmp_path)
    write_log(run, losses)
    preview.save_curve(run)
    assert not (run.folder / "losses.png").exists()


@pytest.mark.parametrize("losses", [[(0.0, 0.0)] * 3, [(1e30, -1e30), (1.0, 1.0)], [(5, 5), (5, 5)]])
def test_odd_losses_make_a_curve_too(tmp_path, losses):
    run = new_run(tmp_path)
    write_log(run, losses)
    preview.save_curve(run)
    assert Image.open(run.folder / "losses.png").size == (800, 400)


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
