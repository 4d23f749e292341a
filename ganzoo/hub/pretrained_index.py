"""The index of pretrained models, ``zoo_configs/pretrained.json``: names, their versions, and facts for the list.

    {"models": {"faces-64": {"1": {"repo": ..., "revision": ..., "files": {...}, "description": ...}, "2": ...}}}

A version is a whole number from 1 up, and its files never change. The facts are copies from the bundle, so that a list
needs to open no bundle.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ganzoo.bundle.folder import LIMITS, ONNX, Bundle
from ganzoo.bundle.schema import FileRecord
from ganzoo.errors import HubError
from ganzoo.hub.reference import parse_reference

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_VERSION = re.compile(r"v?([1-9][0-9]{0,3})", re.ASCII)
_FRECHET = re.compile(r"frechet \((.+)\)")


class Metric(NamedTuple):
    """The main metric of a model: a Frechet distance.

    Attributes:
        value: the distance; lower is better.
        extractor: the feature extractor. Values of different extractors or data cannot be compared.
    """

    value: float
    extractor: str


class Facts(NamedTuple):
    """Facts about a pretrained model for the list.

    Attributes:
        description: what it generates, in a few words: "drawn faces".
        shape: shape of one sample.
        num_classes: number of classes of a conditional model, else None.
        license: license of the weights, an identifier of the Hub; None if unknown.
        data_license: license of the training data, as text; None if it is not stated.
        config: name of the config that it was trained with; None if unknown.
        metric: the main metric; None if it was not measured.
    """

    description: str
    shape: tuple[int, ...]
    num_classes: int | None = None
    license: str | None = None
    data_license: str | None = None
    config: str | None = None
    metric: Metric | None = None

    @classmethod
    def of(cls, bundle: Bundle, *, description: str) -> Facts:
        """The facts of a verified bundle."""
        training = bundle.metadata.facts.training
        config = training.get("config")
        return cls(
            description=description,
            shape=bundle.config.shape,
            num_classes=bundle.config.num_classes,
            license=training.get("license"),
            data_license=training.get("data_license"),
            config=config.get("name") if isinstance(config, Mapping) else None,
            metric=main_metric(bundle.metadata.facts.metrics),
        )


class Pretrained(NamedTuple):
    """One version of a pretrained model.

    Attributes:
        name: the name for ``ganzoo.load``.
        version: from 1 up.
        repo: ``user/name`` on the Hub.
        revision: the commit, 40 hex digits; None until it is published.
        files: name -> size and SHA-256, including metadata.json. The model card may be edited, so it is not listed.
        facts: for the list.
    """

    name: str
    version: int
    repo: str
    revision: str | None
    files: Mapping[str, FileRecord]
    facts: Facts

    @property
    def exact_name(self) -> str:
        """The name that always means this version: ``faces-64@1``."""
        return f"{self.name}@{self.version}"

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(record.size for record in self.files.values())

    @property
    def onnx_size(self) -> int:
        """Bytes of the ONNX file, which is what generating needs."""
        return self.files[ONNX].size if ONNX in self.files else 0


def split_version(text: str) -> tuple[str, int | None, bool]:
    """Split ``name@2`` or ``name@v2``.

    Returns:
        The name, the version (None if there is none, or it is not valid), and whether there is an "@".
    """
    name, at, version = text.partition("@")
    found = _VERSION.fullmatch(version)
    return name, int(found[1]) if found else None, bool(at)


def main_metric(metrics: Mapping[str, Mapping[str, Any]]) -> Metric | None:
    """The FID if it was measured, else the Frechet distance with ``small_cnn``, else with another extractor."""
    if "FID" in metrics:
        return Metric(float(metrics["FID"]["value"]), "inception_v3")
    found = {match[1]: metrics[name] for name in sorted(metrics) if (match := _FRECHET.fullmatch(name))}
    extractor = "small_cnn" if "small_cnn" in found else next(iter(found), None)
    return None if extractor is None else Metric(float(found[extractor]["value"]), extractor)


def read_index(table: Mapping[str, Any]) -> dict[str, dict[int, Pretrained]]:
    """All versions of all models by name, from the oldest to the newest.

    Raises:
        HubError: if a name, version, repo, revision or hash has the wrong form.
        KeyError, TypeError, ValueError, AttributeError: if a field is missing or has another type.
    """
    models = {}
    for name, entries in table["models"].items():
        versions = {int(version): read_entry(name, int(version), entry) for version, entry in entries.items()}
        if not versions:
            raise HubError(f"{name!a} has no version")
        models[name] = dict(sorted(versions.items()))
    return models


def read_entry(name: str, version: int, entry: Mapping[str, Any]) -> Pretrained:
    """One version in the index.

    Raises:
        HubError: if a name, version, repo, revision or hash has the wrong form.
        KeyError, TypeError: if a field is missing or has another type.
    """
    repo, revision = entry["repo"], entry["revision"]
    reference = parse_reference(repo, revision=revision)
    if not _NAME.fullmatch(name) or reference is None or str(reference.repo) != repo:
        raise HubError(f"{name!a} with the repo {repo!a} is not valid: a name is lower-case, and a repo is user/name")
    if not _VERSION.fullmatch(str(version)):
        raise HubError(f"{name}: the version {version!a} is not a whole number from 1 up")
    if revision is not None and not reference.pinned:
        raise HubError(f"{name}: the revision {revision!a} is not a commit of 40 hex digits")
    files = {file: FileRecord(record["size"], record["sha256"]) for file, record in entry["files"].items()}
    for file, record in files.items():
        if file not in LIMITS or not isinstance(record.size, int) or not _SHA256.fullmatch(record.sha256):
            raise HubError(f"{name}: {file[:60]!a} is not a file of a bundle, or has no size and SHA-256")
    metric = entry["metric"]
    facts = Facts(
        description=entry["description"],
        shape=tuple(entry["shape"]),
        num_classes=entry["num_classes"],
        license=entry["license"],
        data_license=entry["data_license"],
        config=entry["config"],
        metric=None if metric is None else Metric(float(metric["value"]), metric["extractor"]),
    )
    return Pretrained(name, version, repo, revision, files, facts)


def plain_entry(model: Pretrained) -> dict[str, Any]:
    """Plain JSON values of one version. ``read_entry`` reads them."""
    facts = model.facts._asdict() | {"shape": list(model.facts.shape)}
    facts["metric"] = None if model.facts.metric is None else model.facts.metric._asdict()
    files = {name: record._asdict() for name, record in sorted(model.files.items())}
    return {"repo": model.repo, "revision": model.revision, **facts, "files": files}
