"""directions.json of a bundle: named directions of the latent space.

    {"directions": [{"name": "hair", "vector": [0.12, -0.03, ...]}, ...]}

A vector has one number per latent value and the length 1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganzoo.bundle.strict_json import check_keys, read_json, reject, write_json
from ganzoo.errors import BundleError

MAX_DIRECTIONS = 64
NAME = re.compile(r"[a-z][a-z0-9 _-]{0,39}", re.ASCII)
NAME_RULE = "1-40 lower-case letters, digits, spaces, dashes and underscores; the first is a letter"
_DIGITS = 5


class NamedDirection(NamedTuple):
    """A name and its unit vector: float32 ``[latent_dim]``."""

    name: str
    vector: NDArray[np.float32]


def write_directions(directions: Sequence[NamedDirection]) -> bytes:
    """The content of directions.json. Vectors are rounded to five decimals."""
    entries = [{"name": name, "vector": [round(float(v), _DIGITS) for v in vector]} for name, vector in directions]
    return write_json({"directions": entries})


def read_directions(content: bytes, name: str, *, latent_dim: int) -> tuple[NamedDirection, ...]:
    """Parse directions.json. The vectors are scaled to the length 1.

    Args:
        content: the file.
        name: name of the file, for the error.
        latent_dim: number of values of a vector.

    Raises:
        BundleError: if the file has other content, more than 64 directions, or a name twice.
    """
    table = read_json(content, name)
    check_keys(table, ("directions",), name)
    entries = table["directions"]
    if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_DIRECTIONS:
        raise BundleError(f"{name}: 'directions' must be a list of 1 to {MAX_DIRECTIONS} directions.")
    directions = tuple(_direction(entry, f"{name}, direction {i}", latent_dim) for i, entry in enumerate(entries, 1))
    if len({direction.name for direction in directions}) != len(directions):
        raise BundleError(f"{name} has two directions with the same name.")
    return directions


def _direction(entry: object, where: str, latent_dim: int) -> NamedDirection:
    if not isinstance(entry, Mapping):
        raise BundleError(f"{where} is not a JSON object.")
    check_keys(entry, ("name", "vector"), where)
    name, values = entry["name"], entry["vector"]
    if not isinstance(name, str) or not NAME.fullmatch(name):
        reject("name", name, NAME_RULE, where)
    if (
        not isinstance(values, list)
        or len(values) != latent_dim
        or any(isinstance(v, bool) or not isinstance(v, int | float) or not abs(v) <= 1.0 for v in values)
    ):
        raise BundleError(f"{where}: vector must be a list of {latent_dim} numbers from -1 to 1.")
    vector = np.array(values, np.float64)
    length = float(np.linalg.norm(vector))
    if not 0.5 <= length <= 2.0:
        raise BundleError(f"{where}: the vector has the length {length:.3g}; it must be 1.")
    return NamedDirection(name, (vector / length).astype(np.float32))
