"""Put pretrained models into ganzoo and on the Hugging Face Hub. For the owner of the zoo, in a checkout of ganzoo.

A model is trained, exported and measured like any other. ``ship`` copies its bundle into the package as a new version
and adds it to the index; older versions stay. ``shrink`` stores an older version with float16 weights. ``nearest`` adds
a picture of samples and their nearest training images. ``cards`` writes all cards anew. ``publish`` puts a version
on the Hub and writes the commit into the index:

    python tools/pretrained.py ship faces-64 runs/dcgan-faces-64/001 --repo ganzoo/faces-64 \\
        --description "drawn faces" --license cc-by-4.0
    python tools/pretrained.py shrink faces-64@1
    python tools/pretrained.py nearest portraits-64 picture.png
    python tools/pretrained.py cards
    python tools/pretrained.py publish faces-64
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from ganzoo.bundle.folder import (
    CARD,
    CLASSES,
    CRITIC,
    LIMITS,
    METADATA,
    NEAREST,
    ONNX,
    SAMPLES,
    WEIGHTS,
    Bundle,
    read_bundle,
)
from ganzoo.bundle.model_card import check_license, is_ours, model_card
from ganzoo.bundle.schema import BundleMetadata, FileRecord
from ganzoo.cli.output import error as print_error
from ganzoo.cli.output import info, print_data
from ganzoo.cli.publish import report
from ganzoo.environment.files import replacing_folder
from ganzoo.errors import BundleError, GanzooError, HubError
from ganzoo.evaluation.record import with_metrics
from ganzoo.hub import pretrained
from ganzoo.hub.pretrained_index import Facts, Pretrained, plain_entry, read_entry
from ganzoo.hub.publish import Publication, bundle_contents, checked_speed
from ganzoo.hub.publish import publish as publish_bundle
from ganzoo.images import encoded, write_atomic
from ganzoo.resolve import resolve

STAYS_OUT = (WEIGHTS, SAMPLES, CLASSES, NEAREST, CRITIC)
"""Files that generating does not need, without ``best_of``. pyproject.toml leaves them out of the wheel."""
MODEL_LIMIT, OLDER_LIMIT, TOTAL_LIMIT = 5_000_000, 4_500_000, 12_000_000
"""Largest size in bytes in the wheel: of a newest version, of an older version, and of all newest versions together."""


_SPEED = re.compile(r"^- (One sample takes .+)$", re.MULTILINE)
"""The line of a card with the measured speed."""


def ship(
    name: str,
    what: str | os.PathLike[str],
    *,
    repo: str | None = None,
    description: str | None = None,
    license: str | None = None,
    data_license: str | None = None,
    credits: Sequence[str] = (),
    replaced: int | None = None,
) -> Pretrained:
    """Put a bundle into the package and into the index, as a new version that is not published yet.

    The numbers that ``ganzoo evaluate`` measured on it are added to its metadata, and its card is written anew.

    Args:
        name: the name for ``ganzoo.load``.
        what: the bundle or run.
        repo: ``user/name`` for ``publish``; by default that of the version before.
        description: what the model generates, in a few words; by default that of the version before.
        license: license of the weights, an identifier of the Hub; by default the license given at export.
        data_license: license of the training data, as text.
        credits: authors of the training data, in front of the credits of the data source.
        replaced: write this version anew instead of a new one. It must not be published.

    Raises:
        GanzooError: if the bundle is damaged or too large for the wheel, a fact is missing, or the same generator is
            already a version.
    """
    versions = pretrained.pretrained_versions().get(name, {})
    before = pretrained.newest(versions) if versions else None
    repo = repo or (before.repo if before else None)
    description = description or (before.facts.description if before else None)
    if repo is None or description is None:
        raise GanzooError(f"'{name}' is new, so --repo user/name and --description are needed.")
    bundle = with_metrics(_open(what), write=True)
    version = _version(name, versions, bundle, replaced)
    bundle = _stated(bundle, license=license, data_license=data_license, credits=credits)
    return _write(name, version, bundle, repo=repo, description=description)


def shrink(name: str) -> Pretrained:
    """Store the ONNX file of a shipped version that is not published with float16 weights, at half the size.

    Raises:
        GanzooError: as ``half_bundle``; or if there is no such version or no complete copy, or it is published.
    """
    from ganzoo.exporters.half_bundle import half_bundle

    model = _model(name)
    if model.revision is not None:
        raise HubError(f"'{model.exact_name}' is published, so its files never change.")
    half = half_bundle(_shipped(model))
    return _write(model.name, model.version, half, repo=model.repo, description=model.facts.description)


def add_nearest(name: str, picture: Path, *, scale: float = 1.0) -> Pretrained:
    """Add ``nearest.png`` to a version that is not published: samples above their nearest training images.

    Args:
        name: of the pretrained model.
        picture: any image file, as ``benchmarks/nearest_picture.py`` writes it.
        scale: its size is multiplied by this.

    Raises:
        GanzooError: if there is no such version or no complete copy, it is published, or the picture is unreadable.
    """
    from PIL import Image

    model = _model(name)
    if model.revision is not None:
        raise HubError(f"'{model.exact_name}' is published, so its files never change.")
    bundle = _shipped(model)
    try:
        with Image.open(picture) as opened:
            image = opened.convert("RGB")
    except OSError as error:
        raise GanzooError(f"'{picture}' is not a readable picture: {error}.") from error
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    content = encoded(image.resize(size, Image.Resampling.LANCZOS))
    record = FileRecord(len(content), hashlib.sha256(content).hexdigest())
    metadata = BundleMetadata({**bundle.metadata.files, NEAREST: record}, bundle.metadata.facts)
    bundle = replace(bundle, metadata=metadata, kept={**bundle.kept, NEAREST: content})
    speed, about = _stated_speed(model), model.facts.description
    return _write(model.name, model.version, bundle, repo=model.repo, description=about, speed=speed)


def write_cards(name: str | None = None) -> list[Path]:
    """Write the cards of shipped versions anew. No other file is changed.

    The measured speed is kept. To measure it again, delete the card first.

    Args:
        name: of a pretrained model; by default every version of all models.

    Raises:
        GanzooError: if there is no such version or no complete copy, or a person edited the card.
    """
    every = [model for versions in pretrained.pretrained_versions().values() for model in versions.values()]
    paths = []
    for model in every if name is None else [_model(name)]:
        bundle, path = _shipped(model), pretrained.shipped_folder(model) / CARD
        old = path.read_text(encoding="utf-8") if path.is_file() else ""
        if not is_ours(old):
            raise GanzooError(f"'{path}' was edited by hand, so it is not replaced. Delete it first.")
        card = _card(model, bundle, speed=_stated_speed(model))
        paths.append(write_atomic(path, card.encode()))
    return paths


def publish(
    name: str, what: str | os.PathLike[str] | None = None, *, root: Path | None = None, **options: Any
) -> Publication:
    """Publish a version in the repo that the index names, and write its commit into the index.

    Args:
        name: of the pretrained model: ``faces-64`` (the newest version) or ``faces-64@1``.
        what: a run or bundle with the files of this version; by default the copy that ships with ganzoo.
        root: folder of the runs.
        options: those of ``ganzoo.publish``, without a branch or pull request: users do not get these commits.

    Raises:
        GanzooError: as ``ganzoo.publish``; or if there is no such version, the shipped copy is incomplete, or ``what``
            has other files.
    """
    model = _model(name)
    bundle = _shipped(model) if what is None else _open(what, root=root)
    wrong = pretrained.differing_file(model, bundle)
    if wrong is not None:
        raise BundleError(
            f"{wrong} of '{os.fspath(what or '')}' is not that of '{model.exact_name}', whose files never change. "
            f"Ship it first, as a new version: python tools/pretrained.py ship {model.name} RUN"
        )
    done = publish_bundle(bundle, model.repo, **options)
    if done.commit is not None:
        write_entry(model._replace(revision=done.commit))
    return done


def write_entry(model: Pretrained) -> Path:
    """Put a version into the index; an older entry of this version is replaced.

    Raises:
        GanzooError: if the index cannot be written; it is unchanged then.
    """
    models = pretrained.pretrained_versions()
    models[model.name] = {**models.get(model.name, {}), model.version: model}
    table = {
        name: {str(version): plain_entry(models[name][version]) for version in sorted(models[name])}
        for name in sorted(models)
    }
    return write_atomic(pretrained.index_file(), (json.dumps({"models": table}, indent=2) + "\n").encode())


def wheel_bytes(model: Pretrained, *, folder: Path | None = None) -> int:
    """Bytes of a version in the wheel."""
    folder = folder or pretrained.shipped_folder(model)
    names = [name for name in (*model.files, CARD) if name not in STAYS_OUT]
    return sum((folder / name).stat().st_size for name in names if (folder / name).is_file())


def _stated(bundle: Bundle, *, license: str | None, data_license: str | None, credits: Sequence[str]) -> Bundle:
    """The bundle with license and credits in its facts.

    Raises:
        GanzooError: if the license is missing, or is not an identifier of the Hub.
    """
    training = dict(bundle.metadata.facts.training)
    license = license or training.get("license")
    if license is None:
        raise GanzooError("The bundle states no license of its weights. Add one, for example: --license cc-by-4.0")
    training["license"] = check_license(license)
    training |= {"data_license": data_license} if data_license else {}
    known = training.get("data_credits", ())
    training["data_credits"] = [*(line for line in credits if line not in known), *known]
    facts = replace(bundle.metadata.facts, training=training)
    return replace(bundle, metadata=bundle.metadata._replace(facts=facts))


def _version(name: str, versions: dict[int, Pretrained], bundle: Bundle, replaced: int | None) -> int:
    """The number of the version to write.

    Raises:
        GanzooError: if the replaced version does not exist or is published, or the generator is already a version.
    """
    if replaced is not None:
        if replaced not in versions:
            raise pretrained.unknown_pretrained(f"{name}@{replaced}")
        if versions[replaced].revision is not None:
            raise HubError(f"'{name}@{replaced}' is published, so its files never change. Ship a new version.")
        return replaced
    same = next((m for m in versions.values() if m.files.get(ONNX) == bundle.metadata.files.get(ONNX)), None)
    if same is not None:
        raise GanzooError(
            f"This generator is already '{same.exact_name}'. To write its card and facts anew: --replace {same.version}"
        )
    return max(versions, default=0) + 1


def _write(
    name: str, version: int, bundle: Bundle, *, repo: str, description: str, speed: str | None = None
) -> Pretrained:
    """Write a version into the package and into the index. The speed for its card is measured if it is None.

    Raises:
        BundleError: if it is too large for the wheel. Nothing is changed then.
    """
    empty = Pretrained(name, version, repo, None, {}, Facts.of(bundle, description=description))
    with replacing_folder(pretrained.shipped_folder(empty)) as fresh:
        for file, content in bundle_contents(bundle).items():
            (fresh / file).parent.mkdir(parents=True, exist_ok=True)
            (fresh / file).write_bytes(content)
        written = read_bundle(fresh, keep=tuple(LIMITS))
        model = empty._replace(files=pretrained.records(written))
        (fresh / CARD).write_bytes(_card(model, written, speed=speed).encode())
        _check_size(model, wheel_bytes(model, folder=fresh))
        read_entry(name, version, plain_entry(model))  # checked as when it is read
    write_entry(model)
    return model


def _stated_speed(model: Pretrained) -> str | None:
    """The measured speed on the card of a shipped version."""
    path = pretrained.shipped_folder(model) / CARD
    found = _SPEED.search(path.read_text(encoding="utf-8")) if path.is_file() else None
    return found and found[1]


def _card(model: Pretrained, bundle: Bundle, *, speed: str | None) -> str:
    """The card of a version. Users load it by its exact name. The speed is measured if it is None."""
    names = [file for file in model.files if file != METADATA]
    speed = speed or checked_speed(bundle)
    return model_card(bundle.config, bundle.metadata.facts, files=names, load_name=model.exact_name, speed=speed)


def _check_size(model: Pretrained, size: int) -> None:
    """Raises BundleError if the wheel would be too large with this version."""
    models = pretrained.pretrained_versions()
    models[model.name] = {**models.get(model.name, {}), model.version: model}
    newest = pretrained.newest(models[model.name])
    sizes = {
        other.exact_name: size if other == model else wheel_bytes(other)
        for versions in models.values()
        for other in versions.values()
    }
    limit = MODEL_LIMIT if model == newest else OLDER_LIMIT
    if size > limit:
        raise BundleError(f"'{model.exact_name}' would take {size} bytes of the wheel; allowed: {limit}.")
    for older in models[model.name].values():
        if older != newest and sizes[older.exact_name] > OLDER_LIMIT:
            raise BundleError(
                f"The older version '{older.exact_name}' takes {sizes[older.exact_name]} bytes of the wheel; allowed: "
                f"{OLDER_LIMIT}. Make it smaller first: python tools/pretrained.py shrink {older.exact_name}"
            )
    total = sum(sizes[pretrained.newest(versions).exact_name] for versions in models.values())
    if total > TOTAL_LIMIT:
        raise BundleError(f"All newest versions would take {total} bytes of the wheel; allowed: {TOTAL_LIMIT}.")


def _model(name: str) -> Pretrained:
    model = pretrained.find_pretrained(name)
    if model is None:
        raise pretrained.unknown_pretrained(name)
    return model


def _shipped(model: Pretrained) -> Bundle:
    """The complete copy in the package."""
    if pretrained.shipped_bundle(model) is None:
        raise HubError(
            f"The copy of '{model.exact_name}' in '{pretrained.SHIPPED}' is not complete. Run this in a checkout of "
            "ganzoo."
        )
    return _open(pretrained.shipped_folder(model))


def _open(what: str | os.PathLike[str], *, root: Path | None = None) -> Bundle:
    return resolve(what, files=tuple(LIMITS), hub=None, root=root, info=info)


app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
Name = Annotated[str, typer.Argument(help="A pretrained model: NAME (the newest version) or NAME@VERSION.")]


@app.command("ship")
def _ship(
    name: Annotated[str, typer.Argument(help="The name for ganzoo.load.")],
    what: Annotated[str, typer.Argument(metavar="RUN", help="A run or bundle.")],
    repo: Annotated[
        str | None, typer.Option(metavar="user/name", help="The model's name on the Hub (default: as before).")
    ] = None,
    description: Annotated[
        str | None, typer.Option(help="What it generates, in a few words (default: as before).")
    ] = None,
    license: Annotated[
        str | None, typer.Option(help="License of the weights, for example cc-by-4.0 (default: the bundle's).")
    ] = None,
    data_license: Annotated[
        str | None, typer.Option(help="License of the training data, for example 'public domain'.")
    ] = None,
    credit: Annotated[
        list[str] | None, typer.Option(help="Author or source of the training data. May be repeated.")
    ] = None,
    replaced: Annotated[
        int | None, typer.Option("--replace", min=1, help="Write this version anew; it must not be published.")
    ] = None,
) -> None:
    """Copy a bundle into the package as a new version and add it to the index."""
    model = ship(
        name,
        what,
        repo=repo,
        description=description,
        license=license,
        data_license=data_license,
        credits=credit or (),
        replaced=replaced,
    )
    print_data(str(pretrained.shipped_folder(model)))
    info(f"{model.exact_name}: {wheel_bytes(model)} bytes of the wheel")


@app.command("shrink")
def _shrink(name: Name) -> None:
    """Store a shipped version with float16 weights, if no pixel changes by more than one level."""
    model = shrink(name)
    print_data(str(pretrained.shipped_folder(model)))
    info(f"{model.exact_name}: {wheel_bytes(model)} bytes of the wheel")


@app.command("nearest")
def _nearest(
    name: Name,
    picture: Annotated[Path, typer.Argument(metavar="PICTURE", help="Output of benchmarks/nearest_picture.py.")],
    scale: Annotated[float, typer.Option(min=0.01, max=1, help="Shrink the picture.")] = 1.0,
) -> None:
    """Add a picture of samples and their nearest training images to a shipped version."""
    model = add_nearest(name, picture, scale=scale)
    print_data(str(pretrained.shipped_folder(model) / NEAREST))


@app.command("cards")
def _cards(
    name: Annotated[str | None, typer.Argument(help="NAME or NAME@VERSION (default: all versions).")] = None,
) -> None:
    """Write the model cards of shipped versions anew. No other file is changed."""
    for path in write_cards(name):
        print_data(str(path))


@app.command("publish")
def _publish(
    name: Name,
    what: Annotated[str | None, typer.Argument(metavar="RUN", help="By default the copy in the package.")] = None,
    private: Annotated[bool, typer.Option("--private", help="Make the new model private.")] = False,
    tag: Annotated[str | None, typer.Option(help="A name for the new version, for example v1.")] = None,
    license: Annotated[str | None, typer.Option(help="License of the weights.")] = None,
    message: Annotated[str | None, typer.Option("-m", "--message", help="Message of the commit.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the files and the card; publish nothing.")] = False,
    runs: Annotated[Path | None, typer.Option("--runs", help="Folder of the runs.")] = None,
) -> None:
    """Publish a version of a pretrained model, and write its commit into the index."""
    options = {"private": private, "tag": tag, "license": license, "message": message, "dry_run": dry_run}
    done = publish(name, what, root=runs, **options)
    report(done)
    if done.commit is not None:
        info(f"The commit is in {pretrained.index_file()}")


def main() -> None:
    """The script."""
    try:
        app()
    except GanzooError as error:
        print_error(str(error))
        raise SystemExit(2) from error


if __name__ == "__main__":
    main()
