"""Checkpoints: written so that a killed or damaged write never costs the one before, and verified when read."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors import numpy as safetensors

from ganzoo.errors import RunError

MANIFEST = "manifest.json"
State = Mapping[str, Mapping[str, NDArray[Any]]]
"""Arrays by name, in groups: one group a file."""


@dataclass(frozen=True)
class Checkpoint:
    """What was read: the step, the state, and why newer checkpoints were passed over."""

    step: int
    state: dict[str, dict[str, NDArray[Any]]]
    skipped: tuple[str, ...] = ()


def save(folder: Path, *, step: int, state: State, keep: int) -> Path:
    """Write the checkpoint ``folder/step-N`` and remove all but the newest ``keep``.

    Raises:
        RunError: if it cannot be written; the older ones still stand.
    """
    final = folder / f"step-{step:08d}"
    temporary = final.with_suffix(".tmp")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        files = {}
        for group, arrays in state.items():
            content = safetensors.save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
            files[f"{group}.safetensors"] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            _write(temporary / f"{group}.safetensors", content)
        _write(temporary / MANIFEST, json.dumps({"step": step, "files": files}, indent=1).encode())
        _sync_folder(temporary)
        if final.exists():
            shutil.rmtree(final)
        temporary.rename(final)
        _sync_folder(folder)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise RunError(f"Cannot write the checkpoint '{final}': {error.strerror or error}.") from error
    for old in sorted(folder.glob("step-*"))[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def load_newest(folder: Path) -> Checkpoint | None:
    """Read the newest checkpoint that verifies; None if there is not one checkpoint.

    Raises:
        RunError: if there are checkpoints and every one of them is damaged.
    """
    skipped: list[str] = []
    for path in sorted(folder.glob("step-*"), reverse=True):
        if path.suffix == ".tmp":
            continue
        try:
            step, state = _read(path)
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            skipped.append(f"{path.name}: {error}")
            continue
        return Checkpoint(step, state, tuple(skipped))
    if skipped:
        raise RunError(f"No checkpoint in '{folder}' is whole. " + "; ".join(skipped))
    return None


def _read(path: Path) -> tuple[int, dict[str, dict[str, NDArray[Any]]]]:
    manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    state = {}
    for name, record in manifest["files"].items():
        content = (path / Path(name).name).read_bytes()
        if len(content) != record["size"]:
            raise ValueError(f"{name} has {len(content)} bytes instead of {record['size']}")
        if hashlib.sha256(content).hexdigest() != record["sha256"]:
            raise ValueError(f"{name} is damaged")
        state[Path(name).stem] = safetensors.load(content)
    return int(manifest["step"]), state


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
