"""Penalties on the discriminator or the generator, as registered parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from ganzoo import replicas
from ganzoo.registry import Part, Registry
from ganzoo.schedules import Cosine, SchedulePart

if TYPE_CHECKING:
    from tensorflow import GradientTape, Tensor


@dataclass(frozen=True)
class Judged:
    """Samples, and the discriminator's logits of them in this step.

    Attributes:
        samples: float32 ``[b, ...]``, as the discriminator sees them.
        logits: ``[b, 1]``, or ``[b / packing, 1]`` of a packed discriminator. Neighboring samples share a logit.
        critic: the discriminator as a function from samples to logits, for other samples than these.
        original: the samples before augmentation.
        tape: persistent; has recorded everything from ``original`` and ``samples`` to ``logits``.
    """

    samples: Tensor
    logits: Tensor
    critic: Callable[[Tensor], Tensor]
    original: Tensor
    tape: GradientTape

    @classmethod
    def by(
        cls, critic: Callable[[Tensor], Tensor], samples: Tensor, *, augment: Callable[[Tensor], Tensor] | None = None
    ) -> Judged:
        """Judge samples with a critic, after an augmentation if there is one."""
        import tensorflow as tf

        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(samples)
            seen = samples if augment is None else augment(samples)
            tape.watch(seen)
            logits = critic(seen)
        return cls(seen, logits, critic, samples, tape)

    def gradient(self, *, before_augmentation: bool = False) -> Tensor:
        """Gradient of each logit, one flat row per logit: float32 ``[b, d]``. No second pass is needed.

        A packed discriminator has one logit per pack, and its row is the gradient by all samples of the pack:
        ``[b / packing, packing * d]``.

        Args:
            before_augmentation: with respect to the samples before augmentation, and not to those that the
                discriminator sees.
        """
        import tensorflow as tf

        with self.tape:  # record the sum and the cast as well
            total = tf.reduce_sum(self.logits)
        gradient = self.tape.gradient(total, self.original if before_augmentation else self.samples)
        gradient = tf.cast(gradient, tf.float32)
        return tf.reshape(gradient, [tf.shape(self.logits)[0], -1])


@dataclass(frozen=True)
class Generated:
    """A batch of the generator in this step.

    Attributes:
        samples: float32 ``[b, ...]``.
        latent: float32 ``[b, latent_dim]``.
        label: int32 ``[b]``; None in a model without classes.
    """

    samples: Tensor
    latent: Tensor
    label: Tensor | None = None


class Penalty(Part):
    """A term added to the loss of a network. Derive from ``DiscriminatorPenalty`` or ``GeneratorPenalty``.

    Attributes:
        interval: the penalty is computed at every ``interval``-th step and multiplied by ``interval`` (lazy
            regularization, Karras et al. 2020, arXiv:1912.04958, appendix B).
    """

    network: ClassVar[Literal["discriminator", "generator"]]
    """The network whose loss has this term."""
    needs_whole_batch: ClassVar[bool] = False
    """Whether the penalty is not a mean over samples, so that a batch cannot be split over several devices."""
    weights: ClassVar[tuple[str, ...]] = ()
    """Names of the fields that set its strength. If the discriminator is at chance, ganzoo recommends lower ones."""

    interval: int = Field(1, ge=1, le=64)

    def scale(self, step: Tensor, steps: int) -> Tensor | None:
        """The factor of the penalty at a step (int64) of a training with ``steps`` steps. None means 1."""
        return None

    def tied_to_length(self) -> str | None:
        """The setting that depends on the length of the training, or None. With None, a run can be made longer.

        A penalty that overrides ``scale`` depends on the length unless it overrides this method too.
        """
        return None if type(self).scale is Penalty.scale else "scale"


class DiscriminatorPenalty(Penalty):
    """A term added to the discriminator's loss."""

    network = "discriminator"

    def penalty(self, real: Judged, fake: Judged, seed: Tensor) -> Tensor:
        """The penalty, a float32 scalar.

        Args:
            real: real samples and their logits.
            fake: generated samples and their logits.
            seed: int64 ``[2]``, for stateless random numbers.
        """
        raise NotImplementedError


class GeneratorPenalty(Penalty):
    """A term added to the generator's loss."""

    network = "generator"

    def penalty(self, generated: Generated, seed: Tensor) -> Tensor:
        """The penalty, a float32 scalar.

        Args:
            generated: the generator's batch, with gradients to the generator.
            seed: int64 ``[2]``, for stateless random numbers.
        """
        raise NotImplementedError


penalties: Registry[Penalty] = Registry("penalties", kind="penalty", base=Penalty, package="ganzoo.penalties")


