"""Callbacks: the user's own code in the training loop. Imports no TensorFlow."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganzoo.errors import GanzooError, reason
from ganzoo.images import to_uint8
from ganzoo.sample_spec import SampleSpec
from ganzoo.training.outcome import Outcome


class Callback:
    """Base class for code that runs during a training: ``ganzoo.train("dcgan-faces-32", callbacks=[MyCallback()])``.

    Override the methods that you need; the others do nothing. Steps count from 1, from the start of the run.

    An exception in a method stops the training. A checkpoint is saved first, so that ``ganzoo.resume`` can continue,
    and the exception is raised unchanged at the end of ``ganzoo.train``. No further method is called then.

    Attributes:
        stop_training: set ``self.stop_training = True`` in any method to stop after the present step. The run is saved
            and can be resumed. Each training starts with False.
    """

    stop_training: bool = False

    def on_log(self, step: int, values: dict[str, float]) -> None:
        """Called after each line of the log, every ``training.log_every`` steps, and after each evaluation.

        Args:
            step: the step.
            values: the numbers of the line: ``g_loss``, ``d_loss``, ``images_per_second`` and others after an interval,
                the metrics after an evaluation.
        """

    def on_sample(self, step: int, images: NDArray[Any]) -> None:
        """Called every ``training.sample_every`` steps with samples of the averaged generator.

        Args:
            step: the step.
            images: uint8 ``[n, h, w, c]``, always of the same seeds. Models of vectors have float32 ``[n, d]``.
        """

    def on_checkpoint(self, step: int, folder: Path) -> None:
        """Called when a checkpoint was saved: every ``training.checkpoint_every`` steps, and at the end.

        Args:
            step: the step.
            folder: the folder of the checkpoint. Old checkpoints are removed during the training.
        """

    def on_end(self, outcome: Outcome) -> None:
        """Called once, when all files of the training are written. Not called after an exception.

        Args:
            outcome: ``outcome.step`` is the last step, ``outcome.reason`` is "finished", "steps", "minutes",
                "interrupted" or "callback".
        """


class Callbacks:
    """The callbacks of one training. An exception of a callback is kept until the training is saved.

    Args:
        callbacks: called in this order.

    Raises:
        GanzooError: if ``callbacks`` is not a list of ``Callback`` objects.
    """

    def __init__(self, callbacks: object = ()) -> None:
        self._callbacks = checked_callbacks(callbacks)
        self.error: BaseException | None = None
        for callback in self._callbacks:
            callback.stop_training = False

    @property
    def stop(self) -> bool:
        """Whether a callback stops the training, also by an exception."""
        return self.error is not None or any(callback.stop_training for callback in self._callbacks)

    def on_log(self, step: int, values: Mapping[str, float]) -> None:
        """Report the numbers of one line of the log. Each callback gets a copy."""
        self._each(lambda callback: callback.on_log(step, dict(values)))

    def on_sample(self, step: int, samples: NDArray[np.float32]) -> None:
        """Report samples of the generator, images in [-1, 1] or vectors. Each callback gets a copy."""
        convert = to_uint8 if SampleSpec.of(samples).is_image else np.copy
        self._each(lambda callback: callback.on_sample(step, convert(samples)))

    def on_checkpoint(self, step: int, folder: Path) -> None:
        """Report a new checkpoint."""
        self._each(lambda callback: callback.on_checkpoint(step, folder))

    def on_end(self, outcome: Outcome) -> None:
        """Report the end."""
        self._each(lambda callback: callback.on_end(outcome))

    @contextlib.contextmanager
    def raised_at_end(self) -> Iterator[None]:
        """Raise the exception of a callback at the end of the block, which saves the training.

        If saving fails, too, the exception gets a note about it.
        """
        try:
            yield
        except Exception as failure:
            if self.error is None:
                raise
            self.error.add_note(f"Afterwards the training could not be saved: {reason(failure)}")
        if self.error is not None:
            raise self.error

    def _each(self, call: Callable[[Callback], None]) -> None:
        for callback in self._callbacks:
            if self.error is not None:
                return
            try:
                call(callback)
            except BaseException as error:  # KeyboardInterrupt and SystemExit must not lose the steps either
                self.error = error


def checked_callbacks(callbacks: object) -> tuple[Callback, ...]:
    """The callbacks as a tuple.

    Raises:
        GanzooError: if ``callbacks`` is not a list of ``Callback`` objects.
    """
    allowed = "allowed is a list of objects of classes derived from ganzoo.Callback, such as callbacks=[MyCallback()]"
    if not isinstance(callbacks, list | tuple):
        raise GanzooError(f"callbacks: received {_described(callbacks)}; {allowed}.")
    for callback in callbacks:
        if not isinstance(callback, Callback):
            raise GanzooError(f"callbacks: received {_described(callback)}; {allowed}.")
    return tuple(callbacks)


def _described(value: object) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__}, not an object of it"
    return f"an object of {type(value).__module__}.{type(value).__qualname__}"
