"""Training state other than weights that is saved in checkpoints."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class CheckpointedArray:
    """A float64 array that is saved and restored like a variable. Its initial values are 0."""

    def __init__(self, path: str, *shape: int) -> None:
        self.path = path
        self.value = np.zeros(shape, np.float64)
        self.shape = shape

    def assign(self, value: Any) -> None:
        """Set the values; their shape must be the same."""
        self.value[...] = value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self.value.astype(dtype or np.float64)
