"""The networks of StyleGAN2 (Karras et al. 2020, arXiv:1912.04958)."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from ganzoo.architectures.base import discriminator_architectures, generator_architectures
from ganzoo.architectures.dcgan import DcganDiscriminator, DcganGenerator
from ganzoo.architectures.mapping import MappingConfig
from ganzoo.blocks.base import Shape


@generator_architectures.register("stylegan2")
class Stylegan2Generator(DcganGenerator):
    """A mapping network computes a style from the latent, and the style scales every convolution.

    A learned constant is enlarged block by block, as in ``dcgan``. Each block adds an image, and the sample is their
    sum.

    Attributes:
        mapping: the mapping network, which this architecture needs.
    """

    default_block: ClassVar[str] = "styled_upsample"

    mapping: MappingConfig = Field(default_factory=MappingConfig)

    def default_stem(self) -> dict[str, Any]:
        return {"name": "constant_stem"}

    def default_head(self, sample_shape: Shape) -> dict[str, Any]:
        return {"name": "skip_head"}


@discriminator_architectures.register("stylegan2")
class Stylegan2Discriminator(DcganDiscriminator):
    """Like ``dcgan``, with residual blocks that blur before they halve the image."""

    default_block: ClassVar[str] = "blurred_down"
