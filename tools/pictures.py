"""Make the pictures of the README with the pretrained models. Run it again after a model has changed:

python tools/pictures.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import ganzoo
from ganzoo import images

FOLDER = Path(__file__).parents[1] / "docs" / "images"
COLUMNS = 12


def faces() -> NDArray[np.uint8]:
    """The seeds 0 to 35 of ``faces-64``."""
    return images.grid(ganzoo.load("zoo:faces-64").sample(range(36)), columns=COLUMNS, separator=1)


def portraits() -> NDArray[np.uint8]:
    """The seeds 0 to 23 of ``portraits-64``."""
    return images.grid(ganzoo.load("zoo:portraits-64").sample(range(24)), columns=COLUMNS, separator=1)


def digits() -> NDArray[np.uint8]:
    """The digits 0 to 9 of ``digits-28``, with a seed in each row, and the clothes of ``fashion-28`` next to them."""
    sheets = []
    for name in ("zoo:digits-28", "zoo:fashion-28"):
        generator = ganzoo.load(name)
        labels = np.tile(np.arange(10), 3).tolist()
        sheets.append(images.grid(generator.sample(np.repeat(range(3), 10), label=labels), columns=10, separator=1))
    gap = np.full((sheets[0].shape[0], 8, 1), 255, np.uint8)
    return np.concatenate([sheets[0], gap, sheets[1]], axis=1)


PICTURES = {"faces.png": faces, "portraits.png": portraits, "digits-and-clothes.png": digits}
"""File name -> the function that makes the picture."""


def main() -> None:
    """Write all pictures."""
    for name, make in PICTURES.items():
        print(images.save(make(), FOLDER / name))


if __name__ == "__main__":
    main()
