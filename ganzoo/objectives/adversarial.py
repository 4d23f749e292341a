"""The original GAN: a discriminator classifies samples as real or fake (Goodfellow et al. 2014, arXiv:1406.2661).

Objectives with further networks or terms, such as an auxiliary classifier, derive from it and override its hooks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from ganzoo.blocks import _calling
from ganzoo.objectives.base import Objective, objectives
from ganzoo.objectives.experiment import AUGMENT_FAKE, AUGMENT_GENERATOR, AUGMENT_REAL, Experiment
from ganzoo.penalties import Generated, Judged

if TYPE_CHECKING:
    import keras
    from tensorflow import Tensor

    from ganzoo.training.step import Batch, Step

Terms = dict[str, Any]
"""Terms of a loss by their names in the log, each a float32 scalar."""


@dataclass(frozen=True)
class Judgment:
    """The discriminator's output for one batch.

    Attributes:
        seen: the batch as the discriminator sees it, after augmentation.
        heads: outputs of the discriminator's other heads by name, float32 ``[b, d]``.
        judged: the same samples and their logits, for penalties.
        further: what the discriminator's layers passed to ``_calling.add_output``, for a term of its head.
    """

    seen: Batch
    heads: dict[str, Tensor]
    judged: Judged
    further: dict[str, Tensor]

    @property
    def logits(self) -> Tensor:
        """Float32 ``[b, 1]``."""
        return self.judged.logits


@objectives.register("adversarial")
class Adversarial(Objective):
    """A generator against a discriminator, with the loss, the penalties and the augmentation of ``training``."""

    adds_loss_term_of_head: ClassVar[bool] = True

    def networks(self, config: Experiment) -> dict[str, keras.Model]:
        from ganzoo.training import networks

        return {
            "generator": networks.build_generator(config, precision=config.training.precision),
            "discriminator": networks.build_discriminator(
                config, precision=config.training.precision, heads=self.heads(config)
            ),
        }

    def heads(self, config: Experiment) -> dict[str, int]:
        """Further outputs of the discriminator: name -> width. ``judge`` returns them."""
        return {}

    def pair(self, step: Step, turn: int) -> tuple[Batch, Batch]:
        """The real and the generated batch of a turn. Networks of the generator's side may be applied here."""
        real = step.real(turn)
        return real, step.fake(real.label, turn)

    def judge(self, step: Step, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Apply the discriminator: the logits ``[b, 1]``, and the outputs of its other heads by name."""
        is_conditional = batch.label is not None and self.conditional_discriminator
        logits, *heads = step.discriminate([batch.samples, *([batch.label] if is_conditional else [])])
        return logits, dict(zip(self.heads(step.config), heads, strict=True))

    def needs_real(self, step: Step) -> bool:
        """Whether ``generator_loss`` depends on the logits of real samples. Otherwise it receives zeros."""
        return step.training.loss.generator_needs_real

    def generator_loss(self, step: Step, real: Tensor, fake: Tensor) -> Tensor:
        """The adversarial loss of the generator's side, a scalar, from the logits of real and generated samples."""
        return step.training.loss.generator(real, fake)

    def discriminator_terms(self, step: Step, real: Judgment, fake: Judgment) -> Terms:
        """Terms that the discriminator's side minimizes in addition to the adversarial loss and the penalties."""
        return {}

    def generator_terms(self, step: Step, fake: Judgment) -> Terms:
        """Terms that the generator's side minimizes in addition to the adversarial loss and the penalties."""
        return {}

    def measurements(self, step: Step, real: Judgment, fake: Judgment) -> Terms:
        """Further metrics of the discriminator's outputs, which nothing minimizes."""
        return {}

    def pair_terms(self, step: Step, real: Batch, fake: Batch) -> Terms:
        """Terms that the generator's side minimizes, from the batches of ``pair`` before augmentation."""
        return {}

    def update(self, step: Step) -> dict[str, Tensor]:
        if step.training.update == "simultaneous":
            return self._simultaneous(step)
        return self._alternating(step)

    def _alternating(self, step: Step) -> dict[str, Any]:
        """Discriminator updates, then one generator update that reuses the last generated batch."""
        import tensorflow as tf

        last = step.training.d_steps - 1
        for turn in range(last):
            self._update_discriminator(step, *self.pair(step, turn), turn)
        with step.watching(self.generator_side) as tape:
            real, fake = self.pair(step, last)
            with tape.stop_recording():
                metrics = self._update_discriminator(step, real, fake, last)
            of_fake = self._judgment(step, fake, last, AUGMENT_GENERATOR)
            if self.needs_real(step):
                real_logits = self._judgment(step, real, last, AUGMENT_REAL).logits
            else:
                real_logits = tf.zeros_like(of_fake.logits)
            g_loss = self.generator_loss(step, real_logits, of_fake.logits)
            terms = self.generator_terms(step, of_fake) | self.pair_terms(step, real, fake)
            penalty = step.generator_penalty(_generated(fake), last)
            total = _total(g_loss, terms, penalty)
        norm = step.move(self.generator_side, step.gradients(tape, self.generator_side, total))
        metrics["penalty"] += sum(_present(penalty))
        return metrics | terms | {"g_loss": g_loss, "g_gradient_norm": norm}

    def _simultaneous(self, step: Step) -> dict[str, Any]:
        """Both updates from one pass through the generator and one through the discriminator."""
        with step.watching(self.generator_side) as g_tape:
            real, fake = self.pair(step, 0)
            with step.watching(self.discriminator_side) as d_tape:
                of_real = self._judgment(step, real, 0, AUGMENT_REAL)
                of_fake = self._judgment(step, fake, 0, AUGMENT_FAKE)
                d_loss = step.training.loss.discriminator(of_real.logits, of_fake.logits)
                d_terms = self.discriminator_terms(step, of_real, of_fake)
                with g_tape.stop_recording():
                    d_penalty = step.discriminator_penalty(of_real.judged, of_fake.judged, 0)
                d_total = _total(d_loss, d_terms, d_penalty, _term_of_head(step, of_real, of_fake))
            g_loss = self.generator_loss(step, of_real.logits, of_fake.logits)
            g_terms = self.generator_terms(step, of_fake) | self.pair_terms(step, real, fake)
            g_penalty = step.generator_penalty(_generated(fake), 0)
            g_total = _total(g_loss, g_terms, g_penalty)
        g_gradients = step.gradients(g_tape, self.generator_side, g_total)
        d_norm = step.move(self.discriminator_side, step.gradients(d_tape, self.discriminator_side, d_total))
        g_norm = step.move(self.generator_side, g_gradients)
        metrics = {"d_loss": d_loss, "d_gradient_norm": d_norm, **step.describe(of_real.logits, of_fake.logits)}
        metrics |= {"g_loss": g_loss, "g_gradient_norm": g_norm, "penalty": sum(_present(d_penalty, g_penalty))}
        return metrics | d_terms | g_terms | self.measurements(step, of_real, of_fake)

    def _update_discriminator(self, step: Step, real: Batch, fake: Batch, turn: int) -> dict[str, Any]:
        with step.watching(self.discriminator_side) as tape:
            of_real = self._judgment(step, real.detached(), turn, AUGMENT_REAL)
            of_fake = self._judgment(step, fake.detached(), turn, AUGMENT_FAKE)
            d_loss = step.training.loss.discriminator(of_real.logits, of_fake.logits)
            terms = self.discriminator_terms(step, of_real, of_fake)
            penalty = step.discriminator_penalty(of_real.judged, of_fake.judged, turn)
            total = _total(d_loss, terms, penalty, _term_of_head(step, of_real, of_fake))
        norm = step.move(self.discriminator_side, step.gradients(tape, self.discriminator_side, total))
        metrics = {"d_loss": d_loss, "penalty": sum(_present(penalty)), "d_gradient_norm": norm}
        metrics |= step.describe(of_real.logits, of_fake.logits)
        return metrics | terms | self.measurements(step, of_real, of_fake)

    def _judgment(self, step: Step, batch: Batch, turn: int, stream: int) -> Judgment:
        """Augment a batch and apply the discriminator, once. Penalties use the recorded tape."""
        import tensorflow as tf

        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(batch.samples)
            seen = step.augment(batch, turn, stream)
            tape.watch(seen.samples)
            with _calling.further_outputs() as further:
                logits, heads = self.judge(step, seen)
        judged = Judged(
            samples=seen.samples,
            logits=logits,
            critic=lambda samples: self.judge(step, replace(seen, samples=samples))[0],
            original=batch.samples,
            tape=tape,
        )
        return Judgment(seen, heads, judged, further)


def _generated(batch: Batch) -> Generated:
    return Generated(batch.samples, batch.latent, batch.label)


def _term_of_head(step: Step, real: Judgment, fake: Judgment) -> Any:
    return step.config.discriminator.complete_head().loss_term(step.training.loss, real.further, fake.further)


def _total(loss: Any, terms: Terms, *others: Any) -> Any:
    """The sum of a loss, its further terms, and those of the others that are not None."""
    return sum([*terms.values(), *_present(*others)], loss)


def _present(*values: Any) -> list[Any]:
    return [value for value in values if value is not None]
