"""The experiment config: data, networks and training as typed fields, with checks and a JSON schema."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, ValidationError, model_validator

from ganzoo.architectures.base import (
    DiscriminatorConfig,
    GeneratorConfig,
    discriminator_architectures,
    generator_architectures,
)
from ganzoo.architectures.dcgan import DcganDiscriminator, DcganGenerator
from ganzoo.architectures.shapes import trace
from ganzoo.blocks.base import Block, Shape
from ganzoo.config.layers import replaced
from ganzoo.config.model import ConfigModel
from ganzoo.config.training import TrainingConfig
from ganzoo.config.unused import without_unused_keys
from ganzoo.config.validation import explain
from ganzoo.data.base import DataSource, data_sources
from ganzoo.errors import ConfigError
from ganzoo.objectives.adversarial import Adversarial
from ganzoo.objectives.base import Objective, objectives
from ganzoo.sample_spec import SampleSpec

_NAMES = (
    "up to 64 letters from A to Z, digits, '.', '_' and '-', of which the first is a letter or a digit; "
    "a file without name: takes the file's name"
)

GeneratorArchitecture = Annotated[GeneratorConfig, generator_architectures.field()]
DiscriminatorArchitecture = Annotated[DiscriminatorConfig, discriminator_architectures.field()]
ObjectivePart = Annotated[Objective, objectives.field()]
DataPart = Annotated[DataSource, data_sources.field()]


def _for_files(schema: dict[str, Any]) -> None:
    """Add ``extends`` to a config's JSON schema: a YAML file may have it, a resolved config does not."""
    schema["properties"]["extends"] = {
        "type": "string",
        "description": "A model of the zoo, or a file next to this one, whose values apply where this file has none.",
    }
    schema["required"].remove("data")
    schema["anyOf"] = [{"required": ["data"]}, {"required": ["extends"]}]


