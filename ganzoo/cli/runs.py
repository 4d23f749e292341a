"""``ganzoo runs``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganzoo.cli.options import RunsFolder
from ganzoo.cli.output import info, print_json, print_table
from ganzoo.environment.quantities import age_text

if TYPE_CHECKING:
    from ganzoo.runs import Run


def runs(
    root: RunsFolder = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the runs, the newest last: step, age, last losses, and warnings of the collapse watch."""
    from ganzoo.runs import list_runs, no_runs, runs_folder

    rows = [_row(run) for run in list_runs(root=root)]
    if as_json:
        print_json(rows)
    elif not rows:
        info(no_runs(runs_folder(root)))
    else:
        columns = ("run", "step", "age", "D loss", "G loss", "img/s", "checkpoint", "best", "exported", "warnings")
        print_table(columns, [_texts(row) for row in rows], right=columns[1:-1])


def _row(run: Run) -> dict[str, Any]:
    from ganzoo.resolve import exported_step
    from ganzoo.runs import finite

    log = run.log()
    losses: dict[str, Any] = next((record for record in reversed(log) if "d_loss" in record), {})
    checkpoints = run.checkpoint_steps()
    lists = (record["warnings"] for record in log if isinstance(record.get("warnings"), list))
    return {
        "run": run.name,
        "folder": str(run.folder),
        "step": max([run.step, *checkpoints]),
        "steps": _steps(run),
        "age_seconds": round(run.age_seconds, 1),
        **{key: finite(losses.get(key)) for key in ("d_loss", "g_loss", "images_per_second")},
        "checkpoint": checkpoints[-1] if checkpoints else None,
        "best": run.best_step(),
        "exported": exported_step(run),
        "warnings": sorted({str(sign["kind"]) for signs in lists for sign in signs if _is_sign(sign)}),
        "rollbacks": int(max((finite(record.get("rollback")) or 0 for record in log), default=0)),
    }


def _is_sign(value: object) -> bool:
    return isinstance(value, dict) and "kind" in value


def _steps(run: Run) -> int | None:
    """Steps of the whole training; None if the config is damaged. It is not validated, because that takes a second."""
    from ganzoo.config import yaml_files
    from ganzoo.errors import ConfigError
    from ganzoo.runs import CONFIG

    try:
        steps = yaml_files.read_mapping(run.folder / CONFIG)["training"]["steps"]
    except (ConfigError, KeyError, TypeError):
        return None
    return steps if isinstance(steps, int) else None


def _texts(row: dict[str, Any]) -> tuple[str, ...]:
    def number(key: str, form: str) -> str:
        return format(row[key], form) if isinstance(row[key], int | float) else "-"

    step = f"{row['step']}/{'?' if row['steps'] is None else row['steps']}"
    losses = (number("d_loss", ".3f"), number("g_loss", ".3f"), number("images_per_second", ".0f"))
    seen = [*row["warnings"], *([f"{row['rollbacks']} rollbacks"] if row["rollbacks"] else [])]
    saved = tuple(number(key, "d") for key in ("checkpoint", "best", "exported"))
    return (row["run"], step, age_text(row["age_seconds"]), *losses, *saved, ", ".join(seen) or "-")
