"""What a block knows, besides its input, while its Keras layers are built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from keras import KerasTensor


class Label(NamedTuple):
    """The class of each sample.

    Attributes:
        tensor: int32 ``[b]``.
        num_classes: number of classes.
        in_norms: whether batch normalizations have a scale and an offset for each class.
    """

    tensor: KerasTensor
    num_classes: int
    in_norms: bool = False


class Heads(NamedTuple):
    """Outputs of a discriminator besides the logit, each linear in its last features.

    Attributes:
        widths: name -> number of values for each sample.
        outputs: the head block adds a tensor float32 ``[b, width]`` for each name.
    """

    widths: Mapping[str, int]
    outputs: dict[str, KerasTensor]


class Style(NamedTuple):
    """What modulates the layers of a generator: the latent, or the output of its mapping network.

    Attributes:
        tensor: float32 ``[b, d]``.
        in_norms: whether batch normalizations take their scale and offset from it (self-modulation).
    """

    tensor: KerasTensor
    in_norms: bool = False


@dataclass(frozen=True)
class BuildContext:
    """The surroundings of one block in its network.

    The dtype is not among them: Keras layers take it from the global policy, which is set while a network is built.

    Attributes:
        name: beginning of the names of the block's layers.
        label: the classes; None in a network without classes.
        style: None in a network without a style.
        images: intermediate images ``[b, h, w, c]`` of a generator with output skips, the newest last. A block appends
            to the list; the head reads it. All blocks of a network share it.
        sample_shape: shape of one sample that a generator outputs; empty in a discriminator.
        heads: outputs of a discriminator besides the logit, which its head block makes; None without them.
    """

    name: str
    label: Label | None = None
    style: Style | None = None
    images: list[KerasTensor] = field(default_factory=list)
    sample_shape: tuple[int, ...] = ()
    heads: Heads | None = None

    def named(self, name: str) -> Self:
        """The same context for layers whose names begin with ``name``."""
        return replace(self, name=name)

    @property
    def norm_label(self) -> Label | None:
        """The label, if normalizations depend on it."""
        return self.label if self.label is not None and self.label.in_norms else None

    @property
    def norm_style(self) -> Style | None:
        """The style, if normalizations depend on it."""
        return self.style if self.style is not None and self.style.in_norms else None
