"""Puts the web page of a bundle on the Hugging Face Hub, as a static Space: anybody can open it in a browser.

A static Space is a repo of the Hub whose ``index.html`` is served as it is. Its README.md has the settings
(https://huggingface.co/docs/hub/spaces-sdks-static).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ganzoo.bundle.card_text import text
from ganzoo.bundle.folder import Bundle
from ganzoo.bundle.model_card import check_license
from ganzoo.errors import HubError
from ganzoo.hub.errors import Situation, explaining
from ganzoo.hub.fetch import client, endpoint, with_retries
from ganzoo.hub.public_bundle import public_bundle
from ganzoo.hub.reference import HubReference, require_reference

README, PAGE, _STYLE = "README.md", "index.html", "style.css"
_KIND = "space"
_OURS = "Made with [ganzoo]"
_TEMPLATE = "https://huggingface.co/docs/hub/spaces-config-reference"
"""In the README.md of a Space that nobody has changed since its creation."""


def space_url(space_id: str) -> str:
    """The address of a Space."""
    return f"{endpoint()}/spaces/{space_id}"


def space_contents(
    bundle: Bundle, *, model: str | None, load: str | None = None, license: str | None = None
) -> dict[str, bytes]:
    """The files of the Space.

    Args:
        bundle: a verified bundle of images.
        model: ``user/name`` of the model on the Hub, which the Space links to.
        load: the name that the page's line of Python loads; by default the path of a bundle.
        license: license of the weights; by default the license given at export.

    Raises:
        GanzooError: if no page can be made of the bundle.
    """
    from ganzoo.web.page import page

    license = license or text(bundle.metadata.facts.training.get("license"))
    settings = {
        "title": bundle.config.name,
        "colorFrom": "indigo",
        "colorTo": "blue",
        "sdk": "static",
        "app_file": PAGE,
        **({"license": license} if license else {}),
        **({"models": [model]} if model else {}),
        "tags": ["ganzoo", "gan"],
    }
    import yaml

    source = f" The model: [{model}]({endpoint()}/{model})." if model else ""
    front = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)
    lines = f"Images by `{bundle.config.name}`, made in your browser.{source}\n\n{_OURS}, a GAN model zoo."
    readme = f"---\n{front}---\n\n# {bundle.config.name}\n\n{lines}\n"
    return {README: readme.encode(), PAGE: page(bundle, load=load).encode()}


def publish_page(
    what: str | os.PathLike[str] | Bundle | None,
    space_id: str,
    *,
    private: bool = False,
    license: str | None = None,
    message: str | None = None,
    dry_run: bool = False,
    token: str | bool | None = None,
    root: str | os.PathLike[str] | None = None,
    info: Callable[[str], None] = lambda text: None,
) -> dict[str, int]:
    """Publish the web page of a generator without the model itself. The weights are part of the page.

    Args:
        what, private, license, message, dry_run, token, root, info: as in ``ganzoo.publish``.
        space_id: ``user/name`` of the Space.

    Returns:
        name -> size in bytes of the files.

    Raises:
        GanzooError: as ``ganzoo.publish``, and if no page can be made of the generator.
    """
    check_space(space_id)
    if license is not None:
        check_license(license)
    bundle = public_bundle(what, root=root, write=not dry_run, info=info)
    contents = space_contents(bundle, model=None, license=license)
    if not dry_run:
        publish_space(contents, space_id, private=private, message=message, token=token)
    return {name: len(content) for name, content in sorted(contents.items())}


def check_space(space_id: str) -> HubReference:
    """The Space's name.

    Raises:
        HubError: if it is not ``user/name``.
    """
    reference = require_reference(space_id)
    if reference.revision is not None:
        raise HubError(f"'{space_id}' has a revision; a Space is named user/name.")
    return reference


def publish_space(
    contents: dict[str, bytes],
    space_id: str,
    *,
    private: bool = False,
    message: str | None = None,
    token: str | bool | None = None,
) -> str:
    """Put a page on the Hub as one commit. A new Space is created.

    Args:
        contents: the result of ``space_contents``.
        space_id: ``user/name``.
        private: make the new Space private.
        message: message of the commit.
        token: as in ``ganzoo.publish``.

    Returns:
        The address of the Space.

    Raises:
        HubError: if the Hub refuses or cannot be reached, or a Space of this name exists and was not made by ganzoo.
    """
    reference = check_space(space_id)
    with explaining(Situation(reference, endpoint(), doing="publish")):
        _commit(contents, reference.repo, private=private, message=message, token=token)
    return space_url(reference.repo)


def _commit(
    contents: dict[str, bytes], name: str, *, private: bool, message: str | None, token: str | bool | None
) -> None:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    api: Any = client(token)
    info = _existing(api, name, private=private)
    present = {sibling.rfilename for sibling in info.siblings or ()}
    readme = _readme(api, name, info.sha) if README in present else ""
    if PAGE in present and _OURS not in readme and _TEMPLATE not in readme:
        raise HubError(
            f"{space_url(name)} exists and was not made by ganzoo, so it was not changed. Choose another name."
        )
    operations: list[Any] = [
        CommitOperationAdd(path_in_repo=file, path_or_fileobj=content) for file, content in sorted(contents.items())
    ]
    if _TEMPLATE in readme and _STYLE in present:
        operations.append(CommitOperationDelete(path_in_repo=_STYLE))
    api.create_commit(
        name,
        operations,
        commit_message=message or "Publish with ganzoo",
        repo_type=_KIND,
        parent_commit=info.sha,
    )


def _existing(api: Any, name: str, *, private: bool) -> Any:
    """The current state of the Space, which is created if it does not exist."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        info = with_retries(lambda: api.space_info(name))
    except RepositoryNotFoundError:
        api.create_repo(name, repo_type=_KIND, space_sdk="static", private=private or None)
        return with_retries(lambda: api.space_info(name))
    if private and not info.private:
        raise HubError(f"{space_url(name)} exists and is public, so --private has no effect. Choose another name.")
    return info


def _readme(api: Any, name: str, commit: str) -> str:
    path = Path(api.hf_hub_download(name, README, repo_type=_KIND, revision=commit))
    return path.read_text(encoding="utf-8", errors="replace")
