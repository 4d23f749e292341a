"""What a type annotation mentions: itself and everything inside its brackets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from typing_extensions import TypeAliasType


def mentioned(annotation: Any) -> Iterator[Any]:
    """The annotation, and every type and every mark inside it. A type alias is opened."""
    if isinstance(annotation, TypeAliasType):
        annotation = annotation.__value__
    yield annotation
    for inner in get_args(annotation):
        yield from mentioned(inner)
