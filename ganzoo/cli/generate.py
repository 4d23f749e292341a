"""``ganzoo generate``."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganzoo.cli import complete
from ganzoo.cli.output import emit, say
from ganzoo.errors import GanzooError

if TYPE_CHECKING:
    from ganzoo.inference import Generator
    from ganzoo.runs import Run

ARRAY = ".npy"
GRID_LIMIT = 10_000
"""Images in one grid."""


class Device(StrEnum):
    """Where ONNX Runtime runs."""

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
Label = Annotated[str | None, typer.Option(help="Class, by number or name; by default each seed has its own.")]
Truncation = Annotated[float | None, typer.Option(help="From 0 (the mean) to 1 (off): less variety, fewer failures.")]
Revision = Annotated[str | None, typer.Option(help="Branch, tag or commit of a model on the Hub.")]
OnDevice = Annotated[Device, typer.Option(help="Where to run.")]


def generate(
    what: What,
    seeds: Annotated[str, typer.Option(help="Numbers and ranges, as in 0-63,70.")] = "0-63",
    grid: Annotated[bool, typer.Option("--grid", help="One picture of all images.")] = False,
    label: Label = None,
    truncation: Truncation = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="A picture (.png, .jpg, .webp), an array (.npy), or a folder of pictures."),
    ] = None,
    device: OnDevice = Device.auto,
    revision: Revision = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Generate samples. What was written is printed: one path a line, or the folder of the pictures.

    Several seeds that go into one picture become a grid.
    """
    from ganzoo.latents import parse_seeds

    numbers = parse_seeds(seeds)
    generator = open_generator(what, device=device, revision=revision)
    target = output or _default_output(generator, seeds, len(numbers), grid)
    options = {"label": read_label(generator, label), "truncation": truncation}
    if generator.kind == "vector" and target.suffix != ARRAY:
        raise GanzooError(
            f"'{generator.name}' makes vectors, which are no images; write them to a {ARRAY}: -o points.npy"
        )
    if target.suffix == ARRAY:
        emit(str(_write_array(generator, numbers, target, options)))
    elif target.suffix:
        emit(str(_write_picture(generator, numbers, target, options)))
    elif grid:
        emit(str(_write_picture(generator, numbers, target / f"{generator.name}-grid.png", options)))
    else:
        for path in _write_folder(generator, numbers, target, options, quiet=quiet):
            emit(str(path))


def open_generator(what: str, *, device: Device, revision: str | None = None) -> Generator:
    """The generator of a bundle, run or model, with a message if it has to be exported first."""
    from ganzoo.hub_reference import HubOptions
    from ganzoo.loading import open_generator as open_

    hub = HubOptions(revision=revision)
    generator = open_(what, hub=hub, before_export=tell_export, device=device.value)
    if device is Device.auto and generator.device != "cpu":
        say(f"Running on {generator.device}.")
    return generator


def tell_export(run: Run) -> None:
    """Say that a run is exported first."""
    say(f"Exporting run {run.name} at step {run.chosen_step()} ...")


def read_label(generator: Generator, label: str | None) -> int | str | None:
    """A class as ``Generator`` takes it: a number, unless the text is a class's name."""
    if label is not None and label.isdecimal() and label not in (generator.class_names or ()):
        return int(label)
    return label


def _default_output(generator: Generator, seeds: str, count: int, grid: bool) -> Path:
    if generator.kind == "vector":
        return Path(f"{generator.name}.npy")
    if grid:
        return Path(f"{generator.name}-grid.png")
    return Path(f"{generator.name}-{seeds}.png") if count == 1 else Path(f"{generator.name}-images")


def _write_array(generator: Generator, seeds: list[int], path: Path, options: dict[str, Any]) -> Path:
    import io

    import numpy as np

    from ganzoo.images import write_atomic

    buffer = io.BytesIO()
    np.save(buffer, generator.sample(seeds, **options), allow_pickle=False)
    return write_atomic(path, buffer.getvalue())


def _write_picture(generator: Generator, seeds: list[int], path: Path, options: dict[str, Any]) -> Path:
    from ganzoo import images

    if path.suffix.lower() not in images.FORMATS:
        allowed = ", ".join([*images.FORMATS, ARRAY])
        raise GanzooError(f"Cannot write '{path}': the suffix is none of {allowed}, and a folder has none.")
    if len(seeds) > GRID_LIMIT:
        raise GanzooError(
            f"A grid holds up to {GRID_LIMIT} images, and these are {len(seeds)}; write a folder: -o images"
        )
    if len(seeds) == 1:
        return images.save(generator.generate(seeds[0], **options), path)
    return images.save(generator.grid(seeds, separator=1, **options), path)


def _write_folder(
    generator: Generator, seeds: list[int], folder: Path, options: dict[str, Any], *, quiet: bool
) -> Iterator[Path]:
    """Write one PNG a seed, ``0000007.png``; yields the folder, or the file when there is but one."""
    from ganzoo import images
    from ganzoo.data.parallel import progress_bar

    if folder.is_file():
        raise GanzooError(f"'{folder}' is a file, and pictures go to a folder; name another with -o.")
    width = max(4, len(str(max(seeds))))
    done = 0
    with progress_bar("Generating", len(seeds), quiet=quiet) as advance:
        for batch in generator.iter_samples(seeds, **options):
            for sample in batch:
                path = images.save(sample, folder / f"{seeds[done]:0{width}d}.png")
                done += 1
            advance(len(batch))
    yield folder if len(seeds) > 1 else path
