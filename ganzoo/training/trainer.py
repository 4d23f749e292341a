"""The training loop. A graph runs many steps, and returns to Python once per reporting interval."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ganzoo.config.experiment import Config
from ganzoo.data.base import Dataset
from ganzoo.environment.commands import command, run_word
from ganzoo.errors import GanzooError, RunError, TrainingError
from ganzoo.report.live import LiveReport
from ganzoo.runs import CHECKPOINTS, Run, trained_seconds
from ganzoo.sample_sheet import draw_samples
from ganzoo.training import collapse_advice, preview, rollback
from ganzoo.training.best_weights import BestWeights
from ganzoo.training.callbacks import Callback, Callbacks
from ganzoo.training.checkpoint import checkpoint_folder
from ganzoo.training.collapse_watch import NOT_FINITE, CollapseWatch, Sign
from ganzoo.training.device import uses_gpu
from ganzoo.training.input_pipeline import InputPipeline
from ganzoo.training.interrupt import interruptible
from ganzoo.training.log import Log
from ganzoo.training.outcome import Outcome
from ganzoo.training.progress import TrainingProgress
from ganzoo.training.run_time import RunTime
from ganzoo.training.running_means import RunningMeans
from ganzoo.training.state import TrainingState
from ganzoo.training.steps import Steps
from ganzoo.training.team import Team, TeamError
from ganzoo.training.transfer import send_state

CHUNK_SECONDS = 1.0
"""Approximate time of one graph run. Afterwards Python checks the clock and Ctrl-C, and updates the progress."""


class NotFiniteError(TrainingError):
    """A loss or gradient is infinite or not a number."""


class Trainer:
    """Trains the networks of a config on a dataset, and writes all results to a run folder.

    Args:
        config: the experiment.
        dataset: the real samples.
        run: a run with an existing folder; its checkpoints are not read before ``state.restore``.
        strategy: distributes the steps over devices; by default TensorFlow's default, one device.
        team: the processes of a cluster, of which this is the chief; None if this process trains alone.
    """

    def __init__(
        self,
        config: Config,
        dataset: Dataset,
        run: Run,
        *,
        strategy: tf.distribute.Strategy | None = None,
        team: Team | None = None,
    ) -> None:
        self.config = config
        self.run = run
        self.team = team
        strategy = strategy or tf.distribute.get_strategy()
        self.state = state = TrainingState(config, dataset, run, strategy)
        share = slice(None) if team is None else team.share_of(config.training.batch_size)
        self.steps = Steps(config, dataset, state, strategy, share)
        self._metrics = self.steps.metrics
        self._preview = preview.sampler(config, state.ema)
        self._class_preview = preview.class_sampler(config, state.ema)
        self._callbacks = Callbacks()
        self._sent_loads: int | None = None
        self._said_left_out = False

    @property
    def input_pipeline(self) -> InputPipeline:
        """The real samples of each step."""
        return self.steps.input_pipeline

    @property
    def step(self) -> int:
        """Number of steps done."""
        return self.state.step

    @property
    def watch(self) -> CollapseWatch | None:
        """The collapse watch; None if it is off."""
        return self.state.watch

    @property
    def best(self) -> BestWeights | None:
        """The best weights so far; None if nothing is measured."""
        return self.state.best

    def train(
        self,
        *,
        max_steps: int | None = None,
        max_minutes: float | None = None,
        quiet: bool = False,
        info: rollback.Info = lambda text: None,
        callbacks: Sequence[Callback] = (),
    ) -> Outcome:
        """Train until the config's last step, or until one of the limits.

        Ctrl-C (or SIGTERM) stops the training at the next step boundary. A checkpoint is saved in all these cases.

        Args:
            max_steps: stop at this step of the run, counted from its start.
            max_minutes: stop after this number of minutes of this call, but not before its first step.
            quiet: show no progress.
            info: called with the messages of the collapse watch and, without ``quiet``, with how long it will take.
            callbacks: called at each log line, sampling and checkpoint, and at the end. Each of them can stop the
                training. Their exceptions are raised when the training is saved.

        Raises:
            TrainingError: if a loss or a gradient is not finite, or the collapse watch stops the training. The last
                good checkpoint is kept.
            RunError: if the run folder cannot be written, for example because the disk is full.
        """
        last = self.config.training.steps if max_steps is None else min(max_steps, self.config.training.steps)
        deadline = None if max_minutes is None else time.monotonic() + 60 * max_minutes
        run_time = RunTime(
            self.config,
            first_step=self.step,
            last_step=last,
            deadline=deadline,
            minutes=max_minutes,
            on_gpu=uses_gpu(),
            info=(lambda text: None) if quiet else info,
        )
        self._callbacks = Callbacks(callbacks)
        if self.best:
            self.best.forget_end()
        with self._callbacks.raised_at_end():
            try:
                with LiveReport(self.run, info=info) as report, Log(self.run, first_step=self.step) as log:
                    outcome = self._loop(
                        log, report, last=last, deadline=deadline, run_time=run_time, quiet=quiet, info=info
                    )
                    report.end(outcome.reason, outcome.step, error=self._callbacks.error)
            except OSError as error:
                raise RunError(
                    f"Cannot write in '{self.run.folder}': {error.strerror or error}. "
                    f"{self.state.last_checkpoint_text()}"
                ) from error
            preview.save_curve(self.run, info=info)
            preview.save_animation(self.run, info=info)
            self._callbacks.on_end(outcome)
        return outcome

    def _loop(
        self,
        log: Log,
        report: LiveReport,
        *,
        last: int,
        deadline: float | None,
        run_time: RunTime,
        quiet: bool,
        info: rollback.Info,
    ) -> Outcome:
        """Run chunks of steps. After each chunk, log, measure and save if it is due."""
        training = self.config.training
        means, chunk, first = RunningMeans(self._metrics), 1, self.step
        started = time.monotonic() - trained_seconds(self.run.log())
        goes_back = self.watch is not None and training.watch.on_collapse == "rollback"
        if self.state.saved_step is None and (goes_back or training.init_from is not None):
            self._save()  # for a rollback; and what a fine-tuning began with may be gone or trained further later
        progress = TrainingProgress(self.config, first_step=self.step, last_step=last, deadline=deadline, quiet=quiet)
        with self.input_pipeline, progress, interruptible() as interrupted:
            while self.step < last and not (self._is_interrupted(interrupted) or self._callbacks.stop):
                if deadline is not None and self.step != first and time.monotonic() >= deadline:
                    break
                count = min(
                    chunk,
                    last - self.step,
                    self.input_pipeline.most_steps,
                    *(n - self.step % n for n in self._intervals()),
                )
                try:
                    seconds = self.run_chunk(count, means)
                except NotFiniteError as error:
                    sign = Sign(NOT_FINITE, str(error).splitlines()[0])
                    if not rollback.go_back(self.state, [sign], log=log, info=info):
                        raise
                    means = self._went_back()
                    continue
                chunk = _next_chunk(chunk, count, seconds)
                progress.update(self.step, images_per_second=means.images_per_second, metrics=means.values)
                run_time.add(self.step, steps=count, seconds=seconds)
                signs = self._report(log, means, seconds=time.monotonic() - started, at_end=self.step == last)
                if rollback.react(self.state, signs, log=log, info=info):
                    means = self._went_back()
                    continue
                if self.best and self.step % self.best.every == 0:
                    self._measure(self.best, log, info)
                if self.step % training.sample_every == 0:
                    report.update(self.step)
                if self.step % training.checkpoint_every == 0:
                    self._save()
            outcome = self._outcome(last, self._is_interrupted(interrupted))
            self._finish(log, outcome, info)
        return outcome

    def _report(self, log: Log, means: RunningMeans, *, seconds: float, at_end: bool) -> list[Sign]:
        """Write the samples and the log line that are due at this step. Returns the signs of the collapse watch."""
        training, watch = self.config.training, self.watch
        signs: list[Sign] = []
        values: dict[str, float] = {}
        is_due = self.step % training.log_every == 0
        if self.step % training.sample_every == 0:
            samples = self._sample(log)
            if watch:
                by_class = self._class_preview() if self._class_preview else None
                signs, values = watch.check_preview(self.step, samples, by_class)
        if watch and is_due:
            signs = signs + watch.check_interval(self.step)
        if is_due or at_end:
            ada = {"augment_p": float(self.state.ada.p)} if self.state.ada else {}
            values = means.take() | {"seconds": seconds} | ada | values
        if values:
            log.write(self.step, values, notes=rollback.as_notes(signs))
            self._callbacks.on_log(self.step, values)
        return signs

    def run_chunk(self, count: int, means: RunningMeans) -> float:
        """Run ``count`` steps, and return their duration in seconds.

        Raises:
            NotFiniteError: if a loss or a gradient is not finite.
        """
        begun = time.monotonic()
        rows = self._run_steps(count)
        self.state.step += len(rows)
        if not np.isfinite(rows).all():
            bad = ", ".join(name for name, value in zip(self._metrics, rows[-1], strict=True) if not np.isfinite(value))
            raise NotFiniteError(
                f"Step {self.step} has values that are not finite: {bad}. {self.state.last_checkpoint_text()}\n"
                f"Try {collapse_advice.against(NOT_FINITE, self.config, rate_factor=self.state.rate_factor)}"
            )
        if self.watch:
            self.watch.add(rows)
        seconds = time.monotonic() - begun
        means.add(rows, self.config.training.batch_size, seconds)
        return seconds

    def _run_steps(self, count: int) -> NDArray[np.float32]:
        """Run steps in all processes, and return their metrics ``[steps, metrics]``."""
        if self.team is None:
            return self.steps.run(first=self.step, count=count)
        try:
            if self._sent_loads != self.state.loads:  # at the start, and after a rollback
                send_state(self.team, self.state, rate_factor=self.state.rate_factor)
                self._sent_loads = self.state.loads
            self.team.send("run", first=self.step, count=count)
            return self.steps.run(first=self.step, count=count)
        except tf.errors.OpError as error:
            raise TrainingError(f"{self.team.explain(error)}. {self._how_to_continue()}") from error
        except TeamError as error:
            raise TrainingError(f"{error}. {self._how_to_continue()}") from error

    def _how_to_continue(self) -> str:
        go_on = command("train --resume", run_word(self.run.folder))
        return f"{self.state.last_checkpoint_text()} Start all processes again with: {go_on}"

    def _intervals(self) -> tuple[int, ...]:
        training = self.config.training
        evaluation = (self.best.every,) if self.best else ()
        return training.log_every, training.sample_every, training.checkpoint_every, *evaluation

    def _is_interrupted(self, interrupted: threading.Event) -> bool:
        """Whether a signal has asked this process, or another one of a cluster, to stop."""
        return interrupted.is_set() or (self.team is not None and self.team.interrupted.is_set())

    def _outcome(self, last: int, interrupted: bool) -> Outcome:
        if self.step >= self.config.training.steps:
            return Outcome(self.step, "finished")
        if self.step >= last:
            return Outcome(self.step, "steps")
        if interrupted:
            return Outcome(self.step, "interrupted")
        return Outcome(self.step, "callback" if self._callbacks.stop else "minutes")

    def _finish(self, log: Log, outcome: Outcome, info: rollback.Info) -> None:
        """Write the samples, the checkpoint and the measured numbers of the last step, if they are missing.

        Numbers between two regular measurements do not change the state of the training, and their weights are removed
        when it is resumed. So a resumed training chooses the same best step as an uninterrupted one.
        """
        if self.team is not None:  # the rest needs no exchange
            self.team.stop(str(self.run.folder), step=outcome.step, reason=outcome.reason)
        if self.step % self.config.training.sample_every or not self.step:
            self._sample(log)
        if self.step != self.state.saved_step:
            self._save()
        in_hurry = outcome.reason == "interrupted" or self._callbacks.error is not None
        if self.best and self.best.step and self.step % self.best.every and not in_hurry:
            self._measure(self.best, log, info)

    def _measure(self, best: BestWeights, log: Log, info: rollback.Info) -> None:
        try:
            values = best.measure(self.step)
        except RunError:  # the run folder cannot be written
            raise
        except GanzooError as error:  # a failed measurement must not stop a training
            info(f"Step {self.step} was not measured: {error}")
            return
        log.write(self.step, values)
        self._callbacks.on_log(self.step, values)
        if best.left_out and not self._said_left_out:
            self._said_left_out = True
            info(best.left_out)

    def _save(self) -> None:
        self.state.save()
        self._report_checkpoint()

    def _went_back(self) -> RunningMeans:
        """Report the checkpoint that a rollback has written, and begin new means."""
        self._report_checkpoint()
        return RunningMeans(self._metrics)

    def _report_checkpoint(self) -> None:
        self._callbacks.on_checkpoint(self.step, checkpoint_folder(self.run.folder / CHECKPOINTS, self.step))

    def _sample(self, log: Log) -> NDArray[np.float32]:
        samples = self._preview()
        sheet = draw_samples(samples)
        preview.save_samples(self.run, self.step, sheet)
        log.write_image(self.step, sheet)
        self._callbacks.on_sample(self.step, samples)
        return samples


def _next_chunk(chunk: int, count: int, seconds: float) -> int:
    """Return the number of steps of the next chunk. It takes about ``CHUNK_SECONDS``, and at most doubles."""
    target = int(count * CHUNK_SECONDS / max(seconds, 1e-6))
    return max(1, min(2 * chunk, target))
