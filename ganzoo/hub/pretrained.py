"""The pretrained models of the zoo: an index of names, each with its repo, its commit and the SHA-256 of every file.

The index is ``zoo_configs/pretrained.json``. A name means the same weights for ever: what comes from the Hub must have
the hashes of the index, whatever a branch or the repo's own metadata.json says. A small model also ships with ganzoo
(``ganzoo/pretrained/<name>/``); if its hashes are those of the index, nothing is fetched.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ganzoo.bundle.folder import CARD, LIMITS, METADATA, ONNX, SAMPLES, WEIGHTS, Bundle, read_bundle
from ganzoo.bundle.schema import FileRecord
from ganzoo.bundle.strict_json import read_json
from ganzoo.errors import BundleError, HubError
from ganzoo.hub.reference import HubOptions, HubReference, parse_reference

SHIPPED = Path(__file__).resolve().parents[1] / "pretrained"
"""Where models lie that ship with ganzoo: whole in a checkout, and in the wheel without ``STAYS_OUT``."""
STAYS_OUT = (WEIGHTS, SAMPLES)
"""What generating does not need. pyproject.toml leaves it out of the wheel."""
SHIPPED_LIMIT = 4_000_000
"""Bytes of one model in the wheel."""
INDEX = "pretrained.json"
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


class Pretrained(NamedTuple):
    """One pretrained model.

    Attributes:
        name: what ``ganzoo.load`` takes.
        repo: ``user/name`` on the Hub.
        revision: the commit, 40 hex digits; None until its owner has published it.
        files: name -> size and SHA-256, metadata.json included. Not the card, which may be edited at any time.
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
    """The index: beside the configs of the zoo."""
    from ganzoo.config.zoo import config_folder

    return config_folder() / INDEX


def pretrained_models() -> dict[str, Pretrained]:
    """All pretrained models by name; none if there is no index.

    Raises:
        BundleError: if the index is damaged.
    """
    path = index_file()
    if not path.is_file():
        return {}
    try:
        table = read_json(path.read_bytes(), INDEX)
        return {name: _read_entry(name, entry) for name, entry in table["models"].items()}
    except (KeyError, TypeError, ValueError, AttributeError, HubError) as error:
        raise BundleError(f"The index of pretrained models, '{path}', is damaged: {error}.") from error


def open_pretrained(model: Pretrained, options: HubOptions, *, files: Sequence[str] | None = None) -> Bundle:
    """The bundle of a pretrained model: the shipped one if it is the index's, else the Hub's, pinned and compared.

    Args:
        model: an entry of the index.
        options: how to fetch; a revision other than the index's is refused.
        files: those that are needed besides config.json and metadata.json; by default all.

    Raises:
        HubError: if it is neither shipped nor published, or cannot be fetched.
        BundleError: if what came has other hashes than the index.
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
        raise HubError(f"'{model.name}' has not been published yet, and {_what_is_missing(model)}")
    from ganzoo.hub.fetch import fetch

    bundle = fetch(HubReference(model.repo, model.revision), options, files=files)
    wrong = differing_file(model, bundle)
    if wrong is not None:
        raise BundleError(
            f"{model.repo}@{model.revision}: {wrong} is not the file that the zoo's index names '{model.name}', so it "
            f"is not used. If the cache is damaged: ganzoo pull {model.name} --force-download"
        )
    return bundle


def pull_pretrained(model: Pretrained, options: HubOptions) -> Path:
    """The folder of a pretrained model with all its files; see ``open_pretrained``."""
    return open_pretrained(model, options).folder


def shipped_bundle(model: Pretrained, *, files: Sequence[str] | None = None) -> Bundle | None:
    """The copy that ships with ganzoo, if it holds ``files`` (all by default) and each is the index's."""
    folder = SHIPPED / model.name
    names = model.files if files is None else files
    if not all((folder / name).is_file() for name in (METADATA, *names)):
        return None
    try:
        bundle = read_bundle(folder, download=True)
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
    """The first file of a verified bundle that is not the index's; None if there is none."""
    found = dict(bundle.metadata.files) | {METADATA: record_of((bundle.folder / METADATA).read_bytes())}
    for name in sorted(found.keys() | model.files.keys()):
        if name != CARD and found.get(name) != model.files.get(name):
            return name
    return None


def record_of(content: bytes) -> FileRecord:
    """Size and SHA-256 of some bytes."""
    return FileRecord(len(content), hashlib.sha256(content).hexdigest())


def entry_of(name: str, bundle: Bundle, *, repo: str, revision: str | None) -> Pretrained:
    """The entry that names a verified bundle.

    Raises:
        HubError: if a name, repo or revision is of another form.
    """
    files = {file: record for file, record in bundle.metadata.files.items() if file != CARD}
    files[METADATA] = record_of((bundle.folder / METADATA).read_bytes())
    return _read_entry(name, _entry_table(Pretrained(name, repo, revision, files)))


def write_entry(model: Pretrained) -> Path:
    """Put an entry into the index, in place of an older one of that name. Whole or not at all.

    Raises:
        GanzooError: if the index cannot be written.
    """
    from ganzoo.images import write_atomic

    models = {**pretrained_models(), model.name: model}
    table = {"models": {name: _entry_table(models[name]) for name in sorted(models)}}
    return write_atomic(index_file(), (json.dumps(table, indent=2) + "\n").encode())


def _what_is_missing(model: Pretrained) -> str:
    """The end of a sentence on what the shipped copy lacks, and what to do."""
    if shipped_bundle(model, files=[ONNX]) is None:
        return (
            "this installation has no unaltered copy of it. "
            "Reinstall ganzoo-keras, or see what there is: ganzoo list --pretrained"
        )
    return (
        f"the copy that comes with ganzoo lacks its {WEIGHTS}, which training needs. "
        f"It generates as it is: ganzoo generate {model.name} --grid -o grid.png"
    )


def _entry_table(model: Pretrained) -> dict[str, Any]:
    files = {name: {"size": r.size, "sha256": r.sha256} for name, r in sorted(model.files.items())}
    return {"repo": model.repo, "revision": model.revision, "files": files}


def _read_entry(name: str, entry: Any) -> Pretrained:
    repo, revision = entry["repo"], entry["revision"]
    reference = parse_reference(repo, revision=revision)
    if not _NAME.fullmatch(name) or reference is None or str(reference.repo) != repo:
        raise HubError(f"{name!a} with the repo {repo!a} is no entry: a name is lower-case, a repo is user/name")
    if revision is not None and not reference.pinned:
        raise HubError(f"{name}: the revision {revision!a} is no commit of 40 hex digits")
    files = {file: FileRecord(record["size"], record["sha256"]) for file, record in entry["files"].items()}
    for file, record in files.items():
        if file not in LIMITS or not isinstance(record.size, int) or not _SHA256.fullmatch(record.sha256):
            raise HubError(f"{name}: {file[:60]!a} is no file of a bundle, or has no size and SHA-256")
    return Pretrained(name, repo, revision, files)
