"""An objective: the adversarial game with a further term in the discriminator's loss."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from ganzoo.errors import ConfigError
from ganzoo.objectives.adversarial import Adversarial
from ganzoo.objectives.base import objectives

if TYPE_CHECKING:
    from ganzoo.config.experiment import Config
    from ganzoo.objectives.adversarial import Judgment
    from ganzoo.training.step import Step


@objectives.register("mirror_consistency")
class MirrorConsistency(Adversarial):
    """The adversarial game, with a discriminator whose logit does not change when an image is mirrored.

    It is consistency regularization (Zhang et al. 2020, arXiv:1910.12027) with one augmentation.

    Attributes:
        weight: factor of the mean squared difference.
    """

    extra_metrics: ClassVar[tuple[str, ...]] = ("d_consistency",)

    weight: float = Field(10.0, gt=0, le=1e6)

    def check(self, config: Config) -> None:
        if not config.sample_spec.is_image:
            raise ConfigError("objective: mirror_consistency needs images, and this data has none")

    def discriminator_terms(self, step: Step, real: Judgment, fake: Judgment) -> dict[str, Any]:
        import tensorflow as tf

        mirrored = replace(real.seen, samples=real.seen.samples[:, :, ::-1])
        logits, _ = self.judge(step, mirrored)
        return {"d_consistency": self.weight * tf.reduce_mean(tf.square(real.logits - logits))}
