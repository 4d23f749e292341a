"""The errors that a user can cause.

Each message names what was received, what is allowed, and the next command.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable


class GanzooError(Exception):
    """Base class of every error that ganzoo raises for a user's mistake or a broken environment."""


class UnknownNameError(GanzooError):
    """A name that is not registered."""


class RegistrationError(GanzooError):
    """A part that cannot be registered under its name."""


class ConfigError(GanzooError):
    """A config that cannot be read, or that cannot work."""


class DataError(GanzooError):
    """Training data that is missing, broken or in the wrong format."""


class RunError(GanzooError):
    """A run folder or checkpoint that is missing or damaged."""


class TrainingError(GanzooError):
    """A training that cannot continue, for example because a loss is not finite."""


class ExportError(GanzooError):
    """An export that failed, or whose output differs from the model's."""


class BundleError(GanzooError):
    """A bundle that is damaged, unsafe or in an unknown format."""


class HubError(GanzooError):
    """A model that cannot be downloaded from, or published on, the Hugging Face Hub."""


class EvaluationError(GanzooError):
    """A metric or extractor that does not fit the samples, or samples that cannot be measured."""


class MissingDependencyError(GanzooError):
    """A required package is missing, or two packages that conflict are both installed."""


def did_you_mean(received: str, allowed: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` with the names closest to ``received``; an empty string if none is close."""
    near = difflib.get_close_matches(received, list(allowed), n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(repr(name) for name in near)}?" if near else ""


def reason(error: BaseException) -> str:
    """Return in a few words why another library failed.

    The text has no advice, no web address, and no path that ganzoo's own message already contains. Other libraries
    write for programmers ("load it unsafely using the `allow_pickle=` argument", "for further information visit ...").
    Their advice does not apply to a user of ganzoo, or it is dangerous.
    """
    if isinstance(error, GanzooError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    for error_type, text in _REASONS:
        if isinstance(error, error_type):
            return text
    if "pickle" in str(error).partition("\n")[0]:
        return "it contains Python objects, which ganzoo never reads; store plain numbers"
    first = _SENTENCE_END.split(str(error).strip(), maxsplit=1)[0].rstrip(".: ")
    first = "".join(char if char.isprintable() else " " for char in first)
    return first[:200] if first and not _ADVICE.search(first) else type(error).__name__


_SENTENCE_END = re.compile(r"(?<=[.!?])\s|\n")
_ADVICE = re.compile(
    r"https?:|www\.|`|<.* object at |\w=\w|\b(?:please|visit|try|pip|install|safe|unsafe|unsafely|set|pass|use)\b",
    re.IGNORECASE,
)
_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (MemoryError, "not enough memory"),
    (RecursionError, "nested too deeply"),
    (UnicodeDecodeError, "it is not UTF-8 text"),
)
