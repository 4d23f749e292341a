"""The collapse watch: checks previews and logged means, and reports in one line what is wrong and what to try.

Its decisions depend on the steps alone. It judges whole intervals, saves its state in the checkpoint, and reads no
clock. So a resumed training reports the same signs at the same steps as an uninterrupted training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganzoo.config.experiment import Config
from ganzoo.objectives.base import METRICS
from ganzoo.sample_spec import SampleSpec
from ganzoo.training import collapse_advice
from ganzoo.training.checkpointed_array import CheckpointedArray
from ganzoo.training.class_variety import ClassVariety, class_yardstick
from ganzoo.training.variety import COUNTS, FEWEST, Variety, Yardstick


@dataclass(frozen=True)
class Kind:
    """How signs of one kind are judged.

    Attributes:
        from_preview: the sign is found in the preview, at every ``sample_every``; else in the means over
            ``log_every`` steps.
        immediate: the first finding is reported, even during the grace period.
        patience: factor for the config's patience: the number of consecutive findings before a report.
        triggers_action: ``on_collapse`` applies to the sign; else it is only reported.
        by_class: the sign is found in the class preview, which only conditional models have.
    """

    from_preview: bool = False
    immediate: bool = False
    patience: int = 1
    triggers_action: bool = True
    by_class: bool = False


KINDS = {
    "duplicates": Kind(from_preview=True),
    "recall": Kind(from_preview=True),
    "saturated": Kind(),
    "d_gradients": Kind(immediate=True),
    "g_gradients": Kind(immediate=True),
    "chance": Kind(patience=5, triggers_action=False),  # lower learning rates would not help D
    "label_ignored": Kind(from_preview=True, triggers_action=False, by_class=True),  # nor do they bring a label back
    "class_duplicates": Kind(from_preview=True, by_class=True),
}
"""Checkpoints save the state of the kinds in this order; append a new kind at the end."""
INDEX_OF = {kind: index for index, kind in enumerate(KINDS)}
NOT_FINITE = "not_finite"

HISTORY = 50
"""The median gradient norm is over up to this number of intervals."""
LEAST_HISTORY = 5
"""Exploding gradients are judged only after this number of intervals."""
SMALL_NORM = 10.0
"""A smaller norm never counts as exploding: after a D that had nothing to learn, every norm exceeds the median."""
HAD_RECALL = 0.3
"""Low recall counts as lost if recall once reached this share of the floor."""
SLOW_START = 5
"""After this many grace periods, low recall always counts: early samples are blurred, which is healthy."""
READABLE, GUESSING = 0.3, 0.1
"""Samples do not follow their label if they are recognized less than this share better than by guessing, relative to
real samples. Real samples must be recognized this much better than by guessing."""


@dataclass(frozen=True)
class Sign:
    """A sign of collapse: its kind, and a line for the user."""

    kind: str
    text: str


class CollapseWatch:
    """Watches one training.

    Args:
        config: the experiment; ``config.training.watch`` sets the thresholds.
        samples: all real samples; the training's seed selects a few of them.
        labels: of the samples ``[n]``; None if there are none.
        class_names: for messages; by default the classes are numbered.
    """

    def __init__(
        self,
        config: Config,
        samples: NDArray[Any],
        labels: NDArray[np.int32] | None = None,
        class_names: Sequence[str] = (),
    ) -> None:
        self.config = config
        self.settings = config.training.watch
        self._yardstick = _yardstick(samples, seed=config.training.seed)
        self._classes = class_yardstick(samples, labels, num_classes=config.num_classes, seed=config.training.seed)
        self._class_names = class_names
        self._chance = config.training.loss.chance if config.sample_spec.is_image else None
        self._totals = CheckpointedArray("totals", len(METRICS))
        self._steps = CheckpointedArray("steps", 1)
        self._norms = CheckpointedArray("gradient_norms", 2, HISTORY)
        self._best_recall = CheckpointedArray("best_recall", 1)
        self._with_sign = CheckpointedArray("looks_with_sign", len(KINDS))
        self._without = CheckpointedArray("looks_without_sign", len(KINDS))
        self._reported = CheckpointedArray("said", len(KINDS))
        self._clean = CheckpointedArray("clean_step", len(KINDS))
        self._rollbacks = CheckpointedArray("rollbacks", 1)
        self.variables = tuple(value for value in vars(self).values() if isinstance(value, CheckpointedArray))

    @property
    def rollbacks(self) -> int:
        """Number of rollbacks so far."""
        return int(self._rollbacks.value[0])

    @rollbacks.setter
    def rollbacks(self, count: int) -> None:
        self._rollbacks.assign(count)

    @property
    def clean_step(self) -> int:
        """The last step without any sign that triggers an action; 0 if there is none."""
        return min(self.clean_steps)

    @property
    def clean_steps(self) -> set[int]:
        """The last step without each sign that triggers an action. One of them, or a later step, is the next
        ``clean_step``."""
        has_previews, has_classes = self._yardstick is not None, self._classes is not None
        kinds = [
            name
            for name, kind in KINDS.items()
            if kind.triggers_action and (has_previews or not kind.from_preview) and (has_classes or not kind.by_class)
        ]
        return {int(self._clean.value[INDEX_OF[kind]]) for kind in kinds}

    def widened(self, saved: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return the saved state of a checkpoint, with values for the kinds of signs that are newer than it.

        They are zeros. The clean step is that of the first kind: until then, the training counted as good.
        """
        by_kind = tuple(slot.path for slot in self.variables if slot.shape == (len(KINDS),))
        result = dict(saved)
        for name, array in saved.items():
            if name.endswith(by_kind):
                value = array[0] if name.endswith(self._clean.path) else 0.0
                result[name] = np.pad(array, (0, max(0, len(KINDS) - len(array))), constant_values=value)
        return result

    def add(self, rows: NDArray[np.float32]) -> None:
        """Add the metrics of some steps, ``[steps, metrics]``, of which ``METRICS`` are the first.

        They are added one by one, so that the sum does not depend on the chunks of the loop.
        """
        self._totals.assign(np.cumsum(np.concatenate([self._totals.value[None], rows[:, : len(METRICS)]]), axis=0)[-1])
        self._steps.value += len(rows)

    def check_preview(
        self, step: int, samples: NDArray[Any], by_class: NDArray[Any] | None = None
    ) -> tuple[list[Sign], dict[str, float]]:
        """Judge a preview batch of the same form as the real samples.

        Args:
            step: the training step.
            samples: the preview ``[n, ...]``.
            by_class: the class preview of a conditional model ``[latents, classes, ...]``.

        Returns:
            New signs, and numbers for the log.
        """
        if self._yardstick is None or len(samples) < self._yardstick.count:
            return [], {}
        variety = self._yardstick.measure(samples)
        best = self._best_recall.value
        texts = {"duplicates": self._duplicates(variety), "recall": self._recall(variety, step)}
        best[0] = max(best[0], variety.recall)
        numbers = asdict(variety)
        if self._classes is not None and by_class is not None:
            classes = self._classes.measure(by_class)
            numbers |= classes.numbers()
            is_collapsed = texts["duplicates"] is not None  # in all classes, which is one sign
            texts["label_ignored"] = None if is_collapsed else self._label_ignored(classes, step)
            texts["class_duplicates"] = None if is_collapsed else self._class_duplicates(classes)
        return self._judge(step, texts), numbers

    def check_interval(self, step: int) -> list[Sign]:
        """Judge the means over the interval that ends at this step, and start the next one. Returns new signs."""
        means = dict(zip(METRICS, (self._totals.value / max(1.0, self._steps.value[0])).tolist(), strict=True))
        self._totals.assign(0.0)
        self._steps.assign(0.0)
        texts = {"saturated": self._saturated(means), "chance": self._at_chance(means)}
        for index, kind in enumerate(("d_gradients", "g_gradients")):
            texts[kind] = self._exploding(kind, means, self._norms.value[index])
        return self._judge(step, texts)

    def _judge(self, step: int, texts: Mapping[str, str | None]) -> list[Sign]:
        """Return the signs that are new. A sign is reported once, until it has disappeared."""
        new = []
        for name, text in texts.items():
            kind, index = KINDS[name], INDEX_OF[name]
            streak, clean_streak, reported = self._with_sign.value, self._without.value, self._reported.value
            if text is None:
                streak[index], clean_streak[index] = 0, clean_streak[index] + 1
                self._clean.value[index] = step
                if clean_streak[index] >= self.settings.patience:
                    reported[index] = 0
                continue
            is_early = step < self.settings.grace_steps and not kind.immediate
            streak[index], clean_streak[index] = 0 if is_early else streak[index] + 1, 0
            patience = 1 if kind.immediate else kind.patience * self.settings.patience
            if streak[index] >= patience and not reported[index]:
                reported[index] = 1
                new.append(Sign(name, f"Step {step}: {text} Try {collapse_advice.against(name, self.config)}"))
        return new

    def _duplicates(self, variety: Variety) -> str | None:
        if variety.duplicates - variety.real_duplicates <= self.settings.duplicates:
            return None
        return (
            f"the samples repeat themselves: {variety.duplicates:.0%} of the preview have a near copy in it "
            f"(real samples: {variety.real_duplicates:.0%})."
        )

    def _recall(self, variety: Variety, step: int) -> str | None:
        enough = self.settings.recall * variety.real_recall
        best = float(self._best_recall.value[0])
        is_late = step >= SLOW_START * self.settings.grace_steps
        if variety.recall >= enough or (best < HAD_RECALL * variety.real_recall and not is_late):
            return None
        return (
            f"the variety is lost: the preview covers {variety.recall:.0%} of the real samples (best so far "
            f"{best:.0%}; other real samples cover {variety.real_recall:.0%})."
        )

    def _label_ignored(self, classes: ClassVariety, step: int) -> str | None:
        """Check the effect of the label. A wrong effect counts only late, and if real classes can be told apart."""
        gain, possible = classes.label_agreement - classes.chance, classes.real_label_agreement - classes.chance
        if classes.label_response < self.settings.label_response:
            alike = " Real classes look alike, too: check the labels of the data." if possible < READABLE / 3 else ""
            return (
                f"the label has no effect: one latent in all classes changes by {classes.label_response:.1%} of the "
                f"difference between real classes.{alike}"
            )
        if possible < READABLE or gain >= GUESSING * possible or step < SLOW_START * self.settings.grace_steps:
            return None
        return (
            f"the samples do not follow their label: {classes.label_agreement:.0%} look like their class (real "
            f"samples: {classes.real_label_agreement:.0%}; guessing: {classes.chance:.0%})."
        )

    def _class_duplicates(self, classes: ClassVariety) -> str | None:
        if classes.class_duplicates - classes.real_class_duplicates <= self.settings.duplicates:
            return None
        names, worst = self._class_names, classes.worst_class
        return (
            f"the class '{names[worst] if names else worst}' repeats itself: {classes.class_duplicates:.0%} of its "
            f"samples have a near copy (real samples: {classes.real_class_duplicates:.0%})."
        )

    def _saturated(self, means: Mapping[str, float]) -> str | None:
        limit = self.settings.saturation
        pinned = means["d_real"] >= limit and means["d_fake"] <= 1 - limit
        if not (pinned and means["d_real_accuracy"] == means["d_fake_accuracy"] == 1.0):
            return None
        if self.config.training.loss.critic:
            return None
        return (
            f"the discriminator is saturated: for {self.config.training.log_every} steps it classified every sample "
            f"correctly (D(real) {means['d_real']:.4f}, D(fake) {means['d_fake']:.4f})."
        )

    def _at_chance(self, means: Mapping[str, float]) -> str | None:
        """Check whether D is at chance, for images only: a good generator of points brings D to chance, too."""
        if self._chance is None or means["d_loss"] < self.settings.chance * self._chance:
            return None
        return (
            f"the discriminator is at chance, so the generator learns little: d_loss is {means['d_loss']:.4g}, "
            f"and guessing gives {self._chance:.4g}."
        )

    def _exploding(self, kind: str, means: Mapping[str, float], history: NDArray[np.float64]) -> str | None:
        letter = kind[0]
        norm = means[f"{letter}_gradient_norm"]
        past = history[history > 0]
        history[:] = [*history[1:], norm]
        if len(past) < LEAST_HISTORY or norm < max(SMALL_NORM, self.settings.gradient_factor * float(np.median(past))):
            return None
        return f"the gradients of {letter.upper()} explode: norm {norm:.3g}, earlier about {np.median(past):.3g}."


def _yardstick(samples: NDArray[Any], *, seed: int) -> Yardstick | None:
    """A yardstick from a few real samples in a random order; None where there are too few."""
    count = min(len(samples), 2 * COUNTS[SampleSpec.of(samples).kind])
    if count < 2 * FEWEST:
        return None
    chosen = np.random.RandomState(seed).choice(len(samples), count, replace=False)
    order = np.argsort(chosen)  # reading a memory map is fastest in its own order
    picked = np.empty((count, *samples.shape[1:]), samples.dtype)
    picked[order] = samples[chosen[order]]
    return Yardstick(picked)
