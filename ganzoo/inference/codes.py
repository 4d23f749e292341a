"""The continuous codes of a generator: the first entries of its latent, to which the training gave a meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ganzoo.arguments import real_number, shortened, whole_number
from ganzoo.errors import GanzooError

Codes = Sequence[float] | Mapping[int, float]
"""A value for each code, or number of a code, from 0 -> value."""
WalkCodes = Codes | Sequence[Codes | None]
"""Codes of all samples of a walk, or the codes at each of its seeds."""
LIMIT = 10.0


def code_values(codes: Codes | None, *, count: int, model: str) -> dict[int, float]:
    """Check codes. Returns number of a code -> value; empty for None.

    Args:
        codes: as in ``Generator.generate``.
        count: number of codes of the model.
        model: its name, for the error.

    Raises:
        GanzooError: if the model has no codes, there is no such code, a value is out of range, or the number of values
            is not the number of codes.
    """
    if codes is None:
        return {}
    if not count:
        raise GanzooError(f"'{model}' has no continuous codes, so it takes no codes; received {shortened(codes)}.")
    if not isinstance(codes, Mapping):
        is_list = isinstance(codes, Sequence | np.ndarray) and not isinstance(codes, str | bytes)
        if not is_list or getattr(codes, "ndim", 1) != 1 or any(map(_are_codes, codes)):
            raise GanzooError(
                f"Codes are a list of numbers, as in [1.5, -1], or a mapping, as in {{0: 1.5}}; received "
                f"{shortened(codes)}."
            )
        if len(codes) != count:
            raise GanzooError(
                f"'{model}' has {count} continuous code{'s' if count > 1 else ''}, so codes is a list of that length; "
                f"received {len(codes)}. A mapping sets some of them: codes={{0: 1.5}}"
            )
        codes = dict(enumerate(codes))
    found: dict[int, float] = {}
    for number, value in codes.items():
        place = whole_number(number, low=0, high=count - 1, what=f"'{model}' has the codes 0 to {count - 1}")
        found[place] = real_number(value, low=-LIMIT, high=LIMIT, what=f"A code is from {-LIMIT:g} to {LIMIT:g}")
    return found


def walk_code_values(codes: WalkCodes | None, *, stops: int, count: int, model: str) -> list[dict[int, float]]:
    """Check the codes of a walk. Returns the codes at each stop, as ``code_values``.

    Args:
        codes: as in ``Generator.walk``.
        stops: number of seeds.
        count, model: as in ``code_values``.

    Raises:
        GanzooError: as ``code_values``, or if there is a list of codes for another number of seeds.
    """
    if not isinstance(codes, Sequence | np.ndarray) or not any(map(_are_codes, codes)):
        return [code_values(cast("Codes | None", codes), count=count, model=model)] * stops
    if len(codes) != stops:
        raise GanzooError(
            f"A walk has one set of codes, or one for each seed; received {len(codes)} sets for {stops} seeds."
        )
    return [code_values(cast("Codes | None", own), count=count, model=model) for own in codes]


def _are_codes(value: object) -> bool:
    return isinstance(value, Mapping | Sequence | np.ndarray) and not isinstance(value, str | bytes)


def with_walked_codes(
    path: NDArray[np.float32], start: Mapping[int, float], stop: Mapping[int, float]
) -> NDArray[np.float32]:
    """Latents float32 ``[frames, latent_dim]`` with codes that go evenly from their values at the start to the stop.

    A code that is set at one end only begins or ends at the value that the path has there.
    """
    path = path.copy()
    for place in {*start, *stop}:
        first, last = start.get(place, path[0, place]), stop.get(place, path[-1, place])
        path[:, place] = np.linspace(first, last, len(path))
    return path


def with_codes(z: NDArray[np.float32], values: Mapping[int, float]) -> NDArray[np.float32]:
    """Latents float32 ``[..., latent_dim]`` with these codes instead of their own."""
    if not values:
        return z
    z = z.copy()
    z[..., list(values)] = np.array(list(values.values()), np.float32)
    return z


def parse_codes(text: str | None) -> Codes | None:
    """The codes of the command line: ``"1.5,-1"`` -> ``[1.5, -1.0]``, and ``"0=1.5"`` -> ``{0: 1.5}``.

    Raises:
        GanzooError: if the text has another form, or sets a code twice.
    """
    if text is None:
        return None
    parts = text.split(",")
    try:
        if "=" not in text:
            return [float(part) for part in parts]
        pairs = [part.split("=") for part in parts]
        codes = {int(number): float(value) for number, value in pairs}
    except ValueError as error:
        raise GanzooError(
            f"--codes are numbers with commas, as in 1.5,-1, or NUMBER=VALUE, as in 0=1.5; received {shortened(text)}."
        ) from error
    if len(codes) != len(pairs):
        raise GanzooError(f"--codes sets a code twice; received {shortened(text)}.")
    return codes


def parse_walk_codes(texts: Sequence[str] | None) -> WalkCodes | None:
    """The codes of a walk: of all samples from one text, or at each seed from several.

    Raises:
        GanzooError: as ``parse_codes``.
    """
    parsed = [parse_codes(text) for text in texts or ()]
    return parsed if len(parsed) > 1 else (parsed or [None])[0]
