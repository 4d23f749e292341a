"""What holds for every registered part: its name, its config, what users read of it."""

from __future__ import annotations

import contextlib
import json
from typing import TypeVar

from ganzoo.data.base import Shape
from ganzoo.registry import Part, Registry

P = TypeVar("P", bound=Part)

BATCH = 4
"""Samples that a check gives to a part at a time."""
IMAGE: Shape = (4, 6, 3)
"""Shape of the images that parts are tried on: neither square nor of even channels."""


def check_part(registry: Registry[P], part: P | type[P]) -> P:
    """The name, the round trip through a config, and the description that users read. Returns the part.

    Raises:
        AssertionError: naming what is wrong.
    """
    made: P = part() if isinstance(part, type) else part
    spec = registry.spec(made)
    require(registry.get(spec[registry.key]) is type(made), f"{spec} names another class than {type(made)}")
    require(registry.create(json.loads(json.dumps(spec))) == made, f"{spec} does not come back as it was")
    require(bool((type(made).__doc__ or "").strip()), f"{type(made).__name__} has no docstring")
    require("properties" in type(made).model_json_schema(), f"{type(made).__name__} has no JSON schema")
    with contextlib.suppress(ValueError):
        registry.create({**spec, "no_such_key": 1})
        raise AssertionError(f"{type(made).__name__} accepts keys that it does not have")
    return made


def require(condition: bool, message: str) -> None:
    """An assertion that ``python -O`` keeps."""
    if not condition:
        raise AssertionError(message)
