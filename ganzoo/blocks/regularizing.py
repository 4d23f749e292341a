"""Discriminator blocks against mode collapse and overfitting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from ganzoo.blocks.base import Block, SameShapeBlock, Shape, discriminator_blocks
from ganzoo.blocks.fields import drop_out
from ganzoo.errors import ConfigError

if TYPE_CHECKING:
    from keras import KerasTensor

    from ganzoo.blocks.context import BuildContext


@discriminator_blocks.register("dropout")
class Dropout(SameShapeBlock):
    """Sets a share of the features to zero in training."""

    rate: float = Field(0.4, gt=0, lt=1)

    def build(self, x: KerasTensor, context: BuildContext) -> KerasTensor:
        return drop_out(x, self.rate, context.name)


@discriminator_blocks.register("minibatch_stddev")
class MinibatchStddev(Block):
    """Appends the standard deviation over a group of samples (Karras et al. 2018, arXiv:1710.10196, section 3).

    In a conditional model each class is a group. Otherwise the difference between classes would hide a generator that
    outputs only one sample per class.

    Attributes:
        group_size: samples per group. If the batch is not a multiple of it, the whole batch is one group. It has no
            effect in a conditional model.
        num_channels: how many channels are appended, as in StyleGAN2 (Karras et al. 2020, arXiv:1912.04958). Each
            channel is the mean deviation of an equal part of the features, so ``num_channels`` must divide their
            number.
    """

    group_size: int = Field(4, ge=2, le=64)
    num_channels: int = Field(1, ge=1, le=8192)

    @property
    def statistic_channels(self) -> int:
        return self.num_channels

    def output_shape(self, shape: Shape) -> Shape:
        *places, channels = shape
        if channels % self.num_channels:
            allowed = ", ".join(str(parts) for parts in range(1, channels + 1) if channels % parts == 0)
            raise ConfigError(
                f"block 'minibatch_stddev' cannot split {channels} channels into 'num_channels' equal parts, received "
                f"{self.num_channels}; allowed here: {allowed}"
            )
        return (*places, channels + self.num_channels)

    def build(self, x: KerasTensor, context: BuildContext) -> KerasTensor:
        from ganzoo.blocks import _keras_layers

        name, label = context.name, context.label
        if label is not None:
            layer = _keras_layers.ClassStddev(label.num_classes, self.num_channels, name=f"{name}_stddev")
            return layer([x, label.tensor])
        return _keras_layers.MinibatchStddev(self.group_size, self.num_channels, name=f"{name}_stddev")(x)


@discriminator_blocks.register("packing")
class Packing(Block):
    """Joins several samples, which then share one logit: ``[b, ..., c] -> [b / samples, ..., samples * c]``.

    PacGAN (Lin et al. 2018, arXiv:1712.04086). Use it as the first block. The batch must be a multiple of ``samples``.
    """

    samples: int = Field(2, ge=2, le=16)

    @property
    def samples_per_output(self) -> int:
        return self.samples

    def output_shape(self, shape: Shape) -> Shape:
        return (*shape[:-1], shape[-1] * self.samples)

    def build(self, x: KerasTensor, context: BuildContext) -> KerasTensor:
        from ganzoo.blocks import _keras_layers

        return _keras_layers.Packing(self.samples, name=f"{context.name}_packing")(x)
