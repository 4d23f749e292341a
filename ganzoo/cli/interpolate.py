"""``ganzoo interpolate``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from ganzoo.cli.destination import Output, check_outside
from ganzoo.cli.options import Device, DirectionStrengths, OnDevice, Revision, RunsFolder, Threads, Truncation, What
from ganzoo.cli.output import info, print_data
from ganzoo.cli.values import read_label, strengths
from ganzoo.errors import GanzooError

_MAX_SEED = 2**32 - 1


def interpolate(
    what: What,
    a: Annotated[int, typer.Argument(metavar="A", help="First seed.", min=0, max=_MAX_SEED)],
    b: Annotated[int, typer.Argument(metavar="B", help="Next seed.", min=0, max=_MAX_SEED)],
    more: Annotated[list[int] | None, typer.Argument(metavar="C", help="Further seeds.", min=0, max=_MAX_SEED)] = None,
    frames: Annotated[
        int, typer.Option(min=2, max=10_000, help="Number of images from one seed to the next, including both.")
    ] = 60,
    loop: Annotated[bool, typer.Option("--loop", help="Return to the first seed.")] = False,
    fps: Annotated[float, typer.Option(min=1, max=120, help="Images per second (a .gif has up to 50).")] = 20,
    label: Annotated[
        str | None,
        typer.Option(
            help="Class of all images: its name or its index from 0 (name:1 or index:1 if both fit). Default: the "
            "class of the first seed."
        ),
    ] = None,
    truncation: Truncation = None,
    direction: DirectionStrengths = None,
    codes: Annotated[
        list[str] | None,
        typer.Option(
            metavar="VALUES",
            help="Continuous codes of all images, as in ganzoo generate: 1.5,-1 or 0=1.5. Repeat it once for each seed "
            "to set the codes at that seed; between seeds they change evenly.",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "-o", "--output", metavar="PATH", help="A .gif, .webp or .mp4 file, a folder, or - for standard output."
        ),
    ] = None,
    form: Annotated[
        str | None, typer.Option("--format", metavar="SUFFIX", help="Format for -o -: gif (default), webp or mp4.")
    ] = None,
    device: OnDevice = Device.auto,
    threads: Threads = None,
    revision: Revision = None,
    runs: RunsFolder = None,
) -> None:
    """Write an animation from one seed to the next through the latent space."""
    from ganzoo.hub.load_name import short_name
    from ganzoo.inference import animations
    from ganzoo.inference.codes import parse_walk_codes
    from ganzoo.inference.load import load

    seeds, moved = [a, b, *(more or ())], strengths(direction)
    values = parse_walk_codes(_codes_of_walk(codes or [], len(seeds), loop=loop))
    target = Output.parse(output, form).with_suffix(".gif")
    if not target.is_folder:
        target.check_suffix(list(animations.MAX_RATE))
        animations.check_animation(Path(f"walk{target.suffix}"), fps)
    generator = load(what, device=device.value, threads=threads, revision=revision, root=runs, info=info)
    if not generator.sample_spec.is_image:
        raise GanzooError(f"'{generator.name}' generates vectors, which cannot be animated; use ganzoo.load in Python.")
    if target.is_folder:
        target = target.file(f"{short_name(generator.bundle)}-{a}-{seeds[-1]}.gif")
    check_outside(target, generator)
    walk: Iterator[Any] = generator.iter_walk(
        [*seeds, a] if loop else seeds,
        frames,
        label=read_label(generator, label),
        truncation=truncation,
        directions=moved,
        codes=values,
    )
    if target.is_stdout:
        _write_stdout(walk, target, fps)
    else:
        print_data(str(animations.save_animation(walk, target.path, frames_per_second=fps)))


def _codes_of_walk(texts: list[str], seeds: int, *, loop: bool) -> list[str]:
    """One text for all samples, or one for each stop."""
    if len(texts) > 1 and len(texts) != seeds:
        raise GanzooError(f"--codes is given once, or once for each seed; received {len(texts)} for {seeds} seeds.")
    return [*texts, *texts[:1]] if loop and len(texts) > 1 else texts


def _write_stdout(walk: Iterator[Any], target: Output, fps: float) -> None:
    """Write a temporary file first, because an MP4 cannot be written to a pipe."""
    import shutil
    import tempfile

    from ganzoo.inference.animations import save_animation

    with tempfile.TemporaryDirectory() as folder:
        path = save_animation(walk, Path(folder, f"walk{target.suffix}"), frames_per_second=fps)
        with path.open("rb") as file, target.opened() as out:
            shutil.copyfileobj(file, out)
