"""``ganzoo interpolate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganzoo.cli.generate import Device, Label, OnDevice, Revision, Truncation, What, open_generator, read_label
from ganzoo.cli.output import emit
from ganzoo.errors import GanzooError

_MAX_SEED = 2**32 - 1


def interpolate(
    what: What,
    a: Annotated[int, typer.Argument(metavar="A", help="First seed.", min=0, max=_MAX_SEED)],
    b: Annotated[int, typer.Argument(metavar="B", help="Last seed.", min=0, max=_MAX_SEED)],
    frames: Annotated[int, typer.Option(min=2, max=10_000, help="Pictures on the way, both ends included.")] = 60,
    fps: Annotated[float, typer.Option(min=1, max=50, help="Pictures a second.")] = 20,
    label: Label = None,
    truncation: Truncation = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="A .gif file.")] = None,
    device: OnDevice = Device.auto,
    revision: Revision = None,
) -> None:
    """Walk through the latent space from one seed to another and write an animation."""
    from ganzoo import images

    if output is not None and output.suffix.lower() != ".gif":
        raise GanzooError(f"Cannot write '{output}': the suffix of an animation is .gif.")
    generator = open_generator(what, device=device, revision=revision)
    if generator.kind == "vector":
        raise GanzooError(
            f"'{generator.name}' makes vectors, so there is nothing to animate; use ganzoo.load in Python."
        )
    path = output or Path(f"{generator.name}-{a}-{b}.gif")
    pictures = generator.interpolate(a, b, frames, label=read_label(generator, label), truncation=truncation)
    emit(str(images.save_gif(pictures, path, frames_per_second=fps)))
