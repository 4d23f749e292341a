"""Opens a run or a bundle of this machine to publish it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ganzoo.bundle.folder import CONFIG, LIMITS, Bundle
from ganzoo.errors import BundleError


def public_bundle(
    what: str | os.PathLike[str] | Bundle | None,
    *,
    root: str | os.PathLike[str] | None,
    write: bool,
    info: Callable[[str], None],
) -> Bundle:
    """The verified bundle, with the metrics of its run, and without paths of this machine.

    Args:
        what: a run or a bundle, or None for the newest run. A run without an up-to-date bundle is exported first.
        root: folder of the runs.
        write: also write the metrics into the bundle's folder.
        info: called with a message before a run is exported.

    Raises:
        GanzooError: if there is no such run or bundle, or config.json contains a path.
    """
    from ganzoo.evaluation.record import with_metrics
    from ganzoo.resolve import resolve
    from ganzoo.runs import find_run

    if not isinstance(what, Bundle):
        named: str | Path = find_run(None, root=root).folder if what is None else os.fspath(what)
        what = resolve(named, files=tuple(LIMITS), hub=None, root=root, info=info)
    return _without_paths(with_metrics(what, write=write))


def _without_paths(bundle: Bundle) -> Bundle:
    """The bundle without paths of this machine, which older versions wrote into bundles.

    Raises:
        BundleError: if config.json contains a path, because the generator is built from that file.
    """
    from ganzoo.bundle.public_values import local_text, public_facts

    path = local_text(None, bundle.config.to_dict())
    if path is not None:
        raise BundleError(
            f"Bundle '{bundle.folder}': {CONFIG} contains a path of this machine, {path[:60]!a}, and would be public."
            " Export the run again: ganzoo export RUN"
        )
    return replace(bundle, metadata=bundle.metadata._replace(facts=public_facts(bundle.metadata.facts)))
