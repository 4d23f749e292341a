"""Copies a run at one moment for its upload to the Hub, while the training goes on."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from ganzoo.bundle.public_values import public_values
from ganzoo.config import yaml_files
from ganzoo.config.experiment import Config
from ganzoo.environment import files
from ganzoo.hub.run_files import largest_size
from ganzoo.runs import (
    BEST,
    CHECKPOINTS,
    CLASS_NAMES,
    CONFIG,
    FINGERPRINT,
    INITIAL,
    LOG,
    VERSIONS,
    Run,
    step_name,
)


def copy_run(run: Run, config: Config, folder: Path, *, step: int) -> None:
    """Copy the files of a run at its checkpoint ``step``, as they may be public: without paths of this machine.

    Checkpoints and samples never change, so they are hard links where the file system has them. So the training can
    remove its own, and nothing is written.

    Args:
        run: the run.
        config: its config.
        folder: an empty folder on the disk of the run.
        step: of an existing checkpoint.

    Raises:
        OSError: if a file cannot be read or written.
    """
    values = public_values(config, config.to_dict())
    files.write_file(folder / CONFIG, yaml_files.dump(values).encode())
    files.write_file(folder / LOG, "".join(_public_lines(run)).encode())
    for name in (VERSIONS, FINGERPRINT, CLASS_NAMES):
        if (run.folder / name).is_file():
            shutil.copyfile(run.folder / name, folder / name)
    sources = [*(run.folder / CHECKPOINTS / step_name(step)).iterdir()]
    best = run.best_step()
    sources += [] if best is None else [*(run.folder / BEST / step_name(best)).iterdir()]
    initial = [path] if (path := run.folder / INITIAL).is_file() else []
    for source in [*sources, *initial, *run.sample_files()]:
        name = source.relative_to(run.folder).as_posix()
        if largest_size(name) is not None:
            _link(source, folder / name)


def names_in(folder: Path) -> list[str]:
    """The names of the files in a copy of a run, as they are on the Hub."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _public_lines(run: Run) -> Iterator[str]:
    """The lines of the log. Those that only have numbers stay the same bytes."""
    for record in run.log():
        is_plain = all(isinstance(value, int | float) for value in record.values())
        yield json.dumps(record if is_plain else public_values(None, record)) + "\n"


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:  # the file system has no hard links
        shutil.copyfile(source, target)
