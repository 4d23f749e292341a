"""Cartoon faces, drawn offline: the built-in dataset. The class of a face is its style."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationInfo, field_validator, model_validator

from ganzoo.data.base import DataNotes, Dataset, ImageSource, data_sources
from ganzoo.data.reading.face_painter import (
    PACKAGES,
    TRANSPARENT,
    FaceJob,
    require_packages,
    style_definition,
    style_names,
)
from ganzoo.data.reading.parallel import ordered_map, worker_count
from ganzoo.data.reading.prepared_cache import Chunk, Recipe, prepared
from ganzoo.environment.progress import progress_bar
from ganzoo.errors import DataError, MissingDependencyError, did_you_mean

_BLOCK = 48
_FACES_A_WORKER = 240
"""Faces per worker process. A process needs about half a second to start, so it must draw enough faces."""


@dataclass(frozen=True)
class StyleCredit:
    """Author and license of a face style, from the definition of the style.

    Attributes:
        style: name of the style.
        title: the creator's title of the style.
        creator: the creator's name.
        creator_url: the creator's web page.
        source_url: web page of the original.
        license: name of the license.
        license_url: web page of the license.
        text: attribution in one sentence, by DiceBear.
    """

    style: str
    title: str
    creator: str
    creator_url: str
    source_url: str
    license: str
    license_url: str
    text: str


def style_credits(styles: Iterable[str]) -> list[StyleCredit]:
    """License and creator of each style, for a model card.

    Raises:
        MissingDependencyError: if the drawing packages are not installed.
        UnknownNameError: if a style does not exist.
    """
    return [_credit(style) for style in styles]


def _credit(style: str) -> StyleCredit:
    meta = style_definition(style).get("meta", {})
    creator, source, license_ = meta.get("creator", {}), meta.get("source", {}), meta.get("license", {})
    return StyleCredit(
        style=style,
        title=source.get("name", style),
        creator=creator.get("name", ""),
        creator_url=creator.get("url", ""),
        source_url=source.get("url", ""),
        license=license_.get("name", ""),
        license_url=license_.get("url", ""),
        text=license_.get("text", ""),
    )


@data_sources.register("faces")
class Faces(ImageSource):
    """Cartoon faces in several styles, drawn locally by DiceBear and resvg; no download.

    Face ``i`` has the style ``i % len(styles)``, so the styles are balanced. A face depends only on (style, seed,
    index): it does not change if ``count`` or the other styles change. Drawings are square. If ``resolution`` is not
    square, they fill the shorter side, at the bottom center, and the background fills the rest.
    Requires ``pip install 'ganzoo-keras[faces]'``.

    Attributes:
        styles: names of DiceBear styles; each is a class.
        count: number of faces.
        background: background color, a CSS name or ``#rrggbb``. With ``channels: 4`` also ``transparent``, which is
            the default then.
        seed: seed of the random faces.
    """

    styles: tuple[str, ...] = Field(
        ("avataaars", "open-peeps", "micah", "adventurer", "personas", "toon-head"), min_length=1
    )
    count: int = Field(30_000, ge=1, le=10_000_000)
    background: str = "white"
    seed: int = Field(0, ge=0, lt=2**32)

    @field_validator("styles")
    @classmethod
    def _styles_exist(cls, styles: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(styles)) != len(styles):
            raise ValueError(f"a style is listed twice: {', '.join(styles)}")
        try:
            known = style_names()
        except MissingDependencyError:  # a config can be read without the packages; load reports the missing ones
            return styles
        for style in styles:
            if style not in known:
                hint = did_you_mean(style, known) or f" Styles: {', '.join(known)}."
                raise ValueError(f"no face style named '{style}'.{hint}")
        return styles

    @model_validator(mode="before")
    @classmethod
    def _transparent_where_it_can_be(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("channels") == 4:
            return {"background": TRANSPARENT, **values}
        return values

    @field_validator("background")
    @classmethod
    def _background_is_a_color(cls, background: str, info: ValidationInfo) -> str:
        if _paper(background) == TRANSPARENT and info.data.get("channels", 4) != 4:
            raise ValueError(f"'{background}' needs channels: 4; received channels: {info.data['channels']}")
        return background

    def class_count(self) -> int:
        return len(self.styles)

    def notes(self) -> DataNotes:
        try:
            credits = tuple(_credit_line(credit) for credit in style_credits(self.styles))
        except MissingDependencyError:
            credits = tuple(f"{style}: see https://www.dicebear.com/licenses/" for style in self.styles)
        return DataNotes(
            credits=("Faces drawn by DiceBear (https://www.dicebear.com) in these styles:", *credits),
            limits=(
                "The data are cartoons, not photographs. The model does not represent real people.",
                "The frequencies of skin, hair, clothes and gender follow each style's artist and DiceBear's random "
                "choices, not the frequencies among people.",
            ),
        )

    def load(self, *, cache_dir: Path | None = None, quiet: bool = False) -> Dataset:
        require_packages()
        job = FaceJob(self.styles, self.seed, self.resolution, self.channels, _paper(self.background))
        recipe = Recipe(
            source=self.registered_name,
            content=_package_versions(),
            config={**asdict(job), "styles": list(self.styles), "count": self.count},
            shape=self.sample_shape(),
            count=self.count,
            class_names=self.styles,
        )
        return prepared(recipe, lambda broken: _draw(job, self.count, quiet=quiet), cache_dir=cache_dir)


def _credit_line(credit: StyleCredit) -> str:
    """``avataaars: "Avataaars" by Pablo Stanley (URL), license (URL)``."""
    creator = f"{credit.creator} ({credit.creator_url})" if credit.creator_url else credit.creator
    license_ = f"{credit.license} ({credit.license_url})" if credit.license_url else credit.license
    source = f", {credit.source_url}" if credit.source_url else ""
    return f'{credit.style}: "{credit.title}" by {creator or "an unnamed creator"}{source}; license: {license_}'


def _paper(color: str) -> str:
    """Convert a color to ``#rrggbb``, or ``transparent``."""
    from PIL import ImageColor

    if color.strip().lower() == TRANSPARENT:
        return TRANSPARENT

    try:
        red, green, blue = ImageColor.getrgb(color)[:3]
    except ValueError:
        hint = did_you_mean(color, ImageColor.colormap)
        raise ValueError(
            f"'{color}' is not a color; allowed: a CSS name, '#rrggbb' or '{TRANSPARENT}'.{hint}"
        ) from None
    return f"#{red:02x}{green:02x}{blue:02x}"


