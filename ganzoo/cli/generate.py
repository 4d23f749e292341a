"""``ganzoo generate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganzoo.cli.destination import Output, check_outside
from ganzoo.cli.options import (
    BestOf,
    Device,
    DirectionStrengths,
    Label,
    OnDevice,
    Quiet,
    Revision,
    RunsFolder,
    Threads,
    What,
)
from ganzoo.cli.output import info, print_data
from ganzoo.cli.values import GRID_LIMIT, read_label, strengths
from ganzoo.errors import GanzooError

if TYPE_CHECKING:
    from ganzoo.inference.generator import Generator

ARRAYS = (".npy", ".npz")


def generate(
    what: What,
    seeds: Annotated[str, typer.Option(help="Numbers and ranges, for example 0-63,70.")] = "0-63",
    grid: Annotated[bool, typer.Option("--grid", help="Write one image with all samples.")] = False,
    scale: Annotated[int, typer.Option(min=1, max=16, help="Enlarge each image this many times.")] = 1,
    label: Label = None,
    truncation: Annotated[
        str | None,
        typer.Option(
            metavar="FROM 0 TO 1",
            help="From 0 (the mean) to 1 (off): less variety, fewer failures. Several, as in 0.3,0.6,1, make a contact "
            "sheet: one seed in each row, one value in each column.",
        ),
    ] = None,
    best_of: BestOf = 1,
    direction: DirectionStrengths = None,
    codes: Annotated[
        str | None,
        typer.Option(
            metavar="VALUES",
            help="Continuous codes of a model that has them: one value for each, as in 1.5,-1, or some: 0=1.5.",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="PATH",
            help="An image (.png, .jpg, .webp), arrays (.npy, .npz), a folder, or - for standard output.",
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
    quiet: Quiet = False,
) -> None:
    """Generate samples and print the path of the file or folder.

    Several seeds in one image are arranged as a grid.
    """
    from ganzoo.inference.codes import parse_codes
    from ganzoo.inference.load import load
    from ganzoo.latents import parse_seeds

    numbers = parse_seeds(seeds)
    wanted = strengths(direction)
    values = parse_codes(codes)
    psi = _truncation(truncation)
    target = Output.parse(output, form)
    generator = load(what, device=device.value, threads=threads, revision=revision, root=runs, info=info)
    if isinstance(psi, list) and not generator.sample_spec.is_image:
        raise GanzooError(
            f"Several truncations make a picture, and '{generator.name}' generates vectors; give one value, not "
            f"--truncation {truncation}."
        )
    target = _complete(target, generator, seeds, len(numbers), grid or isinstance(psi, list))
    check_outside(target, generator)
    generator.check_best_of(best_of)
    if not target.is_folder:
        _check_suffix(target, generator)
    options = {
        "label": read_label(generator, label),
        "truncation": psi,
        "best_of": best_of,
        "directions": wanted,
        "codes": values,
    }
    if target.is_folder:
        path = _write_folder(generator, numbers, target.path, options, scale=scale, quiet=quiet)
    elif target.suffix in ARRAYS:
        if isinstance(psi, list):
            raise GanzooError(
                f"Several truncations make a picture, and {target.suffix} is a file of numbers; received --truncation "
                f"{truncation}. Give one value, or for a model of images another suffix, such as .png."
            )
        if grid:
            raise GanzooError(f"--grid makes a picture, and {target.suffix} is a file of numbers; leave out --grid.")
        if scale != 1:
            raise GanzooError(f"--scale enlarges pictures, and a {target.suffix} file has the samples as they are.")
        path = _write_array(generator, numbers, target, options)
    else:
        path = _write_picture(generator, numbers, target, options, scale=scale)
    if not target.is_stdout:
        print_data(str(path))


def _truncation(text: str | None) -> float | list[float] | None:
    """``"0.5"`` -> 0.5, and ``"0.3,1"`` -> ``[0.3, 1.0]``.

    Raises:
        GanzooError: if a part is not a number.
    """
    if text is None:
        return None
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise GanzooError(
            f"--truncation is a number from 0 to 1, or several with commas, as in 0.3,0.6,1; received '{text:.60}'."
        ) from error
    return values if len(values) > 1 else values[0]


def _complete(target: Output, generator: Generator, seeds: str, count: int, grid: bool) -> Output:
    """The output with defaults: the name of the file, or the format of standard output."""
    from ganzoo.hub.load_name import short_name

    name = short_name(generator.bundle)
    if target.is_stdout:
        return target.with_suffix(".png" if generator.sample_spec.is_image else ".npy")
    if not target.is_folder:
        return target
    if not generator.sample_spec.is_image:
        return target.file(f"{name}.npy")
    if grid:
        return target.file(f"{name}-grid.png")
    if target.is_given:
        return target
    return target.file(f"{name}-{seeds}.png") if count == 1 else target.folder(f"{name}-images")


def _check_suffix(target: Output, generator: Generator) -> None:
    from ganzoo.images import FORMATS

    if not generator.sample_spec.is_image and target.suffix not in ARRAYS:
        raise GanzooError(
            f"'{generator.name}' generates vectors, not images; write them to a .npy or .npz file: -o points.npy"
        )
    target.check_suffix([*FORMATS, *ARRAYS])


def _write_array(generator: Generator, seeds: list[int], target: Output, options: dict[str, Any]) -> Path:
    from ganzoo.inference.array_files import write_arrays
    from ganzoo.inference.sampling_options import SamplingOptions

    with target.opened() as file:
        write_arrays(file, target.suffix, generator, seeds, SamplingOptions(**options))
    return target.path


def _write_picture(
    generator: Generator, seeds: list[int], target: Output, options: dict[str, Any], *, scale: int
) -> Path:
    from ganzoo import images

    psi = options["truncation"]
    count = len(seeds) * (len(psi) if isinstance(psi, list) else 1)
    if count > GRID_LIMIT:
        raise GanzooError(
            f"A grid has up to {GRID_LIMIT} images; received {count}. Use fewer seeds, or write one file for each: "
            "-o images, without --grid and without several truncations."
        )
    with target.opened() as file:
        if len(seeds) > 1 and target.suffix == ".png":
            generator.write_grid(file, seeds, separator=1, scale=scale, **options)
        else:
            picture = generator.grid(seeds, separator=1, scale=scale, **options)
            file.write(images.encoded(picture, images.FORMATS[target.suffix]))
    return target.path


def _write_folder(
    generator: Generator, seeds: list[int], folder: Path, options: dict[str, Any], *, scale: int, quiet: bool
) -> Path:
    """Write one PNG per seed, ``0000007.png``. Returns the folder, or the file if there is only one."""
    from ganzoo import images
    from ganzoo.environment.progress import progress_bar

    if folder.exists() and not folder.is_dir():
        kind = "file" if folder.is_file() else "device"
        raise GanzooError(
            f"'{folder}' is a {kind}, and without a suffix -o names a folder. Name another with -o; for one file add a "
            "suffix such as .png; -o - writes to standard output."
        )
    width = max(4, len(str(max(seeds))))
    done = 0
    with progress_bar("Generating", len(seeds), quiet=quiet) as advance:
        for batch in generator.iter_samples(seeds, **options):
            for sample in batch:
                path = images.save(images.enlarged(sample, scale), folder / f"{seeds[done]:0{width}d}.png")
                done += 1
            advance(len(batch))
    return folder if len(seeds) > 1 else path
