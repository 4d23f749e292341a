"""The base classes of architectures: families of networks that expand a compact form to a list of blocks. No Keras."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import Field, TypeAdapter, model_validator

from ganzoo.architectures.mapping import MappingConfig
from ganzoo.blocks.base import Block, Shape, discriminator_blocks, generator_blocks
from ganzoo.blocks.heads import GeneratorHead, LogitHead
from ganzoo.errors import ConfigError, UnknownNameError
from ganzoo.initializers import GlorotUniform, InitializerPart
from ganzoo.registry import Part, Registry
from ganzoo.sample_spec import SampleSpec

GeneratorPart = Annotated[Block, generator_blocks.field()]
DiscriminatorPart = Annotated[Block, discriminator_blocks.field()]
B = TypeVar("B", bound=Block)
Widths = tuple[Annotated[int, Field(ge=1, le=65536)], ...]


class NetworkConfig(Part):
    """Settings that all generators and discriminators share.

    Attributes:
        block: the block that the compact form repeats.
        blocks: explicit list of blocks with their channels. It replaces ``block`` and the keys of the compact form.
        initializer: distribution of the initial weights, where a block does not set its own; biases start at zero.
    """

    initializer: InitializerPart = GlorotUniform()

    default_block: ClassVar[str] = ""
    """Name of the block that is repeated where ``block`` is left out."""
    sizes: ClassVar[tuple[str, ...]] = ()
    """The keys of the compact form. They have no effect next to ``blocks``."""

    @model_validator(mode="before")
    @classmethod
    def _default_block(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("block") is None and values.get("blocks") is None:
            return {**values, "block": cls.default_block} if cls.default_block else values
        return values

    def expand(self, sample_shape: Shape) -> tuple[Block, ...]:
        """All blocks of the network in order, with their channels and sizes.

        Args:
            sample_shape: ``(height, width, channels)`` or ``(d,)``.

        Raises:
            ConfigError: if the network cannot make or judge samples of that shape.
        """
        raise NotImplementedError


class GeneratorConfig(NetworkConfig):
    """From a latent to a sample.

    Attributes:
        latent_dim: length of the latent.
        latent: its distribution, standard normal or uniform on [-1, 1].
        mapping: the mapping network, which computes a style from the latent for the blocks that use one; null for none.
        conditioning: input of the label in a model with classes. ``concat`` appends its embedding to the latent;
            ``batch_norm`` gives every batch normalization a scale and an offset per class (Dumoulin et al. 2017,
            arXiv:1610.07629), so that the label cannot dominate the latent.
        label_embedding_dim: length of the embedding of ``concat``.
        self_modulation: the latent, or the style of ``mapping``, sets the scale and offset of every batch
            normalization, through one small hidden layer for each (Chen et al. 2019, arXiv:1810.01365).
        stem: from the latent to the first small image; by default a ``dense_stem`` with the normalization and
            activation of ``block``. Its size follows from the data: 8x4 px for images of 128x64. With an explicit
            height and width, for example 4x2, the number of blocks follows from them.
        head: from the last features to the sample.
    """

    latent_dim: int = Field(100, ge=1, le=8192)
    latent: Literal["normal", "uniform"] = "normal"
    mapping: MappingConfig | None = None
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

    @property
    def has_style(self) -> bool:
        """Whether blocks receive a style."""
        return self.self_modulation or self.mapping is not None

    def complete_head(self, sample_shape: Shape) -> Block:
        """The head, or the default one, with the shape of a sample.

        Raises:
            ConfigError: if it is not a head of a generator.
        """
        head = self.head or generator_blocks.create(self.default_head(sample_shape))
        return with_values(_checked_head(head, GeneratorHead, "generator", generator_blocks), shape=sample_shape)

    def default_head(self, sample_shape: Shape) -> dict[str, Any]:
        """The config of the head where ``head`` is left out."""
        raise NotImplementedError


class DiscriminatorConfig(NetworkConfig):
    """From a sample to a logit.

    Attributes:
        head: from the last features to the logit.
        packing: number of samples that share one logit (PacGAN).
        minibatch_stddev: append the standard deviation over the batch to the features before the head.
    """

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
        if self.blocks:
            body = self.blocks
        else:
            body = self.body(sample_shape)
            body = (body[0].at_input(), *body[1:]) if body else body
        packing = (
            (discriminator_blocks.create({"name": "packing", "samples": self.packing}),) if self.packing > 1 else ()
        )
        stddev = (discriminator_blocks.create("minibatch_stddev"),) if self.minibatch_stddev else ()
        return (*packing, *body, *stddev, self.complete_head())

    def complete_head(self) -> LogitHead:
        """The head, or the default one.

        Raises:
            ConfigError: if it is not a head of a discriminator.
        """
        return _checked_head(
            self.head or discriminator_blocks.create(self.default_head()),
            LogitHead,
            "discriminator",
            discriminator_blocks,
        )

    def body(self, sample_shape: Shape) -> tuple[Block, ...]:
        """The blocks of the compact form before the head.

        Raises:
            ConfigError: if the network cannot judge samples of that shape.
        """
        raise NotImplementedError

    def default_head(self) -> dict[str, Any]:
        """The config of the head where ``head`` is left out."""
        dress = shared_fields(self.block or (self.blocks or (None,))[-1])
        return {"name": "logit_head", **norm_of_weights(dress)}


generator_architectures: Registry[GeneratorConfig] = Registry(
    "generator_architectures",
    kind="generator architecture",
    base=GeneratorConfig,
    package="ganzoo.architectures",
    key="model",
    default="dcgan",
)
discriminator_architectures: Registry[DiscriminatorConfig] = Registry(
    "discriminator_architectures",
    kind="discriminator architecture",
    base=DiscriminatorConfig,
    package="ganzoo.architectures",
    key="model",
    default="dcgan",
)


def architecture_class(registry: Registry[Any], values: Mapping[str, Any]) -> type[NetworkConfig] | None:
    """The class for the key ``model`` in plain values; None if there is no such architecture."""
    name = values.get(registry.key, registry.default)
    try:
        return registry.get(name) if isinstance(name, str) else None
    except UnknownNameError:
        return None


def unused_keys_of(registry: Registry[Any], values: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """The keys of a network that have no effect next to others: key -> the key that decides this, and why.

    Args:
        registry: of the network's architectures.
        values: plain values of the network's config, which need not be valid.
    """
    cls = architecture_class(registry, values)
    if cls is None:
        return {}
    name = cls.registered_name
    has = f", which has {' and '.join(cls.sizes)}" if cls.sizes else ""
    others = {key for other in registry.names() for key in registry.get(other).model_fields} - set(cls.model_fields)
    unused = dict.fromkeys(sorted(others), (registry.key, f"in a {name} model{has}"))
    if values.get("blocks") is not None:
        unused |= dict.fromkeys(cls.sizes, ("blocks", "next to blocks, which have their own channels"))
    return unused


def read_generator(values: Any) -> GeneratorConfig:
    """The config of a generator from plain values. Keys without effect are dropped: older bundles have them.

    Raises:
        pydantic.ValidationError: if the values are wrong.
    """
    if isinstance(values, Mapping):
        unused = unused_keys_of(generator_architectures, values)
        values = {key: value for key, value in values.items() if key not in unused}
    adapter: TypeAdapter[GeneratorConfig] = TypeAdapter(Annotated[GeneratorConfig, generator_architectures.field()])
    return adapter.validate_python(values)


def with_values(block: Block | None, **values: Any) -> Block:
    """A copy of a block with some values set.

    Raises:
        ConfigError: if there is no block.
    """
    if block is None:
        raise ConfigError("this network needs a 'block' or a list of 'blocks'")
    return block.model_copy(update=values)


def shared_fields(block: Block | None) -> dict[str, Any]:
    """Normalization and activation of a block, for other blocks of the same network."""
    names = ("norm", "activation", "slope")
    return {name: getattr(block, name) for name in names if hasattr(block, name)}


def norm_of_weights(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The ``norm`` among ``shared_fields`` if it normalizes weights, for a block without normalization of features."""
    norm = fields.get("norm")
    return {"norm": norm} if norm is not None and norm.on_weights else {}


def require_images(sample_shape: Shape, model: str, makes: str) -> None:
    """Check that samples are images.

    Raises:
        ConfigError: if they are vectors.
    """
    if not SampleSpec(sample_shape).is_image:
        raise ConfigError(f"a {model} {makes} images; for vectors use model: dense")


def _checked_head(head: Block, base: type[B], network: str, registry: Registry[Block]) -> B:
    if not isinstance(head, base):
        heads = [name for name in registry.names() if issubclass(registry.get(name), base)]
        raise ConfigError(f"{network}.head is '{head.registered_name}', but it must be one of {', '.join(heads)}")
    return head


def _check_one_form(block: Block | None, blocks: tuple[Block, ...] | None) -> None:
    if block is not None and blocks is not None:
        raise ValueError("'block' and 'blocks' exclude each other; keep one of them")
