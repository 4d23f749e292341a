"""The loop: many steps in one graph, Python awake once per reporting interval."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from ganzoo import networks
from ganzoo.config import Config
from ganzoo.data.base import Dataset
from ganzoo.errors import ConfigError, RunError, TrainingError
from ganzoo.runs import CHECKPOINTS, Run
from ganzoo.training import checkpoint, preview
from ganzoo.training.feed import Feed
from ganzoo.training.interrupt import interruptible
from ganzoo.training.log import Log, ProgressBar
from ganzoo.training.step import METRICS, Update

CHUNK_SECONDS = 1.0
"""About how long the graph runs before Python looks at the clock, the bar and Ctrl-C."""


@dataclass(frozen=True)
class Outcome:
    """How a training ended: at which step, and why there."""

    step: int
    reason: Literal["finished", "steps", "minutes", "interrupted"]


class Trainer:
    """Trains the two networks of a config on a dataset and keeps everything in a run folder.

    Args:
        config: the experiment.
        dataset: the real samples.
        run: an existing run folder; a checkpoint in it is not read before ``restore``.
        strategy: how the update is spread over devices; by default TensorFlow's own choice, one device.
    """

    def __init__(
        self, config: Config, dataset: Dataset, run: Run, *, strategy: tf.distribute.Strategy | None = None
    ) -> None:
        self.config = config
        self.run = run
        self.step = 0
        self._saved_step: int | None = None
        self.strategy = strategy or tf.distribute.get_strategy()
        _check_shares(config, self.strategy.num_replicas_in_sync)
        self.feed = Feed(config, dataset)
        training = config.training
        with self.strategy.scope():
            self.generator = networks.build_generator(config, precision=training.precision)
            self.discriminator = networks.build_discriminator(config, precision=training.precision)
            self.ema = networks.build_generator(config)
            self.g_optimizer = training.g_optimizer.build(training.steps)
            self.d_optimizer = training.d_optimizer.build(training.steps * training.d_steps)
            self.g_optimizer.build(self.generator.trainable_variables)
            self.d_optimizer.build(self.discriminator.trainable_variables)
        update = Update(config, self.generator, self.discriminator, self.ema, self.g_optimizer, self.d_optimizer)
        self._update = tf.function(update, jit_compile=True) if training.xla else update
        self._run_steps = tf.function(self._steps_in_graph, input_signature=_signature(config))
        self._draw = preview.sampler(config, self.ema)

    def restore(self) -> tuple[str, ...]:
        """Go on from the newest checkpoint that is whole; say which newer ones are not, and why.

        Raises:
            RunError: if no checkpoint is whole, or it does not fit the config.
        """
        found = checkpoint.load_newest(self.run.folder / CHECKPOINTS)
        if found is None:
            return ()
        for group, variables in self._groups().items():
            saved = found.state.get(group, {})
            if set(saved) != set(variables) or any(saved[n].shape != tuple(v.shape) for n, v in variables.items()):
                raise RunError(f"The checkpoint at step {found.step} of '{self.run.name}' does not fit its config.")
            for name, variable in variables.items():
                variable.assign(saved[name])
        self.step = self._saved_step = found.step
        return found.skipped

    def save(self) -> None:
        """Write a checkpoint of this step."""
        state = {
            group: {name: np.asarray(variable) for name, variable in variables.items()}
            for group, variables in self._groups().items()
        }
        folder = self.run.folder / CHECKPOINTS
        checkpoint.save(folder, step=self.step, state=state, keep=self.config.training.keep_checkpoints)
        self._saved_step = self.step

    def train(self, *, max_steps: int | None = None, max_minutes: float | None = None, quiet: bool = False) -> Outcome:
        """Train until the config's last step, or until one of the other ends, whichever comes first.

        Args:
            max_steps: stop at this step of the run, counted from its beginning.
            max_minutes: stop after so many minutes of this call.
            quiet: show no progress bar.

        Ctrl-C (or SIGTERM) ends the training at the next step boundary. All of these ends leave a checkpoint.

        Raises:
            TrainingError: if a loss or a gradient is not finite; the last good checkpoint stays the newest.
            RunError: if the run folder cannot be written, for example because the disk is full.
        """
        last = self.config.training.steps if max_steps is None else min(max_steps, self.config.training.steps)
        deadline = None if max_minutes is None else time.monotonic() + 60 * max_minutes
        try:
            with Log(self.run, first_step=self.step) as log:
                outcome = self._loop(log, last=last, deadline=deadline, quiet=quiet)
        except OSError as error:
            raise RunError(f"Cannot write in '{self.run.folder}': {error.strerror or error}. {self._kept()}") from error
        preview.save_curve(self.run)
        preview.save_animation(self.run)
        return outcome

    def _loop(self, log: Log, *, last: int, deadline: float | None, quiet: bool) -> Outcome:
        """Chunks of steps, and after each what is due then."""
        training = self.config.training
        means, chunk = Means(), 1
        started = time.monotonic()
        bar = ProgressBar(self.config.name, first_step=self.step, last_step=last, quiet=quiet)
        with bar, interruptible() as interrupted:
            while self.step < last and not interrupted.is_set():
                if deadline is not None and time.monotonic() >= deadline:
                    break
                count = min(chunk, last - self.step, *(n - self.step % n for n in self._intervals()))
                seconds = self.run_chunk(count, means)
                chunk = _next_chunk(chunk, count, seconds)
                bar.update(self.step, images_per_second=means.images_per_second, metrics=means.values)
                if self.step % training.log_every == 0 or self.step == last:
                    log.write(self.step, means.take() | {"seconds": time.monotonic() - started})
                if self.step % training.sample_every == 0:
                    self._sample(log)
                if self.step % training.checkpoint_every == 0:
                    self.save()
            outcome = self._outcome(last, interrupted.is_set())
            self._finish(log)
        return outcome

    def run_chunk(self, count: int, means: Means) -> float:
        """Make ``count`` steps; returns the seconds they took."""
        begun = time.monotonic()
        samples, labels, indices = self.feed.take(first=self.step, steps=count)
        totals, done = self._run_steps(samples, labels, indices, tf.constant(self.step, tf.int64))
        totals, done = totals.numpy(), int(done)
        if not np.isfinite(totals).all():
            bad = ", ".join(name for name, total in zip(METRICS, totals, strict=True) if not np.isfinite(total))
            raise TrainingError(
                f"Step {self.step + done} is not finite: {bad}. {self._kept()}\n"
                f"Try a lower learning rate or a gradient penalty, for example training.g_optimizer.learning_rate=1e-4"
            )
        self.step += done
        seconds = time.monotonic() - begun
        means.add(totals, done, self.config.training.batch_size, seconds)
        return seconds

    def _kept(self) -> str:
        """What is left of a training that failed."""
        if self._saved_step is None:
            return "There was no checkpoint yet."
        return f"The last good checkpoint is at step {self._saved_step}."

    def _steps_in_graph(self, samples: Any, labels: Any, indices: Any, first: Any) -> Any:
        """Sum of the metrics over the steps, and how many were made; ends early where a metric is not finite."""
        totals, done = tf.zeros([len(METRICS)]), 0
        for i in tf.range(tf.shape(indices)[0]):
            step = first + tf.cast(i, tf.int64)
            metrics = self.strategy.run(self._update, args=(samples, labels, indices[i], step))
            metrics = self.strategy.reduce(tf.distribute.ReduceOp.MEAN, metrics, axis=None)
            totals += metrics
            done += 1
            if not tf.reduce_all(tf.math.is_finite(metrics)):
                break
        return totals, done

    def _intervals(self) -> tuple[int, int, int]:
        training = self.config.training
        return training.log_every, training.sample_every, training.checkpoint_every

    def _outcome(self, last: int, interrupted: bool) -> Outcome:
        if self.step >= self.config.training.steps:
            return Outcome(self.step, "finished")
        if self.step >= last:
            return Outcome(self.step, "steps")
        return Outcome(self.step, "interrupted" if interrupted else "minutes")

    def _finish(self, log: Log) -> None:
        """Samples and a checkpoint of the last step, where they are not there yet."""
        if self.step % self.config.training.sample_every or not self.step:
            self._sample(log)
        if self.step != self._saved_step:
            self.save()

    def _sample(self, log: Log) -> None:
        sheet = self._draw()
        preview.save_samples(self.run, self.step, sheet)
        log.write_image(self.step, sheet)

    def _groups(self) -> dict[str, dict[str, Any]]:
        """Everything a checkpoint holds: the variables by name, in groups. A name begins with the variable's place."""
        holders = {
            "generator": self.generator.variables,
            "discriminator": self.discriminator.variables,
            "ema": self.ema.variables,
            "g_optimizer": self.g_optimizer.variables,
            "d_optimizer": self.d_optimizer.variables,
        }
        return {
            group: {f"{place:04d}/{variable.path}": variable for place, variable in enumerate(variables)}
            for group, variables in holders.items()
        }


