"""``ganzoo generate``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganzoo.cli import complete
from ganzoo.cli.destination import Output
from ganzoo.cli.options import RunsFolder
from ganzoo.cli.output import info, print_data
from ganzoo.errors import GanzooError

if TYPE_CHECKING:
    from ganzoo.inference.generator import Generator
    from ganzoo.runs import Run

ARRAYS = (".npy", ".npz")
GRID_LIMIT = 10_000
"""Maximum number of images in a grid."""


class Device(StrEnum):
    """The device of ONNX Runtime."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


What = Annotated[
    str,
    typer.Argument(
        metavar="WHAT",
        help="A bundle folder, a run (model/number), a pretrained model, or user/name on the Hugging Face Hub.",
        autocompletion=complete.trained,
    ),
]
Label = Annotated[
    str | None,
    typer.Option(
        help="Class: its name, or its index from 0. If both fit, write name:1 or index:1. By default the seed sets it."
    ),
]
Truncation = Annotated[
    float | None,
    typer.Option(help="Truncation from 0 (the mean) to 1 (off). Lower values give less variety and fewer failures."),
]
Revision = Annotated[str | None, typer.Option(help="Branch, tag or commit of a model on the Hub.")]
OnDevice = Annotated[Device, typer.Option(help="Device of ONNX Runtime.")]
Threads = Annotated[int | None, typer.Option(min=1, max=1024, help="CPU threads; by default one per core.")]


def generate(
    what: What,
    seeds: Annotated[str, typer.Option(help="Seeds: numbers and ranges, for example 0-63,70.")] = "0-63",
    grid: Annotated[bool, typer.Option("--grid", help="Write one grid of all images.")] = False,
    label: Label = None,
    truncation: Truncation = None,
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="PATH",
            help="An image file (.png, .jpg, .webp), an array file (.npy, .npz), a folder, or - for standard output.",
        ),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", metavar="SUFFIX", help="Format for -o -: png (default), jpg, webp, npy or npz."),
    ] = None,
    device: OnDevice = Device.auto,
    threads: Threads = None,
    revision: Revision = None,
    runs: RunsFolder = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Hide the progress bar.")] = False,
) -> None:
    """Generate samples, and print the path of the written file or folder.

    If several seeds are written to one image file, it is a grid.
    """
    from ganzoo.latents import parse_seeds

    numbers = parse_seeds(seeds)
    target = Output.parse(output, form)
    generator = open_generator(what, device=device, threads=threads, revision=revision, root=runs)
    target = _complete(target, generator, seeds, len(numbers), grid)
    if not target.is_folder:
        _check_suffix(target, generator)
    options = {"label": read_label(generator, label), "truncation": truncation}
    if target.is_folder:
        path = _write_folder(generator, numbers, target.path, options, quiet=quiet)
    elif target.suffix in ARRAYS:
        path = _write_array(generator, numbers, target, options)
    else:
        path = _write_picture(generator, numbers, target, options)
    if not target.is_stdout:
        print_data(str(path))


def open_generator(
    what: str, *, device: Device, threads: int | None = None, revision: str | None = None, root: Path | None = None
) -> Generator:
    """Open the generator of a bundle, run or model. Print a message if the run must be exported first."""
    from ganzoo.hub.reference import HubOptions
    from ganzoo.inference.load import open_generator as open_

    hub = HubOptions(revision=revision)
    generator = open_(what, hub=hub, before_export=tell_export, device=device.value, threads=threads, root=root)
    if device is Device.auto and generator.device != "cpu":
        info(f"Running on {generator.device}.")
    return generator


def tell_export(run: Run) -> None:
    """Report that a run is exported first."""
    info(f"Exporting run {run.name} at step {run.chosen_step()} ...")


def read_label(generator: Generator, label: str | None) -> str | None:
    """Return a class for ``Generator``. Print a note if the text is the name of one class and the index of another."""
    from ganzoo.inference.class_labels import ambiguity

    if label is not None and generator.num_classes is not None:
        note = ambiguity(label, count=generator.num_classes, names=generator.class_names or ())
        if note:
            info(note)
    return label


def _complete(target: Output, generator: Generator, seeds: str, count: int, grid: bool) -> Output:
    """Return the output with the default file name, or the default format of standard output."""
    name = generator.name
    if target.is_stdout:
        return target.with_suffix(".npy" if generator.kind == "vector" else ".png")
    if not target.is_folder:
        return target
    if generator.kind == "vector":
        return target.file(f"{name}.npy")
    if grid:
        return target.file(f"{name}-grid.png")
    if target.is_given:
        return target
    return target.file(f"{name}-{seeds}.png") if count == 1 else target.folder(f"{name}-images")


def _check_suffix(target: Output, generator: Generator) -> None:
    from ganzoo.images import FORMATS

    if generator.kind == "vector" and target.suffix not in ARRAYS:
        raise GanzooError(
            f"'{generator.name}' generates vectors, not images. Write them to a .npy or .npz file: -o points.npy"
        )
    target.check_suffix([*FORMATS, *ARRAYS])


def _write_array(generator: Generator, seeds: list[int], target: Output, options: dict[str, Any]) -> Path:
    from ganzoo.inference.array_files import write_arrays

    with target.opened() as file:
        write_arrays(file, target.suffix, generator, seeds, **options)
    return target.path


def _write_picture(generator: Generator, seeds: list[int], target: Output, options: dict[str, Any]) -> Path:
    from ganzoo import images

    if len(seeds) > GRID_LIMIT:
        raise GanzooError(
            f"Received {len(seeds)} seeds, but a grid has up to {GRID_LIMIT} images. Write to a folder: -o images/"
        )
    with target.opened() as file:
        if len(seeds) > 1 and target.suffix == ".png":
            generator.write_grid(file, seeds, separator=1, **options)
        else:
            one = generator.generate(seeds[0], **options) if len(seeds) == 1 else None
            picture = one or generator.grid(seeds, separator=1, **options)
            file.write(images.encoded(picture, images.FORMATS[target.suffix]))
    return target.path


def _write_folder(
    generator: Generator, seeds: list[int], folder: Path, options: dict[str, Any], *, quiet: bool
) -> Path:
    """Write one PNG per seed, such as ``0007.png``. Returns the folder, or the file if there is only one."""
    from ganzoo import images
    from ganzoo.data.reading.parallel import progress_bar

    if folder.is_file():
        raise GanzooError(f"'{folder}' is a file, but the images need a folder. Choose another one with -o.")
    width = max(4, len(str(max(seeds))))
    done = 0
    with progress_bar("Generating", len(seeds), quiet=quiet) as advance:
        for batch in generator.iter_samples(seeds, **options):
            for sample in batch:
                path = images.save(sample, folder / f"{seeds[done]:0{width}d}.png")
                done += 1
            advance(len(batch))
    return folder if len(seeds) > 1 else path
