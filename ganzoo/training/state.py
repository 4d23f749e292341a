"""The state of a training: all networks, their optimizers, and all other variables of a checkpoint."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from ganzoo.config.experiment import Config
from ganzoo.data.base import Dataset
from ganzoo.environment.commands import command, path_word, run_word
from ganzoo.errors import RunError
from ganzoo.runs import CHECKPOINTS, CONFIG, Run
from ganzoo.training import checkpoint
from ganzoo.training.best_weights import BestWeights
from ganzoo.training.collapse_watch import CollapseWatch
from ganzoo.training.key_digests import changed_keys, key_digests
from ganzoo.training.variables import TrainingVariables
from ganzoo.training.weight_names import named_variables

NEWER_GROUPS = ("watch", "best")
"""Groups that are missing in checkpoints of older versions. They then keep their initial values."""


class TrainingState(TrainingVariables):
    """All variables that change during a training. Checkpoints save them.

    Args:
        config: the experiment.
        dataset: the real samples, for the collapse watch and the evaluation.
        run: a run with an existing folder; its checkpoints are not read before ``restore``.
        strategy: the strategy in whose scope the variables are created.

    Attributes:
        step: number of steps done.
        loads: number of checkpoints that were loaded.
        saved_step: step of the newest checkpoint that this process wrote or read; None if there is none.
        watch: the collapse watch; None if it is off.
        best: the best weights so far; None if nothing is measured.
    """

    def __init__(self, config: Config, dataset: Dataset, run: Run, strategy: tf.distribute.Strategy) -> None:
        super().__init__(config, strategy)
        self.run = run
        self.step = 0
        self.saved_step: int | None = None
        self.loads = 0
        watched = (dataset.samples, dataset.labels, dataset.class_names)
        self.watch = CollapseWatch(config, *watched) if config.training.watch.enabled else None
        self.best = BestWeights.of(config, dataset, self.averages, run)

    def groups(self) -> dict[str, dict[str, Any]]:
        """The variables of a checkpoint by group and name."""
        holders = {"watch": self.watch, "best": self.best}
        return super().groups() | {
            group: named_variables(holder.variables) for group, holder in holders.items() if holder
        }

    def restore(self) -> tuple[str, ...]:
        """Load the newest intact checkpoint. Returns the damaged newer ones that were skipped, with the reasons.

        Raises:
            RunError: if all checkpoints are damaged, or the checkpoint does not match the config.
        """
        found = checkpoint.load_newest(self.run.folder / CHECKPOINTS)
        if found is None:
            return ()
        self.load(found)
        return found.skipped

    def load(self, found: checkpoint.Checkpoint) -> None:
        """Assign the values of a checkpoint.

        Raises:
            RunError: if it does not match the config.
        """
        changed = changed_keys(self.config, found.config)
        if changed:
            raise RunError(_edited(self.run, found.step, changed))
        for group, variables in self.groups().items():
            saved = found.state.get(group, {})
            if group in NEWER_GROUPS and not saved:
                continue
            if self.watch and group == "watch":
                saved = self.watch.widened(saved)
            if set(saved) != set(variables) or any(saved[n].shape != tuple(v.shape) for n, v in variables.items()):
                raise RunError(f"The checkpoint at step {found.step} of '{self.run.name}' does not match its config.")
            for name, variable in variables.items():
                variable.assign(saved[name])
        self.scale_rates(self.rate_factor)
        self.step = self.saved_step = found.step
        self.loads += 1

    def save(self) -> None:
        """Write a checkpoint of the current step.

        Raises:
            RunError: if the checkpoint cannot be written.
        """
        values = {
            group: {name: np.asarray(variable) for name, variable in variables.items()}
            for group, variables in self.groups().items()
        }
        training, also = self.config.training, set[int]()
        if self.watch and training.watch.on_collapse != "warn":
            # The next targets of a rollback. When a sign disappears, the last clean step of another sign is the target.
            also = {self._regular(step) for step in (*self.watch.clean_steps, self.step)}
        folder = self.run.folder / CHECKPOINTS
        keys = key_digests(self.config)
        checkpoint.save(folder, step=self.step, state=values, keep=training.keep_checkpoints, also=also, config=keys)
        self.saved_step = self.step

    @property
    def rate_factor(self) -> float:
        """The learning rates, as a multiple of the config's: halved once for each rollback."""
        return 0.5 ** (self.watch.rollbacks if self.watch else 0)

    def last_good_step(self) -> int:
        """Return the step of the last regular checkpoint before any sign of collapse.

        Checkpoints of interruptions do not count, so that an interrupted training goes back to the same step as an
        uninterrupted one.
        """
        return self._regular(0 if self.watch is None else self.watch.clean_step)

    def _regular(self, step: int) -> int:
        """The step of the last regular checkpoint up to ``step``."""
        every = self.config.training.checkpoint_every
        return step // every * every

    def last_checkpoint_text(self) -> str:
        """Return a sentence about the last checkpoint, for the message of a failed training."""
        if self.saved_step is None:
            return "There is no checkpoint yet."
        if not checkpoint.checkpoint_folder(self.run.folder / CHECKPOINTS, self.saved_step).is_dir():
            return f"The checkpoint of step {self.saved_step} is no longer there."
        return f"The last good checkpoint is at step {self.saved_step}."


def _edited(run: Run, step: int, keys: list[str]) -> str:
    """The error for a run whose config was edited."""
    some = ", ".join(keys[:5]) + (f" and {len(keys) - 5} more" if len(keys) > 5 else "")
    config = path_word(run.folder / CONFIG)
    begin = (f"training.init_from={run_word(run.folder)}", "training.init_discriminator=true")
    return (
        f"{config} was changed after step {step}: {some}. A resumed run keeps its config. Undo the change, or start a "
        f"new training with the weights of this one: {command('train', config, *begin)}"
    )
