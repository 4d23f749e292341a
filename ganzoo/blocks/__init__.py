"""Blocks that networks are assembled from, one family a file."""

from ganzoo.blocks.base import Block, discriminator_blocks, generator_blocks

__all__ = ["Block", "discriminator_blocks", "generator_blocks"]
