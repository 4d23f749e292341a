"""The check of what all registered parts have in common: name, config and description."""

from __future__ import annotations

import contextlib
import json
from typing import TypeVar

from ganzoo.data.base import Shape
from ganzoo.registry import Part, Registry

P = TypeVar("P", bound=Part)

BATCH = 4
"""Samples per batch in the checks."""
IMAGE: Shape = (4, 6, 3)
"""Shape of the images in the checks. They are not square, and the number of channels is odd."""


def check_part(registry: Registry[P], part: P | type[P]) -> P:
    """Check the name, the round trip through a config, and the description for users. Returns the part.

    Raises:
        AssertionError: with the first check that failed.
    """
    instance: P = part() if isinstance(part, type) else part
    spec = registry.spec(instance)
    name = spec if isinstance(spec, str) else spec[registry.key]
    require(registry.get(name) is type(instance), f"{spec} is the name of another class than {type(instance)}")
    require(
        registry.create(json.loads(json.dumps(spec))) == instance,
        f"a config with {spec} does not read back as the same part",
    )
    require(bool((type(instance).__doc__ or "").strip()), f"{type(instance).__name__} has no docstring")
    require("properties" in type(instance).model_json_schema(), f"{type(instance).__name__} has no JSON schema")
    with contextlib.suppress(ValueError):
        registry.create({registry.key: name, "no_such_key": 1})
        raise AssertionError(f"{type(instance).__name__} accepts a key that is not a field")
    return instance


def require(condition: bool, message: str) -> None:
    """An assertion that ``python -O`` does not remove."""
    if not condition:
        raise AssertionError(message)
