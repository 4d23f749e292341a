"""What the collapse watch is told: thresholds, patience, and what to do when a training goes wrong."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class CollapseWatchConfig(BaseModel):
    """Watches a training for collapse; ``ganzoo.training.collapse_watch`` says how each sign is measured.

    It costs about 10 ms at each sampling interval and nothing in between, and changes no weight unless
    ``on_collapse`` says so.

    Attributes:
        enabled: whether to watch at all.
        on_collapse: ``warn`` says one line; ``rollback`` goes back to the last checkpoint from before the first sign,
            halves both learning rates and goes on; ``stop`` ends the training with an error.
        max_rollbacks: after so many rollbacks it only warns (where a number is not finite, it stops).
        grace_steps: before this step nothing is said of duplicates, recall or a discriminator that is saturated or at
            chance.
        patience: looks in a row that must show a sign before it counts, and must be free of it before it is over; five
            times as many for a discriminator at chance.
        duplicates: share of the preview, beyond that of real samples, that has a near copy in the preview.
        recall: below this share of the real samples' own recall the variety counts as lost.
        saturation: D is saturated if it gives reals at least this mean probability and fakes at most one minus it over
            a whole ``log_every``, and every single sample is on its side.
        chance: D of images is at chance if its mean loss over ``log_every`` is at least this share of what guessing
            has. That is only said, whatever ``on_collapse`` is.
        gradient_factor: a mean gradient norm over ``log_every`` steps that is so many times its running median (and
            over 10) counts as exploding.
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
    gradient_factor: float = Field(30.0, ge=2, le=1e6)
