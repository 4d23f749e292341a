"""``ganzoo data check`` and ``ganzoo data preview``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganzoo.cli.options import Quiet
from ganzoo.cli.output import info, print_data, print_json, print_table, visible
from ganzoo.cli.verbs import Verb, WorkingVerb

if TYPE_CHECKING:
    from ganzoo.data.check import CheckReport

app = typer.Typer(no_args_is_help=True, help="Check and preview training data.")


@app.command(cls=Verb)
def check(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A folder or zip of images, or shards.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON with the names of all files.")] = False,
    quiet: Quiet = False,
) -> None:
    """Report broken, duplicate, tiny, grayscale, transparent and odd-shaped images. Exits with 1 if any is broken."""
    from ganzoo.data.check import check as check_images

    report = check_images(path, quiet=quiet)
    if as_json:
        print_json(report.to_dict())
    else:
        _print_report(report)
    if report.broken:
        raise typer.Exit(1)


@app.command(cls=WorkingVerb)
def preview(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A data source, a model of the zoo or a YAML file.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Changes as in ganzoo train, for example data.resolution=64."),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="File or folder of the data.")] = None,
    count: Annotated[int, typer.Option(min=1, max=10_000, help="Number of samples.")] = 64,
    output: Annotated[Path, typer.Option("-o", "--output", help="A .png, .jpg or .webp file.")] = Path("grid.png"),
    quiet: Quiet = False,
) -> None:
    """Write a grid of real samples as the networks see them: cropped, resized, mirrored."""
    from ganzoo import images
    from ganzoo.config.data_source import choose_source
    from ganzoo.data.preview import preview_picture
    from ganzoo.data.reading import described
    from ganzoo.errors import GanzooError

    if output.suffix.lower() not in images.FORMATS:
        raise GanzooError(f"Cannot write '{output}': its suffix must be one of {', '.join(images.FORMATS)}.")
    part = choose_source(source, overrides or [], path=data)
    dataset = part.load(quiet=quiet)
    print_data(str(images.save(preview_picture(part, dataset, count=count), output)))
    for line in described.lines(dataset):
        info(line)


def _print_report(report: CheckReport) -> None:
    from ganzoo.data.reading.described import few_line, listed, passed_over_line

    formats = ", ".join(f"{count} {name}" for name, count in report.formats.items())
    sizes = f"width {report.width[0]}-{report.width[1]}, height {report.height[0]}-{report.height[1]} px"
    print_data(visible(f"{report.path}: {report.files} images, {report.usable} usable ({formats or 'none'}; {sizes})"))
    if report.classes:
        names = listed(f"{name} ({n})" for name, n in report.classes.items())
        print_data(visible(f"{len(report.classes)} classes: {names}"))
    for note in filter(None, [few_line(report.usable), *report.notes]):
        print_data(visible(note))
    if report.passed_over:
        print_data(visible(passed_over_line(report.passed_over)))
    found: dict[str, Any] = {
        "broken": [f"{name}: {why}" for name, why in report.broken.items()],
        "duplicate": [" = ".join(group) for group in report.duplicates],
        "tiny": report.tiny,
        "odd-shaped": report.odd_shaped,
        "grayscale": report.grayscale,
        "alpha": report.alpha,
        "rotated": report.rotated,
        "misnamed": [f"{name} is {form}" for name, form in report.misnamed.items()],
    }
    rows = [(name, str(count), listed(found.get(name, ()))) for name, count in report.counts.items() if count]
    if rows:
        print_table(("finding", "images", "for example"), rows, right=("images",))
    elif not report.passed_over:
        print_data("No problems found.")
