"""Numbers of the training that are no weights and yet belong into a checkpoint."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class CheckpointedArray:
    """Float64 numbers that are saved and restored like a variable. All begin at 0."""

    def __init__(self, path: str, *shape: int) -> None:
        self.path = path
        self.value = np.zeros(shape, np.float64)
        self.shape = shape

    def assign(self, value: Any) -> None:
        """Take on other values of the same shape."""
        self.value[...] = value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self.value.astype(dtype or np.float64)
