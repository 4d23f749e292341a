"""The continuous codes of a generator: the first entries of its latent, to which the training gave a meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ganzoo.errors import GanzooError
from ganzoo.inference.arguments import real_number, shortened, whole_number

Codes = Sequence[float] | Mapping[int, float]
"""A value for each code, or number of a code, from 0 -> value."""
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
        if isinstance(codes, str | bytes) or not isinstance(codes, Sequence | np.ndarray) or np.ndim(codes) != 1:
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
