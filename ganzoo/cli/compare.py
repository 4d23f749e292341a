"""``ganzoo compare``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganzoo.cli import complete
from ganzoo.cli.options import Device, OnDevice, RunsFolder, Threads
from ganzoo.cli.output import info, print_data, print_json, print_table
from ganzoo.errors import GanzooError

if TYPE_CHECKING:
    from ganzoo.evaluation.comparison import Model

_WIDTH = 60
"""Longest value of a config in the table. The page and --json have all of it."""


def compare(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="A B...",
            help="Two or more models: bundle folders, runs, pretrained models, or user/name on the Hugging Face Hub.",
            autocompletion=complete.trained,
        ),
    ],
    seeds: Annotated[str, typer.Option(help="Seeds of the picture, for example 0-7,12.")] = "0-7",
    label: Annotated[str | None, typer.Option(help="Class of all samples. Default: chosen by each seed.")] = None,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="PATH", help="The picture: one row per model.")
    ] = Path("compare.png"),
    page: Annotated[
        Path | None, typer.Option("--html", metavar="PATH", help="Write a page with pictures and tables in one file.")
    ] = None,
    speed: Annotated[bool, typer.Option("--speed", help="Measure the time of one sample on the CPU.")] = False,
    device: OnDevice = Device.auto,
    threads: Threads = None,
    runs: RunsFolder = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare generators: samples of the same seeds, measured numbers, size, and where the configs differ."""
    from ganzoo import images
    from ganzoo.evaluation import comparison, comparison_page, comparison_picture
    from ganzoo.latents import parse_seeds

    numbers = parse_seeds(seeds)
    if len(numbers) > comparison_picture.MAX_SEEDS:
        raise GanzooError(f"A comparison has up to {comparison_picture.MAX_SEEDS} seeds; received {len(numbers)}.")
    _check_suffix(output, list(images.FORMATS), "-o compare.png")
    if page is not None:
        _check_suffix(page, [".html", ".htm"], "--html compare.html")
    models = comparison.open_models(names, device=device.value, threads=threads, root=runs, timed=speed, info=info)
    _check_outside(models, [output] if page is None else [output, page])
    pictures = comparison_picture.rows(models, numbers, label=label, info=info)
    written = [images.save(comparison_picture.sheet(names, pictures), output)]
    if page is not None:
        text = comparison_page.page(models, pictures, seeds=seeds)
        written.append(images.write_atomic(page, text.encode()))
    if as_json:
        print_json(_plain(models))
    else:
        _print(models)
    for path in written:
        info(f"Written: {path}")


def _check_suffix(path: Path, allowed: list[str], example: str) -> None:
    if path.suffix.lower() not in allowed:
        raise GanzooError(f"'{path}' must end with {', '.join(allowed)}, for example: {example}")


def _check_outside(models: Sequence[Model], paths: Sequence[Path]) -> None:
    """Raises GanzooError if a path is in a bundle, where a file could replace one of the bundle."""
    for path in paths:
        for model in models:
            if model.bundle.contains(path):
                raise GanzooError(f"'{path}' is in the bundle '{model.bundle.folder}'; choose another.")


def _print(models: Sequence[Model]) -> None:
    from ganzoo.evaluation.comparison import config_differences, notes, table_rows

    columns = ("", *_columns(models))
    print_table(columns, [(key, *cells) for key, cells in table_rows(models)])
    differences = config_differences(models)
    if differences:
        print_data("")
        print_table(("config", *columns[1:]), [(key, *_shortened(values)) for key, values in differences])
    elif all(model.config for model in models):
        info("The configs do not differ.")
    for line in notes(models):
        info(line)


def _columns(models: Sequence[Model]) -> list[str]:
    """Names of the columns, unique also if a model is compared with itself."""
    names: list[str] = []
    for model in models:
        names.append(model.name if model.name not in names else f"{model.name} ({len(names) + 1})")
    return names


def _shortened(values: Sequence[str]) -> list[str]:
    """Values of a config, cut to a width that fits a table. A long common start is left out."""
    from ganzoo.evaluation.comparison import MISSING

    columns = zip(*(value for value in values if value != MISSING), strict=False)
    start = next((index for index, chars in enumerate(columns) if len(set(chars)) > 1), 0)
    cut = max(0, start - _WIDTH // 4) if max(map(len, values)) > _WIDTH else 0
    there = [value if value == MISSING or not cut else f"...{value[cut:]}" for value in values]
    return [value if len(value) <= _WIDTH else f"{value[: _WIDTH - 3]}..." for value in there]


def _plain(models: Sequence[Model]) -> dict[str, Any]:
    from ganzoo.evaluation.comparison import config_differences, notes, number_rows

    return {
        "models": [
            {
                "name": model.name,
                "shape": list(model.generator.shape),
                "num_classes": model.generator.num_classes,
                "step": model.bundle.metadata.facts.training_step,
                "onnx_bytes": model.onnx_size,
                "milliseconds": model.milliseconds,
            }
            for model in models
        ],
        "numbers": [row._asdict() for row in number_rows(models)],
        "config": {key: list(values) for key, values in config_differences(models)},
        "notes": notes(models),
    }
