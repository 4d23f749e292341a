"""Writes and reads checkpoints.

A killed or failed write never damages an earlier checkpoint, and every checkpoint is verified when it is read.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors import numpy as safetensors

from ganzoo.environment import files
from ganzoo.errors import RunError
from ganzoo.runs import named_step, step_name

MANIFEST = "manifest.json"
_RESCANS = 20
"""How often to list the checkpoints again, if a running training of the same run removes one during reading."""
State = Mapping[str, Mapping[str, NDArray[Any]]]
"""Group -> array name -> array. Each group is one file."""


@dataclass(frozen=True)
class Checkpoint:
    """A loaded checkpoint.

    Attributes:
        step: the training step.
        state: the arrays.
        skipped: the newer checkpoints that were skipped, with the reasons.
        config: key of the config -> hash of its value; empty for checkpoints of older versions.
    """

    step: int
    state: dict[str, dict[str, NDArray[Any]]]
    skipped: tuple[str, ...] = ()
    config: Mapping[str, str] = field(default_factory=dict)


def save(
    folder: Path,
    *,
    step: int,
    state: State,
    keep: int,
    also: Collection[int] = (),
    config: Mapping[str, str] | None = None,
) -> Path:
    """Write the checkpoint ``folder/step-N``, and remove the superseded ones.

    Args:
        folder: the folder of the checkpoints.
        step: the training step.
        state: the arrays to save.
        keep: number of newest checkpoints to keep.
        also: steps whose checkpoints are kept as well.
        config: key of the config -> hash of its value.

    Raises:
        RunError: if the checkpoint cannot be written. The older checkpoints are then unchanged.
    """
    final = checkpoint_folder(folder, step)
    try:
        with files.replacing_folder(final) as temporary:
            records = {}
            for group, arrays in state.items():
                content = safetensors.save({name: np.asarray(array, order="C") for name, array in arrays.items()})
                records[f"{group}.safetensors"] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
                (temporary / f"{group}.safetensors").write_bytes(content)
            manifest = {"step": step, "files": records} | ({} if config is None else {"config": dict(config)})
            (temporary / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    except OSError as error:
        raise RunError(f"Cannot write the checkpoint '{final}': {error.strerror or error}.") from error
    _tidy(folder, newest=step, keep=keep, also=also)
    return final


def checkpoint_folder(folder: Path, step: int) -> Path:
    """The folder of the checkpoint of a step, in the folder of the checkpoints."""
    return folder / step_name(step)


def drop_after(folder: Path, step: int) -> None:
    """Remove the checkpoints of later steps, because the training goes back to ``step``."""
    for later, path in _complete(folder):
        if later > step:
            shutil.rmtree(path, ignore_errors=True)


def load_newest(folder: Path, *, up_to: int | None = None) -> Checkpoint | None:
    """Read the newest intact checkpoint, up to the step ``up_to``; None if there are no checkpoints.

    Raises:
        RunError: if there are checkpoints, but all of them are damaged.
    """
    skipped: list[str] = []
    for _ in range(_RESCANS):
        candidates = [(step, path) for step, path in reversed(_complete(folder)) if up_to is None or step <= up_to]
        skipped = []
        for step, path in candidates:
            try:
                state, config = _read(path, step)
                return Checkpoint(step, state, tuple(skipped), config)
            except (
                OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, SafetensorError
            ) as error:  # fmt: skip
                if not path.is_dir():
                    break  # a running training replaced it with a newer one, so list them again
                skipped.append(f"{path.name}: {_reason(error)}")
        else:
            break
    if skipped:
        raise RunError(f"All checkpoints in '{folder}' are damaged. " + "; ".join(skipped))
    return None


def _complete(folder: Path) -> list[tuple[int, Path]]:
    """Return steps and folders of the completely written checkpoints, oldest first."""
    found = ((named_step(path.name), path) for path in folder.glob("step-*"))
    return sorted((step, path) for step, path in found if step is not None)


def _tidy(folder: Path, *, newest: int, keep: int, also: Collection[int]) -> None:
    """Remove the oldest checkpoints, leftovers of killed writes, and checkpoints after the step ``newest``.

    There are checkpoints after ``newest`` only if the training went back because they are damaged.
    """
    complete = _complete(folder)
    kept = [path for step, path in complete if step <= newest][-keep:]
    kept += [path for step, path in complete if step in also and step <= newest]
    superseded = [path for _, path in complete if path not in kept]
    for path in [*superseded, *folder.glob("step-*.tmp")]:  # ganzoo 0.1 wrote to step-N.tmp
        shutil.rmtree(path, ignore_errors=True)
    files.remove_leftovers(folder)


def _read(path: Path, step: int) -> tuple[dict[str, dict[str, NDArray[Any]]], dict[str, str]]:
    manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    if manifest["step"] != step:
        other = manifest["step"]
        raise ValueError(f"{MANIFEST} is for {f'step {other}' if isinstance(other, int) else 'another step'}")
    state = {}
    for name, record in manifest["files"].items():
        content = (path / Path(name).name).read_bytes()
        if len(content) != record["size"]:
            raise ValueError(f"{name} has {len(content)} bytes instead of {record['size']}")
        if hashlib.sha256(content).hexdigest() != record["sha256"]:
            raise ValueError(f"{name} is damaged")
        state[Path(name).stem] = safetensors.load(content)
    return state, {str(key): str(value) for key, value in manifest.get("config", {}).items()}


def _reason(error: Exception) -> str:
    """Return in one line why a checkpoint cannot be read."""
    if isinstance(error, OSError):
        return f"{Path(error.filename or '').name}: {error.strerror or error}"
    damaged = LookupError | TypeError | AttributeError | json.JSONDecodeError | UnicodeDecodeError | RecursionError
    if isinstance(error, damaged):
        return f"{MANIFEST} is damaged"
    return str(error)
