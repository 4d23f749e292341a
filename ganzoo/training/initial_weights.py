"""The weights that a fine-tuning began with, in the run's folder: a blend needs exactly these."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors import numpy as safetensors

from ganzoo import images
from ganzoo.errors import RunError, reason
from ganzoo.runs import INITIAL, Run


def save_initial(run: Run, weights: Mapping[str, NDArray[np.float32]]) -> None:
    """Write the weights by name.

    Raises:
        GanzooError: if the file cannot be written.
    """
    content = safetensors.save({name: np.ascontiguousarray(value) for name, value in weights.items()})
    images.write_atomic(run.folder / INITIAL, content)


def load_initial(run: Run) -> dict[str, NDArray[np.float32]]:
    """Read the weights by name.

    Raises:
        RunError: if the run has none, because it is of an older version of ganzoo, or the file is damaged.
    """
    path = run.folder / INITIAL
    try:
        return safetensors.load(path.read_bytes())
    except FileNotFoundError:
        raise RunError(
            f"Run {run.name} has no {INITIAL}, because it was started by an older version of ganzoo, so the weights "
            "that it began with are not known."
        ) from None
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} cannot be read: {reason(error)}.") from error
