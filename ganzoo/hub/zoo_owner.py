"""What the owner of the zoo's pretrained models does: puts one into the package, publishes it, and writes the index.

A model is trained, exported and measured like any other, then ``ship`` makes it part of ganzoo:

    ganzoo.hub.zoo_owner.ship("faces-64", "runs/dcgan-faces-64/001/bundle", repo="ganzoo/faces-64")

and ``ganzoo publish --zoo faces-64`` puts it on the Hub.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from ganzoo.bundle.folder import CARD, read_bundle
from ganzoo.bundle.model_card import model_card
from ganzoo.environment.files import replacing_folder
from ganzoo.errors import BundleError, HubError
from ganzoo.evaluation.record import with_metrics
from ganzoo.hub import pretrained
from ganzoo.hub.publish import Publication, checked_speed, publish
from ganzoo.resolve import find_bundle


def ship(name: str, folder: str | os.PathLike[str], *, repo: str) -> pretrained.Pretrained:
    """Put a bundle into the package and into the index, unpublished.

    Numbers that ``ganzoo evaluate`` has measured on it go into its metadata, and its card is written anew.

    Args:
        name: what ``ganzoo.load`` will take.
        folder: the bundle.
        repo: ``user/name`` where it will be published.

    Raises:
        BundleError: if the bundle is damaged, or more than ``SHIPPED_LIMIT`` bytes of it would be in the wheel.
    """
    folder = Path(folder)
    bundle = with_metrics(read_bundle(folder), write=True)
    entry = pretrained.entry_of(name, bundle, repo=repo, revision=None)
    files, facts = tuple(entry.files), bundle.metadata.facts
    card = model_card(bundle.config, facts, files=files, repo_id=repo, speed=checked_speed(bundle))
    in_wheel = [record.size for file, record in entry.files.items() if file not in pretrained.STAYS_OUT]
    size = sum(in_wheel) + len(card.encode())
    if size > pretrained.SHIPPED_LIMIT:
        raise BundleError(f"'{name}' would take {size} bytes of the wheel; allowed: {pretrained.SHIPPED_LIMIT}.")
    shipped = pretrained.SHIPPED / name
    with replacing_folder(shipped) as fresh:
        for file in files:
            target = fresh / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / file, target)
        (fresh / CARD).write_bytes(card.encode())
    pretrained.write_entry(entry)
    return entry


def publish_pretrained(
    model: pretrained.Pretrained,
    what: str | os.PathLike[str] | None = None,
    *,
    root: str | os.PathLike[str] | None = None,
    **options: Any,
) -> tuple[Publication, Path | None]:
    """Publish a pretrained model of the zoo where the index says, and write its commit and hashes into the index.

    Args:
        model: the entry of the index.
        what: a run or bundle; by default the copy that ships with ganzoo.
        root: where runs are kept, as in ``publish``.
        options: those of ``publish``; no branch and no pull request, since neither is the commit that people get.

    Returns:
        What was published, and the index that was written; None for a dry run.

    Raises:
        HubError: as ``publish``; or if the shipped copy is not what the index names.
    """
    shipped = pretrained.SHIPPED / model.name
    if what is None and pretrained.shipped_bundle(model) is None:
        raise HubError(
            f"This ganzoo has '{model.name}' without its training weights. Publish from a checkout of ganzoo "
            f"(pip install -e .), or say which run or bundle it is: ganzoo publish RUN --zoo {model.name}"
        )
    folder = shipped if what is None else what
    made = publish(folder, model.repo, root=root, **options)
    if made.commit is None:
        return made, None
    bundle = read_bundle(find_bundle(folder, root=root))
    entry = pretrained.entry_of(model.name, bundle, repo=model.repo, revision=made.commit)
    return made, pretrained.write_entry(entry)
