"""Settings of the collapse watch: thresholds, patience, and the reaction to a collapse."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from ganzoo.config.model import ConfigModel


class CollapseWatchConfig(ConfigModel):
    """Watches a training for collapse; ``ganzoo.training.collapse_watch`` describes how each sign is measured.

    It costs about 10 ms at each sampling interval and nothing in between. For conditional models it also generates 16
    latents (64 for vectors) in each class, of up to 16 classes. It changes no weight unless ``on_collapse`` is
    ``rollback``.

    Attributes:
        enabled: whether to watch at all.
        on_collapse: ``warn`` prints one line; ``rollback`` returns to the last checkpoint before the first sign, halves
            both learning rates and continues; ``stop`` ends the training with an error.
        max_rollbacks: after this number of rollbacks, further signs only warn; a number that is not finite stops.
        grace_steps: until this step, duplicates, lost recall and a discriminator that is saturated or at chance are not
            reported.
        patience: consecutive checks that must show a sign before it counts, and must not show it before it ends; five
            times as many for a discriminator at chance.
        duplicates: share of preview samples with a near copy in the preview, in excess of the share in real samples.
            The same share applies within each class of a conditional model.
        recall: variety counts as lost if recall is below this share of the real samples' own recall.
        saturation: D is saturated if, over ``log_every`` steps, its mean probability is at least this for real samples
            and at most one minus this for generated ones, and it classifies every sample correctly.
        chance: D of images is at chance level if its mean loss over ``log_every`` steps is at least this share of the
            loss of guessing. This only warns, for every ``on_collapse``.
        label_response: the label of a conditional model has no effect if one latent in all classes changes by less than
            this share of the difference between real classes. This only warns, for every ``on_collapse``.
        gradient_factor: the gradient explodes if its mean norm over ``log_every`` steps is at least this factor times
            its running median, and above 10.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    enabled: bool = True
    on_collapse: Literal["warn", "rollback", "stop"] = "warn"
    max_rollbacks: int = Field(3, ge=1, le=20)
    grace_steps: int = Field(2000, ge=0, le=1_000_000_000)
    patience: int = Field(2, ge=1, le=100)
    duplicates: float = Field(0.5, gt=0, lt=1)
    recall: float = Field(0.1, gt=0, lt=1)
    saturation: float = Field(0.99, gt=0.5, lt=1)
    chance: float = Field(0.985, gt=0.5, lt=1)
    label_response: float = Field(0.05, gt=0, lt=1)
    gradient_factor: float = Field(30.0, ge=2, le=1e6)
