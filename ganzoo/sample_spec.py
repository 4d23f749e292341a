"""``SampleSpec``: whether a sample is an image or a vector, and its size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLOR_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
"""Number of channels -> Pillow's name of the color mode."""


@dataclass(frozen=True)
class SampleSpec:
    """The shape of one sample, without the batch axis.

    ``str(spec)`` is text for messages: "64 x 48 px RGB" (height first), or "vector of 2 values".

    Attributes:
        shape: ``(height, width, channels)`` of an image, or ``(d,)`` of a vector.
    """

    shape: tuple[int, ...]

    @classmethod
    def of(cls, samples: NDArray[Any]) -> SampleSpec:
        """The spec of a batch: images ``[n, height, width, channels]`` or vectors ``[n, d]``."""
        return cls(tuple(int(length) for length in samples.shape[1:]))

    @property
    def is_image(self) -> bool:
        """True for an image, False for a vector."""
        return len(self.shape) == 3

    @property
    def kind(self) -> Literal["image", "vector"]:
        """``"image"`` or ``"vector"``, as config.json of a bundle and the output of an exported graph name it."""
        return "image" if self.is_image else "vector"

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of an image in pixels."""
        height, width, _ = self.shape
        return height, width

    @property
    def channels(self) -> int:
        """Channels of an image: 1 (grayscale), 3 (RGB) or 4 (RGBA). Values of a vector."""
        return self.shape[-1]

    def __str__(self) -> str:
        if not self.is_image:
            return f"vector of {self.channels} values"
        color = "grayscale" if self.channels == 1 else COLOR_MODES.get(self.channels, f"with {self.channels} channels")
        return f"{self.size[0]} x {self.size[1]} px {color}"
