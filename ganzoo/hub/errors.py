"""From exceptions of the Hub's client to messages for the user: one table, keyed by the exception's class name.

The class hierarchy of an exception is searched from the most special class on. So a gated repo is not reported as a
missing repo, although the client derives one class from the other.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ganzoo.environment.commands import command
from ganzoo.errors import GanzooError, HubError, reason
from ganzoo.hub.reference import SCHEME, HubReference

_OUTER = ("LocalEntryNotFoundError", "IncompleteSnapshotError")
LOGIN = "log in (hf auth login) or set HF_TOKEN"


class Situation(NamedTuple):
    """The failed operation, for the message.

    Attributes:
        reference: the model or dataset and its revision.
        endpoint: address of the Hub.
        doing: "fetch", "publish", or "save" for the upload of a run in training.
        near: " Did you mean ...?" with similar names, or an empty text.
        kind: "model", "dataset", or "run" for a training that is continued.
    """

    reference: HubReference
    endpoint: str = "https://huggingface.co"
    doing: str = "fetch"
    near: str = ""
    kind: str = "model"

    @property
    def page(self) -> str:
        """Address of the page on the Hub."""
        return f"{self.endpoint}/{'datasets/' if self.kind == 'dataset' else ''}{self.reference.repo}"

    @property
    def done(self) -> str:
        """The participle of an upload."""
        return "saved" if self.doing == "save" else "published"

    @property
    def again(self) -> str:
        """The command that repeats the operation."""
        if self.kind == "dataset":
            return "the same command"
        if self.kind == "run":
            return command("train --resume", f"{SCHEME}{self.reference}")
        return command("pull", str(self.reference)) if self.doing == "fetch" else "the same ganzoo publish"


def explained(error: BaseException, situation: Situation) -> HubError | None:
    """The error to raise instead; None if the exception is not one of the Hub's client, and so a bug."""
    for one in _chain(error):
        if isinstance(one, OSError) and one.errno in (errno.ENOSPC, errno.EDQUOT):
            return HubError(_disk_full(one, situation))
    # The client raises "not in the cache" for every failed request, so its cause is more precise.
    for one in sorted(_chain(error), key=lambda one: type(one).__name__ in _OUTER):
        for cls in type(one).__mro__:
            if cls.__name__ in TABLE:
                return HubError(TABLE[cls.__name__](one, situation))
    return HubError(_other(error, situation)) if isinstance(error, OSError | ValueError) else None


@contextlib.contextmanager
def explaining(situation: Situation) -> Iterator[None]:
    """Raise exceptions of the Hub's client in the block as a HubError that explains them. Bugs stay what they are."""
    try:
        yield
    except GanzooError:
        raise
    except Exception as error:
        known = explained(error, situation)
        if known is None:
            raise
        raise known from error


def not_cached(situation: Situation) -> HubError:
    """The error if a model is not in the cache and no request may be sent."""
    return HubError(_not_cached(None, situation))


