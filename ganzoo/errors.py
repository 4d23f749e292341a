"""The errors a user can cause. Each message is complete: what was received, what is allowed, the next command."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable


class GanzooError(Exception):
    """Base of every error that ganzoo raises for a user's mistake or for a broken environment."""


class UnknownNameError(GanzooError):
    """A name that nothing answers to."""


class RegistrationError(GanzooError):
    """A part that cannot be registered under the name it asks for."""


class ConfigError(GanzooError):
    """A config that cannot be read, or that describes something that cannot work."""


class DataError(GanzooError):
    """Training data that is missing, broken or of the wrong form."""


class RunError(GanzooError):
    """A run folder or checkpoint that is missing or damaged."""


class TrainingError(GanzooError):
    """A training that cannot go on, for example because a loss is not finite."""


class ExportError(GanzooError):
    """An export that failed or whose result differs from the model."""


class BundleError(GanzooError):
    """A bundle that is damaged, unsafe or of an unknown format."""


class HubError(GanzooError):
    """A model that cannot be fetched from, or put on, the Hugging Face Hub."""


class EvaluationError(GanzooError):
    """A metric or extractor that does not fit, or samples that cannot be measured."""


class MissingDependencyError(GanzooError):
    """A package that this action needs is not installed, or two that exclude each other are."""


def did_you_mean(received: str, allowed: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` with the names nearest to ``received``, or an empty string."""
    near = difflib.get_close_matches(received, list(allowed), n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(repr(name) for name in near)}?" if near else ""


def reason(error: BaseException) -> str:
    """Why another library failed, in a few words: no advice, no address, no path that the message has already.

    Other libraries address programmers ("load it unsafely using the `allow_pickle=` argument", "for further information
    visit ..."). Their advice does not apply to a user of ganzoo, or is dangerous.
    """
    if isinstance(error, GanzooError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    for kind, words in _REASONS:
        if isinstance(error, kind):
            return words
    if "pickle" in str(error).partition("\n")[0]:
        return "it holds Python objects, which are never read; store plain numbers"
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
