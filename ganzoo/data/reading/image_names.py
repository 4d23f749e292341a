"""Finds images by the file names that people write into tables."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ganzoo.data.reading.formats import suffix_of


class Match(NamedTuple):
    """The images that a file name matches.

    Attributes:
        images: their names.
        looseness: 0 if the whole path of the image is in the file name, 1 if its end is, 2 if only its base name is.
    """

    images: Sequence[str] = ()
    looseness: int = 0


class ImageNames:
    """The images of a collection by all forms of their names: with and without parent folders, and suffix.

    Args:
        names: the names of all images, with forward slashes.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._whole: dict[str, list[str]] = defaultdict(list)
        self._ends: dict[str, list[str]] = defaultdict(list)
        for name in names:
            full = normal_name(name)
            for form in {full, full[: len(full) - len(suffix_of(full))]}:
                self._whole[form].append(name)
                while "/" in form:
                    form = form.partition("/")[2]
                    self._ends[form].append(name)

    def matches(self, cell: str) -> Match:
        """The images of a file name, which may have additional parent folders, or lack some, or lack the suffix.

        If no path fits, the base name decides, provided that only one image has it.
        """
        name = normal_name(cell)
        if not name:
            return Match()
        if name in self._whole:
            return Match(self._whole[name])
        if name in self._ends:
            return Match(self._ends[name], 1)
        base = name
        while "/" in base:
            base = base.partition("/")[2]
            if base in self._whole:
                return Match(self._whole[base])
        alike = self._ends.get(base, ())
        return Match(alike, 2) if len(alike) == 1 else Match()


def normal_name(name: str) -> str:
    """A file name as it is compared: with forward slashes, and letters in one spelling."""
    return unicodedata.normalize("NFC", name.strip()).replace("\\", "/").removeprefix("./")
