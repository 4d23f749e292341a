"""Frames to GIF, WebP and MP4, read back by Pillow and ffmpeg."""

import re
import subprocess

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from ganzoo.errors import GanzooError, MissingDependencyError
from ganzoo.inference import animations
from ganzoo.inference.animations import save_animation
from ganzoo.inference.image_list import ImageList

LEVELS = (0, 90, 180, 250)


def frames(height=6, width=6, channels=3, count=4):
    return [np.full((height, width, channels), LEVELS[place % 4], np.uint8) for place in range(count)]


def video_frames(path, height, width):
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-i", str(path), "-f", "rawvideo"]
    done = subprocess.run([*command, "-pix_fmt", "rgb24", "-"], capture_output=True, check=True)
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, height, width, 3)


@pytest.mark.parametrize(("suffix", "rate", "duration"), [(".gif", 10, 100), (".webp", 40, 25), (".GIF", 50, 20)])
@pytest.mark.parametrize("channels", [1, 3])
def test_gif_and_webp_hold_every_frame(tmp_path, suffix, rate, duration, channels):
    path = save_animation(iter(frames(channels=channels)), tmp_path / "new" / f"walk{suffix}", frames_per_second=rate)
    with Image.open(path) as animation:
        assert animation.n_frames == 4
        assert animation.info["loop"] == 0
        for index, level in enumerate(LEVELS):
            animation.seek(index)
            assert np.abs(np.asarray(animation.convert("RGB")).astype(int) - level).max() <= 2
            assert animation.info["duration"] == duration
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("height", "width", "channels", "size"),
    [
        (8, 8, 3, (256, 256)),
        (28, 28, 1, (280, 280)),
        (37, 51, 3, (296, 408)),
        (64, 128, 3, (256, 512)),
        (257, 301, 3, (258, 302)),
    ],
)
def test_mp4_of_tiny_odd_and_gray_frames(tmp_path, height, width, channels, size):
    """Enlarged by a whole factor to 256 px, and to even sides."""
    path = save_animation(frames(height, width, channels), tmp_path / "walk.mp4", frames_per_second=25)
    made = video_frames(path, *size)
    assert len(made) == 4
    for frame, level in zip(made, LEVELS, strict=True):
        assert np.abs(frame.astype(int) - level).max() <= 4
    report = subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(path)], capture_output=True, text=True)
    assert re.search(r"Video: h264.* yuv420p", report.stderr)
    assert re.search(r" 25 fps", report.stderr)
    assert [file.name for file in tmp_path.iterdir()] == ["walk.mp4"]


def test_every_pixel_of_a_tiny_frame_is_a_square_of_the_video(tmp_path):
    checkers = np.zeros((8, 8, 3), np.uint8)
    checkers[::2, ::2] = checkers[1::2, 1::2] = 255
    made = video_frames(save_animation([checkers] * 3, tmp_path / "walk.mp4"), 256, 256)[1]
    assert np.abs(made[16::32, 16::32].astype(int) - checkers).max() <= 8


def test_transparent_frames_are_on_white_in_a_video(tmp_path):
    made = video_frames(save_animation([Image.new("RGBA", (8, 8))] * 2, tmp_path / "walk.mp4"), 256, 256)
    assert made.min() >= 250


def test_a_list_of_images_saves_itself(tmp_path):
    pictures = ImageList(Image.new("RGB", (8, 8), color) for color in ("red", "lime"))
    with Image.open(pictures.save(tmp_path / "walk.webp", frames_per_second=np.float32(5))) as animation:
        assert animation.n_frames == 2


def test_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert save_animation(frames(), "~/walk.gif") == tmp_path / "home/walk.gif"
    assert [path.name for path in tmp_path.iterdir()] == ["home"], "no folder that is called ~"


@pytest.mark.parametrize(
    ("made", "name", "rate", "words"),
    [
        ([], "a.gif", 20, "no frames"),
        (frames(), "a.png", 20, r"suffix of an animation is \.gif or \.webp or \.mp4"),
        (frames(), "a.webm", 20, r"Did you mean '\.webp'"),
        (frames(), "a.gif", 0, "1 to 50 frames per second"),
        (frames(), "a.gif", 99, "1 to 50 frames per second"),
        (frames(), "a.mp4", 121, "1 to 120 frames per second"),
        ([*frames(), *frames(8, 8)], "a.gif", 20, "one size"),
        ([*frames(), *frames(8, 8)], "a.mp4", 20, "one size"),
    ],
)
def test_what_cannot_be_written_is_one_line_and_no_file(tmp_path, made, name, rate, words):
    with pytest.raises(GanzooError, match=words) as caught:
        save_animation(made, tmp_path / name, frames_per_second=rate)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_an_ffmpeg_that_fails_is_one_line_and_no_file(tmp_path, monkeypatch):
    script = tmp_path / "ffmpeg"
    script.write_text("#!/bin/sh\necho details >&2\necho No space left on device >&2\nexit 1\n")
    script.chmod(0o755)
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: str(script))
    with pytest.raises(GanzooError, match=r"Cannot write '.*walk\.mp4': ffmpeg: No space left on device\.$"):
        save_animation(frames(count=500), tmp_path / "walk.mp4")
    assert [file.name for file in tmp_path.iterdir()] == ["ffmpeg"]


def test_without_ffmpeg_the_command_is_named_before_a_frame_is_made(tmp_path, monkeypatch):
    def none():
        raise RuntimeError("no ffmpeg exe")

    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", none)
    monkeypatch.setattr(animations.shutil, "which", lambda name: None)
    made = (pytest.fail("a frame was made") for _ in range(1))
    with pytest.raises(MissingDependencyError, match=r"pip install 'ganzoo-keras\[video\]'"):
        save_animation(made, tmp_path / "walk.mp4")
