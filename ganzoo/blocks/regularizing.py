"""Blocks against lost modes and overfitting in a discriminator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from ganzoo.blocks._conditioning import current_label
from ganzoo.blocks.base import Block, SameShapeBlock, Shape, discriminator_blocks
from ganzoo.blocks.fields import drop_out
from ganzoo.errors import ConfigError

if TYPE_CHECKING:
    from keras import KerasTensor


@discriminator_blocks.register("dropout")
class Dropout(SameShapeBlock):
    """Sets a share of the features to zero while training."""

    rate: float = Field(0.4, gt=0, lt=1)

    def build(self, x: KerasTensor, name: str) -> KerasTensor:
        return drop_out(x, self.rate, name)


@discriminator_blocks.register("minibatch_stddev")
class MinibatchStddev(Block):
    """Adds how much the samples of a group differ (Karras et al. 2018, arXiv:1710.10196, section 3).

    In a conditional model a group is a class: that classes differ says nothing of the variety within one, and a
    generator could make one sample a class unnoticed.

    Attributes:
        group_size: samples a group; the batch must be a multiple of it, else the whole batch is one group. Without
            effect in a conditional model.
        num_channels: how many channels it adds, as in StyleGAN2 (Karras et al. 2020, arXiv:1912.04958). The features
            are split into as many parts, and each channel is the mean deviation of one part; so their number must be a
            multiple of it.
    """

    group_size: int = Field(4, ge=2, le=64)
    num_channels: int = Field(1, ge=1, le=8192)

    def output_shape(self, shape: Shape) -> Shape:
        *places, channels = shape
        if channels % self.num_channels:
            allowed = ", ".join(str(parts) for parts in range(1, channels + 1) if channels % parts == 0)
            raise ConfigError(
                f"block 'minibatch_stddev' cannot split {channels} channels into 'num_channels' equal parts, received "
                f"{self.num_channels}; allowed here: {allowed}"
            )
        return (*places, channels + self.num_channels)

    def build(self, x: KerasTensor, name: str) -> KerasTensor:
        from ganzoo.blocks import _keras_layers

        label = current_label()
        if label is not None:
            layer = _keras_layers.ClassStddev(label.num_classes, self.num_channels, name=f"{name}_stddev")
            return layer([x, label.tensor])
        return _keras_layers.MinibatchStddev(self.group_size, self.num_channels, name=f"{name}_stddev")(x)


@discriminator_blocks.register("packing")
class Packing(Block):
    """The discriminator sees several samples at once: ``[b, ..., c] -> [b / samples, ..., samples * c]``.

    PacGAN (Lin et al. 2018, arXiv:1712.04086). It comes first, and the batch must be a multiple of ``samples``.
    """

    samples: int = Field(2, ge=2, le=16)

    def output_shape(self, shape: Shape) -> Shape:
        return (*shape[:-1], shape[-1] * self.samples)

    def build(self, x: KerasTensor, name: str) -> KerasTensor:
        from ganzoo.blocks import _keras_layers

        return _keras_layers.Packing(self.samples, name=f"{name}_packing")(x)
