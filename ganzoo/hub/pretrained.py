"""The pretrained models of the zoo: an index of names, each with a repo, a commit and the SHA-256 of every file.

The index is ``zoo_configs/pretrained.json``. A name always means the same weights: files from the Hub must have the
hashes of the index, whatever a branch or the repo's own metadata.json contains. A small model also ships with ganzoo
(``ganzoo/pretrained/<name>/``); if its hashes are those of the index, nothing is fetched. The index is written by
``tools/pretrained.py`` in the repository of ganzoo.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ganzoo.bundle.folder import CARD, CRITIC, LIMITS, METADATA, ONNX, WEIGHTS, Bundle, read_bundle
from ganzoo.bundle.schema import FileRecord
from ganzoo.bundle.strict_json import read_json
from ganzoo.errors import BundleError, HubError
from ganzoo.hub.reference import ZOO, HubOptions, HubReference, parse_reference

SHIPPED = Path(__file__).resolve().parents[1] / "pretrained"
"""Folder of the models that ship with ganzoo: complete in a checkout, only what generating needs in the wheel."""
INDEX = "pretrained.json"
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


class Pretrained(NamedTuple):
    """One pretrained model.

    Attributes:
        name: the name for ``ganzoo.load``.
        repo: ``user/name`` on the Hub.
        revision: the commit, 40 hex digits; None until it is published.
        files: name -> size and SHA-256, including metadata.json. The model card may be edited, so it is not listed.
    """

    name: str
    repo: str
    revision: str | None
    files: Mapping[str, FileRecord]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(record.size for record in self.files.values())


def index_file() -> Path:
    """The index, next to the configs of the zoo."""
    from ganzoo.config.zoo import config_folder

    return config_folder() / INDEX


def pretrained_models() -> dict[str, Pretrained]:
    """All pretrained models by name; empty if there is no index.

    Raises:
        BundleError: if the index is damaged.
    """
    path = index_file()
    if not path.is_file():
        return {}
    try:
        table = read_json(path.read_bytes(), INDEX)
        return {name: read_entry(name, entry) for name, entry in table["models"].items()}
    except (KeyError, TypeError, ValueError, AttributeError, HubError) as error:
        raise BundleError(f"The index of pretrained models, '{path}', is damaged: {error}.") from error


def find_pretrained(name: str) -> Pretrained | None:
    """The pretrained model of this name, with or without ``zoo:`` in front; None if there is none.

    Raises:
        BundleError: if the index is damaged.
    """
    return pretrained_models().get(name.removeprefix(ZOO))


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
            f"'{model.name}' always means the same weights; for another revision name the repo: "
            f"{model.repo}@{options.revision}"
        )
    shipped = None if options.force_download else shipped_bundle(model, files=files)
    if shipped is not None:
        return shipped
    if model.revision is None:
        raise HubError(f"'{model.name}' has not been published yet, and {_missing_part(model, files)}")
    from ganzoo.hub.fetch import fetch

    bundle = fetch(HubReference(model.repo, model.revision), options, files=files)
    wrong = differing_file(model, bundle)
    if wrong is not None:
        raise BundleError(
            f"{model.repo}@{model.revision}: {wrong} differs from the zoo's index of '{model.name}', so it is not "
            f"used. If the cache is damaged: ganzoo pull {model.name} --force-download"
        )
    return bundle


def shipped_bundle(model: Pretrained, *, files: Collection[str] | None = None) -> Bundle | None:
    """The copy that ships with ganzoo, if it has ``files`` (by default all) and every file matches the index."""
    folder = SHIPPED / model.name
    names = model.files if files is None else files
    if not all((folder / name).is_file() for name in (METADATA, *names)):
        return None
    try:
        bundle = read_bundle(folder, keep=files or (), download=True)
    except BundleError:
        return None
    return bundle if differing_file(model, bundle) is None else None


def place(model: Pretrained) -> str:
    """Where a model is now: "with ganzoo", "in the cache", "on the Hub", or "not published"."""
    if shipped_bundle(model, files=[ONNX]) is not None:
        return "with ganzoo"
    if model.revision is None:
        return "not published"
    from ganzoo.hub.fetch import cache_folder, is_complete
    from ganzoo.hub.reference import cached_snapshot

    folder = cached_snapshot(HubReference(model.repo, model.revision), cache_folder())
    return "in the cache" if folder is not None and is_complete(folder, [ONNX]) else "on the Hub"


def differing_file(model: Pretrained, bundle: Bundle) -> str | None:
    """The first file of a verified bundle that differs from the index; None if every file matches."""
    found = records(bundle)
    names = sorted(found.keys() | model.files.keys())
    return next((name for name in names if name != CARD and found.get(name) != model.files.get(name)), None)


def records(bundle: Bundle) -> dict[str, FileRecord]:
    """Size and SHA-256 of the files of a verified bundle, including metadata.json and without the model card."""
    content = (bundle.folder / METADATA).read_bytes()
    files = {name: record for name, record in bundle.metadata.files.items() if name != CARD}
    return files | {METADATA: FileRecord(len(content), hashlib.sha256(content).hexdigest())}


def read_entry(name: str, entry: Any) -> Pretrained:
    """One entry of the index.

    Raises:
        HubError: if a name, repo, revision or hash has the wrong form.
        KeyError, TypeError: if a field is missing.
    """
    repo, revision = entry["repo"], entry["revision"]
    reference = parse_reference(repo, revision=revision)
    if not _NAME.fullmatch(name) or reference is None or str(reference.repo) != repo:
        raise HubError(f"{name!a} with the repo {repo!a} is not valid: a name is lower-case, and a repo is user/name")
    if revision is not None and not reference.pinned:
        raise HubError(f"{name}: the revision {revision!a} is not a commit of 40 hex digits")
    files = {file: FileRecord(record["size"], record["sha256"]) for file, record in entry["files"].items()}
    for file, record in files.items():
        if file not in LIMITS or not isinstance(record.size, int) or not _SHA256.fullmatch(record.sha256):
            raise HubError(f"{name}: {file[:60]!a} is not a file of a bundle, or has no size and SHA-256")
    return Pretrained(name, repo, revision, files)


def _missing_part(model: Pretrained, files: Collection[str] | None) -> str:
    """The end of a sentence: what the shipped copy lacks, and what to do."""
    if shipped_bundle(model, files=[ONNX]) is None:
        return (
            "this installation has no unaltered copy of it. "
            "Reinstall ganzoo-keras, or list the pretrained models: ganzoo list --pretrained"
        )
    if files is not None and CRITIC in files:
        return f"the copy that comes with ganzoo lacks its {CRITIC}, which best_of needs. Leave best_of out."
    return (
        f"the copy that comes with ganzoo lacks its {WEIGHTS}, which training needs. "
        f"Generating works: ganzoo generate {model.name} --grid -o grid.png"
    )
