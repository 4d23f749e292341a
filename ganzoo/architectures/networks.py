"""Expands the compact form of a network, such as resolution and base channels, to its list of blocks. No Keras."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ganzoo.blocks.base import Block, Shape, discriminator_blocks, generator_blocks
from ganzoo.blocks.heads import GeneratorHead, LogitHead
from ganzoo.errors import ConfigError
from ganzoo.registry import Registry
from ganzoo.sample_spec import SampleSpec

Initializer = Literal["normal_0.02", "glorot_uniform", "he_normal", "lecun_normal", "orthogonal"]
GeneratorPart = Annotated[Block, generator_blocks.field()]
DiscriminatorPart = Annotated[Block, discriminator_blocks.field()]

_SIZES = {
    "dense": ("hidden",),
    "dcgan": ("base_channels", "max_channels"),
    "residual": ("base_channels", "max_channels"),
}
"""The keys that set the widths of the blocks, for each model."""


class NetworkConfig(BaseModel):
    """Settings that generators and discriminators share.

    Attributes:
        model: expands the compact form to a list of blocks. ``dense`` makes one block for each entry of ``hidden``;
            ``dcgan`` and ``residual`` repeat ``block`` and double the channels with each halving of the image.
        base_channels: channels of the block closest to the image, in ``dcgan`` and ``residual`` models.
        max_channels: upper limit of the doubling.
        hidden: features of the hidden layers of a ``dense`` model, in order.
        block: the repeated block.
        blocks: explicit list of blocks with their channels. It replaces ``block``, ``base_channels``, ``max_channels``
            and ``hidden``.
        initializer: distribution of the initial weights, where a block does not set its own; biases start at zero.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    model: Literal["dense", "dcgan", "residual"] = "dcgan"
    base_channels: int = Field(64, ge=1, le=2048)
    max_channels: int = Field(1024, ge=1, le=8192)
    hidden: tuple[Annotated[int, Field(ge=1, le=65536)], ...] = (256, 512, 1024)
    initializer: Initializer = "glorot_uniform"

    default_blocks: ClassVar[Mapping[str, str]] = {}
    """Name of the block that each model repeats where ``block`` is left out."""

    @model_validator(mode="before")
    @classmethod
    def _default_block(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("block") is None and values.get("blocks") is None:
            default = cls.default_block(values)
            return {**values, "block": default} if default else values
        return values

    @classmethod
    def default_block(cls, values: Mapping[str, Any]) -> str | None:
        """Name of the block that the model in ``values`` repeats by default; None if there is no such model."""
        return cls.default_blocks.get(str(values.get("model", cls.model_fields["model"].default)))

    @classmethod
    def unused(cls, values: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
        """The keys that have no effect next to others: key -> the key that decides this, and a reason in words.

        Args:
            values: plain values of this config, which need not be valid.
        """
        keys = dict.fromkeys(key for family in _SIZES.values() for key in family)
        if values.get("blocks") is not None:
            return dict.fromkeys(keys, ("blocks", "next to blocks, which have their own channels"))
        model = values.get("model", cls.model_fields["model"].default)
        used = _SIZES.get(model) if isinstance(model, str) else None
        if used is None:
            return {}
        why = f"in a {model} model, which has {' and '.join(used)}"
        return {key: ("model", why) for key in keys if key not in used}


class GeneratorConfig(NetworkConfig):
    """From a latent to a sample.

    Attributes:
        latent_dim: length of the latent.
        latent: its distribution, standard normal or uniform on [-1, 1].
        conditioning: input of the label in a model with classes. ``concat`` appends its embedding to the latent;
            ``batch_norm`` gives every batch normalization a scale and an offset per class (Dumoulin et al. 2017,
            arXiv:1610.07629), so that the label cannot dominate the latent.
        label_embedding_dim: length of the embedding of ``concat``.
        self_modulation: the latent sets the scale and offset of every batch normalization, through one small hidden
            layer for each (Chen et al. 2019, arXiv:1810.01365).
        stem: from the latent to the first small image; by default a ``dense_stem`` with the normalization and
            activation of ``block``. Its size follows from the data: 8x4 px for images of 128x64. With an explicit
            height and width, for example 4x2, the number of blocks follows from them.
        head: from the last features to the sample.
    """

    default_blocks = {"dense": "dense", "dcgan": "conv_transpose", "residual": "residual_up"}

    latent_dim: int = Field(100, ge=1, le=8192)
    latent: Literal["normal", "uniform"] = "normal"
    conditioning: Literal["concat", "batch_norm"] = "concat"
    label_embedding_dim: int = Field(50, ge=1, le=4096)
    self_modulation: bool = False
    block: GeneratorPart | None = None
    blocks: tuple[GeneratorPart, ...] | None = Field(None, min_length=1, max_length=64)
    stem: GeneratorPart | None = None
    head: GeneratorPart | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        _check_one_form(self.block, self.blocks)
        return self

    def expand(self, sample_shape: Shape) -> tuple[Block, ...]:
        """All blocks from stem to head, with their channels and sizes.

        Args:
            sample_shape: ``(height, width, channels)`` or ``(d,)``.

        Raises:
            ConfigError: if these blocks cannot make samples of that shape.
        """
        head = self._head(sample_shape)
        if self.model == "dense":
            body = self.blocks or tuple(_template(self.block, channels=n) for n in self.hidden)
            return (*((self.stem,) if self.stem else ()), *body, head)
        if not SampleSpec(sample_shape).is_image:
            raise ConfigError(f"a {self.model} generator makes images; for vectors use model: dense")
        growth = max(1, head.output_shape((4, 4, 1))[0] // 4)
        height, width = sample_shape[:2]
        if self.blocks:
            growth *= math.prod(int(block.scale) for block in self.blocks)
            body, widest = self.blocks, self.blocks[0].wanted_channels()
        else:
            count = self._doublings(height, width) - int(math.log2(growth))
            if count < 0:
                raise ConfigError(
                    f"a {self.model} generator doubles an image of at least 4 px, and {height}x{width} px cannot be "
                    f"reached by doubling; change data.resolution, for example to {_that_halves(height, width)}, or "
                    "use model: dense or head: image_head"
                )
            channels = [min(self.base_channels * 2**k, self.max_channels) for k in reversed(range(count + 1))]
            body = tuple(_template(self.block, channels=n) for n in channels[1:])
            widest = channels[0]
            growth *= 2**count
        stem = self.stem or generator_blocks.create({"name": "dense_stem", **self._dress()})
        size = {"height": max(1, height // growth), "width": max(1, width // growth)}
        filled = size if all(getattr(stem, key, 0) is None for key in size) else {}
        return (_template(stem, channels=stem.channels or widest, **filled), *body, head)

    def _doublings(self, height: int, width: int) -> int:
        """Number of doublings of the stem's image, whose size is the stem's, or the smallest that halving can reach."""
        sizes = [getattr(self.stem, key, None) for key in ("height", "width")]
        if isinstance(sizes[0], int):
            least = (sizes[0], sizes[1] or sizes[0])
            for count in range(height.bit_length()):
                if (height, width) == (least[0] << count, least[1] << count):
                    return count
        return halvings(height, width)

    def _dress(self) -> dict[str, Any]:
        """Normalization and activation of the repeated block, for the stem; residual blocks have their own."""
        if self.model == "residual":
            return {
                "norm": "spectral" if getattr(self.block, "norm", "") == "spectral" else "none",
                "activation": "linear",
            }
        return _shared_fields(self.block or (self.blocks or (None,))[0])

    def _head(self, sample_shape: Shape) -> Block:
        head = self.head
        if head is None:
            dress = _shared_fields(self.block or (self.blocks or (None,))[-1])
            spectral = {"norm": "spectral"} if dress.get("norm") == "spectral" else {}
            spec: dict[str, Any] = {"name": "image_head", "kernel_size": 4, "upsample": "conv_transpose", **spectral}
            if self.model == "dense":
                spec = {"name": "dense_image_head" if SampleSpec(sample_shape).is_image else "vector_head"}
            elif self.model == "residual":
                spec = {"name": "image_head", **dress}
            head = generator_blocks.create(spec)
        _check_head(head, GeneratorHead, "generator", generator_blocks)
        return _template(head, shape=sample_shape)


class DiscriminatorConfig(NetworkConfig):
    """From a sample to a logit.

    Attributes:
        head: from the last features to the logit.
        packing: number of samples that are judged together (PacGAN).
        minibatch_stddev: add the deviation between the samples of a batch to the features before the head.
    """

    default_blocks = {"dense": "dense", "dcgan": "strided_conv", "residual": "residual_down"}

    hidden: tuple[Annotated[int, Field(ge=1, le=65536)], ...] = (512, 256)
    block: DiscriminatorPart | None = None
    blocks: tuple[DiscriminatorPart, ...] | None = Field(None, min_length=1, max_length=64)
    head: DiscriminatorPart | None = None
    packing: int = Field(1, ge=1, le=16)
    minibatch_stddev: bool = False

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        _check_one_form(self.block, self.blocks)
        return self

    def expand(self, sample_shape: Shape) -> tuple[Block, ...]:
        """All blocks from the sample to the logit, with their channels.

        Raises:
            ConfigError: if these blocks cannot judge samples of that shape.
        """
        if self.blocks:
            body = self.blocks
        elif self.model == "dense":
            body = tuple(_template(self.block, channels=n) for n in self.hidden)
        else:
            if not SampleSpec(sample_shape).is_image:
                raise ConfigError(f"a {self.model} discriminator judges images; for vectors use model: dense")
            height, width = sample_shape[:2]
            count = halvings(height, width)
            if not count:
                raise ConfigError(
                    f"a {self.model} discriminator halves the image to no less than 4 px, and {height}x{width} px "
                    f"cannot be halved; change data.resolution, for example to {_that_halves(height, width)}, or use "
                    "model: dense or a list of blocks"
                )
            channels = [min(self.base_channels * 2**k, self.max_channels) for k in range(count)]
            body = tuple(_template(self.block, channels=n) for n in channels)
        if body and not self.blocks:
            body = (body[0].at_input(), *body[1:])
        packing = (
            (discriminator_blocks.create({"name": "packing", "samples": self.packing}),) if self.packing > 1 else ()
        )
        stddev = (discriminator_blocks.create("minibatch_stddev"),) if self.minibatch_stddev else ()
        head = self.head or self._default_head()
        _check_head(head, LogitHead, "discriminator", discriminator_blocks)
        return (*packing, *body, *stddev, head)

    def _default_head(self) -> Block:
        dress = _shared_fields(self.block or (self.blocks or (None,))[-1])
        spec: dict[str, Any] = {"name": "logit_head"}
        if dress.get("norm") == "spectral":
            spec["norm"] = "spectral"
        if self.model == "residual":
            spec |= {"pool": "sum", "activation": dress.get("activation", "relu"), "slope": dress.get("slope", 0.2)}
        return discriminator_blocks.create(spec)


def halvings(height: int, width: int) -> int:
    """Number of times an image can be halved: both sides stay whole, and the shorter one at least 4 px."""
    count = 0
    while height % 2 == 0 and width % 2 == 0 and min(height, width) >= 8:
        height, width, count = height // 2, width // 2, count + 1
    return count


def _that_halves(height: int, width: int) -> str:
    """The nearest size whose sides can both be halved, as written in a config."""
    near = tuple(max(8, 8 * ((side + 4) // 8)) for side in (height, width))
    return f"{near[0]}" if near[0] == near[1] else f"{near[0]}x{near[1]}"


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


def _template(block: Block | None, **values: Any) -> Block:
    """A copy of a block with some values set."""
    if block is None:
        raise ConfigError("this network needs a 'block' or a list of 'blocks'")
    return block.model_copy(update=values)


def _shared_fields(block: Block | None) -> dict[str, Any]:
    names = ("norm", "activation", "slope")
    return {name: getattr(block, name) for name in names if hasattr(block, name)}


def _check_head(head: Block, base: type[Block], network: str, registry: Registry[Block]) -> None:
    if not isinstance(head, base):
        heads = [name for name in registry.names() if issubclass(registry.get(name), base)]
        raise ConfigError(f"{network}.head is '{head.registered_name}', but it must be one of {', '.join(heads)}")


def _check_one_form(block: Block | None, blocks: tuple[Block, ...] | None) -> None:
    if block is not None and blocks is not None:
        raise ValueError("'block' and 'blocks' exclude each other; keep one of them")
