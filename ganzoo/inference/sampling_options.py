"""How seeds become samples: the arguments of ``Generator.generate``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ganzoo.inference.codes import Codes

Label = int | str


@dataclass(frozen=True, kw_only=True)
class SamplingOptions:
    """The options of ``Generator.generate``, which documents them."""

    label: Label | Sequence[Label] | None = None
    truncation: float | None = None
    best_of: int = 1
    directions: Mapping[str, float] | None = None
    codes: Codes | None = None
