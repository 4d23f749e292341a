"""``ganzoo evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganzoo.cli.options import BestOf, Device, OnDevice, Quiet, Revision, RunsFolder, Threads, What
from ganzoo.cli.output import info, print_json, print_table

if TYPE_CHECKING:
    from ganzoo.evaluation.evaluator import Number, Spread
    from ganzoo.evaluation.record import Evaluation

FEW_DRAWS = 5
"""With fewer draws, Student's t makes the intervals much wider."""


def evaluate(
    what: What,
    metrics: Annotated[
        str | None, typer.Option(metavar="A,B", help="Names (ganzoo parts metrics); default: all that fit.")
    ] = None,
    extractor: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="An extractor (see ganzoo parts extractors), an ONNX file, or {name: ..., key: value}.",
        ),
    ] = None,
    samples: Annotated[
        int | None, typer.Option(help="Samples per draw (default: 2500, or half of the real samples if fewer).")
    ] = None,
    draws: Annotated[int, typer.Option(help="Number of draws of seeds and real samples, for the intervals.")] = 5,
    best_of: BestOf = 1,
    data: Annotated[Path | None, typer.Option(help="File or folder of the real samples.")] = None,
    config: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Model or YAML file with the data source (default: the model's own)."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="File. Default: metrics.json in the run, NAME.metrics.json next to another bundle, or metrics.json "
            "in the current folder for a pretrained or Hub model; metrics-best-of-N.json with --best-of.",
        ),
    ] = None,
    device: OnDevice = Device.auto,
    threads: Threads = None,
    revision: Revision = None,
    runs: RunsFolder = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the content of metrics.json.")] = False,
    quiet: Quiet = False,
) -> None:
    """Measure a trained generator against real samples, and write metrics.json.

    The floor is the same number for other real samples instead of generated ones: no generator can be expected to do
    better. Intervals are 95% confidence intervals of the mean over the draws.
    """
    from ganzoo.evaluation.evaluate import evaluate as measure

    measure(
        what,
        metrics=None if metrics is None else [name.strip() for name in metrics.split(",") if name.strip()],
        extractor=_extractor(extractor),
        samples=samples,
        draws=draws,
        best_of=best_of,
        data=data,
        config=config,
        output=output,
        device=device.value,
        threads=threads,
        revision=revision,
        quiet=quiet,
        root=runs,
        show=lambda evaluation: _print(evaluation, as_json=as_json),
        info=info,
    )


def _extractor(text: str | None) -> Any:
    """A name or path unchanged; a mapping in YAML's flow form parsed."""
    if text is None or not text.startswith("{"):
        return text
    from ganzoo.config import yaml_files

    return yaml_files.parse(text, what="--extractor")


def _print(evaluation: Evaluation, *, as_json: bool) -> None:
    if as_json:
        print_json(evaluation.to_dict())
        return
    columns = ("number", "value", "95% interval", "floor", "floor's interval", "better")
    print_table(columns, [_row(number) for number in evaluation.numbers], right=columns[1:5])
    for number in evaluation.numbers:
        worst = number.worst_class
        if worst is not None:
            floor = "" if worst.floor is None else f"; floor {_text(worst.floor)}"
            info(f"Worst class of {number.label}: {worst.name} ({_text(worst.value)}{floor}).")
    p = evaluation.protocol
    info(
        f"{p['draws']} draws of {p['samples']} generated and {p['samples']} real samples of {p['data']['source']} "
        f"(of {p['real_samples']}), extractor {p['extractor']['label']}."
    )
    if 1 < p["draws"] < FEW_DRAWS:
        info(f"The intervals are wide, because there are only {p['draws']} draws. Try --draws {FEW_DRAWS}")
    if any(number.floor is None for number in evaluation.numbers):
        info(f"No floor: it needs twice as many real samples as a draw. Try --samples {p['real_samples'] // 2}")


def _row(number: Number) -> tuple[str, ...]:
    floor = ("-", "-") if number.floor is None else (_text(number.floor.value), _interval(number.floor))
    return (number.label, _text(number.measured.value), _interval(number.measured), *floor, number.better)


def _interval(spread: Spread) -> str:
    return "-" if spread.interval is None else f"{_text(spread.interval[0])} to {_text(spread.interval[1])}"


def _text(value: float) -> str:
    return format(value, ".4g")
