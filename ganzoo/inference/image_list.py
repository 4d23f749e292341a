"""The list of images that ``Generator.generate`` returns for several seeds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ganzoo.images import encoded, grid

if TYPE_CHECKING:
    from PIL.Image import Image


class ImageList(list["Image"]):
    """A list of PIL images. A notebook shows it as a grid, and ``save`` writes an animation."""

    def save(self, path: str | os.PathLike[str], *, frames_per_second: float = 20.0, loop: bool = True) -> Path:
        """Write the images as one animation: .gif, .webp or .mp4; see ``animations.save_animation``."""
        from ganzoo.inference.animations import save_animation

        return save_animation(self, path, frames_per_second=frames_per_second, loop=loop)

    def _repr_png_(self) -> bytes | None:
        if not self:
            return None
        arrays = np.stack([np.asarray(image) for image in self])
        return encoded(grid(arrays if arrays.ndim == 4 else arrays[..., None], separator=2))
