"""The directions of a bundle and their names: those of its file, and the numbers of the computed ones."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ganzoo.bundle.directions_file import NamedDirection, read_directions
from ganzoo.bundle.folder import DIRECTIONS, ONNX, Bundle
from ganzoo.bundle.onnx_guard.graph import Graph, read_graph
from ganzoo.environment.commands import command
from ganzoo.errors import BundleError, GanzooError, did_you_mean
from ganzoo.hub.load_name import command_word, message_name
from ganzoo.hub.reference import DEFAULTS, HubOptions
from ganzoo.inference.decoder import Decoder
from ganzoo.inference.directions import (
    MAX_COUNT,
    Direction,
    Method,
    check_count,
    find_directions,
    named_directions,
    numbered_direction,
    numbered_name,
)

_NUMBERED = re.compile(r"(?:(pca):)?([1-9][0-9]?)", re.ASCII)


class BundleDirections:
    """The directions of one bundle. Its file directions.json and its graph are read and verified when they are needed.

    A direction has one of three names:

    - a name of the file, such as ``"hair"``,
    - a number from ``"1"``: the direction with this number in the list of the method "sefa", with or without a file,
    - ``"pca:1"``: the same for the method "pca".

    Args:
        bundle: the verified bundle, with or without the file.
        hub: how to fetch the file, if the bundle is in the Hub's cache without it.
    """

    def __init__(self, bundle: Bundle, *, hub: HubOptions = DEFAULTS) -> None:
        self._bundle, self.hub = bundle, hub
        self._named: tuple[NamedDirection, ...] | None = None
        self._vectors: dict[str, NDArray[np.float32]] = {}

    def listed(self, generator: Decoder, *, count: int | None, method: Method | None) -> list[Direction]:
        """The directions with names, if the bundle has some and ``method`` is None; else the computed ones.

        Args:
            generator: the generator of this bundle.
            count: largest number of directions; by default all with names, or the first 10.
            method: how to compute them; by default "sefa".

        Raises:
            GanzooError: if ``count`` or ``method`` is out of range, or no layer reads the latent.
            BundleError: if a file is damaged.
            HubError: if a file has to be fetched and cannot be.
        """
        if method is None and self._read():
            limit = None if count is None else check_count(count, self._dim)
            return named_directions(generator, self._read()[:limit])
        return find_directions(generator, self._graph(), count=count, method=method or "sefa")

    def vectors(self, generator: Decoder, names: Iterable[object]) -> dict[str, NDArray[np.float32]]:
        """Name -> unit vector of the latent space.

        Raises:
            GanzooError: if there is no direction with a name.
            BundleError, HubError: as ``listed``.
        """
        return {str(name): self._vector(generator, str(name)) for name in names}

    def _vector(self, generator: Decoder, name: str) -> NDArray[np.float32]:
        if name not in self._vectors:
            known = {direction.name: direction.vector for direction in self._read()}
            self._vectors[name] = known[name] if name in known else self._computed(generator, name, known)
        return self._vectors[name]

    def _computed(self, generator: Decoder, name: str, known: Iterable[str]) -> NDArray[np.float32]:
        found, most = _NUMBERED.fullmatch(name), min(MAX_COUNT, self._dim)
        if found is None or int(found[2]) > most:
            numbers = [numbered_name(number, method) for method in ("sefa", "pca") for number in (1, most)]
            listed = f"the names {', '.join(known)}, " if known else ""
            raise GanzooError(
                f"'{message_name(self._bundle)}' has no direction '{name:.40}'.{did_you_mean(name, known)} It has "
                f"{listed}the numbers {numbers[0]} to {numbers[1]}, and {numbers[2]} to {numbers[3]}. "
                f"See: {command('directions', command_word(self._bundle), options='-o directions.png')}"
            )
        method = cast("Method", found[1] or "sefa")
        return numbered_direction(generator, self._graph(), number=int(found[2]), method=method)

    @property
    def _dim(self) -> int:
        return self._bundle.config.latent.dim

    def _read(self) -> tuple[NamedDirection, ...]:
        """The named directions; empty if the bundle does not have the file."""
        if self._named is None:
            self._named = self._parsed() if DIRECTIONS in self._bundle.metadata.files else ()
        return self._named

    def _parsed(self) -> tuple[NamedDirection, ...]:
        content = self._content(DIRECTIONS)
        try:
            return read_directions(content, DIRECTIONS, latent_dim=self._dim)
        except BundleError as error:
            raise BundleError(f"Bundle '{self._bundle.folder}': {error}") from error

    def _graph(self) -> Graph:
        """The generator's graph, from which directions are computed."""
        return read_graph(self._content(ONNX))

    def _content(self, name: str) -> bytes:
        from ganzoo.resolve import read_or_fetch

        return read_or_fetch(self._bundle, name, self.hub)

    def __getstate__(self) -> dict[str, Any]:
        """For pickle and copy."""
        return {**vars(self), "hub": self.hub.without_token()}
