"""``ganzoo show``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganzoo.cli import complete
from ganzoo.cli.output import info, print_data, print_json, print_table
from ganzoo.environment.quantities import bytes_text, count_text

if TYPE_CHECKING:
    from ganzoo.config.experiment import Config
    from ganzoo.config.summary import NetworkSummary, Summary


def show(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A model of the zoo or a YAML file.", autocompletion=complete.models)
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Changes of the config, for example generator.base_channels=32."),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="File or folder of the training data.")] = None,
    config_only: Annotated[bool, typer.Option("--config", help="Print only the complete config, as YAML.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show a model: its complete config, blocks, parameters, multiply-adds and memory."""
    from ganzoo.api import experiment
    from ganzoo.config import yaml_files

    config = experiment(name, data=data, overrides=overrides or [])
    yaml = yaml_files.dump(config.to_dict()).rstrip()
    if config_only:
        print_data(yaml)
        return

    summary = _summary(config)
    if as_json:
        print_json({"config": config.to_dict(), **summary.to_dict()})
        return
    print_data(yaml)
    for title, network in summary.networks.items():
        _print_network(title, network)
    _print_memory(summary, config.training.batch_size)


def _summary(config: Config) -> Summary:
    """With costs if Keras is installed, otherwise only with shapes."""
    from ganzoo.config.summary import summarize
    from ganzoo.environment.requirements import TRAINING, is_installed

    if not all(is_installed(module) for module in TRAINING):
        return summarize(config)
    from ganzoo.environment.tensorflow import import_tensorflow

    import_tensorflow()
    from ganzoo.training.network_costs import summarize_with_costs

    return summarize_with_costs(config)


def _print_network(title: str, network: NetworkSummary) -> None:
    def number(value: int | None) -> str:
        return "-" if value is None else f"{value:,}"

    rows = [
        (row.name, " x ".join(map(str, row.shape)), number(row.parameters), number(row.multiply_adds))
        for row in network.rows
    ]
    if network.parameters is not None:
        rows.append(("total", "", number(network.parameters), number(network.multiply_adds)))
    columns = (title, "output", "parameters", "multiply-adds")
    print_data("")
    print_table(columns, rows, right=columns[2:])


def _print_memory(summary: Summary, batch_size: int) -> None:
    generator = summary.generator
    if summary.training_bytes is None or generator.multiply_adds is None:
        info("To count parameters and multiply-adds, which needs Keras: pip install 'ganzoo-keras[train]'")
        return
    print_data("")
    print_data(f"Generating one sample takes {count_text(generator.multiply_adds)} multiply-adds.")
    print_data(
        f"Memory, estimated: {bytes_text(summary.training_bytes)} for training at batch size {batch_size} (data and "
        f"libraries on top), {bytes_text(summary.generation_bytes or 0)} for generating one."
    )
