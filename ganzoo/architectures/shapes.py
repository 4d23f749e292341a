"""Names and output shapes of the blocks of a network, and sizes that halve. No Keras."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ganzoo.blocks.base import Block, Shape
from ganzoo.errors import ConfigError


class BlockChain(NamedTuple):
    """Blocks in a row.

    Attributes:
        input_shape: shape of one input of the first block.
        blocks: name -> block, in order. The names of a block's layers begin with its name and ``_``.
    """

    input_shape: Shape
    blocks: dict[str, Block]


def trace(blocks: tuple[Block, ...], shape: Shape) -> list[Shape]:
    """Shape of one sample after each block.

    Raises:
        ConfigError: if a block does not accept the output of the previous block; the message names it.
    """
    shapes = []
    for number, block in enumerate(blocks):
        try:
            shape = block.output_shape(shape)
        except ConfigError as error:
            raise ConfigError(f"block {number}: {error}") from error
        if min(shape) < 1:
            raise ConfigError(f"block {number} ('{block.registered_name}') leaves nothing of the image: {list(shape)}")
        shapes.append(shape)
    return shapes


def halvings(height: int, width: int) -> int:
    """Number of times an image can be halved: both sides stay whole, and the shorter one at least 4 px."""
    count = 0
    while height % 2 == 0 and width % 2 == 0 and min(height, width) >= 8:
        height, width, count = height // 2, width // 2, count + 1
    return count


def nearest_that_halves(height: int, width: int) -> str:
    """The nearest size whose sides can both be halved, as written in a config."""
    near = tuple(max(8, 8 * ((side + 4) // 8)) for side in (height, width))
    return f"{near[0]}" if near[0] == near[1] else f"{near[0]}x{near[1]}"


def block_names(blocks: Iterable[Block]) -> list[str]:
    """The name of each block in its network, from its position and type. The names of its layers begin with it."""
    return [f"{position:02d}_{block.registered_name}" for position, block in enumerate(blocks)]


def block_chain(input_shape: Shape, blocks: tuple[Block, ...], *, head: str | None = None) -> BlockChain:
    """Blocks with their names in a network; ``head`` is the name of the last one."""
    names = block_names(blocks)
    if head is not None:
        names[-1] = head
    return BlockChain(input_shape, dict(zip(names, blocks, strict=True)))
