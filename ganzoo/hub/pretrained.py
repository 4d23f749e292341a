"""The pretrained models of the zoo: a name means its newest version, and ``name@1`` always means the same weights.

Files from the Hub must have the hashes of the index, whatever a branch or the repo's own metadata.json contains. A
small model also ships with ganzoo (``ganzoo/pretrained/<name>/v<version>/``); if its hashes are those of the index,
nothing is fetched. The index is written by ``tools/pretrained.py`` in the repository of ganzoo.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path

from ganzoo.bundle.folder import CARD, CONFIG, CRITIC, ENCODER, METADATA, ONNX, WEIGHTS, Bundle, read_bundle, read_file
from ganzoo.bundle.schema import FileRecord
from ganzoo.bundle.strict_json import read_json
from ganzoo.errors import BundleError, HubError, UnknownNameError, did_you_mean
from ganzoo.hub.pretrained_index import Pretrained, read_index, split_version
from ganzoo.hub.reference import ZOO, HubOptions, HubReference

SHIPPED = Path(__file__).resolve().parents[1] / "pretrained"
"""Folder of the models that ship with ganzoo: complete in a checkout, only what generating needs in the wheel."""
INDEX = "pretrained.json"


def index_file() -> Path:
    """The index, next to the configs of the zoo."""
    from ganzoo.config.zoo import config_folder

    return config_folder() / INDEX


def pretrained_versions() -> dict[str, dict[int, Pretrained]]:
    """All versions of all pretrained models by name, from the oldest to the newest; empty if there is no index.

    Raises:
        BundleError: if the index is damaged.
    """
    path = index_file()
    if not path.is_file():
        return {}
    try:
        return read_index(read_json(path.read_bytes(), INDEX))
    except (KeyError, TypeError, ValueError, AttributeError, HubError) as error:
        raise BundleError(f"The index of pretrained models, '{path}', is damaged: {error}.") from error


def pretrained_models() -> dict[str, Pretrained]:
    """The newest version of every pretrained model by name; empty if there is no index.

    Raises:
        BundleError: if the index is damaged.
    """
    return {name: newest(versions) for name, versions in pretrained_versions().items()}


def newest(versions: dict[int, Pretrained]) -> Pretrained:
    """The newest version of a model."""
    return versions[max(versions)]


def find_pretrained(name: str) -> Pretrained | None:
    """The pretrained model of a name: ``faces-64`` (the newest version), ``faces-64@1`` or ``faces-64@v1``.

    ``zoo:`` in front is allowed. None if there is no such model or version.

    Raises:
        BundleError: if the index is damaged.
    """
    base, version, has_version = split_version(name.removeprefix(ZOO))
    versions = pretrained_versions().get(base)
    if versions is None:
        return None
    if not has_version:
        return newest(versions)
    return None if version is None else versions.get(version)


def unknown_pretrained(name: str) -> UnknownNameError:
    """The error for a name, with or without ``zoo:``, that is not a pretrained model, or has no such version."""
    name = name.removeprefix(ZOO)
    base, _, has_version = split_version(name)
    models = pretrained_versions()
    if has_version and base in models:
        return UnknownNameError(
            f"The pretrained model '{base}' has no version '{name.partition('@')[2]}'. It has {_listed(models[base])}."
        )
    return UnknownNameError(
        f"No pretrained model named '{name}'.{did_you_mean(name, models)}\nSee all: ganzoo list --pretrained"
    )


def _listed(versions: dict[int, Pretrained]) -> str:
    names = [model.exact_name for model in versions.values()]
    return ", ".join(names) + (" (the newest)" if len(names) > 1 else "")


def open_pretrained(model: Pretrained, options: HubOptions, *, files: Collection[str] | None = None) -> Bundle:
    """The verified bundle of a pretrained model: the shipped copy if it matches the index, else the Hub's, pinned.

    Args:
        model: an entry of the index.
        options: how to fetch; a revision other than the index's is refused.
        files: as in ``ganzoo.hub.fetch.fetch``.

    Raises:
        HubError: if it is neither shipped nor published, or cannot be fetched.
        BundleError: if the fetched files have other hashes than the index.
    """
    if options.revision not in (None, model.revision):
        raise HubError(
            f"'{model.exact_name}' always means the same weights, so it has no revision '{options.revision}'. "
            f"Versions: {_listed(pretrained_versions()[model.name])}. For another revision name the repo: "
            f"{model.repo}@{options.revision}"
        )
    shipped = None if options.force_download else shipped_bundle(model, files=files)
    if shipped is not None:
        return shipped
    if model.revision is None:
        raise HubError(f"'{model.exact_name}' has not been published yet, and {_missing_part(model, files)}")
    from ganzoo.hub.fetch import fetch

    bundle = fetch(HubReference(model.repo, model.revision), options, files=files)
    wrong = differing_file(model, bundle)
    if wrong is not None:
        name = model.exact_name
        raise BundleError(
            f"{model.repo}@{model.revision}: {wrong} differs from the zoo's index of '{name}', so it is not "
            f"used. If the cache is damaged: ganzoo pull {name} --force-download"
        )
    return bundle


def shipped_folder(model: Pretrained) -> Path:
    """The folder of the copy that ships with ganzoo. It may not exist."""
    return SHIPPED / model.name / f"v{model.version}"


def shipped_model(folder: Path) -> Pretrained:
    """The model whose copy is in this folder, the inverse of ``shipped_folder``.

    Raises:
        UnknownNameError: if the index does not have it.
    """
    name = f"{folder.parent.name}@{folder.name}"
    model = find_pretrained(name)
    if model is None:
        raise unknown_pretrained(name)
    return model


def pretrained_of_commit(repo: str, commit: str) -> Pretrained | None:
    """The pretrained model whose files are a commit of a repo on the Hub; None if there is none."""
    models = (model for versions in pretrained_versions().values() for model in versions.values())
    return next((model for model in models if (model.repo, model.revision) == (repo, commit)), None)


def shipped_bundle(model: Pretrained, *, files: Collection[str] | None = None) -> Bundle | None:
    """The copy that ships with ganzoo, if it has ``files`` (by default all) and every file matches the index."""
    folder = shipped_folder(model)
    names = model.files if files is None else files
    if not all((folder / name).is_file() for name in (METADATA, *names)):
        return None
    try:
        bundle = read_bundle(folder, keep=files or (), download=True)
    except BundleError:
        return None
    return bundle if differing_file(model, bundle) is None else None


def place(model: Pretrained) -> str:
    """Where a model is now: "with ganzoo", "in the cache", "on the Hub", or "not published".

    Only sizes are compared, so that a list is fast. Loading verifies the hashes.
    """
    folder = shipped_folder(model)
    needed = {name: model.files[name].size for name in (CONFIG, METADATA, ONNX) if name in model.files}
    if all((folder / name).is_file() and (folder / name).stat().st_size == size for name, size in needed.items()):
        return "with ganzoo"
    if model.revision is None:
        return "not published"
    from ganzoo.hub.fetch import cache_folder, is_complete
    from ganzoo.hub.reference import cached_snapshot

    snapshot = cached_snapshot(HubReference(model.repo, model.revision), cache_folder())
    return "in the cache" if snapshot is not None and is_complete(snapshot, [ONNX]) else "on the Hub"


def differing_file(model: Pretrained, bundle: Bundle) -> str | None:
    """The first file of a verified bundle that differs from the index; None if every file matches."""
    found = records(bundle)
    names = sorted(found.keys() | model.files.keys())
    return next((name for name in names if name != CARD and found.get(name) != model.files.get(name)), None)


def records(bundle: Bundle) -> dict[str, FileRecord]:
    """Size and SHA-256 of the files of a verified bundle, including metadata.json and without the model card."""
    content = read_file(bundle.folder, METADATA)
    files = {name: record for name, record in bundle.metadata.files.items() if name != CARD}
    return files | {METADATA: FileRecord(len(content), hashlib.sha256(content).hexdigest())}


def _missing_part(model: Pretrained, files: Collection[str] | None) -> str:
    """The end of a sentence: what the shipped copy lacks, and what to do."""
    name = model.exact_name
    if shipped_bundle(model, files=[ONNX]) is None:
        return (
            "this installation has no unaltered copy of it. "
            "Reinstall ganzoo-keras, or list the pretrained models: ganzoo list --pretrained"
        )
    if files is not None and CRITIC in files:
        return f"the copy that comes with ganzoo lacks its {CRITIC}, which best_of needs. Leave best_of out."
    if files is not None and ENCODER in files:
        return f"the copy that comes with ganzoo lacks its {ENCODER}, which encode needs."
    return (
        f"the copy that comes with ganzoo lacks its {WEIGHTS}. Generating and training.init_from work without it: "
        f"ganzoo generate {name} --grid -o grid.png"
    )
