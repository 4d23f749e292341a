"""The blocks of networks, one family per file."""

from ganzoo.blocks.base import Block, discriminator_blocks, generator_blocks

__all__ = ["Block", "discriminator_blocks", "generator_blocks"]
