"""Creates, finds and reads the run folders ``runs/<name>/<number>/``, without TensorFlow."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ganzoo.environment.places import check_name, expanded
from ganzoo.errors import RunError, did_you_mean

RUNS = Path("runs")
"""The default folder of all runs, relative to the current folder."""
RUNS_VARIABLE = "GANZOO_RUNS"
SCHEME = "run:"
"""Prefix of a name that can only mean a run, for example ``run:faces-64/001``."""
ELSEWHERE = f"Runs in another place: --runs DIR, or the variable {RUNS_VARIABLE}."

CONFIG, LOG, SAMPLES, CHECKPOINTS = "config.yaml", "log.jsonl", "samples", "checkpoints"
BUNDLE = "bundle"
"""Folder of the exported generator."""
BEST = "best"
"""Folder with the weights of the averaged generator at the best measured step."""
CLASS_NAMES = "class_names.json"
FINGERPRINT = "data.json"
"""File with the fingerprint of the training data's content."""
EXPORT_LOCK, TRAINING_LOCK = "export.lock", "training.lock"
INITIAL = "initial.safetensors"
"""File with the weights that a fine-tuning began with (``training.init_from``)."""
REAL = "real.png"
"""File with a picture of real samples."""
ORIGIN = "origin.json"
"""File with the repo on the Hub that the run was fetched from."""
VERSIONS = "versions.json"
"""File with the machine, the versions and the command of the training."""
if TYPE_CHECKING:
    from ganzoo.environment.locks import Holder

_STEP = re.compile(r"step-([0-9]+)", re.ASCII)
_MAX_JSON = 1 << 24
_MAX_SECONDS = 1e12
_T = TypeVar("_T")


@dataclass(frozen=True)
class Run:
    """One training run, read from its folder.

    A notebook displays a run as its newest sample grid.
    """

    folder: Path

    @property
    def name(self) -> str:
        """The run's name in commands: ``model/number``. The runs of a model are numbered from 1."""
        return f"{self.folder.parent.name}/{self.folder.name}"

    @property
    def bundle_folder(self) -> Path:
        """The folder for the exported generator, which may not exist yet."""
        return self.folder / BUNDLE

    @cached_property
    def config(self) -> Any:
        """The complete config, a ``ganzoo.config.experiment.Config``.

        Data fields that are newer than the run get the values that match the run's original behavior.

        Raises:
            ConfigError: if config.yaml is missing or damaged.
        """
        from ganzoo.config import yaml_files
        from ganzoo.config.experiment import Config

        path = self.folder / CONFIG
        values = yaml_files.read_mapping(path)
        config = Config.read(values, what=str(path))
        written = values["data"] if isinstance(values["data"], dict) else {}
        data = config.data.of_older_run(written, with_labels=config.num_classes > 0)
        return config if data is config.data else config.model_copy(update={"data": data})

    def log(self) -> list[dict[str, Any]]:
        """Return the logged steps, oldest first. A last line that is incomplete is ignored."""
        return [record for record in _json_lines(self.folder / LOG) if _is_step(record.get("step"))]

    @property
    def step(self) -> int:
        """The newest logged step; 0 if the log is empty."""
        log = self.log()
        return int(log[-1]["step"]) if log else 0

    def checkpoint_steps(self) -> list[int]:
        """Return the steps of the checkpoints that were written completely, in order. Loading verifies them."""
        return sorted(step for step, _ in _numbered(self.folder / CHECKPOINTS))

    def best_step(self) -> int | None:
        """Return the step of the best weights measured during training; None if nothing was measured."""
        return max((step for step, _ in _numbered(self.folder / BEST)), default=None)

    def chosen_step(self) -> int | None:
        """Return the step that is exported by default: the best, else the newest; None if there is no checkpoint."""
        steps = self.checkpoint_steps()
        best = self.best_step()
        return best if best is not None else steps[-1] if steps else None

    def sample_files(self) -> list[Path]:
        """Return the files of the sample grids, oldest first."""
        return [path for _, path in sorted(_numbered(self.folder / SAMPLES)) if path.suffix == ".png"]

    @property
    def age_seconds(self) -> float:
        """Seconds since the run last wrote to its log, or was created; 0 if the clock was set back since then."""
        return max(0.0, time.time() - self._active_at())

    def _active_at(self) -> float:
        """The time of the last change of the log, else of the folder; 0 if the run was removed."""
        for path in (self.folder / LOG, self.folder):
            with contextlib.suppress(OSError):
                return path.stat().st_mtime
        return 0.0

    def _repr_png_(self) -> bytes | None:
        files = self.sample_files()
        return files[-1].read_bytes() if files else None


