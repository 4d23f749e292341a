"""Gradient penalties on the discriminator, as registered parts."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from ganzoo.registry import Part, Registry

if TYPE_CHECKING:
    from tensorflow import Tensor


class Penalty(Part):
    """A term added to the discriminator's loss.

    Attributes:
        interval: the penalty is computed at every ``interval``-th step and multiplied by ``interval`` (lazy
            regularization, Karras et al. 2020, arXiv:1912.04958, appendix B).
    """

    interval: int = Field(1, ge=1, le=64)

    def penalty(self, critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, seed: Tensor) -> Tensor:
        """The penalty, a float32 scalar.

        Args:
            critic: from samples to logits ``[b, 1]``.
            real: real samples ``[b, ...]``, float32, as the discriminator sees them.
            fake: generated samples, in the same shape.
            seed: int64 ``[2]``, for stateless random numbers.
        """
        raise NotImplementedError

    def scale(self, step: Tensor, steps: int) -> Tensor | None:
        """The factor of the penalty at a step (int64) of a training with ``steps`` steps. None means 1."""
        return None

    def tied_to_length(self) -> str | None:
        """The setting that depends on the length of the training, or None. With None, a run can be made longer.

        A penalty that overrides ``scale`` depends on the length unless it overrides this method too.
        """
        return None if type(self).scale is Penalty.scale else "scale"


penalties: Registry[Penalty] = Registry("penalties", kind="penalty", base=Penalty, package="ganzoo.penalties")


def input_gradient(critic: Callable[[Tensor], Tensor], samples: Tensor) -> Tensor:
    """Gradient of the summed logits with respect to the samples, one flat row per sample: float32 ``[b, d]``."""
    import tensorflow as tf

    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(samples)
        total = tf.reduce_sum(critic(samples))
    gradient = tf.cast(tape.gradient(total, samples), tf.float32)
    return tf.reshape(gradient, [tf.shape(gradient)[0], -1])


class ZeroCentered(Penalty):
    """``gamma / 2 * E |grad D|^2``.

    Attributes:
        gamma: weight. It grows with the number of pixels: 1 to 100 for small networks at 64 px.
        gamma_end: if set, the weight changes from ``gamma`` at the first step to this value, as in R3GAN (Huang et al.
            2024, arXiv:2501.05441), where it falls to a tenth. In ``dcgan-faces-32`` it rises as D learns.
        schedule: shape of the change.
        schedule_steps: steps until the weight is ``gamma_end``, and constant afterwards; by default the whole training.
    """

    gamma: float = Field(1.0, gt=0, le=1e6)
    gamma_end: float | None = Field(None, ge=0, le=1e6)
    schedule: Literal["cosine", "linear"] = "cosine"
    schedule_steps: int | None = Field(None, ge=1, le=1_000_000_000)

    @model_validator(mode="after")
    def _goes_somewhere(self) -> Self:
        if self.schedule_steps is not None and self.gamma_end is None:
            raise ValueError("schedule_steps needs gamma_end: the value that gamma reaches after schedule_steps")
        return self

    def scale(self, step: Tensor, steps: int) -> Tensor | None:
        """The weight at ``step``, divided by ``gamma``."""
        if self.gamma_end is None:
            return None
        import tensorflow as tf

        done = tf.minimum(1.0, tf.cast(step, tf.float32) / (self.schedule_steps or steps))
        left = 0.5 * (1.0 + tf.cos(math.pi * done)) if self.schedule == "cosine" else 1.0 - done
        return left + (1.0 - left) * (self.gamma_end / self.gamma)

    def tied_to_length(self) -> str | None:
        if self.gamma_end is None or self.schedule_steps is not None:
            return None
        return f"gamma_end={self.gamma_end:g} without schedule_steps"

    def at(self, critic: Callable[[Tensor], Tensor], samples: Tensor) -> Tensor:
        """The penalty for these samples."""
        import tensorflow as tf

        squared = tf.reduce_sum(tf.square(input_gradient(critic, samples)), axis=1)
        return 0.5 * self.gamma * tf.reduce_mean(squared)


@penalties.register("r1")
class R1(ZeroCentered):
    """Zero-centered penalty on real samples (Mescheder et al. 2018, arXiv:1801.04406, equation 9)."""

    def penalty(self, critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, seed: Tensor) -> Tensor:
        return self.at(critic, real)


@penalties.register("r2")
class R2(ZeroCentered):
    """Zero-centered penalty on generated samples (Mescheder et al. 2018, arXiv:1801.04406, equation 10)."""

    def penalty(self, critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, seed: Tensor) -> Tensor:
        return self.at(critic, fake)


@penalties.register("wgan_gp")
class WganGp(Penalty):
    """``weight * E (|grad D| - 1)^2`` between real and generated samples (Gulrajani et al. 2017, arXiv:1704.00028)."""

    weight: float = Field(10.0, gt=0, le=1e6)

    def penalty(self, critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, seed: Tensor) -> Tensor:
        import tensorflow as tf

        shape = [tf.shape(real)[0], *[1] * (len(real.shape) - 1)]
        share = tf.random.stateless_uniform(shape, seed=seed)
        gradient = input_gradient(critic, real + share * (fake - real))
        norm = tf.sqrt(tf.reduce_sum(tf.square(gradient), axis=1) + 1e-12)
        return self.weight * tf.reduce_mean(tf.square(norm - 1.0))