class ZeroCentered(DiscriminatorPenalty):
    """``gamma / 2 * E |grad D|^2``.

    Attributes:
        gamma: weight. It grows with the number of pixels: 1 to 100 for small networks at 64 px.
        gamma_end: if set, the weight changes from ``gamma`` at the first step to this value, as in R3GAN (Huang et al.
            2024, arXiv:2501.05441), where it falls to a tenth. In ``dcgan-faces-32`` it rises as D learns.
        schedule: shape of the change.
        schedule_steps: steps until the weight is ``gamma_end``, and constant afterwards; by default the whole training.
        before_augmentation: take the gradient with respect to the samples before augmentation, as StyleGAN2-ADA (Karras
            et al. 2020, arXiv:2006.06676) and R3GAN do. By default it is with respect to what the discriminator sees.
    """

    weights: ClassVar[tuple[str, ...]] = ("gamma", "gamma_end")

    gamma: float = Field(1.0, gt=0, le=1e6)
    gamma_end: float | None = Field(None, ge=0, le=1e6)
    schedule: SchedulePart = Cosine()
    schedule_steps: int | None = Field(None, ge=1, le=1_000_000_000)
    before_augmentation: bool = False

    @model_validator(mode="after")
    def _goes_somewhere(self) -> Self:
        if self.schedule_steps is not None and self.gamma_end is None:
            raise ValueError("schedule_steps needs gamma_end: the value that gamma reaches after schedule_steps")
        if self.schedule.is_constant and self.gamma_end is not None:
            raise ValueError(f"gamma_end has no effect with schedule: {self.schedule.registered_name}")
        return self

    def scale(self, step: Tensor, steps: int) -> Tensor | None:
        """The weight at ``step``, divided by ``gamma``."""
        if self.gamma_end is None:
            return None
        import keras
        import tensorflow as tf

        done = tf.minimum(1.0, tf.cast(step, tf.float32) / (self.schedule_steps or steps))
        left = self.schedule.factor(done, keras.ops)
        return left + (1.0 - left) * (self.gamma_end / self.gamma)

    def tied_to_length(self) -> str | None:
        if self.gamma_end is None or self.schedule_steps is not None:
            return None
        return f"gamma_end={self.gamma_end:g} without schedule_steps"

    def at(self, judged: Judged) -> Tensor:
        """The penalty for these samples."""
        import tensorflow as tf

        gradient = judged.gradient(before_augmentation=self.before_augmentation)
        return 0.5 * self.gamma * tf.reduce_mean(tf.reduce_sum(tf.square(gradient), axis=1))


@penalties.register("r1")
class R1(ZeroCentered):
    """Zero-centered penalty on real samples (Mescheder et al. 2018, arXiv:1801.04406, equation 9)."""

    def penalty(self, real: Judged, fake: Judged, seed: Tensor) -> Tensor:
        return self.at(real)


@penalties.register("r2")
class R2(ZeroCentered):
    """Zero-centered penalty on generated samples (Mescheder et al. 2018, arXiv:1801.04406, equation 10)."""

    def penalty(self, real: Judged, fake: Judged, seed: Tensor) -> Tensor:
        return self.at(fake)


@penalties.register("wgan_gp")
class WganGp(DiscriminatorPenalty):
    """``weight * E (|grad D| - 1)^2`` between real and generated samples (Gulrajani et al. 2017, arXiv:1704.00028)."""

    also_known_as: ClassVar[tuple[str, ...]] = ("gp", "gradient_penalty", "wgangp")
    weights: ClassVar[tuple[str, ...]] = ("weight",)

    weight: float = Field(10.0, gt=0, le=1e6)

    def penalty(self, real: Judged, fake: Judged, seed: Tensor) -> Tensor:
        import tensorflow as tf

        count = tf.shape(real.logits)[0]
        share = replicas.uniform([count, *[1] * (len(real.samples.shape) - 1)], seed)
        share = tf.repeat(share, tf.shape(real.samples)[0] // count, axis=0)  # one for all samples of a logit
        between = Judged.by(real.critic, real.samples + share * (fake.samples - real.samples))
        norm = tf.sqrt(tf.reduce_sum(tf.square(between.gradient()), axis=1) + 1e-12)
        return self.weight * tf.reduce_mean(tf.square(norm - 1.0))


@penalties.register("mode_seeking")
class ModeSeeking(GeneratorPenalty):
    """Rewards a generator whose samples differ as much as their latents (Mao et al. 2019, arXiv:1903.05628).

    ``weight / (E |G(z1) - G(z2)| / |z1 - z2|)`` over neighbors in the batch, with mean absolute differences. In a
    conditional model only neighbors of the same class count.
    """

    also_known_as: ClassVar[tuple[str, ...]] = ("msgan",)
    weights: ClassVar[tuple[str, ...]] = ("weight",)
    needs_whole_batch: ClassVar[bool] = True

    weight: float = Field(1.0, gt=0, le=1e6)

    def penalty(self, generated: Generated, seed: Tensor) -> Tensor:
        import tensorflow as tf

        def difference(values: Tensor) -> Tensor:
            rows = tf.reshape(tf.cast(values, tf.float32), [tf.shape(values)[0], -1])
            return tf.reduce_mean(tf.abs(rows - tf.roll(rows, 1, axis=0)), axis=1)

        ratio = difference(generated.samples) / difference(generated.latent)
        if generated.label is None:
            return self.weight / (tf.reduce_mean(ratio) + 1e-5)
        same = tf.cast(generated.label == tf.roll(generated.label, 1, axis=0), tf.float32)
        mean = tf.math.divide_no_nan(tf.reduce_sum(ratio * same), tf.reduce_sum(same))
        return tf.where(tf.reduce_any(same > 0), self.weight / (mean + 1e-5), 0.0)
