"""The pictures of a report as ``data:`` addresses: few enough and small enough for one file."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ganzoo import images
from ganzoo.runs import REAL, Run, named_step

if TYPE_CHECKING:
    from PIL.Image import Image

T = TypeVar("T")

MOST = 40
"""Most sample pictures in a report."""
BUDGET = 4_000_000
"""Characters of all pictures together, the real one included."""
_LONGEST_SIDE = 720
_QUALITY = 85


@dataclass(frozen=True)
class Picture:
    """A picture of a report.

    Attributes:
        step: training step; 0 for real samples.
        address: the ``data:`` address.
        size: width and height of the encoded picture.
    """

    step: int
    address: str
    size: tuple[int, int]


class Pictures:
    """Encodes the pictures of one run. Each file is encoded once, so a rewrite costs only its new picture."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._encoded: dict[tuple[Path, int], Picture | None] = {}

    def real(self) -> Picture | None:
        """The picture of real samples, or None if the run has none."""
        return self._picture(self._run.folder / REAL, 0)

    def samples(self) -> list[Picture]:
        """Up to ``MOST`` sample pictures, evenly spaced, oldest first. The newest is always included."""
        found = [(named_step(path.stem) or 0, path) for path in self._run.sample_files()]
        chosen = thinned(found)
        made = [self._picture(path, step) for step, path in chosen]
        self._forget({path for _, path in chosen})
        return [picture for picture in made if picture is not None]

    def newest(self) -> Picture | None:
        """The newest sample picture; None if there is none."""
        samples = self._run.sample_files()[-1:]
        return self._picture(samples[0], named_step(samples[0].stem) or 0) if samples else None

    def _picture(self, path: Path, step: int) -> Picture | None:
        try:
            key = (path, path.stat().st_mtime_ns)
        except OSError:
            return None
        if key not in self._encoded:
            self._encoded[key] = _encoded(path, step)
        return self._encoded[key]

    def _forget(self, kept: set[Path]) -> None:
        """Remove all other sample pictures from memory. A long training has many, and a report shows only a few."""
        real = self._run.folder / REAL
        self._encoded = {key: value for key, value in self._encoded.items() if key[0] in kept or key[0] == real}


def thinned(found: list[T], most: int = MOST) -> list[T]:
    """At most ``most`` items: the first, then every n-th, and the last. n is a power of two.

    So a longer list chooses some of the same items again, and few of them are new.
    """
    stride = 1
    while True:
        chosen = found[::stride]
        if (len(found) - 1) % stride:
            chosen.append(found[-1])
        if len(chosen) <= most:
            return chosen
        stride *= 2


def _encoded(path: Path, step: int) -> Picture | None:
    """The picture of a PNG file: the file itself if it is small, else a JPEG. None if the file is damaged."""
    from PIL import Image

    limit = BUDGET // (MOST + 1) * 3 // 4 - 32
    try:
        content = path.read_bytes()
        with Image.open(io.BytesIO(content)) as opened:
            if len(content) <= limit:
                opened.verify()
                return Picture(step, _address(content, "png"), opened.size)
            picture = images.on_white(opened if opened.mode in ("L", "RGB", "RGBA") else opened.convert("RGB"))
            content, size = _jpeg(picture, limit)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    return Picture(step, _address(content, "jpeg"), size)


def _jpeg(picture: Image, limit: int) -> tuple[bytes, tuple[int, int]]:
    """A JPEG of at most ``limit`` bytes; of a picture that does not fit, a smaller version."""
    from PIL.Image import Resampling

    side = min(_LONGEST_SIDE, max(picture.size))
    picture = picture.convert("L" if picture.mode == "L" else "RGB")
    while True:
        factor = side / max(picture.size)
        size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
        shown = picture if factor == 1 else picture.resize(size, Resampling.BOX, reducing_gap=2)
        buffer = io.BytesIO()
        shown.save(buffer, "JPEG", quality=_QUALITY)
        if buffer.tell() <= limit or side <= 64:
            return buffer.getvalue(), size
        side = min(side - 1, int(side * (limit / buffer.tell()) ** 0.5))


def _address(content: bytes, form: str) -> str:
    return f"data:image/{form};base64,{base64.b64encode(content).decode()}"
