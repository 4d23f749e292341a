"""Blocks against lost modes and overfitting in a discriminator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from ganzoo.blocks._conditioning import current_label
from ganzoo.blocks.base import Block, SameShapeBlock, Shape, discriminator_blocks
from ganzoo.blocks.fields import drop_out

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
    """Adds one feature: how much the samples of a group differ (Karras et al. 2018, arXiv:1710.10196, section 3).

    In a conditional model a group is a class: that classes differ says nothing of the variety within one, and a
    generator could make one sample a class unnoticed.

    Attributes:
        group_size: samples a group; the batch must be a multiple of it, else the whole batch is one group. Without
            effect in a conditional model.
    """

    group_size: int = Field(4, ge=2, le=64)

    def output_shape(self, shape: Shape) -> Shape:
        return (*shape[:-1], shape[-1] + 1)

    def build(self, x: KerasTensor, name: str) -> KerasTensor:
        from ganzoo.blocks import _keras_layers

        label = current_label()
        if label is not None:
            return _keras_layers.ClassStddev(label.num_classes, name=f"{name}_stddev")([x, label.tensor])
        return _keras_layers.MinibatchStddev(self.group_size, name=f"{name}_stddev")(x)


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
