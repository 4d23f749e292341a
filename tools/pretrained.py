"""Put pretrained models into ganzoo and on the Hugging Face Hub. For the owner of the zoo, in a checkout of ganzoo.

A model is trained, exported and measured like any other. ``ship`` copies its bundle into the package and adds it to
the index, ``publish`` puts it on the Hub and writes the commit and the hashes into the index:

    python tools/pretrained.py ship faces-64 runs/dcgan-faces-64/001 --repo ganzoo/faces-64
    python tools/pretrained.py publish faces-64 --license cc-by-4.0
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from ganzoo.bundle.folder import CARD, CRITIC, LIMITS, SAMPLES, WEIGHTS, Bundle
from ganzoo.bundle.model_card import model_card
from ganzoo.cli.output import error as print_error
from ganzoo.cli.output import info, print_data
from ganzoo.cli.publish import report
from ganzoo.environment.files import replacing_folder
from ganzoo.errors import BundleError, GanzooError, HubError, UnknownNameError, did_you_mean
from ganzoo.evaluation.record import with_metrics
from ganzoo.hub import pretrained
from ganzoo.hub.publish import Publication, checked_speed
from ganzoo.hub.publish import publish as publish_bundle
from ganzoo.images import write_atomic
from ganzoo.resolve import resolve

STAYS_OUT = (WEIGHTS, SAMPLES, CRITIC)
"""Files that generating does not need, without ``best_of``. pyproject.toml leaves them out of the wheel."""
SHIPPED_LIMIT = 4_000_000
"""Largest size in bytes of one model in the wheel."""


def ship(name: str, what: str | os.PathLike[str], *, repo: str) -> pretrained.Pretrained:
    """Put a bundle into the package and into the index, unpublished.

    The numbers that ``ganzoo evaluate`` measured on it are added to its metadata, and its card is written anew.

    Args:
        name: the name for ``ganzoo.load``.
        what: the bundle or run.
        repo: ``user/name`` for ``publish``.

    Raises:
        BundleError: if the bundle is damaged, or more than ``SHIPPED_LIMIT`` bytes of it would be in the wheel.
    """
    bundle = with_metrics(_open(what), write=True)
    entry = _entry(name, bundle, repo=repo, revision=None)
    facts = bundle.metadata.facts
    card = model_card(bundle.config, facts, files=tuple(entry.files), repo_id=repo, speed=checked_speed(bundle))
    in_wheel = [record.size for file, record in entry.files.items() if file not in STAYS_OUT]
    size = sum(in_wheel) + len(card.encode())
    if size > SHIPPED_LIMIT:
        raise BundleError(f"'{name}' would take {size} bytes of the wheel; allowed: {SHIPPED_LIMIT}.")
    with replacing_folder(pretrained.SHIPPED / name) as fresh:
        for file in entry.files:
            target = fresh / file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((bundle.folder / file).read_bytes())
        (fresh / CARD).write_bytes(card.encode())
    write_entry(entry)
    return entry


def publish(
    name: str, what: str | os.PathLike[str] | None = None, *, root: Path | None = None, **options: Any
) -> Publication:
    """Publish a pretrained model in the repo that the index names, and write its commit and hashes into the index.

    Args:
        name: of the pretrained model.
        what: a run or bundle; by default the copy that ships with ganzoo.
        root: folder of the runs.
        options: those of ``ganzoo.publish``, without a branch or pull request: users do not get these commits.

    Raises:
        GanzooError: as ``ganzoo.publish``; or if there is no such model, or the shipped copy is incomplete.
    """
    models = pretrained.pretrained_models()
    if name not in models:
        near = did_you_mean(name, models)
        raise UnknownNameError(f"No pretrained model named '{name}'.{near}\nSee all: ganzoo list --pretrained")
    model = models[name]
    if what is None and pretrained.shipped_bundle(model) is None:
        raise HubError(
            f"The copy of '{name}' in '{pretrained.SHIPPED}' is not complete. Run this in a checkout of ganzoo, or "
            f"name the run or bundle: python tools/pretrained.py publish {name} RUN"
        )
    bundle = _open(pretrained.SHIPPED / name if what is None else what, root=root)
    done = publish_bundle(bundle, model.repo, **options)
    if done.commit is not None:
        write_entry(_entry(name, bundle, repo=model.repo, revision=done.commit))
    return done


def write_entry(model: pretrained.Pretrained) -> Path:
    """Put an entry into the index; an older entry with the same name is replaced.

    Raises:
        GanzooError: if the index cannot be written; it is unchanged then.
    """
    models = {**pretrained.pretrained_models(), model.name: model}
    table = {"models": {name: _plain(models[name]) for name in sorted(models)}}
    return write_atomic(pretrained.index_file(), (json.dumps(table, indent=2) + "\n").encode())


def _open(what: str | os.PathLike[str], *, root: Path | None = None) -> Bundle:
    return resolve(what, files=tuple(LIMITS), hub=None, root=root, info=info)


def _entry(name: str, bundle: Bundle, *, repo: str, revision: str | None) -> pretrained.Pretrained:
    """The entry of a verified bundle, checked as the index is checked when it is read."""
    files = pretrained.records(bundle)
    return pretrained.read_entry(name, _plain(pretrained.Pretrained(name, repo, revision, files)))


def _plain(model: pretrained.Pretrained) -> dict[str, Any]:
    files = {name: {"size": r.size, "sha256": r.sha256} for name, r in sorted(model.files.items())}
    return {"repo": model.repo, "revision": model.revision, "files": files}


app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)


@app.command("ship")
def _ship(
    name: Annotated[str, typer.Argument(help="The name for ganzoo.load.")],
    what: Annotated[str, typer.Argument(metavar="RUN", help="A run or bundle.")],
    repo: Annotated[str, typer.Option(metavar="user/name", help="The model's name on the Hub.")],
) -> None:
    """Copy a bundle into the package and add it to the index."""
    ship(name, what, repo=repo)
    print_data(str(pretrained.SHIPPED / name))


@app.command("publish")
def _publish(
    name: Annotated[str, typer.Argument(help="A pretrained model.")],
    what: Annotated[str | None, typer.Argument(metavar="RUN", help="By default the copy in the package.")] = None,
    private: Annotated[bool, typer.Option("--private", help="Make the new model private.")] = False,
    tag: Annotated[str | None, typer.Option(help="A name for the new version, for example v1.")] = None,
    license: Annotated[str | None, typer.Option(help="License of the weights.")] = None,
    message: Annotated[str | None, typer.Option("-m", "--message", help="Message of the commit.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the files and the card; publish nothing.")] = False,
    runs: Annotated[Path | None, typer.Option("--runs", help="Folder of the runs.")] = None,
) -> None:
    """Publish a pretrained model, and write its commit into the index."""
    options = {"private": private, "tag": tag, "license": license, "message": message, "dry_run": dry_run}
    done = publish(name, what, root=runs, **options)
    report(done)
    if done.commit is not None:
        info(f"The commit and the hashes are in {pretrained.index_file()}")


def main() -> None:
    """The script."""
    try:
        app()
    except GanzooError as error:
        print_error(str(error))
        raise SystemExit(2) from error


if __name__ == "__main__":
    main()
