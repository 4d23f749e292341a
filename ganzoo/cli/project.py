"""``ganzoo project``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganzoo.cli.destination import Output, check_outside
from ganzoo.cli.options import Quiet, RunsFolder, What
from ganzoo.cli.output import info, print_data, print_json
from ganzoo.cli.values import read_label
from ganzoo.errors import GanzooError

if TYPE_CHECKING:
    from ganzoo.inference.generator import Generator

LATENT = ".npy"


def project(
    what: What,
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="A photograph or drawing.")],
    label: Annotated[
        str | None, typer.Option(help="Class: its name or index. Default: the class that fits best.")
    ] = None,
    steps: Annotated[int, typer.Option(min=0, max=1000, help="Steps of the search.")] = 30,
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="PATH",
            help="The image next to the generated one (.png, .jpg, .webp), or the latent (.npy).",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with the latent.")] = False,
    runs: RunsFolder = None,
    quiet: Quiet = False,
) -> None:
    """Find the latent whose image is most like IMAGE, and print the error in levels from 0 to 255.

    The search starts from the most similar seeds, and from the encoder of the model if it has one.

    The image is cropped in the middle to the aspect ratio of the model.
    """
    from ganzoo import images
    from ganzoo.environment.files import npy_content
    from ganzoo.environment.progress import progress_bar
    from ganzoo.inference.load import load
    from ganzoo.inference.pictures import decoded, read_file

    target = None if output is None else Output.parse(output, None).with_suffix(".png")
    if target is not None:
        target = target.file(f"{image.stem}-projection.png") if target.is_folder else target
        target.check_suffix([*images.FORMATS, LATENT])
    to_stdout = target is not None and target.is_stdout
    if to_stdout and as_json:
        raise GanzooError("--json and -o - both write to standard output. Choose a file with -o FILE.")
    content = read_file(image)
    generator = load(what, root=runs, info=info)
    if target is not None:
        check_outside(target, generator)
    if not generator.sample_spec.is_image:
        raise GanzooError(f"'{generator.name}' generates vectors, and only images can be projected.")
    levels = decoded(content, image, generator.sample_spec)
    if generator.has_encoder:
        info(f"Starting from the encoder of '{generator.name}', and from the most similar seeds.")
    with progress_bar("Searching", steps, quiet=quiet) as advance:
        found = generator.project(
            levels, label=read_label(generator, label), steps=steps, on_step=lambda step: advance(1)
        )
    shown = None if found.label is None else _class_name(generator, found.label)
    if as_json:
        facts = {"error": found.error, "start_error": found.start_error, "label": shown}
        facts |= {} if found.encoder_error is None else {"encoder_error": found.encoder_error}
        print_json(facts | {"latent": found.latent.tolist()})
    else:
        classes = "" if shown is None else f", class {shown}"
        encoder = "" if found.encoder_error is None else f"the encoder: {found.encoder_error:.1f}, "
        starts = f"{encoder}the most similar seed: {found.start_error:.1f}"
        (info if to_stdout else print_data)(f"error: {found.error:.1f} levels ({starts}){classes}")
    if target is None:
        return
    import numpy as np

    with target.opened() as file:
        if target.suffix == LATENT:
            file.write(npy_content(found.latent[None]))
        else:
            pair = images.grid(np.stack([levels, found.image]), columns=2, separator=1)
            file.write(images.encoded(pair, images.FORMATS[target.suffix]))
    if not to_stdout:
        info(f"Written: {target.path}")


def _class_name(generator: Generator, label: int) -> str:
    """The name of a class, or its index if the classes have no names."""
    return generator.class_names[label] if generator.class_names else str(label)
