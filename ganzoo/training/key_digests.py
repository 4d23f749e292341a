"""Which keys of a run's config have changed since a checkpoint was written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from ganzoo.bundle.public_values import public_values
from ganzoo.config.experiment import Config

_MAY_CHANGE = (
    "name",
    "data.path",
    "training.steps",
    "training.hub",
    "training.device",
    "training.keep_checkpoints",
    "training.init_from",
    "training.init_partial",
    "training.init_widen",
    "training.init_discriminator",
)
"""Keys and groups that do not change the steps of a training that has begun. A resume checks a new length itself."""


def key_digests(config: Config) -> dict[str, str]:
    """A short hash of the value of each key that decides the steps of a training. Paths are left out."""
    values = public_values(config, config.to_dict())
    return {
        key: hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]
        for key, value in _leaves(values)
        if not any(f"{key}.".startswith(f"{free}.") for free in _MAY_CHANGE)
    }


def changed_keys(config: Config, digests: Mapping[str, str]) -> list[str]:
    """The keys of ``config`` whose values are not those of the digests. Keys that one of them lacks do not count.

    A value that became a group of keys has changed, and so has a group that became a value, such as null.
    """
    now = key_digests(config)
    different = {key for key in now if key in digests and now[key] != digests[key]}
    different |= {group for key in now for group in _groups(key) if group in digests}
    different |= {group for key in digests for group in _groups(key) if group in now}
    return sorted(different)


def _groups(key: str) -> Iterator[str]:
    """The groups that a key is in: ``a`` and ``a.b`` for ``a.b.c``."""
    while "." in key:
        key = key.rpartition(".")[0]
        yield key


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
