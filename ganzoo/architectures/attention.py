"""Inserts self-attention blocks into the compact form of a convolutional network. No Keras."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from ganzoo.architectures.base import norm_of_weights, shared_fields
from ganzoo.architectures.shapes import trace
from ganzoo.blocks.base import Block, Shape
from ganzoo.errors import ConfigError
from ganzoo.registry import Registry

LARGEST = 1024


def _as_list(value: Any) -> Any:
    return (value,) if isinstance(value, int | str) else value


_HEIGHT = {"type": "integer", "minimum": 1, "maximum": LARGEST}
Attention = Annotated[
    tuple[Annotated[int, Field(ge=1, le=LARGEST)], ...],
    BeforeValidator(_as_list),
    Field(max_length=16),
    WithJsonSchema({"anyOf": [_HEIGHT, {"type": "array", "items": _HEIGHT, "maxItems": 16}]}),
]
"""Heights of features in pixels. A config may have one number instead of a list."""


def with_attention(
    blocks: tuple[Block, ...], shape: Shape, heights: tuple[int, ...], registry: Registry[Block]
) -> tuple[Block, ...]:
    """The blocks, with a ``self_attention`` block after each one whose output has one of the heights.

    It has spectral normalization where the block before it has.

    Args:
        blocks: of the network, without its head.
        shape: of the first block's input.
        heights: in pixels.
        registry: of the network's blocks.

    Raises:
        ConfigError: if no output has one of the heights.
    """
    if not heights:
        return blocks
    found = [output[0] for output in trace(blocks, shape)]
    for height in sorted(set(heights).difference(found)):
        allowed = ", ".join(map(str, dict.fromkeys(found)))
        raise ConfigError(
            f"attention: {height} is not a height of the features of this network; its blocks output {allowed} px"
        )
    result: list[Block] = []
    for block, height in zip(blocks, found, strict=True):
        result.append(block)
        if height in heights:
            result.append(registry.create({"name": "self_attention", **norm_of_weights(shared_fields(block))}))
    return tuple(result)
