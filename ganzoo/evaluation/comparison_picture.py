"""Draws the samples of several generators: one row per model, one seed in each column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from ganzoo import images
from ganzoo.evaluation.comparison import Model
from ganzoo.sample_sheet import preview_seeds, scatter_plot

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

MAX_SEEDS = 64
_LEAST_CELL, _GAP, _PLOT = 64, 2, 192
_MARGIN, _FONT = 6, 14


def rows(
    models: Sequence[Model],
    seeds: Sequence[int],
    *,
    label: str | None = None,
    info: Callable[[str], None] = lambda text: None,
) -> list[Image]:
    """A picture of each model: the images of the seeds side by side, or a scatter plot of the preview seeds' vectors.

    Images are as high as those of the largest model, and at least 64 px.

    Args:
        models: the models.
        seeds: of the images.
        label: class of all samples; by default the seed chooses it. Models without classes ignore it, with a message.
        info: called with a message.

    Raises:
        GanzooError: if a model has no such class, or a seed is out of range.
    """
    heights = [model.generator.shape[0] for model in models if model.generator.sample_spec.is_image]
    cell = max([_LEAST_CELL, *heights])
    drawn = []
    for model in models:
        generator, own_label = model.generator, label
        if label is not None and generator.num_classes is None:
            info(f"{model.name} has no classes, so the label does not apply to it.")
            own_label = None
        if not generator.sample_spec.is_image:
            points = generator.sample(preview_seeds(generator.sample_spec), label=own_label)
            drawn.append(images.to_pil(scatter_plot(cast("NDArray[np.float32]", points), size=max(cell, _PLOT))))
            continue
        drawn.append(_strip(generator.generate(seeds, label=own_label), cell))
    return drawn


def _strip(pictures: Sequence[Any], height: int) -> Image:
    """Images side by side, enlarged to one height."""
    from PIL import Image

    scaled = [_fitted(images.on_white(picture).convert("RGB"), height) for picture in pictures]
    width = sum(picture.width + _GAP for picture in scaled) - _GAP
    strip = Image.new("RGB", (width, height), "white")
    left = 0
    for picture in scaled:
        strip.paste(picture, (left, 0))
        left += picture.width + _GAP
    return strip


def _fitted(picture: Image, height: int) -> Image:
    from PIL.Image import Resampling

    if picture.height == height:
        return picture
    return picture.resize((max(1, round(picture.width * height / picture.height)), height), Resampling.LANCZOS)


def sheet(names: Sequence[str], pictures: Sequence[Image]) -> Image:
    """One picture of all rows, each below the name of its model."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(_FONT)
    head = _FONT + 2 * _MARGIN
    texts = [int(font.getlength(name)) for name in names]
    width = max(*texts, *(picture.width for picture in pictures)) + 2 * _MARGIN
    drawn = Image.new("RGB", (width, sum(picture.height + head for picture in pictures) + _MARGIN), "white")
    pen, top = ImageDraw.Draw(drawn), 0
    for name, picture in zip(names, pictures, strict=True):
        pen.text((_MARGIN, top + _MARGIN), name, fill="black", font=font)
        drawn.paste(picture.convert("RGB"), (_MARGIN, top + head))
        top += picture.height + head
    return drawn
