"""The name with which others load a bundle: a pretrained model or a model on the Hub."""

from __future__ import annotations

from ganzoo.bundle.folder import Bundle


def load_name(bundle: Bundle) -> str | None:
    """What ``ganzoo.load`` takes on any machine: a pretrained model or a repo on the Hub. None for other folders."""
    from ganzoo.errors import UnknownNameError
    from ganzoo.hub.pretrained import SHIPPED, shipped_model
    from ganzoo.hub.reference import is_snapshot

    if SHIPPED in bundle.folder.parents:
        try:
            return shipped_model(bundle.folder).exact_name
        except UnknownNameError:
            return None  # it is being written
    if is_snapshot(bundle.folder):
        return bundle.folder.parents[1].name.removeprefix("models--").replace("--", "/")
    return None


def short_name(bundle: Bundle) -> str:
    """The name that people know: of the pretrained model or the repo, without user and version; else the bundle's."""
    load = load_name(bundle)
    return bundle.config.name if load is None else load.rpartition("/")[2].partition("@")[0]