@contextlib.contextmanager
def exporting(run: Run, *, on_wait: Callable[[Holder | None], None] = lambda holder: None) -> Iterator[None]:
    """Lock a run for an export, so that only one export runs at a time. ``on_wait`` is called before waiting.

    A run in a read-only folder is not locked, because its exports go to other folders.
    """
    from ganzoo.environment.locks import lock

    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            stack.enter_context(lock(run.folder / EXPORT_LOCK, wait=True, on_wait=on_wait))
        yield


def runs_folder(root: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of all runs: ``root``, else the variable GANZOO_RUNS, else ``runs`` in the current folder."""
    chosen = root if root is not None else os.environ.get(RUNS_VARIABLE) or RUNS
    return expanded(chosen, variable=RUNS_VARIABLE)


def checked_runs_folder(root: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of all runs, which need not exist.

    Raises:
        RunError: if something else than a folder is there.
    """
    folder = runs_folder(root)
    wrong = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    if wrong.exists() and not wrong.is_dir():
        name = f"{RUNS_VARIABLE} names" if root is None and os.environ.get(RUNS_VARIABLE) else "runs are in"
        raise RunError(f"'{wrong}' is a file, but {name} a folder. {ELSEWHERE}")
    return folder


def new_run(name: str, *, root: str | os.PathLike[str] | None = None) -> Run:
    """Create the folder of the next run of the model ``name``.

    Raises:
        RunError: if the folder cannot be created.
    """
    parent = checked_runs_folder(root) / name
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for _ in range(1000):
            number = 1 + max((int(path.name) for path in parent.iterdir() if path.name.isdecimal()), default=0)
            try:
                (parent / f"{number:03d}").mkdir()
            except FileExistsError:
                continue  # another training has just taken this number
            return Run(parent / f"{number:03d}")
    except OSError as error:
        raise RunError(f"Cannot create a run folder in '{parent}': {error.strerror or error}.") from error
    raise RunError(f"Cannot create a run folder in '{parent}': too many runs start at the same time. Try again.")


def list_runs(*, root: str | os.PathLike[str] | None = None) -> list[Run]:
    """Return all runs. The most recently active run is last."""
    folder = checked_runs_folder(root)
    found = [Run(path.parent) for path in folder.glob(f"*/*/{CONFIG}") if path.parent.name.isdecimal()]
    return sorted(found, key=lambda run: (run._active_at(), run.name))


def make_newest(run: Run) -> None:
    """Make sure that ``run``, which a training begins to write, becomes the most recently active run.

    If the clock was set back, the times of other runs may be in the future. They are changed to the present, in the
    same order. Nothing happens to runs that this user must not change.

    Args:
        run: a run in the folder of all runs.
    """
    now = time.time()
    later = [other for other in list_runs(root=run.folder.parent.parent) if other._active_at() > now]
    for place, other in enumerate(later):
        path = other.folder / LOG
        time_of_place = now - (len(later) - place) * 0.01
        with contextlib.suppress(OSError):
            os.utime(path if path.exists() else other.folder, (time_of_place, time_of_place))


def find_run(what: str | os.PathLike[str] | None = None, *, root: str | os.PathLike[str] | None = None) -> Run:
    """The run that ``what`` names: a folder, ``model/number``, a model (its newest run), or None (the newest run).

    A folder is that of a run, or that of a model's runs (the newest). ``run:model/number`` is never a folder.

    Raises:
        RunError: if there is no such run. The message lists the closest names.
    """
    folder = runs_folder(root)
    if what is None:
        runs = list_runs(root=root)
        if not runs:
            raise RunError(no_runs(folder))
        return runs[-1]
    check_name(what, "a run's name, such as 'dcgan-faces-32/001', or its folder")
    text = os.fspath(what)
    found = (None if text.startswith(SCHEME) else run_at(expanded(text))) or named_run(text, root=root)
    if found is not None:
        return found
    name = text.removeprefix(SCHEME)
    near = did_you_mean(name, [name for run in list_runs(root=root) for name in (run.name, run.folder.parent.name)])
    raise RunError(f"No run '{name}' in '{folder.absolute()}'.{near}\nSee all: ganzoo runs. {ELSEWHERE}")


def run_of_bundle(folder: Path) -> Run | None:
    """The run whose exported generator is in ``folder``; None if it is not in a run."""
    parent = folder.absolute().parent
    return Run(parent) if folder.name == BUNDLE and (parent / CONFIG).is_file() else None


def run_at(path: Path) -> Run | None:
    """The run whose folder is ``path``, or the newest run of the model whose runs are in ``path``."""
    if (path / CONFIG).is_file():
        return Run(path)
    if not path.is_dir():
        return None
    inside = [run for run in list_runs(root=path.parent) if run.folder.parent == path]
    return inside[-1] if inside else None


def named_run(what: str, *, root: str | os.PathLike[str] | None = None) -> Run | None:
    """The run named ``model/number``, or the newest run of a model. ``run:`` in front is allowed."""
    model, _, number = what.removeprefix(SCHEME).strip("/").partition("/")
    if not (runs_folder(root) / model).is_dir():
        return None
    wanted = [run for run in list_runs(root=root) if run.folder.parent.name == model]
    if number:
        wanted = [run for run in wanted if number.isdecimal() and int(run.folder.name) == int(number)]
    return wanted[-1] if wanted else None


def no_runs(folder: Path) -> str:
    """Return the message for a folder without runs."""
    return f"No runs in '{folder.absolute()}'. Start one: ganzoo train dcgan-faces-32\n{ELSEWHERE}"


def read_small_json(path: Path, kind: type[_T]) -> _T:
    """The content of a small JSON file of a run, which may be damaged, or from a stranger.

    Args:
        path: the file.
        kind: the type of its content: ``dict`` or ``list``.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it has more than 16 MiB, is not JSON, or has content of another type.
    """
    if path.stat().st_size > _MAX_JSON:
        raise ValueError(f"it has more than {_MAX_JSON} bytes")
    try:
        values = json.loads(path.read_bytes())
    except RecursionError:
        raise ValueError("it has too many levels") from None
    if not isinstance(values, kind):
        raise ValueError(f"it is not a {kind.__name__}")
    return values


def finite(value: object) -> float | None:
    """A number of a log; None if it is not a number, not finite, or too large for a float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def trained_seconds(log: Iterable[Mapping[str, Any]]) -> float:
    """Seconds of training, as far as the log of a run has them.

    A resumed run continues the clock of its log. In runs of older versions the clock started anew. Negative numbers and
    those above 30,000 years are damage, and are left out.
    """
    total = before = 0.0
    for record in log:
        now = finite(record.get("seconds"))
        if now is not None and 0 <= now < _MAX_SECONDS:
            total, before = total + (now - before if now >= before else now), now
    return total


def step_name(step: int) -> str:
    """The name of a checkpoint's folder, and of a sample grid without its suffix: ``step-00000042``."""
    return f"step-{step:08d}"


def named_step(name: str) -> int | None:
    """The step in such a name; None for another name."""
    match = _STEP.fullmatch(name)
    return int(match[1]) if match else None


def _is_step(value: object) -> bool:
    return type(value) is int and 0 <= value < 1 << 63


def _numbered(folder: Path) -> Iterator[tuple[int, Path]]:
    for path in folder.iterdir() if folder.is_dir() else ():
        step = named_step(path.stem)
        if step is not None and path.suffix in ("", ".png"):
            yield step, path


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                continue  # the incomplete last line of a killed run, or a damaged one
            if isinstance(record, dict):  # all lines share the texts of their keys, which are most of the memory
                yield {sys.intern(key): value for key, value in record.items()}
