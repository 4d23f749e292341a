"""``ganzoo evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganzoo.cli.generate import Device, OnDevice, Revision, Threads, What
from ganzoo.cli.options import RunsFolder
from ganzoo.cli.output import info, print_json, print_table

if TYPE_CHECKING:
    from ganzoo.evaluation.evaluator import Number, Spread
    from ganzoo.evaluation.record import Evaluation


def evaluate(
    what: What,
    metrics: Annotated[
        str | None, typer.Option(metavar="A,B", help="Metrics (see ganzoo parts metrics); by default all that fit.")
    ] = None,
    extractor: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="An extractor (see ganzoo parts extractors), an ONNX file, or {name: ..., key: value}.",
        ),
    ] = None,
    samples: Annotated[
        int | None, typer.Option(help="Samples per draw; by default 2500, or half of the real samples.")
    ] = None,
    draws: Annotated[int, typer.Option(help="Number of draws of seeds and real samples, for the intervals.")] = 5,
    data: Annotated[Path | None, typer.Option(help="File or folder of the real samples.")] = None,
    config: Annotated[
        str | None, typer.Option(metavar="NAME", help="Model of the zoo or YAML file that defines the real samples.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Output file; by default metrics.json in the run, or next to the bundle."),
    ] = None,
    device: OnDevice = Device.auto,
    threads: Threads = None,
    revision: Revision = None,
    runs: RunsFolder = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the content of metrics.json.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Hide the progress.")] = False,
) -> None:
    """Measure a trained generator against real samples, and write metrics.json.

    The floor is the same metric, measured on other real samples. No generator can be expected to be better. Each
    interval is the 95% interval of the mean over the draws.
    """
    from ganzoo.cli.generate import open_generator
    from ganzoo.evaluation.evaluate import Plan, measure
    from ganzoo.evaluation.record import check_target, default_target
    from ganzoo.evaluation.reference_data import real_source

    names = None if metrics is None else [name.strip() for name in metrics.split(",") if name.strip()]
    plan = Plan(names, _extractor(extractor), samples, draws)
    if extractor == "inception_v3":
        from ganzoo.environment.requirements import TRAINING, require

        require(TRAINING, action="The extractor 'inception_v3'")
    generator = open_generator(what, device=device, threads=threads, revision=revision, root=runs)
    target = default_target(generator.bundle, what) if output is None else output
    check_target(target, generator.bundle, asked=output is not None)
    made = measure(generator, plan, real_source(generator.bundle, config=config, data=data), quiet=quiet)
    _print(made, as_json=as_json)
    info(f"Wrote {made.write(target)}")


def _extractor(text: str | None) -> Any:
    """Parse a YAML flow mapping; return a name or path unchanged."""
    if text is None or not text.startswith("{"):
        return text
    from ganzoo.config import yaml_files

    return yaml_files.parse(text, what="--extractor")


def _print(made: Evaluation, *, as_json: bool) -> None:
    if as_json:
        print_json(made.to_dict())
        return
    columns = ("number", "value", "95% interval", "floor", "floor's interval", "better")
    print_table(columns, [_row(number) for number in made.numbers], right=columns[1:5])
    p = made.protocol
    info(
        f"{p['draws']} draws of {p['samples']} generated and {p['samples']} real samples of {p['data']['source']} "
        f"({p['real_samples']} in all), extractor {p['extractor']['label']}."
    )
    if any(number.floor is None for number in made.numbers):
        info(
            "No floor: it needs twice the real samples of a draw. "
            f"Use fewer samples: --samples {p['real_samples'] // 2}"
        )


def _row(number: Number) -> tuple[str, ...]:
    floor = ("-", "-") if number.floor is None else (_text(number.floor.value), _interval(number.floor))
    return (number.label, _text(number.measured.value), _interval(number.measured), *floor, number.better)


def _interval(spread: Spread) -> str:
    return "-" if spread.interval is None else f"{_text(spread.interval[0])} to {_text(spread.interval[1])}"


def _text(value: float) -> str:
    return format(value, ".4g")
