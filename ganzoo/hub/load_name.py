"""The names of a bundle: in messages, in commands that a user can paste, and in titles and names of files."""

from __future__ import annotations

from ganzoo.bundle.folder import Bundle


def load_name(bundle: Bundle) -> str | None:
    """What ``ganzoo.load`` takes on any machine, and always means this bundle; None for a folder of this machine.

    It is ``faces-64@1`` for a pretrained model, and ``user/name`` for the newest commit of a repo on the Hub that is in
    the cache. Other commits are ``user/name@commit``.
    """
    from ganzoo.errors import UnknownNameError
    from ganzoo.hub.pretrained import SHIPPED, pretrained_of_commit, shipped_model
    from ganzoo.hub.reference import HubReference, cached_snapshot, is_snapshot

    folder = bundle.folder
    if SHIPPED in folder.parents:
        try:
            return shipped_model(folder).exact_name
        except UnknownNameError:
            return None  # it is being written
    if not is_snapshot(folder):
        return None
    repo = folder.parents[1].name.removeprefix("models--").replace("--", "/")
    pretrained = pretrained_of_commit(repo, folder.name)
    if pretrained is not None:
        return pretrained.exact_name
    newest = cached_snapshot(HubReference(repo), folder.parents[2])
    return str(HubReference(repo, None if newest == folder else folder.name))


def message_name(bundle: Bundle) -> str:
    """The name in messages: the shortest that ``ganzoo.load`` takes, or the name in the config of a local bundle.

    The newest version of a pretrained model is ``faces-64``, and an older one ``faces-64@1``.
    """
    from ganzoo.hub.pretrained import find_pretrained

    name = load_name(bundle)
    if name is None:
        return bundle.config.name
    model = find_pretrained(name)
    return model.name if model is not None and find_pretrained(model.name) == model else name


def command_word(bundle: Bundle) -> str:
    """The name in commands on this machine: that of ``message_name``, or the run or folder of a local bundle."""
    from ganzoo.environment.commands import path_word, run_word
    from ganzoo.runs import run_of_bundle

    if load_name(bundle) is not None:
        return message_name(bundle)
    run = run_of_bundle(bundle.folder)
    return path_word(bundle.folder.absolute()) if run is None else run_word(run.folder)


def short_name(bundle: Bundle) -> str:
    """The name in titles and names of files: of the pretrained model or repo, without user and version."""
    load = load_name(bundle)
    return bundle.config.name if load is None else load.partition("@")[0].rpartition("/")[2]
