"""Residual networks of the spectral-normalization GAN (Miyato et al. 2018, arXiv:1802.05957, tables 4 and 5)."""

from __future__ import annotations

from typing import Any, ClassVar

from ganzoo.architectures.base import (
    discriminator_architectures,
    generator_architectures,
    norm_of_weights,
    shared_fields,
)
from ganzoo.architectures.dcgan import DcganDiscriminator, DcganGenerator
from ganzoo.blocks.base import Shape


@generator_architectures.register("residual")
class ResidualGenerator(DcganGenerator):
    """Like ``dcgan``, with residual blocks, which normalize their input. So the stem has no normalization."""

    default_block: ClassVar[str] = "residual_up"

    def default_stem(self) -> dict[str, Any]:
        return {
            "name": "dense_stem",
            "norm": "none",
            "activation": "linear",
            **norm_of_weights(shared_fields(self.block)),
        }

    def default_head(self, sample_shape: Shape) -> dict[str, Any]:
        return {"name": "image_head", **shared_fields(self.block or (self.blocks or (None,))[-1])}


@discriminator_architectures.register("residual")
class ResidualDiscriminator(DcganDiscriminator):
    """Like ``dcgan``, with residual blocks. The head sums the features over the image."""

    default_block: ClassVar[str] = "residual_down"

    def default_head(self) -> dict[str, Any]:
        dress = shared_fields(self.block or (self.blocks or (None,))[-1])
        activation = {"activation": dress.get("activation", "relu"), "slope": dress.get("slope", 0.2)}
        return {**super().default_head(), "pool": "sum", **activation}