def _package_versions() -> str:
    """Versions of the drawing packages, because another version may draw other faces."""
    found = []
    for distribution in PACKAGES.values():
        try:
            found.append(f"{distribution} {version(distribution)}")
        except PackageNotFoundError:  # importable, but not installed by pip
            found.append(distribution)
    return ", ".join(found)


def _draw(job: FaceJob, count: int, *, quiet: bool) -> Iterator[Chunk]:
    blocks = [(start, min(start + _BLOCK, count)) for start in range(0, count, _BLOCK)]
    workers = min(worker_count(), 1 + count // _FACES_A_WORKER)
    with progress_bar("Drawing faces", count, quiet=quiet) as advance:
        for (start, stop), faces in zip(blocks, _painted(job, blocks, workers), strict=True):
            labels = np.arange(start, stop, dtype=np.int32) % len(job.styles)
            advance(stop - start)
            yield Chunk(faces, labels.astype(np.int32))


def _painted(job: FaceJob, blocks: Sequence[tuple[int, int]], workers: int) -> Iterator[NDArray[np.uint8]]:
    with _worker_pool(job, workers) as idle:

        def paint(block: tuple[int, int]) -> NDArray[np.uint8]:
            worker = idle.get()
            try:
                return worker.paint(*block)
            finally:
                idle.put(worker)

        yield from ordered_map(paint, blocks, workers=workers)


@contextmanager
def _worker_pool(job: FaceJob, count: int) -> Iterator[queue.Queue[_Worker]]:
    workers: list[_Worker] = []
    idle: queue.Queue[_Worker] = queue.Queue()
    try:
        for _ in range(count):
            workers.append(_Worker(job))
            idle.put(workers[-1])
        yield idle
    finally:
        for worker in workers:
            worker.close()


class _Worker:
    """A ``FacePainter`` in a separate process.

    ``multiprocessing`` is not used: it imports the user's ``__main__`` again, which fails in notebooks and in scripts
    without a main guard.
    """

    def __init__(self, job: FaceJob) -> None:
        self._job = job
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "ganzoo.data.reading.face_painter", json.dumps(asdict(job))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env=environment,
        )

    def paint(self, start: int, stop: int) -> NDArray[np.uint8]:
        job, process = self._job, self._process
        shape = (stop - start, *job.shape)
        pixels = b""
        if process.stdin is not None and process.stdout is not None:
            try:
                process.stdin.write(f"{start} {stop}\n".encode())
                process.stdin.flush()
                pixels = process.stdout.read(int(np.prod(shape)))
            except (OSError, ValueError):  # the process ended; the reason is below
                pixels = b""
        if len(pixels) != np.prod(shape):
            self._stderr.seek(0)
            messages = self._stderr.read().decode(errors="replace").strip().splitlines()
            raise DataError(
                f"A worker process for drawing faces ended early: {messages[-1] if messages else 'no error message'}"
            )
        return np.frombuffer(pixels, np.uint8).reshape(shape)

    def close(self) -> None:
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout, self._stderr):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # unsent bytes to a process that has ended
                    continue
        self._process.wait()
