"""The names and largest sizes of the files of a run on the Hub. Only these are uploaded and fetched.

Real training images are not among them.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from ganzoo.runs import (
    BEST,
    CHECKPOINTS,
    CLASS_NAMES,
    CONFIG,
    FINGERPRINT,
    INITIAL,
    LOG,
    SAMPLES,
    VERSIONS,
    named_step,
)

_MB, _GB = 1 << 20, 1 << 30
_SINGLE = {INITIAL: 256 * _GB, CONFIG: _MB, VERSIONS: _MB, FINGERPRINT: 16 * _MB, CLASS_NAMES: 16 * _MB, LOG: 256 * _MB}
_NUMBERED = (
    (re.compile(rf"({CHECKPOINTS}|{BEST})/step-[0-9]{{8,12}}/manifest\.json", re.ASCII), _MB),
    (re.compile(rf"({CHECKPOINTS}|{BEST})/step-[0-9]{{8,12}}/[a-z0-9_]{{1,64}}\.safetensors", re.ASCII), 256 * _GB),
    (re.compile(rf"{SAMPLES}/step-[0-9]{{8,12}}\.png", re.ASCII), 256 * _MB),
)
MOST_FILES = 100_000
"""Largest number of files of a run on the Hub."""


def largest_size(name: str) -> int | None:
    """The largest size in bytes of a file of a run on the Hub; None if a run there has no such file."""
    if name in _SINGLE:
        return _SINGLE[name]
    return next((limit for pattern, limit in _NUMBERED if pattern.fullmatch(name)), None)


def step_of(name: str) -> int | None:
    """The step of a checkpoint's file or of a sample; None for the other files."""
    steps = (named_step(part.removesuffix(".png")) for part in name.split("/"))
    return next((step for step in steps if step is not None), None)


def checkpoint_steps(names: Collection[str]) -> list[int]:
    """The steps of the checkpoints among the files of a run, oldest first."""
    manifests = (name for name in names if name.startswith(f"{CHECKPOINTS}/") and name.endswith("/manifest.json"))
    return sorted({step for name in manifests if largest_size(name) and (step := step_of(name)) is not None})
