"""From what the Hub's client raises to what the user reads. One table, by the names of the exception classes.

The names are looked up along each exception's own class hierarchy, nearest first, so a gated repo is not mistaken for
a missing one, of which the client makes it a special case.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ganzoo.environment.commands import command
from ganzoo.errors import HubError, reason
from ganzoo.hub.reference import HubReference

_OUTER = ("LocalEntryNotFoundError", "IncompleteSnapshotError")
LOGIN = "log in (hf auth login) or set HF_TOKEN"


class Situation(NamedTuple):
    """What was tried, for the message.

    Attributes:
        reference: which model, at which revision.
        endpoint: address of the Hub.
        doing: "fetch" or "publish".
        near: what the user may have meant, as " Did you mean ...?", or an empty text.
    """

    reference: HubReference
    endpoint: str = "https://huggingface.co"
    doing: str = "fetch"
    near: str = ""

    @property
    def again(self) -> str:
        """The command that tries once more."""
        return command("pull", str(self.reference)) if self.doing == "fetch" else "the same ganzoo publish"


def explained(error: BaseException, situation: Situation) -> HubError | None:
    """The error to raise instead; None if the exception is none of the Hub's, and so a bug."""
    for one in _chain(error):
        if isinstance(one, OSError) and one.errno in (errno.ENOSPC, errno.EDQUOT):
            return HubError(_disk_full(one, situation))
    # The client says "not in the cache" of every request that failed, so the cause tells more.
    for one in sorted(_chain(error), key=lambda one: type(one).__name__ in _OUTER):
        for cls in type(one).__mro__:
            if cls.__name__ in TABLE:
                return HubError(TABLE[cls.__name__](one, situation))
    return HubError(_other(error, situation)) if isinstance(error, OSError | ValueError) else None


def not_cached(situation: Situation) -> HubError:
    """The error where the cache does not have a model and the Hub may not be asked."""
    return HubError(_not_cached(None, situation))


def unreachable(error: BaseException) -> bool:
    """Whether nobody answered, or the Hub itself is in trouble, so that the cache may stand in."""
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


def _gated(error: Any, s: Situation) -> str:
    return (
        f"{s.reference.repo} is gated: ask its owner for access on {s.endpoint}/{s.reference.repo}, {LOGIN}, "
        f"and try again: {s.again}"
    )


def _no_repo(error: Any, s: Situation) -> str:
    if s.doing == "publish":
        return f"Your token may not write to {s.reference.repo}, or there is no such user. Who you are: hf auth whoami"
    return (
        f"No model {s.reference.repo} on {s.endpoint}, or it is private and this token may not see it.{s.near} "
        f"If it is private, {LOGIN}."
    )


def _no_revision(error: Any, s: Situation) -> str:
    return f"{s.reference.repo} has no revision '{s.reference.revision}'.{s.near}"


def _no_file(error: Any, s: Situation) -> str:
    return f"{s.reference} is no complete ganzoo model: a file that it lists is not there. Tell its owner."


def _disabled(error: Any, s: Situation) -> str:
    return f"{s.endpoint} has disabled access to {s.reference.repo}. Why stands on its page, if anywhere."


def _not_cached(error: Any, s: Situation) -> str:
    if s.doing == "publish":
        return f"HF_HUB_OFFLINE is set, so {s.reference} cannot be published. Unset it, then: {s.again}"
    return (
        f"{s.reference} is not in the cache, or not completely, and the Hub may not be asked (HF_HUB_OFFLINE, "
        f"local_files_only). With a network: {s.again}. What is in the cache: ganzoo cache"
    )


def _no_network(error: Any, s: Situation) -> str:
    return (
        f"{s.endpoint} cannot be reached ({type(error).__name__}), so {s.doing}ing {s.reference} failed, and it is not "
        f"in the cache. Check the network (HF_ENDPOINT, proxy), then: {s.again}"
        if s.doing == "fetch"
        else f"{s.endpoint} cannot be reached ({type(error).__name__}), so {s.reference} was not published. "
        f"Check the network (HF_ENDPOINT, proxy), then: {s.again}"
    )


def _disk_full(error: OSError, s: Situation) -> str:
    where = f" at '{error.filename}'" if error.filename else ""
    return (
        f"The disk is full{where}, so {s.reference} could not be fetched. Make room (ganzoo cache lists what is there, "
        f"HF_HOME names another place), then: {s.again}"
    )


def _answered(error: Any, s: Situation) -> str:
    """An HTTP status that has no class of its own."""
    status = _status(error)
    texts = {
        401: f"The Hub does not accept the token, or wants one, for {s.reference}. Check HF_TOKEN, or {LOGIN}.",
        403: f"This token may not {s.doing} {s.reference}; it needs the right to "
        f"{'write' if s.doing == 'publish' else 'read'} there. See: {s.endpoint}/settings/tokens",
        409: f"{s.reference}: the Hub says that it is there already, or is being changed. Try again: {s.again}",
        412: f"Somebody else changed {s.reference} at the same time, so nothing was published. "
        f"Look at {s.endpoint}/{s.reference.repo}/commits, then try again: {s.again}",
        413: f"{s.reference}: a file is too large for the Hub.",
        429: f"The Hub asks for a pause (429), asked for {s.reference}. Wait a few minutes, then: {s.again}",
    }
    if status in texts:
        return texts[status]
    if status is not None and status >= 500:
        return f"The Hub is in trouble (it answered {status}), asked for {s.reference}. Try again later: {s.again}"
    return _other(error, s)


def _other(error: Any, s: Situation) -> str:
    if "Consistency check failed" in str(error):
        return f"A file of {s.reference} came with another size than announced. Try again: {s.again}"
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
"""Class of the exception -> its text."""
