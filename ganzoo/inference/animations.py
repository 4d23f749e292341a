"""Animations as files: GIF and WebP with Pillow, MP4 with ffmpeg (``imageio-ffmpeg``)."""

from __future__ import annotations

import itertools
import math
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ganzoo.arguments import real_number
from ganzoo.environment import files
from ganzoo.environment.places import expanded
from ganzoo.errors import GanzooError, MissingDependencyError, did_you_mean
from ganzoo.images import on_white, to_pil

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_RATE = {".gif": 50.0, ".webp": 120.0, ".mp4": 120.0}
"""Suffix -> largest number of frames per second. GIF stores hundredths of a second; viewers need at least two."""
SMALLEST_VIDEO = 256
"""Smallest size in pixels of the shorter side of a video. Smaller frames are enlarged by a whole factor."""


def save_animation(
    frames: Iterable[Image | NDArray[np.uint8]],
    path: str | os.PathLike[str],
    *,
    frames_per_second: float = 20.0,
    loop: bool = True,
) -> Path:
    """Write frames of one size as .gif, .webp or .mp4, depending on the suffix.

    The file is replaced as a whole. A GIF has 256 colors per frame, and each frame lasts a multiple of 10 ms. A WebP
    has full color. An MP4 is H.264, which browsers play; frames below 256 px are enlarged by a whole factor, and odd
    sides are padded.

    Args:
        frames: PIL images or uint8 ``[h, w, c]``; an iterator is read frame by frame.
        path: the file; missing folders are created.
        frames_per_second: from 1 to 50 for .gif, to 120 for .webp and .mp4.
        loop: start again at the end (.gif and .webp).

    Raises:
        MissingDependencyError: if the suffix is .mp4 and ffmpeg is not installed.
        GanzooError: if the suffix is unknown, there are no frames, the rate is out of range, or writing fails.
    """
    path = expanded(path)
    check_animation(path, frames_per_second)
    pictures = _of_one_size(frames)
    first = next(pictures, None)
    if first is None:
        raise GanzooError(f"Cannot write '{path}': received no frames.")
    write = _WRITERS[path.suffix.lower()]
    try:
        with files.replacing_path(path) as temporary:
            write(itertools.chain([first], pictures), temporary, float(frames_per_second), loop)
    except OSError as error:
        raise GanzooError(files.cannot_write(path, error)) from error
    return path


def check_animation(path: Path, frames_per_second: float) -> None:
    """Check the suffix and the rate before the first frame is generated.

    Raises:
        MissingDependencyError: if the suffix is .mp4 and ffmpeg is not installed.
        GanzooError: if the suffix or the rate is out of range.
    """
    suffix = path.suffix.lower()
    if suffix not in MAX_RATE:
        hint = did_you_mean(suffix, MAX_RATE)
        raise GanzooError(f"Cannot write '{path}': the suffix of an animation is {' or '.join(MAX_RATE)}.{hint}")
    most = MAX_RATE[suffix]
    real_number(frames_per_second, low=1.0, high=most, what=f"A {suffix} file has 1 to {most:g} frames per second")
    if suffix == ".mp4":
        _ffmpeg()


def _of_one_size(frames: Iterable[Image | NDArray[np.uint8]]) -> Iterator[Image]:
    size = None
    for frame in frames:
        picture = to_pil(frame) if isinstance(frame, np.ndarray) else frame
        size = size or picture.size
        if picture.size != size:
            raise GanzooError(f"The frames of an animation have one size; received {size} and {picture.size}.")
        yield picture


def _write_gif(frames: Iterator[Image], path: Path, rate: float, loop: bool) -> None:
    opaque = map(on_white, frames)  # GIF has no half-transparent pixels, so soft edges would be torn
    duration = max(20, round(100 / rate) * 10)
    next(opaque).save(path, "GIF", save_all=True, append_images=opaque, duration=duration, **_looping(loop))


def _write_webp(frames: Iterator[Image], path: Path, rate: float, loop: bool) -> None:
    options = {"duration": round(1000 / rate), "quality": 90, "method": 4, "loop": 0 if loop else 1}
    next(frames).save(path, "WEBP", save_all=True, append_images=frames, **options)


def _looping(loop: bool) -> dict[str, int]:
    return {"loop": 0} if loop else {}


def _write_mp4(frames: Iterator[Image], path: Path, rate: float, loop: bool) -> None:
    """Pipe raw frames to ffmpeg. Its error log goes to a file, because a full pipe would block it."""
    import tempfile

    first = _video_frame(next(frames))
    height, width = first.shape[:2]
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{rate:g}", "-i", "-"]
    codec = ["-c:v", "libx264", "-crf", "18", "-preset", "medium", "-pix_fmt", "yuv420p", "-movflags", "+faststart"]
    command = [_ffmpeg(), "-loglevel", "error", "-nostdin", "-y", *source, "-an", *codec, "-f", "mp4", str(path)]
    with tempfile.TemporaryFile() as log:
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=log) as process:
            try:
                _feed(process.stdin, itertools.chain([first], map(_video_frame, frames)))
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            log.seek(0)
            lines = log.read().decode(errors="replace").strip().splitlines()
            raise OSError(f"ffmpeg: {lines[-1][:200] if lines else f'exit code {process.returncode}'}")


def _feed(pipe: IO[bytes] | None, frames: Iterator[NDArray[np.uint8]]) -> None:
    if pipe is None:
        return
    try:
        for frame in frames:
            pipe.write(frame.tobytes())
        pipe.close()
    except BrokenPipeError:  # ffmpeg has ended; its exit code and its log have the reason
        return


def _video_frame(image: Image) -> NDArray[np.uint8]:
    """RGB uint8 ``[h, w, 3]``. Sides are even, for H.264, and at least ``SMALLEST_VIDEO`` px."""
    pixels = np.asarray(on_white(image).convert("RGB"))
    factor = math.ceil(SMALLEST_VIDEO / min(pixels.shape[:2]))
    if factor > 1:
        factor += any(side * factor % 2 for side in pixels.shape[:2])
        pixels = pixels.repeat(factor, axis=0).repeat(factor, axis=1)
    return np.pad(pixels, ((0, pixels.shape[0] % 2), (0, pixels.shape[1] % 2), (0, 0)), mode="edge")


def _ffmpeg() -> str:
    """The path of imageio-ffmpeg's ffmpeg, else of the system's.

    Raises:
        MissingDependencyError: if ffmpeg is not installed.
    """
    found = None
    try:
        import imageio_ffmpeg

        found = imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError):
        found = shutil.which("ffmpeg")
    if found is None:
        raise MissingDependencyError(
            "An MP4 needs ffmpeg, which is not installed. Run: pip install 'ganzoo-keras[video]', or write a .gif"
        )
    return found


_WRITERS: dict[str, Callable[[Iterator[Image], Path, float, bool], None]] = {
    ".gif": _write_gif,
    ".webp": _write_webp,
    ".mp4": _write_mp4,
}
