"""Optimizers, as registered parts, and the learning-rate schedule that they share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from ganzoo.registry import Part, Registry
from ganzoo.schedules import Constant, SchedulePart

if TYPE_CHECKING:
    from keras.optimizers import Optimizer


class OptimizerConfig(Part):
    """The fields that all optimizers share.

    Attributes:
        learning_rate: highest learning rate.
        schedule: how the learning rate falls to zero at the last step of the training; ``constant`` does not fall.
        warmup_steps: number of updates in which the learning rate first rises linearly from zero.
        clip_norm: largest global norm of the gradients, which are scaled down to it; None does not clip.
    """

    learning_rate: float = Field(2e-4, gt=0, le=1)
    schedule: SchedulePart = Constant()
    warmup_steps: int = Field(0, ge=0)
    clip_norm: float | None = Field(None, gt=0)

    def build(self, updates: int) -> Optimizer:
        """The Keras optimizer for a training of ``updates`` updates. The training step clips gradients itself."""
        raise NotImplementedError

    def tied_to_length(self) -> str | None:
        """The setting that depends on the length of the training, or None. With None, a run can be made longer.

        A subclass that uses ``updates`` in another way overrides this method.
        """
        return None if self.schedule.is_constant else f"schedule={self.schedule.registered_name}"

    def shared(self, updates: int) -> dict[str, Any]:
        """The arguments that every Keras optimizer takes."""
        from ganzoo.training.learning_rate import WarmupThenDecay

        rate: Any = self.learning_rate
        if not self.schedule.is_constant or self.warmup_steps:
            rate = WarmupThenDecay(rate, schedule=self.schedule, warmup_steps=self.warmup_steps, updates=updates)
        # Keras would number the optimizers of a process, and a checkpoint would not fit the second one.
        return {"learning_rate": rate, "name": self.registered_name}


optimizers: Registry[OptimizerConfig] = Registry(
    "optimizers", kind="optimizer", base=OptimizerConfig, package="ganzoo.optimizers"
)


@optimizers.register("adam")
class Adam(OptimizerConfig):
    """Adam (Kingma and Ba 2015, arXiv:1412.6980)."""

    beta_1: float = Field(0.5, ge=0, lt=1)
    beta_2: float = Field(0.999, ge=0, lt=1)
    epsilon: float = Field(1e-8, gt=0, le=1)

    def build(self, updates: int) -> Optimizer:
        from ganzoo.training.fused_adam import FusedAdam

        return FusedAdam(beta_1=self.beta_1, beta_2=self.beta_2, epsilon=self.epsilon, **self.shared(updates))


@optimizers.register("adamw")
class AdamW(OptimizerConfig):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv:1711.05101)."""

    beta_1: float = Field(0.5, ge=0, lt=1)
    beta_2: float = Field(0.999, ge=0, lt=1)
    epsilon: float = Field(1e-8, gt=0, le=1)
    weight_decay: float = Field(1e-2, ge=0, le=1)

    def build(self, updates: int) -> Optimizer:
        from ganzoo.training.fused_adam import FusedAdamW

        return FusedAdamW(
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
            weight_decay=self.weight_decay,
            **self.shared(updates),
        )


@optimizers.register("rmsprop")
class RMSprop(OptimizerConfig):
    """RMSprop, as in the first Wasserstein GAN (Arjovsky et al. 2017, arXiv:1701.07875)."""

    rho: float = Field(0.99, ge=0, lt=1)
    momentum: float = Field(0.0, ge=0, lt=1)
    epsilon: float = Field(1e-8, gt=0, le=1)

    def build(self, updates: int) -> Optimizer:
        import keras

        return keras.optimizers.RMSprop(
            rho=self.rho, momentum=self.momentum, epsilon=self.epsilon, **self.shared(updates)
        )