class Config(ConfigModel):
    """A whole experiment: data, networks, training.

    Attributes:
        name: name of the model, and of the folder of its runs.
        data: source of the real samples.
        num_classes: 0 trains without labels; otherwise the number of classes, and the label is an input of the
            generator and, as the objective decides, of the discriminator.
        generator, discriminator: the architecture of the network, or its list of blocks.
        objective: what a step of the training optimizes, and with which networks.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, json_schema_extra=_for_files)

    name: str = Field("custom", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description=_NAMES)
    data: DataPart
    num_classes: int = Field(0, ge=0, le=100_000)
    generator: GeneratorArchitecture = DcganGenerator()
    discriminator: DiscriminatorArchitecture = DcganDiscriminator()
    objective: ObjectivePart = Adversarial()
    training: TrainingConfig = TrainingConfig()

    @property
    def sample_shape(self) -> Shape:
        """Shape of one sample: ``(height, width, channels)`` or ``(d,)``."""
        return self.data.sample_shape()

    @property
    def sample_spec(self) -> SampleSpec:
        """Whether a sample is an image or a vector, and its size."""
        return self.data.sample_spec

    @property
    def latent_width(self) -> int:
        """Input features of the generator's first block: the latent, and the label's embedding for ``concat``."""
        joined = self.num_classes and self.generator.conditioning == "concat"
        return self.generator.latent_dim + (self.generator.label_embedding_dim if joined else 0)

    @property
    def pack_size(self) -> int:
        """How many samples share one logit of the discriminator."""
        return math.prod(block.samples_per_output for block in self.discriminator.expand(self.sample_shape))

    @model_validator(mode="before")
    @classmethod
    def _drop_unused_keys(cls, values: Any) -> Any:
        return without_unused_keys(values) if isinstance(values, dict) else values

    @model_validator(mode="after")
    def _can_work(self) -> Self:
        try:
            self._check_shapes()
            self._check_labels()
        except ConfigError as error:
            raise ValueError(str(error)) from error
        self._check_conditioning()
        self._check_batch()
        self._check_norm()
        self._check_objective()
        return self

    def _check_shapes(self) -> None:
        shape = _shapes("generator", self.generator.expand(self.sample_shape), (self.latent_width,))[-1]
        if shape != self.sample_shape:
            raise ConfigError(
                f"the generator makes samples of shape {list(shape)}, but the data has {list(self.sample_shape)}; "
                "change the number of blocks or data.resolution"
            )
        logit = _shapes("discriminator", self.discriminator.expand(self.sample_shape), self.sample_shape)[-1]
        if logit != (1,):
            raise ConfigError(
                f"the discriminator ends in the shape {list(logit)} instead of one logit; end with a head"
            )

    def _check_labels(self) -> None:
        count = self.data.class_count() if self.objective.uses_labels else None
        if self.num_classes and count is not None and count != self.num_classes:
            has = f"has {count} classes; set num_classes={count}" if count else "has no labels; set num_classes=0"
            raise ConfigError(f"num_classes is {self.num_classes}, but the data source {has}")
        if self.num_classes and self.pack_size > 1 and self.objective.conditional_discriminator:
            raise ConfigError("a packed discriminator judges several samples at once and cannot be conditional")

    def _check_conditioning(self) -> None:
        by_class = self.num_classes > 0 and self.generator.conditioning == "batch_norm"
        blocks = self.generator.expand(self.sample_shape)
        self._check_style(blocks)
        self._check_images(blocks)
        if any(block.conditional_norm or block.uses_style_and_label for block in blocks):
            return
        if by_class:
            raise ValueError(
                "generator.conditioning is batch_norm, but none of its blocks has norm: batch, so the label would "
                "have no effect; use conditioning: concat, or norm: batch"
            )
        if self.generator.self_modulation:
            raise ValueError(
                "generator.self_modulation is true, but none of its blocks has norm: batch, so it would have no "
                "effect; use norm: batch, or self_modulation: false"
            )

    def _check_style(self, blocks: tuple[Block, ...]) -> None:
        users = [block.registered_name for block in blocks if block.needs_style]
        if users and not self.generator.has_style:
            raise ValueError(
                f"the generator block '{users[0]}' needs a style, and this generator makes none; add a mapping network "
                "with generator.mapping={}"
            )
        users += [block.registered_name for block in blocks if block.uses_style_and_label]
        if self.generator.mapping and not users and not self.generator.self_modulation:
            raise ValueError(
                "generator.mapping computes a style that no block uses; use blocks that need a style, such as "
                "styled_upsample, or self_modulation: true"
            )

    def _check_images(self, blocks: tuple[Block, ...]) -> None:
        """Check that the images that blocks add have a reader, and the reader has images."""
        *body, head = blocks
        makers = [block.registered_name for block in body if block.adds_image]
        if head.needs_image and not makers:
            raise ValueError(
                f"the generator's head '{head.registered_name}' sums the images of blocks such as styled_upsample, and "
                "no block adds one; use head: image_head"
            )
        if makers and not head.needs_image:
            raise ValueError(
                f"the generator block '{makers[0]}' adds an image, which the head '{head.registered_name}' does not "
                "use; use head: skip_head"
            )

    def _check_batch(self) -> None:
        if self.training.batch_size % self.pack_size:
            raise ValueError(f"batch_size {self.training.batch_size} is not a multiple of packing {self.pack_size}")
        if self.training.augment is not None and not self.sample_spec.is_image:
            raise ValueError("training.augment changes images, and this data has none")
        augment, loss = self.training.augment, self.training.loss
        if augment is not None and augment.adaptive and loss.critic:
            raise ValueError(
                "training.augment.adaptive depends on the share of real samples that D classifies as real, and D with "
                f"the loss '{loss.registered_name}' is a critic, which does not classify; use another loss, or "
                "adaptive: false"
            )

    def _check_objective(self) -> None:
        try:
            head = self.discriminator.complete_head()
            head.check_loss(self.training.loss)
            if head.has_loss_term and not self.objective.adds_loss_term_of_head:
                raise ConfigError(
                    f"the head '{head.registered_name}' has its own loss, which the objective "
                    f"'{self.objective.registered_name}' does not add; use another head, such as logit_head"
                )
            self.objective.check(self)
        except ConfigError as error:
            raise ValueError(str(error)) from error

    def _check_norm(self) -> None:
        blocks = self.discriminator.expand(self.sample_shape)
        is_penalized = any(penalty.network == "discriminator" for penalty in self.training.penalties)
        if is_penalized and any(block.mixes_samples for block in blocks):
            raise ValueError(
                "a gradient penalty needs each sample's own gradient, and batch normalization in the discriminator "
                "mixes samples; use norm: none, layer or spectral there, or no penalty"
            )

    @classmethod
    def read(cls, values: object, *, what: str | Callable[[tuple[str, ...]], str] = "config") -> Config:
        """Make a config from plain values.

        Args:
            values: the content of a YAML file. Keys without effect are dropped: older runs and bundles have them.
            what: name of the file or model for messages, or a function from the path of a key to such a name.

        Raises:
            ConfigError: with one line for each mistake.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            name = what if callable(what) else lambda path: what
            lines = [f"{name(problem.path)}: {problem.line}" for problem in explain(error, cls)]
            raise ConfigError("\n".join(lines)) from error

    def replace(self, **changes: Any) -> Config:
        """A copy with other values, validated as a whole: ``config.replace(**{"training.batch_size": 32})``.

        Args:
            changes: dotted keys and their values, as on the command line: plain values, parts such as
                ``ganzoo.losses.Hinge()``, lists and mappings. A relative path begins in the current folder.

        Raises:
            ConfigError: with one line for each mistake.
        """
        return replaced(type(self), self.to_dict(), changes, what=self.name)

    def to_dict(self) -> dict[str, Any]:
        """Plain values of every key that has an effect, ready for YAML; ``Config.read`` reads them back."""
        return without_unused_keys(self.model_dump(mode="json"))


def _shapes(network: str, blocks: tuple[Block, ...], shape: Shape) -> list[Shape]:
    try:
        return trace(blocks, shape)
    except ConfigError as error:
        raise ConfigError(f"{network} {error}") from error