class Means:
    """Mean of each metric since the last ``take``."""

    def __init__(self) -> None:
        self._totals = np.zeros(len(METRICS))
        self._steps = 0
        self._images = 0
        self._seconds = 0.0

    def add(self, totals: Any, steps: int, batch_size: int, seconds: float) -> None:
        """Add the sums over some steps."""
        self._totals += totals
        self._steps += steps
        self._images += steps * batch_size
        self._seconds += seconds

    @property
    def values(self) -> dict[str, float]:
        """The means so far."""
        return dict(zip(METRICS, (self._totals / max(1, self._steps)).tolist(), strict=True))

    @property
    def images_per_second(self) -> float:
        """Real images that the generator's steps stood for, in a second."""
        return self._images / max(1e-9, self._seconds)

    def take(self) -> dict[str, float]:
        """The means so far with the speed, and begin anew."""
        values = self.values | {"images_per_second": self.images_per_second}
        self.__init__()  # type: ignore[misc]
        return values


def _signature(config: Config) -> list[tf.TensorSpec]:
    """What the graph takes: with the number of steps and of samples left open, it is traced once."""
    training = config.training
    dtype = tf.uint8 if len(config.sample_shape) == 3 else tf.float32
    return [
        tf.TensorSpec([None, *config.sample_shape], dtype),
        tf.TensorSpec([None], tf.int32),
        tf.TensorSpec([None, training.d_steps, training.batch_size], tf.int32),
        tf.TensorSpec([], tf.int64),
    ]


def _check_shares(config: Config, replicas: int) -> None:
    samples = config.discriminator.pack_size
    if config.training.batch_size % (replicas * samples):
        of_packs = f" times packing {samples}" if samples > 1 else ""
        raise ConfigError(
            f"training.batch_size {config.training.batch_size} is not a multiple of the {replicas} devices{of_packs}"
        )


def _next_chunk(chunk: int, count: int, seconds: float) -> int:
    """How many steps to run at once: as many as take about ``CHUNK_SECONDS``, at most twice as many as before."""
    wanted = int(count * CHUNK_SECONDS / max(seconds, 1e-6))
    return max(1, min(2 * chunk, wanted, 10_000))
