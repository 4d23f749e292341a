"""Draws cartoon faces. This module is also the program of the worker processes of the data source ``faces``.

The drawings are by DiceBear (``dicebear-core`` and ``dicebear-styles``), rasterized by ``resvg-py``.
"""

from __future__ import annotations

import io
import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganzoo.data.reading.transparency import as_array, with_channels
from ganzoo.data.resolution import sides
from ganzoo.errors import MissingDependencyError, UnknownNameError, did_you_mean

PACKAGES = {"dicebear": "dicebear-core", "dicebear_styles": "dicebear-styles", "resvg_py": "resvg-py"}
"""The packages for drawing: import name -> distribution."""


TRANSPARENT = "transparent"


@dataclass(frozen=True)
class FaceJob:
    """The parameters of the drawings. Face ``i`` has the style ``styles[i % len(styles)]`` and the index
    ``i // len(styles)`` within the style.

    Attributes:
        styles: names of DiceBear styles.
        seed: seed of the faces. A face depends only on (style, seed, index), not on the number of faces.
        resolution: side of a square in pixels, or ``HEIGHTxWIDTH``. Drawings are square. They fill the shorter side, at
            the bottom center of the image, and the background fills the rest.
        channels: 1 (grayscale, ITU-R 601 luma), 3 (RGB) or 4 (RGBA).
        background: color as ``#rrggbb``, or ``transparent`` with 4 channels.
    """

    styles: tuple[str, ...]
    seed: int
    resolution: int | str
    channels: int
    background: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of a face."""
        return (*sides(self.resolution), self.channels)


def require_packages() -> None:
    """Raise MissingDependencyError, with the install command, if a package for drawing is missing."""
    missing = [distribution for module, distribution in PACKAGES.items() if find_spec(module) is None]
    if missing:
        raise MissingDependencyError(
            f"Drawing faces needs {', '.join(missing)}. Install: pip install 'ganzoo-keras[faces]'"
        )


def style_definition(style: str) -> dict[str, Any]:
    """The definition of a DiceBear style.

    Raises:
        MissingDependencyError: if the drawing packages are not installed.
        UnknownNameError: if there is no such style.
    """
    names = style_names()
    if style not in names:
        hint = did_you_mean(style, names) or f" Styles: {', '.join(names)}."
        raise UnknownNameError(f"No face style named '{style}'.{hint}")
    definition: dict[str, Any] = json.loads((_styles_folder() / f"{style}.json").read_text(encoding="utf-8"))
    return definition


def style_names() -> list[str]:
    """Names of all installed DiceBear styles.

    Raises:
        MissingDependencyError: if the drawing packages are not installed.
    """
    require_packages()
    return sorted(path.stem for path in _styles_folder().glob("*.json"))


def _styles_folder() -> Path:
    spec = find_spec("dicebear_styles")
    return Path(next(iter((spec.submodule_search_locations if spec else None) or [])))


class FacePainter:
    """Draws faces by number; see ``FaceJob``."""

    def __init__(self, job: FaceJob) -> None:
        definitions = [style_definition(style) for style in job.styles]
        from dicebear import Style

        self.job = job
        self._styles = [Style(definition) for definition in definitions]

    def paint(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Faces number ``start`` to ``stop - 1``: uint8 ``[stop - start, height, width, channels]``."""
        job = self.job
        faces = np.empty((stop - start, *job.shape), np.uint8)
        for number in range(start, stop):
            faces[number - start] = self._face(number)
        return faces

    def _face(self, number: int) -> NDArray[np.uint8]:
        import resvg_py
        from dicebear import Avatar
        from PIL import Image

        job = self.job
        index, which = divmod(number, len(job.styles))
        avatar = Avatar(self._styles[which], {"seed": f"{job.styles[which]}/{job.seed}/{index}"})
        height, width, channels = job.shape
        side = min(height, width)
        ground = None if job.background == TRANSPARENT else job.background
        png = resvg_py.svg_to_bytes(
            svg_string=str(avatar), width=side, height=side, background=ground, skip_system_fonts=True
        )
        face = with_channels(Image.open(io.BytesIO(png), formats=("PNG",)), channels)
        if height == width:
            return as_array(face, channels)
        paper = Image.new("RGBA", (width, height), ground or (255, 255, 255, 0))
        image = with_channels(paper, channels)
        image.paste(face, ((width - side) // 2, height - side))
        return as_array(image, channels)


def _trust_definitions() -> None:
    """Turn off DiceBear's JSON schema validation in this process.

    The styles are files of the installed package, and the options are from this module. The validation takes up to a
    second per style, and a tenth of the time of every face. If a later DiceBear renames its validators, they stay on.
    """
    from dicebear import validator

    for name in ("StyleValidator", "OptionsValidator"):
        if hasattr(validator, name):
            getattr(validator, name).validate = staticmethod(lambda data: None)


def main(arguments: Sequence[str]) -> int:
    """Run a worker: read the job as JSON, then answer each line ``start stop`` on stdin with raw pixels on stdout."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C; a worker ends when its pipe closes
    fields = json.loads(arguments[0])
    _trust_definitions()
    painter = FacePainter(FaceJob(**{**fields, "styles": tuple(fields["styles"])}))
    try:
        for line in sys.stdin:
            start, stop = map(int, line.split())
            sys.stdout.buffer.write(painter.paint(start, stop).data)
            sys.stdout.buffer.flush()
    except BrokenPipeError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
