"""The settings of a training: losses, optimizers, length, evaluation, checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from ganzoo.augmentations import Augmentation, augmentations
from ganzoo.config.collapse_watch import CollapseWatchConfig
from ganzoo.config.evaluation import EvaluationConfig
from ganzoo.config.model import ConfigModel
from ganzoo.config.paths import NAME_OR_PATH
from ganzoo.config.run_on_hub import RunOnHub
from ganzoo.losses import Loss, NonSaturating, losses
from ganzoo.optimizers import Adam, OptimizerConfig, optimizers
from ganzoo.penalties import Penalty, penalties

LossPart = Annotated[Loss, losses.field()]
PenaltyPart = Annotated[Penalty, penalties.field()]
AugmentationPart = Annotated[Augmentation, augmentations.field()]
OptimizerPart = Annotated[OptimizerConfig, optimizers.field()]


class TrainingConfig(ConfigModel):
    """How the networks are trained.

    Attributes:
        loss: the pair of losses.
        penalties: terms added to the discriminator's or the generator's loss, such as gradient penalties.
        augment: augmentation of real and generated images before the discriminator.
        update: ``alternating`` updates the discriminator, then the generator against the updated discriminator;
            ``simultaneous`` updates both from one forward pass of the discriminator, which is faster.
        d_steps: discriminator updates per generator update, each on new real samples.
        g_optimizer: optimizer of the generator.
        d_optimizer: optimizer of the discriminator.
        batch_size: samples per update.
        steps: number of generator updates.
        ema_decay: decay per step of the moving average of the generator's weights. The average is exported. 0 turns it
            off.
        ema_warmup: the decay starts low and rises as ``(1 + step) / (10 + step)``, so that early weights are forgotten.
        precision: ``mixed_bfloat16`` computes in bfloat16 and keeps float32 weights.
        device: ``auto`` uses a GPU if TensorFlow can use one, else the CPU; ``gpu`` refuses to train on the CPU;
            ``cpu`` hides all GPUs.
        deterministic: let TensorFlow use only operations that give the same bits again, which is slower on a GPU. It
            stays on in the process. On a CPU, runs repeat without it.
        xla: compile the update with XLA; faster on a GPU, slower on a CPU.
        init_from: a trained generator whose weights this training starts from: ``user/name`` or
            ``user/name@revision`` on the Hugging Face Hub, a pretrained model of the zoo, a bundle or a run. The
            generators must have the same layers. The discriminator starts from random weights.
        init_partial: take only the weights of ``init_from`` that fit, by name and shape; the other layers start from
            random weights. So a generator of 128 px can start from one of 64 px that has the same first layers.
        init_widen: this generator has the layers of ``init_from`` with more channels, or with additional ``residual``
            blocks. It starts with the same images (the idea of Net2Net, arXiv:1511.05641).
        init_discriminator: also take the discriminator of ``init_from``, from its newest checkpoint, and the other
            networks of the objective, if it has more. ``init_from`` must be a run on this machine, because a bundle has
            only the generator.
        seed: fixes initial weights, noise, augmentation and data order.
        evaluation: metrics during training, which select the best weights; null turns it off.
        watch: the collapse watch, which warns, rolls back or stops.
        log_every: steps from one line of the log to the next.
        sample_every: steps from one grid of samples to the next. The collapse watch checks these samples.
        checkpoint_every: steps from one checkpoint to the next.
        keep_checkpoints: number of checkpoints to keep, the newest ones.
        hub: save the run on the Hugging Face Hub while it trains; ``user/name`` is short for ``{repo: user/name}``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    loss: LossPart = NonSaturating()
    penalties: tuple[PenaltyPart, ...] = ()
    augment: AugmentationPart | None = None
    update: Literal["alternating", "simultaneous"] = "alternating"
    d_steps: int = Field(1, ge=1, le=100)
    g_optimizer: OptimizerPart = Adam()
    d_optimizer: OptimizerPart = Adam()
    batch_size: int = Field(64, ge=2, le=65536)
    steps: int = Field(20000, ge=1, le=1_000_000_000)
    ema_decay: float = Field(0.999, ge=0, lt=1)
    ema_warmup: bool = True
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    device: Literal["auto", "cpu", "gpu"] = "auto"
    deterministic: bool = False
    xla: bool = False
    init_from: Annotated[str, NAME_OR_PATH] | None = Field(None, min_length=1, max_length=500)
    init_partial: bool = False
    init_widen: bool = False
    init_discriminator: bool = False
    seed: int = Field(0, ge=0, lt=2**31)
    evaluation: EvaluationConfig | None = EvaluationConfig()
    watch: CollapseWatchConfig = CollapseWatchConfig()
    log_every: int = Field(100, ge=1)
    sample_every: int = Field(1000, ge=1)
    checkpoint_every: int = Field(2000, ge=1)
    keep_checkpoints: int = Field(2, ge=2, le=100)
    hub: RunOnHub | None = None

    @field_validator("hub", mode="before")
    @classmethod
    def _short_hub(cls, value: Any) -> Any:
        if not (value is None or isinstance(value, str | Mapping | RunOnHub)):
            raise ValueError(f"received {value!r}; write user/name, or {{repo: user/name, every: 5000}}")
        return {"repo": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_way_to_begin(self) -> Self:
        if self.init_partial and self.init_widen:
            raise ValueError("init_partial and init_widen are two ways to begin from other weights; choose one")
        return self

    @model_validator(mode="after")
    def _simultaneous_has_one_step(self) -> Self:
        if self.update == "simultaneous" and self.d_steps > 1:
            raise ValueError(f"update: simultaneous makes one discriminator step, but d_steps is {self.d_steps}")
        return self
