"""Names of models on the Hugging Face Hub, and their folders in the Hub's cache. Nothing here uses the network."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from ganzoo.errors import HubError

SCHEME = "hf://"
ZOO = "zoo:"
"""Prefix of a name that can only mean a pretrained model of the zoo, for example ``zoo:faces-64``."""
_PART = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?"
_REPO = re.compile(rf"{_PART}/{_PART}", re.ASCII)
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+-]{0,199}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}", re.ASCII)
_PAGE = re.compile(r"https://(?:huggingface\.co|hf\.co)/([^/]+/[^/@]+?)(?:/tree/([^?#]+))?/?", re.ASCII)
_RUNS = "runs"
_FORMS = "user/name, user/name@revision or hf://user/name"


class HubOptions(NamedTuple):
    """How a model is fetched. Names and meanings are those of ``from_pretrained`` in huggingface_hub.

    Attributes:
        revision: branch, tag or commit; the branch ``main`` by default. A commit of 40 hex digits never changes.
        token: for private and gated models; by default HF_TOKEN or that of ``hf auth login``; False for none.
        cache_dir: by default the Hub's cache (HF_HUB_CACHE, HF_HOME).
        local_files_only: use the cache only.
        force_download: fetch the files again, even if they are in the cache.
    """

    revision: str | None = None
    token: str | bool | None = None
    cache_dir: str | os.PathLike[str] | None = None
    local_files_only: bool = False
    force_download: bool = False

    def without_token(self) -> HubOptions:
        """For pickle and copy: the same options without a token, which is a secret of this process."""
        return self._replace(token=None) if isinstance(self.token, str) else self


DEFAULTS = HubOptions()


class HubReference(NamedTuple):
    """A model on the Hub: ``user/name``, and a branch, tag or commit (None is the branch ``main``)."""

    repo: str
    revision: str | None = None

    def __str__(self) -> str:
        return self.repo if self.revision is None else f"{self.repo}@{self.revision}"

    @property
    def pinned(self) -> bool:
        """Whether the revision is a commit, whose files never change."""
        return self.revision is not None and _COMMIT.fullmatch(self.revision) is not None


def parse_reference(text: str, *, revision: str | None = None) -> HubReference | None:
    """Read ``user/name``, ``user/name@revision``, either after ``hf://``, or a page on huggingface.co.

    Args:
        text: the user's text.
        revision: the revision from a separate argument.

    Returns:
        None if the text has another form. ``name/number`` is a run, unless ``hf://`` or a revision makes it a model on
        the Hub.

    Raises:
        HubError: if it can only be a model on the Hub and is not valid, or there are two revisions.
    """
    page = _PAGE.fullmatch(text)
    name, _, given = (page[1], "", page[2] or "") if page else text.removeprefix(SCHEME).partition("@")
    certain = text.startswith((SCHEME, "https://", "http://"))
    if not is_repo(name):
        if certain:
            raise HubError(no_name(text))
        return None
    if given and revision and given != revision:
        raise HubError(f"Two revisions for {name}: '@{given}' and revision '{revision}'. Give one.")
    chosen = given or revision or None
    if not certain and chosen is None and is_run_name(text):
        return None
    if chosen is not None and (not _REVISION.fullmatch(chosen) or ".." in chosen or "//" in chosen):
        raise HubError(f"{name}: {chosen[:80]!a} is not a revision; a revision is a branch, a tag or a commit.")
    return HubReference(name, chosen)


def is_repo(name: str) -> bool:
    """Whether a text is a valid ``user/name``."""
    return bool(_REPO.fullmatch(name)) and ".." not in name and "--" not in name and not name.endswith(".git")


def is_run_name(text: str) -> bool:
    """Whether a text has the form of a run: ``model/number``, or a path that begins with ``runs``.

    Only the form counts, not the content of the current folder: a run's name that is used in the wrong folder must not
    be requested from the Hub.
    """
    first, slash, second = text.partition("/")
    return bool(slash) and (first == _RUNS or second.isdecimal())


def require_reference(text: str, *, revision: str | None = None) -> HubReference:
    """``parse_reference`` for a text that must be a model on the Hub.

    Raises:
        HubError: if it is not.
    """
    reference = parse_reference(text, revision=revision)
    if reference is None:
        raise HubError(no_name(text))
    return reference


def no_name(text: str) -> str:
    """The message for a text that does not name a model on the Hub."""
    if is_run_name(text):
        return (
            f"'{text[:120]}' has the form of a run; a model on the Hugging Face Hub is named user/name. If a model has "
            f"this name: {SCHEME}{text[:120]}"
        )
    return f"'{text[:120]}' is not the name of a model on the Hugging Face Hub; a name is {_FORMS}."


def repo_folder(reference: HubReference, cache: Path) -> Path:
    """The folder of a repo in the Hub's cache: ``models--user--name``, with ``snapshots`` and ``refs`` in it."""
    return cache / f"models--{reference.repo.replace('/', '--')}"


def is_snapshot(folder: Path) -> bool:
    """Whether a folder has the name of a commit in the Hub's cache, ``snapshots/<commit>``."""
    return folder.parent.name == "snapshots" and _COMMIT.fullmatch(folder.name) is not None


def cached_snapshot(reference: HubReference, cache: Path) -> Path | None:
    """The folder of a revision in the Hub's cache, complete or not; None if there is none.

    For a branch or tag it is the commit of the last fetch.
    """
    repo = repo_folder(reference, cache)
    commit = reference.revision
    if not reference.pinned:
        try:
            commit = (repo / "refs" / (reference.revision or "main")).read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            return None
    if commit is None or not _COMMIT.fullmatch(commit):
        return None
    folder = repo / "snapshots" / commit
    return folder if folder.is_dir() else None
