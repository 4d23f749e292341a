"""``ganzoo train``."""

from __future__ import annotations

import math
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganzoo.cli import complete
from ganzoo.cli.failures import INTERRUPTED
from ganzoo.cli.options import Quiet, RunsFolder
from ganzoo.cli.output import generate_hint, info, print_data
from ganzoo.environment.commands import command, quote, run_word

if TYPE_CHECKING:
    from ganzoo.config.experiment import Config
    from ganzoo.runs import Run
    from ganzoo.training.outcome import Outcome


def _finite(minutes: float | None) -> float | None:
    if minutes is not None and not math.isfinite(minutes):
        raise typer.BadParameter(f"received '{minutes}'; allowed is 0 or more, or no limit without the option")
    return minutes


def train(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="A model of the zoo or a YAML file; with --resume a run (default: the newest), or hf://user/name.",
            autocompletion=complete.models,
        ),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Changes of the config, for example training.batch_size=32."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="File or folder of the training data. With --resume: the new path of the same data."),
    ] = None,
    max_minutes: Annotated[
        float | None, typer.Option(min=0.0, callback=_finite, help="Stop after this many minutes.")
    ] = None,
    max_steps: Annotated[int | None, typer.Option(min=1, help="Stop at this step.")] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**31 - 1, help="Seed of the training (default: the config's).")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the config, that the data exist, and their classes; do not train.")
    ] = False,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Resume a run from its newest checkpoint; training.steps=N changes its length."),
    ] = False,
    allow_changed: Annotated[
        str | None, typer.Option(metavar="data", help="With --resume: continue even if the data have changed.")
    ] = None,
    devices: Annotated[
        str | None, typer.Option(metavar="0,1", help="Indices of the GPUs to use (default: all).")
    ] = None,
    nodes: Annotated[
        int | None, typer.Option(help="Number of processes, on several machines, that train together.")
    ] = None,
    node_rank: Annotated[
        int | None, typer.Option(help="Number of this process, from 0. Process 0 writes the run.")
    ] = None,
    master: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Host and a free port of process 0.")] = None,
    runs: RunsFolder = None,
    quiet: Quiet = False,
) -> None:
    """Train a model and print the folder of the run.

    Ctrl-C stops at the next step and saves the run; ganzoo train --resume goes on from there.
    """
    from ganzoo import api
    from ganzoo.environment.cluster import find_cluster

    options: dict[str, Any] = {"root": runs, "max_steps": max_steps, "max_minutes": max_minutes, "quiet": quiet}
    options |= {"info": info, "on_end": _report, "devices": _read_devices(devices)}
    options |= {"cluster": find_cluster(nodes=nodes, node_rank=node_rank, master=master)}
    if resume:
        name, changes = _read_resume(name, overrides or [], seed=seed, dry_run=dry_run, allow=allow_changed)
        api.resume(name, data=data, allow_changed_data=allow_changed is not None, **changes, **options)
        return
    if allow_changed is not None:
        raise typer.BadParameter("--allow-changed needs --resume")
    if name is None:
        raise typer.BadParameter("name a model (ganzoo list) or a YAML file, or use --resume", param_hint="NAME")
    config = api.experiment(name, data=data, seed=seed, overrides=overrides or [])
    if dry_run:
        _check_data(config)
        with_data = "" if data is None else f"--data {quote(str(data))}"
        _print_plan(config, show=command("show", name, *(overrides or []), options=with_data))
        return
    limits = {"seed": seed, "max_minutes": max_minutes, "max_steps": max_steps}
    again = _command(name, overrides or [], config, has_data=data is not None, **limits)
    api.train(config, **options, command=again)


