"""The collapse watch: looks at previews and logged means, and says in one line what is wrong and what to try.

All that it decides follows from the step alone: it judges whole intervals, keeps its memory in the checkpoint, and
reads no clock. So a resumed training sees the same signs at the same steps as an uninterrupted one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganzoo.config.experiment import Config
from ganzoo.sample_spec import SampleSpec
from ganzoo.training import collapse_advice
from ganzoo.training.checkpointed_array import CheckpointedArray
from ganzoo.training.step import METRICS
from ganzoo.training.variety import COUNTS, FEWEST, Variety, Yardstick


@dataclass(frozen=True)
class Kind:
    """How signs of one kind are judged.

    Attributes:
        of_preview: the preview shows it, at every ``sample_every``, and else the means over ``log_every`` steps.
        at_once: the first look counts, before the end of the grace, too.
        patience: times the patience of the config that it must be seen.
        gone_back_from: else it is only said.
    """

    of_preview: bool = False
    at_once: bool = False
    patience: int = 1
    gone_back_from: bool = True


KINDS = {
    "duplicates": Kind(of_preview=True),
    "recall": Kind(of_preview=True),
    "saturated": Kind(),
    "d_gradients": Kind(at_once=True),
    "g_gradients": Kind(at_once=True),
    "chance": Kind(patience=5, gone_back_from=False),  # lower rates would give D no more to go by
}
"""In the order in which checkpoints hold their memory; a new one comes last."""
PLACES = {kind: place for place, kind in enumerate(KINDS)}
NOT_FINITE = "not_finite"

HISTORY = 50
"""Intervals whose gradient norms the median is of, and"""
LEAST_HISTORY = 5
"""so many must have been."""
SMALL_NORM = 10.0
"""A smaller norm is never called exploding: beside the median of a D that had nothing to learn, all norms are large."""
HAD_RECALL = 0.3
"""Recall is lost by a training that once had this share of the floor, or never came so far in"""
SLOW_START = 5
"""so many times the grace: blurred beginnings have none, and are healthy."""


@dataclass(frozen=True)
class Sign:
    """Something that went wrong: its kind, and a line for the user."""

    kind: str
    text: str


class CollapseWatch:
    """Watches one training.

    Args:
        config: the experiment; ``config.training.watch`` holds the thresholds.
        samples: all real samples; a few are drawn by the training's seed.
    """

    def __init__(self, config: Config, samples: NDArray[Any]) -> None:
        self.config = config
        self.settings = config.training.watch
        self._yardstick = _yardstick(samples, seed=config.training.seed)
        self._chance = config.training.loss.chance if config.sample_spec.is_image else None
        self._totals = CheckpointedArray("totals", len(METRICS))
        self._steps = CheckpointedArray("steps", 1)
        self._norms = CheckpointedArray("gradient_norms", 2, HISTORY)
        self._best_recall = CheckpointedArray("best_recall", 1)
        self._with_sign = CheckpointedArray("looks_with_sign", len(KINDS))
        self._without = CheckpointedArray("looks_without_sign", len(KINDS))
        self._said = CheckpointedArray("said", len(KINDS))
        self._clean = CheckpointedArray("clean_step", len(KINDS))
        self._rollbacks = CheckpointedArray("rollbacks", 1)
        self.variables = tuple(value for value in vars(self).values() if isinstance(value, CheckpointedArray))

    @property
    def rollbacks(self) -> int:
        """How often the training went back."""
        return int(self._rollbacks.value[0])

    @rollbacks.setter
    def rollbacks(self, count: int) -> None:
        self._rollbacks.assign(count)

    @property
    def clean_step(self) -> int:
        """A step up to which there was no sign of any kind that is gone back from; 0 if there is none."""
        looked = self._yardstick is not None
        kinds = [name for name, kind in KINDS.items() if kind.gone_back_from and (looked or not kind.of_preview)]
        return int(min(self._clean.value[PLACES[kind]] for kind in kinds))

    def widened(self, saved: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The memory in a checkpoint, with nothing yet of the kinds of signs that did not exist when it was written."""
        by_kind = tuple(slot.path for slot in self.variables if slot.shape == (len(KINDS),))
        return {
            name: np.pad(array, (0, max(0, len(KINDS) - len(array)))) if name.endswith(by_kind) else array
            for name, array in saved.items()
        }

    def add(self, rows: NDArray[np.float32]) -> None:
        """Take in the metrics of some steps, ``[steps, len(METRICS)]``, one after the other so that the sum does not
        depend on how the steps were bundled.
        """
        self._totals.assign(np.cumsum(np.concatenate([self._totals.value[None], rows]), axis=0)[-1])
        self._steps.value += len(rows)

    def look(self, step: int, made: NDArray[Any]) -> tuple[list[Sign], dict[str, float]]:
        """Judge a preview batch, in the form of the real samples. Returns new signs, and numbers for the log."""
        if self._yardstick is None or len(made) < self._yardstick.count:
            return [], {}
        seen = self._yardstick.measure(made)
        best = self._best_recall.value
        texts = {"duplicates": self._duplicates(seen), "recall": self._recall(seen, step)}
        best[0] = max(best[0], seen.recall)
        signs = self._judge(step, texts)
        return signs, {
            "duplicates": seen.duplicates,
            "real_duplicates": seen.real_duplicates,
            "recall": seen.recall,
            "real_recall": seen.real_recall,
        }

    def interval(self, step: int) -> list[Sign]:
        """Judge the means over the interval that ends at this step, and begin the next one. Returns new signs."""
        means = dict(zip(METRICS, (self._totals.value / max(1.0, self._steps.value[0])).tolist(), strict=True))
        self._totals.assign(0.0)
        self._steps.assign(0.0)
        texts = {"saturated": self._saturated(means), "chance": self._at_chance(means)}
        for place, kind in enumerate(("d_gradients", "g_gradients")):
            texts[kind] = self._exploding(kind, means, self._norms.value[place])
        return self._judge(step, texts)

    def _judge(self, step: int, texts: Mapping[str, str | None]) -> list[Sign]:
        """The signs that count now and did not before; each is given once until it is over."""
        new = []
        for name, text in texts.items():
            kind, place = KINDS[name], PLACES[name]
            streak, free, said = self._with_sign.value, self._without.value, self._said.value
            if text is None:
                streak[place], free[place] = 0, free[place] + 1
                self._clean.value[place] = step
                if free[place] >= self.settings.patience:
                    said[place] = 0
                continue
            early = step < self.settings.grace_steps and not kind.at_once
            streak[place], free[place] = 0 if early else streak[place] + 1, 0
            patience = 1 if kind.at_once else kind.patience * self.settings.patience
            if streak[place] >= patience and not said[place]:
                said[place] = 1
                new.append(Sign(name, f"Step {step}: {text} Try {collapse_advice.against(name, self.config)}"))
        return new

    def _duplicates(self, seen: Variety) -> str | None:
        if seen.duplicates - seen.real_duplicates <= self.settings.duplicates:
            return None
        return (
            f"the samples repeat themselves: {seen.duplicates:.0%} of the preview have a near copy in it, "
            f"of real samples {seen.real_duplicates:.0%}."
        )

    def _recall(self, seen: Variety, step: int) -> str | None:
        enough = self.settings.recall * seen.real_recall
        best = float(self._best_recall.value[0])
        late = step >= SLOW_START * self.settings.grace_steps
        if seen.recall >= enough or (best < HAD_RECALL * seen.real_recall and not late):
            return None
        return (
            f"the variety is lost: the preview covers {seen.recall:.0%} of the real samples (best so far {best:.0%}; "
            f"other real samples cover {seen.real_recall:.0%})."
        )

    def _saturated(self, means: Mapping[str, float]) -> str | None:
        limit = self.settings.saturation
        pinned = means["d_real"] >= limit and means["d_fake"] <= 1 - limit
        if not (pinned and means["d_real_accuracy"] == means["d_fake_accuracy"] == 1.0):
            return None
        if self.config.training.loss.critic:
            return None
        return (
            f"the discriminator is saturated: over {self.config.training.log_every} steps it told every real sample "
            f"from every generated one (D(real) {means['d_real']:.4f}, D(fake) {means['d_fake']:.4f})."
        )

    def _at_chance(self, means: Mapping[str, float]) -> str | None:
        """Of images only: what makes points well brings D to chance, too."""
        if self._chance is None or means["d_loss"] < self.settings.chance * self._chance:
            return None
        return (
            f"the discriminator is at chance, and the generator has little to learn from it: d_loss "
            f"{means['d_loss']:.4g}, where guessing has {self._chance:.4g}."
        )

    def _exploding(self, kind: str, means: Mapping[str, float], history: NDArray[np.float64]) -> str | None:
        letter = kind[0]
        norm = means[f"{letter}_gradient_norm"]
        past = history[history > 0]
        history[:] = [*history[1:], norm]
        if len(past) < LEAST_HISTORY or norm < max(SMALL_NORM, self.settings.gradient_factor * float(np.median(past))):
            return None
        return f"the gradients of {letter.upper()} explode: norm {norm:.3g}, until now about {np.median(past):.3g}."


def _yardstick(samples: NDArray[Any], *, seed: int) -> Yardstick | None:
    """A yardstick from a few real samples in a random order; None where there are too few."""
    count = min(len(samples), 2 * COUNTS[SampleSpec.of(samples).kind])
    if count < 2 * FEWEST:
        return None
    chosen = np.random.RandomState(seed).choice(len(samples), count, replace=False)
    order = np.argsort(chosen)  # a memory map is read from front to back
    picked = np.empty((count, *samples.shape[1:]), samples.dtype)
    picked[order] = samples[chosen[order]]
    return Yardstick(picked)
