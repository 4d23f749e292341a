"""Reports once, after the first seconds of a training, how long it will take. It never influences the training."""

from __future__ import annotations

import time
from collections.abc import Callable

from ganzoo.config.experiment import Config
from ganzoo.environment.quantities import duration_text, rate_text
from ganzoo.training.faster import faster_text

MEASURED_SECONDS, LONGEST_SECONDS = 5.0, 20.0
"""The speed is measured for at least 5 seconds and one interval of the lazy penalties, but not longer than 20."""
DAY = 24 * 3600.0


class RunTime:
    """Measures the speed of a training, and reports how long the training will take.

    Compiling and the preparation of the data are not counted: the first chunk of steps, which compiles, is left out.

    Args:
        config: the experiment.
        first_step, last_step: the steps of this training; a resumed training does not start at 0.
        deadline: the time at which the training stops, in seconds of ``clock``; None without a limit.
        minutes: the limit that the user gave, in minutes.
        on_gpu: whether a GPU is used.
        info: called once with the message.
        clock: returns seconds; tests replace it.
    """

    def __init__(
        self,
        config: Config,
        *,
        first_step: int,
        last_step: int,
        deadline: float | None = None,
        minutes: float | None = None,
        on_gpu: bool = False,
        info: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config, self._first, self._last = config, first_step, last_step
        self._deadline, self._minutes, self._on_gpu = deadline, minutes, on_gpu
        self._info, self._clock = info, clock
        self._chunks, self._steps, self._seconds = 0, 0, 0.0
        self._interval = max((penalty.interval for penalty in config.training.penalties), default=1)
        self._is_reported = False

    def add(self, step: int, *, steps: int, seconds: float) -> None:
        """Add a chunk of ``steps`` that took ``seconds`` and ended at ``step``. Reports when the speed is known."""
        self._chunks += 1
        if self._is_reported or self._chunks == 1:
            return
        self._steps, self._seconds = self._steps + steps, self._seconds + seconds
        is_enough = self._seconds >= MEASURED_SECONDS and self._steps >= self._interval
        if not is_enough and self._seconds < LONGEST_SECONDS:
            return
        self._is_reported = True
        step_seconds = self._seconds / self._steps
        if (self._last - step) * step_seconds >= MEASURED_SECONDS:
            self._info(self._text(step, step_seconds))

    def _text(self, step: int, step_seconds: float) -> str:
        count, total = self._last - self._first, self._config.training.steps
        batch = self._config.training.batch_size
        unit = "images" if self._config.sample_spec.is_image else "samples"
        speed = f"{rate_text(batch / step_seconds)} {unit}/s"
        whole = count * step_seconds
        takes = f"take about {duration_text(whole)} at {speed}"
        left = None if self._deadline is None else self._deadline - self._clock()
        if left is not None and left < (self._last - step) * step_seconds:
            reached = step + int(left / step_seconds)
            steps = f"{'The remaining' if self._first else 'All'} {count:,} steps of {batch} {unit}"
            lines = [
                f"This run stops after {duration_text(60 * (self._minutes or 0))} (--max-minutes), at about step "
                f"{reached:,}. {steps} would {takes}."
            ]
        else:
            run = "The rest of this run" if self._first else "This run"
            of = "" if count == total else f" of {total:,}"
            lines = [f"{run} will {takes} ({count:,}{of} steps of {batch} {unit})."]
        if whole > DAY:
            has_limit = self._deadline is not None
            advice = faster_text(self._config, on_gpu=self._on_gpu, is_resumed=self._first > 0, has_limit=has_limit)
            lines += [advice] if advice else []
        return "\n".join(lines)
