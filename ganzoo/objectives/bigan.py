"""BiGAN: an encoder next to the generator, and a discriminator of pairs of a sample and a latent.

Donahue et al. 2017, arXiv:1605.09782. Dumoulin et al. 2017 (ALI), arXiv:1606.00704, is the same game with a stochastic
encoder. The pairs are ``(x, E(x))`` of real samples and ``(G(z), z)``. If the discriminator cannot tell them apart, the
encoder inverts the generator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from ganzoo.activations import Linear
from ganzoo.architectures.base import DiscriminatorConfig, discriminator_architectures, norm_of_weights, shared_fields
from ganzoo.architectures.shapes import BlockChain, block_chain, trace
from ganzoo.blocks.base import Block, discriminator_blocks
from ganzoo.errors import ConfigError
from ganzoo.objectives.adversarial import Adversarial, Terms
from ganzoo.objectives.base import objectives
from ganzoo.objectives.experiment import Experiment

if TYPE_CHECKING:
    import keras
    from keras import KerasTensor
    from tensorflow import Tensor

    from ganzoo.training.networks import Precision
    from ganzoo.training.step import Batch, Step

ENCODER = "encoder"


@objectives.register("bigan")
class Bigan(Adversarial):
    """A generator and an encoder against a discriminator of pairs, with the loss and the penalties of ``training``.

    Generator and encoder minimize the generator's loss of the fake pairs plus that of the real pairs with negated
    logits. An augmentation and the gradients of penalties concern the sample of a pair, never its latent.

    Attributes:
        encoder: the architecture of the encoder; by default that of the discriminator, with weights of its own.
        latent_features: features of the discriminator's dense layer on the latent.
        joint_features: features of its hidden layer on both parts of a pair.
        reconstruction: weight of the mean absolute difference of ``x`` and ``G(E(x))``, which generator and encoder
            minimize, too; 0 as in the paper. It is the explicit cycle consistency of ALICE (Li et al. 2017,
            arXiv:1709.01215, section 3.2), for reconstructions that look like their image.
    """

    generator_side: ClassVar[tuple[str, ...]] = ("generator", ENCODER)
    averaged: ClassVar[tuple[str, ...]] = ("generator", ENCODER)
    exported_encoder: ClassVar[str | None] = ENCODER
    scores_samples: ClassVar[bool] = False

    encoder: Annotated[DiscriminatorConfig, discriminator_architectures.field()] | None = None
    latent_features: int = Field(128, ge=1, le=8192)
    joint_features: int = Field(256, ge=1, le=8192)
    reconstruction: float = Field(0.0, ge=0, le=1e6)

    def metrics(self, config: Experiment) -> tuple[str, ...]:
        """Those of every objective, and ``reconstruction``, the weighted term, if it is on."""
        names = super().metrics(config)
        return (*names, "reconstruction") if self.reconstruction else names

    def check(self, config: Experiment) -> None:
        if config.pack_size > 1:
            raise ConfigError("the objective bigan judges pairs of one sample and one latent; use packing: 1")
        if not config.training.loss.zero_is_neutral:
            raise ConfigError(
                f"the objective bigan negates logits, and with the loss '{config.training.loss.registered_name}' a "
                "logit of 0 is not halfway between real and fake; use another loss, such as non_saturating"
            )
        own = self.encoder
        for key in ("packing", "minibatch_stddev"):
            if own is not None and getattr(own, key) != type(own).model_fields[key].default:
                raise ConfigError(f"an encoder sees one sample at a time; remove {key} from objective.encoder")
        try:
            trace(self._encoder_blocks(config), config.sample_shape)
        except ConfigError as error:
            raise ConfigError(f"objective.encoder: {error}") from error

    def networks(self, config: Experiment) -> dict[str, keras.Model]:
        from ganzoo.training import networks

        precision = config.training.precision
        return {
            "generator": networks.build_generator(config, precision=precision),
            ENCODER: self._build_encoder(config, precision),
            "discriminator": self._build_discriminator(config, precision),
        }

    def block_chains(self, config: Experiment) -> dict[str, BlockChain]:
        encoder = block_chain(config.sample_shape, self._encoder_blocks(config))
        return {**super().block_chains(config), ENCODER: encoder}

    def averages(self, config: Experiment) -> dict[str, keras.Model]:
        return {**super().averages(config), ENCODER: self._build_encoder(config, "float32")}

    def pair(self, step: Step, turn: int) -> tuple[Batch, Batch]:
        from dataclasses import replace

        real, fake = super().pair(step, turn)
        return replace(real, latent=self._encoded(step, real.samples)), fake

    def judge(self, step: Step, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Apply the discriminator to the samples and latents of a batch: the logits ``[b, 1]``."""
        label = [] if batch.label is None else [batch.label]
        return step.discriminate([batch.samples, batch.latent, *label])[0], {}

    def needs_real(self, step: Step) -> bool:
        return True

    def generator_loss(self, step: Step, real: Tensor, fake: Tensor) -> Tensor:
        """The loss with exchanged roles: real pairs shall look fake, and fake pairs real."""
        loss = step.training.loss
        if loss.generator_needs_real:  # it moves the logits of both already
            return loss.generator(real, fake)
        return loss.generator(real, fake) + loss.generator(-fake, -real)

    def pair_terms(self, step: Step, real: Batch, fake: Batch) -> Terms:
        if not self.reconstruction:
            return {}
        import tensorflow as tf

        difference = tf.abs(real.samples - step.generate(real.latent, real.label))
        return {"reconstruction": self.reconstruction * tf.reduce_mean(difference)}

    def _encoded(self, step: Step, samples: Tensor) -> Tensor:
        return step.networks[ENCODER]([samples], training=True)

    def _encoder_config(self, config: Experiment) -> DiscriminatorConfig:
        return self.encoder or config.discriminator

    def _encoder_blocks(self, config: Experiment) -> tuple[Block, ...]:
        """The blocks before the head that see one sample at a time."""
        body = self._encoder_config(config).expand(config.sample_shape)[:-1]
        return tuple(block for block in body if block.samples_per_output == 1 and not block.statistic_channels)

    def _build_encoder(self, config: Experiment, precision: Precision) -> keras.Model:
        """Samples float32 ``[b, ...]`` -> latents float32 ``[b, latent_dim]``."""
        import keras

        from ganzoo.blocks.context import BuildContext
        from ganzoo.environment.process_settings import own_settings
        from ganzoo.training.initialization import initialize
        from ganzoo.training.networks import apply_blocks

        architecture, generator = self._encoder_config(config), config.generator

        def build() -> keras.Model:
            sample = keras.Input(config.sample_shape, name="sample")
            x = apply_blocks(sample, self._encoder_blocks(config), BuildContext(""))
            x = _as_vector(x, architecture.expand(config.sample_shape)[-1], "latent")
            x = keras.layers.Dense(generator.latent_dim, name="latent_dense")(x)
            output = "tanh" if generator.latent == "uniform" else "linear"
            latent = keras.layers.Activation(output, dtype="float32", name="latent_output")(x)
            return keras.Model([sample], latent, name=ENCODER)

        with own_settings(dtype_policy=precision):
            return initialize(build, architecture.initializer, config.training.seed + 2)

    def _build_discriminator(self, config: Experiment, precision: Precision) -> keras.Model:
        """Samples, latents float32 ``[b, latent_dim]`` (and labels int32 ``[b]``) -> logits float32 ``[b, 1]``."""
        import keras

        from ganzoo.blocks.context import BuildContext, Label
        from ganzoo.environment.process_settings import own_settings
        from ganzoo.training.initialization import initialize
        from ganzoo.training.networks import apply_blocks

        *body, head = config.discriminator.expand(config.sample_shape)
        norm = norm_of_weights(shared_fields(head)) or {"norm": "none"}

        def dense(channels: int) -> Block:
            return discriminator_blocks.create({"name": "dense", "channels": channels, **norm})

        def build() -> keras.Model:
            inputs: list[Any] = [
                keras.Input(config.sample_shape, name="sample"),
                keras.Input((config.generator.latent_dim,), name="latent"),
            ]
            context = BuildContext("")
            if config.num_classes:
                inputs.append(keras.Input((), dtype="int32", name="label"))
                context = BuildContext("", label=Label(inputs[2], config.num_classes))
            x = _as_vector(apply_blocks(inputs[0], body, context), head, "sample")
            z = dense(self.latent_features).build(inputs[1], context.named("latent"))
            pair = keras.layers.Concatenate(name="pair")([x, z])
            joint = dense(self.joint_features).build(pair, context.named("joint"))
            # The head's own activation was applied to the features of the sample.
            plain = head.model_copy(update={"activation": Linear()})
            return keras.Model(inputs, plain.build(joint, context.named("head")), name="discriminator")

        with own_settings(dtype_policy=precision):
            return initialize(build, config.discriminator.initializer, config.training.seed + 1)


def _as_vector(features: KerasTensor, head: Block, name: str) -> KerasTensor:
    """Features ``[b, ...]``, with the activation that a head applies to them first, as vectors ``[b, d]``."""
    import keras

    from ganzoo.blocks.fields import activate

    x = activate(features, getattr(head, "activation", "linear"), getattr(head, "slope", 0.0), f"{name}_features")
    return keras.layers.Flatten(name=f"{name}_flatten")(x) if len(x.shape) > 2 else x