def unreachable(error: BaseException) -> bool:
    """Whether there was no answer or a server error, so that the copy in the cache may be used."""
    for one in _chain(error):
        status = _status(one)
        if status is not None:
            return status >= 500 or status == 429
        if {cls.__name__ for cls in type(one).__mro__} & {"TransportError", "OfflineModeIsEnabled"}:
            return True
    return False


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and its causes."""
    seen: BaseException | None = error
    for _ in range(8):
        if seen is None:
            return
        yield seen
        seen = seen.__cause__ or seen.__context__


def _status(error: BaseException) -> int | None:
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def _then(s: Situation, words: str) -> str:
    """What to do next, in front of the command. A training repeats its uploads itself."""
    return "" if s.doing == "save" else f" {words}: {s.again}"


def _gated(error: Any, s: Situation) -> str:
    return f"{s.reference.repo} is gated: ask its owner for access on {s.page}, and {LOGIN}.{_then(s, 'Then')}"


def _no_repo(error: Any, s: Situation) -> str:
    if s.doing != "fetch":
        return f"Your token may not write to {s.reference.repo}, or there is no such user. Who you are: hf auth whoami"
    return (
        f"No {s.kind} {s.reference.repo} on {s.endpoint}, or it is private and this token may not see it.{s.near} "
        f"If it is private, {LOGIN}."
    )


def _no_revision(error: Any, s: Situation) -> str:
    return f"{s.reference.repo} has no revision '{s.reference.revision}'.{s.near}"


def _no_file(error: Any, s: Situation) -> str:
    what = "ganzoo model" if s.kind == "model" else s.kind
    return f"{s.reference} is not a complete {what}: a file that it lists is missing. Report it to its owner."


def _disabled(error: Any, s: Situation) -> str:
    return f"{s.endpoint} has disabled access to {s.reference.repo}. Its page may have the reason."


def _not_cached(error: Any, s: Situation) -> str:
    if s.doing != "fetch":
        return f"HF_HUB_OFFLINE is set, so {s.reference} cannot be {s.done}.{_then(s, 'Unset it, then')}"
    return (
        f"{s.reference} is not in the cache, or not completely, and requests are turned off (HF_HUB_OFFLINE, "
        f"local_files_only). With a network: {s.again}. List the cache: ganzoo cache"
    )


def _no_network(error: Any, s: Situation) -> str:
    return (
        f"{s.endpoint} cannot be reached ({type(error).__name__}), so {s.doing}ing {s.reference} failed, and it is not "
        f"in the cache. Check the network (HF_ENDPOINT, proxy), then: {s.again}"
        if s.doing == "fetch"
        else f"{s.endpoint} cannot be reached ({type(error).__name__}), so {s.reference} was not {s.done}. "
        f"Check the network (HF_ENDPOINT, proxy){'.' if s.doing == 'save' else f', then: {s.again}'}"
    )


def _disk_full(error: OSError, s: Situation) -> str:
    where = f" at '{error.filename}'" if error.filename else ""
    if s.doing != "fetch":
        return f"The disk is full{where}, so {s.reference} was not {s.done}.{_then(s, 'Free space, then')}"
    variable = "HF_HOME" if s.kind == "model" else "GANZOO_CACHE"
    return (
        f"The disk is full{where}, so {s.reference} could not be fetched. Free space (ganzoo cache lists the models) "
        f"or set {variable} to another folder, then: {s.again}"
    )


def _answered(error: Any, s: Situation) -> str:
    """The message for an HTTP status without an exception class."""
    status = _status(error)
    texts = {
        401: f"The Hub does not accept the token, or requires one, for {s.reference}. Check HF_TOKEN, or {LOGIN}.",
        403: f"This token may not {s.doing} {s.reference}; it needs "
        f"{'read' if s.doing == 'fetch' else 'write'} permission. See: {s.endpoint}/settings/tokens",
        409: f"{s.reference} already exists on the Hub, or is being changed.{_then(s, 'Try again')}",
        412: f"Somebody else changed {s.reference} at the same time, so nothing was {s.done}. "
        f"Look at {s.endpoint}/{s.reference.repo}/commits.{_then(s, 'Try again')}",
        413: f"{s.reference}: a file is too large for the Hub.",
        429: f"Too many requests to the Hub (429) for {s.reference}.{_then(s, 'Wait a few minutes, then')}",
    }
    if status in texts:
        return texts[status]
    if status is not None and status >= 500:
        return f"The Hub has a server error ({status}) for {s.reference}.{_then(s, 'Try again later')}"
    return _other(error, s)


def _other(error: Any, s: Situation) -> str:
    if "Consistency check failed" in str(error):
        return f"A file of {s.reference} arrived with the wrong size.{_then(s, 'Try again')}"
    return f"Could not {s.doing} {s.reference}: {reason(error)}."


TABLE: dict[str, Callable[[Any, Situation], str]] = {
    "GatedRepoError": _gated,
    "RevisionNotFoundError": _no_revision,
    "RemoteEntryNotFoundError": _no_file,
    "DisabledRepoError": _disabled,
    "RepositoryNotFoundError": _no_repo,
    "HfHubHTTPError": _answered,
    "TransportError": _no_network,
    "OfflineModeIsEnabled": _not_cached,
    "LocalEntryNotFoundError": _not_cached,
}
"""Class name of the exception -> its message."""
