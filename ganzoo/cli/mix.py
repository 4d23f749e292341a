"""``ganzoo mix``."""

from __future__ import annotations

from typing import Annotated

import typer

from ganzoo.cli.destination import Output, check_outside
from ganzoo.cli.options import Device, Label, OnDevice, Revision, RunsFolder, Threads, Truncation, What
from ganzoo.cli.output import info, print_data
from ganzoo.cli.values import GRID_LIMIT, read_label
from ganzoo.errors import GanzooError


def mix(
    what: What,
    coarse: Annotated[str, typer.Option(metavar="SEEDS", help="Rows: seeds of the coarse style, as in 0-3,7.")] = "0-3",
    fine: Annotated[str, typer.Option(metavar="SEEDS", help="Columns: seeds of the fine style.")] = "4-9",
    crossover: Annotated[
        int | None,
        typer.Option(
            metavar="PX",
            help="Layers up to this height have the coarse style, larger ones the fine style. Default: the middle.",
        ),
    ] = None,
    scale: Annotated[int, typer.Option(min=1, max=16, help="Enlarge each image this many times.")] = 1,
    label: Label = None,
    truncation: Truncation = None,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="PATH", help="An image (.png, .jpg, .webp), or - for standard output."),
    ] = None,
    device: OnDevice = Device.auto,
    threads: Threads = None,
    revision: Revision = None,
    runs: RunsFolder = None,
) -> None:
    """Write a picture of mixed styles: the coarse features of one seed, the fine features of another.

    Only models with a mapping network have styles, such as those of the architecture stylegan2.
    """
    from ganzoo import images
    from ganzoo.hub.load_name import short_name
    from ganzoo.inference.load import load
    from ganzoo.latents import parse_seeds

    rows, columns = parse_seeds(coarse), parse_seeds(fine)
    if len(rows) * len(columns) > GRID_LIMIT:
        raise GanzooError(f"A picture has up to {GRID_LIMIT} images; received {len(rows)} x {len(columns)} seeds.")
    target = Output.parse(output, None).with_suffix(".png")
    generator = load(what, device=device.value, threads=threads, revision=revision, root=runs, info=info)
    if target.is_folder:
        target = target.file(f"{short_name(generator.bundle)}-mix.png")
    target.check_suffix(list(images.FORMATS))
    check_outside(target, generator)
    picture = generator.mix_grid(
        rows,
        columns,
        crossover=crossover,
        separator=1,
        scale=scale,
        label=read_label(generator, label),
        truncation=truncation,
    )
    with target.opened() as file:
        file.write(images.encoded(picture, images.FORMATS[target.suffix]))
    if not target.is_stdout:
        print_data(str(target.path))