def _command(name: str, overrides: list[str], config: Config, *, has_data: bool, **options: float | None) -> str | None:
    """The command for the report and the model card, without paths of this machine: ``--data PATH``."""
    from ganzoo.bundle.public_values import public_command, public_values

    words = ["ganzoo", "train", name, *(["--data", "PATH"] if has_data else []), *overrides]
    for option, value in options.items():
        if value is not None:
            words += [f"--{option.replace('_', '-')}", str(int(value) if value == int(value) else value)]
    return public_command(shlex.join(words), public_values(config, config.to_dict()))


def _read_resume(
    name: str | None, overrides: list[str], *, seed: int | None, dry_run: bool, allow: str | None
) -> tuple[str | None, dict[str, Any]]:
    """The run, and its new length and place on the Hub as arguments of ``ganzoo.resume``.

    Nothing else may change, or the steps would differ from an uninterrupted run.
    """
    from ganzoo.config import yaml_files

    if name is not None and "=" in name and not Path(name).exists():
        overrides, name = [name, *overrides], None
    allowed = {key: [text for text in overrides if text.startswith(f"training.{key}=")] for key in ("steps", "hub")}
    fixed = [text for text in overrides if not any(text in texts for texts in allowed.values())]
    fixed += (["--seed"] if seed is not None else []) + (["--dry-run"] if dry_run else [])
    if fixed:
        raise typer.BadParameter(
            f"a resumed run keeps its config, so these cannot be used with --resume: {', '.join(fixed)}. Allowed are a "
            "new length (training.steps=N), a new path of the data (--data PATH), and training.hub"
        )
    if allow is not None and allow != "data":
        raise typer.BadParameter(f"--allow-changed: the only allowed value is data; received '{allow}'")
    given = {key: texts[-1] for key, texts in allowed.items() if texts}
    changes = {key: yaml_files.parse(text.partition("=")[2], what=text) for key, text in given.items()}
    return name, {**changes, "hub": False} if changes.get("hub", False) is None else changes


def _read_devices(text: str | None) -> list[int] | None:
    if text is None:
        return None
    words = [word.strip() for word in text.split(",")]
    if not all(word.isascii() and word.isdigit() for word in words):
        raise typer.BadParameter(
            f"received '{text}'; allowed are numbers of GPUs, for example 0,1", param_hint="--devices"
        )
    return [int(word) for word in words]


def _check_data(config: Config) -> None:
    """Check what is known of the data without reading them: that they are there, and how many classes they have."""
    from ganzoo.training.data import check_classes

    names = config.data.listed_classes()
    if names is not None:
        check_classes(config, names)


def _print_plan(config: Config, *, show: str) -> None:
    from ganzoo.config import yaml_files

    print_data(yaml_files.dump(config.to_dict()).rstrip())
    training = config.training
    info(
        f"Would train {config.name} for {training.steps} {'step' if training.steps == 1 else 'steps'} of "
        f"{training.batch_size} samples ({config.sample_spec}) from '{config.data.registered_name}'. The samples were "
        f"not checked, and nothing was written. Sizes and memory: {show}"
    )


def _report(run: Run, outcome: Outcome) -> None:
    """Print the run and the next commands."""
    print_data(str(run.folder))
    info(f"{_END[outcome.reason].format(step=outcome.step)} Samples, losses and checkpoints are in {run.folder}")
    best = run.best_step()
    if best is not None and best != outcome.step:
        info(f"The best measured step is {best}; export and generate use it. The log has the numbers.")
    if outcome.reason != "finished":
        info(f"  continue:  {command('train --resume', run_word(run.folder))}")
    info(f"  export:    {command('export', run_word(run.folder), options='--onnx')}")
    info(f"  generate:  {generate_hint(run_word(run.folder), run.config)}")
    if outcome.reason == "interrupted":
        raise typer.Exit(INTERRUPTED)


_END = {
    "finished": "Finished at step {step}.",
    "steps": "Stopped at step {step}, as asked.",
    "minutes": "Stopped at step {step}: the time limit is reached.",
    "interrupted": "Interrupted and saved at step {step}.",
    "callback": "Stopped at step {step} by a callback.",
}
