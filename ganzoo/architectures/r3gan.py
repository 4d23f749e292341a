"""The networks of R3GAN (Huang et al. 2024, arXiv:2501.05441)."""

from __future__ import annotations

from typing import Any, ClassVar

from ganzoo.architectures.base import discriminator_architectures, generator_architectures
from ganzoo.architectures.dcgan import DcganDiscriminator, DcganGenerator
from ganzoo.blocks.base import Block, Shape
from ganzoo.blocks.r3gan import R3ganStage
from ganzoo.initializers import InitializerPart, LecunNormal


@generator_architectures.register("r3gan")
class R3ganGenerator(DcganGenerator):
    """Like ``dcgan``, with residual blocks without normalization. In the stem, the latent scales learned feature maps.

    Unlike in the paper the head ends in tanh, because images are in [-1, 1] here.
    """

    default_block: ClassVar[str] = "r3gan_up"

    initializer: InitializerPart = LecunNormal()

    def expand(self, sample_shape: Shape) -> tuple[Block, ...]:
        return _with_depth(super().expand(sample_shape))

    def default_stem(self) -> dict[str, Any]:
        return {"name": "r3gan_stem", **_stage_fields(self.block or (self.blocks or (None,))[0])}

    def default_head(self, sample_shape: Shape) -> dict[str, Any]:
        return {"name": "image_head", "kernel_size": 1}


@discriminator_architectures.register("r3gan")
class R3ganDiscriminator(DcganDiscriminator):
    """Like ``dcgan``, with residual blocks without normalization, and one more stage at the lowest resolution.

    The head is a weighted sum over the pixels, with learned weights for each channel.
    """

    default_block: ClassVar[str] = "r3gan_down"

    initializer: InitializerPart = LecunNormal()

    def expand(self, sample_shape: Shape) -> tuple[Block, ...]:
        return _with_depth(super().expand(sample_shape))

    def body(self, sample_shape: Shape) -> tuple[Block, ...]:
        body = super().body(sample_shape)
        if not isinstance(self.block, R3ganStage):
            return body
        doublings = sum(block.scale < 1 for block in body)
        channels = min(self.base_channels * 2**doublings, self.max_channels)
        return (*body, self.block.model_copy(update={"channels": channels, "downsample": False}))

    def default_head(self) -> dict[str, Any]:
        return {"name": "logit_head", "pool": "basis"}


def _stage_fields(block: Block | None) -> dict[str, Any]:
    """The fields of a stage, for the stem of the same network."""
    names = set(R3ganStage.model_fields) - {"channels", "network_depth"}
    return {name: getattr(block, name) for name in names} if isinstance(block, R3ganStage) else {}


def _with_depth(blocks: tuple[Block, ...]) -> tuple[Block, ...]:
    """The blocks, in which each stage knows the number of residual blocks of the network."""
    stages = [block for block in blocks if isinstance(block, R3ganStage)]
    depth = {"network_depth": sum(stage.residual_blocks for stage in stages)}
    return tuple(block.model_copy(update=depth) if isinstance(block, R3ganStage) else block for block in blocks)
