"""Reads values of options that several commands have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ganzoo.cli.output import info
from ganzoo.errors import GanzooError

if TYPE_CHECKING:
    from ganzoo.inference.generator import Generator

GRID_LIMIT = 10_000
"""Largest number of images in one grid."""


def read_label(generator: Generator, label: str | None) -> str | None:
    """The label for ``Generator``, with a note if the text is the name of one class and the index of another."""
    from ganzoo.inference.class_labels import ambiguity

    if label is not None and generator.num_classes is not None:
        note = ambiguity(label, count=generator.num_classes, names=generator.class_names or ())
        if note:
            info(note)
    return label


def strengths(texts: Sequence[str] | None) -> dict[str, float] | None:
    """``["hair=2"]`` -> ``{"hair": 2.0}``.

    Raises:
        GanzooError: if a text has another form, or a name is given twice.
    """
    if not texts:
        return None
    wanted: dict[str, float] = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            name = ""
        if not name:
            raise GanzooError(f"A direction is NAME=STRENGTH, as in hair=2; received '{text:.60}'.")
        if name in wanted:
            raise GanzooError(f"The direction '{name:.40}' is given twice.")
        wanted[name] = value
    return wanted
