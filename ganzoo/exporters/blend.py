"""Averages the weights of a fine-tuned generator with those that its training started from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ganzoo.errors import ExportError

if TYPE_CHECKING:
    import keras

    from ganzoo.runs import Run


def check_blend(run: Run, share: float) -> None:
    """Refuse a share that is not one, and a run that cannot be blended.

    Args:
        run: the run.
        share: of the run's weights, above 0 and at most 1.

    Raises:
        ExportError: for such a share, if the run did not start from the weights of another generator with the same
            layers, or if its objective also exports an encoder, which belongs to the run's own generator.
    """
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
        raise ExportError(
            f"blend: received {share!r}; allowed is a number above 0 and up to 1, the share of the run's weights "
            "in the average, such as 0.35."
        )
    training = run.config.training
    if training.init_from is None:
        raise ExportError(
            f"blend: run {run.name} started from random weights. Only a run with training.init_from has weights to "
            "blend with. Export it without a blend."
        )
    if training.init_partial or training.init_widen:
        key = "init_partial" if training.init_partial else "init_widen"
        raise ExportError(
            f"blend: run {run.name} began as a larger generator than {training.init_from} (training.{key}), and only "
            "generators with the same layers can be averaged. Export it without a blend."
        )
    if run.config.objective.exported_encoder is not None:
        raise ExportError(
            f"blend: run {run.name} also exports an encoder, which fits only its own generator. Export it without a "
            "blend."
        )


def blended_path(path: Path, share: float) -> Path:
    """The default path of a blended export, next to that of the run's own weights: ``model-blend-0.35.tflite``."""
    return path.with_name(f"{path.stem}-blend-{share:g}{path.suffix}")


@dataclass(frozen=True)
class Blend:
    """An average of the weights before and after a fine-tuning.

    Such weights can be averaged, because they lie in one basin of the loss (WiSE-FT, Wortsman et al. 2021,
    arXiv:2109.01903). The average has a part of what the fine-tuning added, and of what it lost.

    Attributes:
        share: of the weights after it, above 0 and at most 1.
        before: the weights before it, by name.
    """

    share: float
    before: Mapping[str, NDArray[np.float32]]

    def apply(self, generator: keras.Model) -> None:
        """Set every weight of the fine-tuned generator to ``share`` of itself plus ``1 - share`` of the earlier weight.

        Raises:
            ExportError: if the earlier weights are those of another generator.
        """
        from ganzoo.training.weight_names import named_weights

        variables = named_weights(generator)
        for name, variable in variables.items():
            if name not in self.before or self.before[name].shape != tuple(variable.shape):
                raise ExportError(
                    f"blend: the weights of training.init_from have no {name} of shape {list(variable.shape)}, so they "
                    "are those of another generator. Export the run without a blend."
                )
        for name, variable in variables.items():
            variable.assign(self.share * variable.numpy() + (1 - self.share) * self.before[name])
