"""InfoGAN: codes that the training gives a meaning, without labels (Chen et al. 2016, arXiv:1606.03657)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from ganzoo.errors import ConfigError
from ganzoo.objectives.acgan import CLASSES, class_accuracy, class_loss
from ganzoo.objectives.adversarial import Adversarial, Judgment, Terms
from ganzoo.objectives.base import METRICS, objectives
from ganzoo.objectives.experiment import Experiment

if TYPE_CHECKING:
    from tensorflow import Tensor

    from ganzoo.training.step import Step

MEANS, LOG_VARIANCES = "code_means", "code_log_variances"
LARGEST_LOG_VARIANCE = 5.0
"""Learned log variances are between this number and its negative, which keeps the loss finite."""


@objectives.register("infogan")
class Infogan(Adversarial):
    """The discriminator's further heads guess the codes that a sample was generated from.

    The codes are a class, the generator's label input with ``num_classes`` values that are not classes of the data, and
    the first ``codes`` entries of the latent. Both sides minimize the negative log-likelihood of the codes under the
    heads, which is a variational bound of their mutual information with the sample (equation 5 of the paper, without
    the constant entropy of the codes). Real samples have no part in it. Heads: class logits ``[b, num_classes]``, means
    and, if learned, log variances of the codes ``[b, codes]``.

    Attributes:
        codes: number of continuous codes.
        weight: weight of the cross entropy of the class (lambda in the paper).
        code_weight: weight of the loss of the continuous codes; the paper uses smaller values than for the class.
        variance: variance of the Gaussian of each continuous code: 1, or learned as a function of the sample.
    """

    conditional_discriminator: ClassVar[bool] = False
    uses_labels: ClassVar[bool] = False

    codes: int = Field(2, ge=0, le=1024)
    weight: float = Field(1.0, gt=0, le=1e3)
    code_weight: float = Field(0.1, gt=0, le=1e3)
    variance: Literal["unit", "learned"] = "unit"

    def check(self, config: Experiment) -> None:
        if not config.num_classes and not self.codes:
            raise ConfigError("the objective 'infogan' has no codes; set objective.codes, num_classes or both")
        if self.codes > config.generator.latent_dim:
            raise ConfigError(
                f"objective.codes is {self.codes}, but the latent, whose first entries are the codes, has "
                f"{config.generator.latent_dim}; raise generator.latent_dim"
            )
        if config.pack_size > 1:
            raise ConfigError("a packed discriminator judges several samples at once and cannot guess their codes")

    def latent_codes(self) -> int:
        return self.codes

    def heads(self, config: Experiment) -> dict[str, int]:
        heads = {CLASSES: config.num_classes} if config.num_classes else {}
        if self.codes:
            heads |= {MEANS: self.codes} | ({LOG_VARIANCES: self.codes} if self.variance == "learned" else {})
        return heads

    def metrics(self, config: Experiment) -> tuple[str, ...]:
        of_class = ("d_class_loss", "g_class_loss", "class_accuracy") if config.num_classes else ()
        of_codes = ("d_code_loss", "g_code_loss", "code_error") if self.codes else ()
        return (*METRICS, *of_class, *of_codes)

    def discriminator_terms(self, step: Step, real: Judgment, fake: Judgment) -> Terms:
        return self._terms(step, fake, "d")

    def generator_terms(self, step: Step, fake: Judgment) -> Terms:
        return self._terms(step, fake, "g")

    def measurements(self, step: Step, real: Judgment, fake: Judgment) -> Terms:
        found: Terms = {"class_accuracy": class_accuracy(fake)} if step.config.num_classes else {}
        return found | ({"code_error": self._code_error(fake)} if self.codes else {})

    def _terms(self, step: Step, fake: Judgment, side: str) -> Terms:
        terms: Terms = {f"{side}_class_loss": self.weight * class_loss(fake)} if step.config.num_classes else {}
        return terms | ({f"{side}_code_loss": self.code_weight * self._code_loss(fake)} if self.codes else {})

    def _code_loss(self, fake: Judgment) -> Tensor:
        """The mean negative log-likelihood of all codes of a sample under the Gaussians of the heads, a scalar."""
        import tensorflow as tf

        squares = tf.square(self._true_codes(fake) - fake.heads[MEANS])
        if self.variance == "unit":
            losses = 0.5 * (squares + math.log(2 * math.pi))
        else:
            limit = LARGEST_LOG_VARIANCE
            log_variances = limit * tf.tanh(fake.heads[LOG_VARIANCES] / limit)
            losses = 0.5 * (squares * tf.exp(-log_variances) + log_variances + math.log(2 * math.pi))
        return tf.reduce_mean(tf.reduce_sum(losses, axis=1))

    def _code_error(self, fake: Judgment) -> Tensor:
        """The root of the mean squared difference between the codes and the heads' means, a scalar."""
        import tensorflow as tf

        return tf.sqrt(tf.reduce_mean(tf.square(self._true_codes(fake) - fake.heads[MEANS])))

    def _true_codes(self, fake: Judgment) -> Tensor:
        latent: Any = fake.seen.latent
        return latent[:, : self.codes]
