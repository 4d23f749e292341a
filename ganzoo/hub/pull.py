"""``ganzoo.pull``: a whole bundle into the Hub's cache."""

from __future__ import annotations

import os
from pathlib import Path

from ganzoo.environment.places import check_name
from ganzoo.errors import HubError, did_you_mean
from ganzoo.hub.fetch import fetch
from ganzoo.hub.pretrained import find_pretrained, open_pretrained, pretrained_models, unknown_pretrained
from ganzoo.hub.pretrained_index import split_version
from ganzoo.hub.reference import ZOO, HubOptions, no_name, parse_reference


def pull(
    what: str,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    local_files_only: bool = False,
    force_download: bool = False,
) -> Path:
    """Fetch a whole bundle from the Hub into its cache and verify it.

    Args:
        what: ``user/name``, ``user/name@revision``, ``hf://user/name``, or a pretrained model of the zoo
            (``faces-64``, ``faces-64@1``, ``zoo:faces-64``).
        revision, token, cache_dir, local_files_only, force_download: see ``HubOptions``.

    Returns:
        The folder. It belongs to the cache; do not change it.

    Raises:
        HubError: if it cannot be fetched; the message has the next step.
        BundleError: if the fetched files are damaged or unsafe.
    """
    check_name(what, "the name of a model, such as 'faces-64' or 'user/name'")
    options = HubOptions(revision, token, cache_dir, local_files_only, force_download)
    model = find_pretrained(what)
    if model is not None:
        return open_pretrained(model, options).folder
    if what.startswith(ZOO) or split_version(what)[0] in pretrained_models():
        raise unknown_pretrained(what)
    reference = parse_reference(what, revision=revision)
    if reference is None:
        raise HubError(f"{no_name(what)}{did_you_mean(what, pretrained_models())}")
    return fetch(reference, options).folder
