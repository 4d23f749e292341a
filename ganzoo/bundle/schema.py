"""The schema of config.json and metadata.json of a bundle, with limits on every value.

These are plain dataclasses, not pydantic models: importing pydantic and building one model takes about as long as
importing NumPy and ONNX Runtime together, and ``ganzoo.load`` needs this module.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from ganzoo.bundle.strict_json import check_choice, check_keys, check_text, check_tree, check_whole, is_whole, reject
from ganzoo.errors import BundleError
from ganzoo.sample_spec import SampleSpec

FORMAT_VERSION = 1
MAX_SIDE = 4096
MAX_VECTOR = 65_536
MAX_LATENT = 65_536
MAX_CLASSES = 100_000
MAX_NUMBER = 2**20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class LatentSpec:
    """The latent distribution: ``dim`` independent values, ``"normal"`` N(0, 1) or ``"uniform"`` on [-1, 1].

    Attributes:
        truncation: what truncation scales: ``"latent"``, or ``"style"``, what the mapping network makes of it. Then the
            graph has the optional input "truncation". Bundles before it have no such key, and scale the latent.
    """

    dim: int
    distribution: Literal["normal", "uniform"] = "normal"
    truncation: Literal["latent", "style"] = "latent"

    def __post_init__(self) -> None:
        check_whole(self.dim, "latent.dim", 1, MAX_LATENT)
        check_choice(self.distribution, "latent.distribution", ("normal", "uniform"))
        check_choice(self.truncation, "latent.truncation", ("latent", "style"))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, without ``truncation`` if it is ``"latent"``, so that older versions can read them."""
        values: dict[str, Any] = {"dim": self.dim, "distribution": self.distribution}
        return values if self.truncation == "latent" else {**values, "truncation": self.truncation}


@dataclass(frozen=True, kw_only=True)
class BundleConfig:
    """The inputs and outputs of a bundle's generator: the content of config.json.

    Attributes:
        name: name of the model, for example ``"faces-64"``; letters, digits, dots, dashes and underscores.
        kind: ``"image"`` or ``"vector"``.
        shape: shape of one sample: ``(height, width, channels)`` or ``(d,)``. Channels are 1 (grayscale), 3 (RGB) or 4
            (RGBA with straight, not premultiplied, colors).
        latent: size and distribution of the latent.
        num_classes: number of classes of a conditional model, else None.
        class_names: one name per class, or None.
        codes: how many of the first entries of the latent are continuous codes with a learned meaning. config.json has
            this key only if it is above 0, so that older versions of ganzoo read all other bundles.
        model: config of the networks (JSON), enough to rebuild the generator for ``model.safetensors``.
        versions: versions of the libraries that exported the bundle, ``{"ganzoo": "0.1.0", "keras": "3.15.0"}``.
        image_range: range of the graph's output: (-1, 1) for images, None for vectors.

    Raises:
        BundleError: if a value has the wrong type or is out of bounds.
    """

    name: str
    kind: Literal["image", "vector"]
    shape: tuple[int, ...]
    latent: LatentSpec
    num_classes: int | None = None
    class_names: tuple[str, ...] | None = None
    codes: int = 0
    model: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    image_range: tuple[float, float] | None = None
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        _check_version(self.format_version)
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            allowed = "1-96 letters, digits, dots, dashes and underscores; the first is a letter or digit"
            reject("name", self.name, allowed)
        self._check_shape()
        self._check_classes()
        check_whole(self.codes, "codes", 0, self.latent.dim)
        check_tree(self.model, "model", max_number=MAX_NUMBER)
        check_tree(self.versions, "versions", max_number=0)
        for name, version in self.versions.items():
            check_text(version, f"versions.{name}", 200)

    @property
    def sample_spec(self) -> SampleSpec:
        """Whether a sample is an image or a vector, and its size."""
        return SampleSpec(self.shape)

    def _check_shape(self) -> None:
        check_choice(self.kind, "kind", ("image", "vector"))
        if not isinstance(self.shape, tuple) or self.sample_spec.kind != self.kind or not self.shape:
            reject("shape", self.shape, "[height, width, channels] of an image, [d] of a vector")
        limit = MAX_SIDE if self.sample_spec.is_image else MAX_VECTOR
        for length in self.shape:
            check_whole(length, "shape", 1, limit)
        if not self.sample_spec.is_image:
            if len(self.shape) != 1:
                reject("shape", self.shape, "[d] of a vector")
            if self.image_range is not None:
                reject("image_range", self.image_range, "null for a vector")
            return
        if self.sample_spec.channels not in (1, 3, 4):
            reject("shape", self.shape, "1, 3 or 4 channels")
        if self.image_range is None:
            object.__setattr__(self, "image_range", (-1.0, 1.0))
        if self.image_range != (-1.0, 1.0):
            reject("image_range", self.image_range, "[-1, 1]")

    def _check_classes(self) -> None:
        if self.num_classes is not None:
            check_whole(self.num_classes, "num_classes", 1, MAX_CLASSES)
        if self.class_names is None:
            return
        if not isinstance(self.class_names, tuple) or len(self.class_names) != self.num_classes:
            reject("class_names", self.class_names, f"{self.num_classes} names, one per class")
        for name in self.class_names:
            check_text(name, "class_names", 100)
        if len(set(self.class_names)) != len(self.class_names):
            reject("class_names", self.class_names, "unique names")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values. ``from_dict`` reads them."""
        return {
            "format_version": self.format_version,
            "name": self.name,
            "kind": self.kind,
            "shape": list(self.shape),
            "image_range": None if self.image_range is None else list(self.image_range),
            "latent": self.latent.to_dict(),
            "num_classes": self.num_classes,
            "class_names": None if self.class_names is None else list(self.class_names),
            **({"codes": self.codes} if self.codes else {}),
            "model": dict(self.model),
            "versions": dict(self.versions),
        }

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> BundleConfig:
        """Read the values of ``to_dict`` from an untrusted file.

        Raises:
            BundleError: for an unknown or missing key, a newer format version, or a value out of bounds.
        """
        _check_version(table.get("format_version"))
        values = {"codes": 0, **table}
        check_keys(values, cls.__dataclass_fields__, "config.json")
        latent = values["latent"]
        if not isinstance(latent, Mapping):
            reject("latent", latent, "an object with dim and distribution")
        latent = {"truncation": "latent", **latent}
        check_keys(latent, LatentSpec.__dataclass_fields__, "config.json, latent")
        values["latent"] = LatentSpec(**latent)
        for key in ("shape", "image_range", "class_names"):
            if isinstance(values[key], list):
                values[key] = tuple(values[key])
        return cls(**values)


class FileRecord(NamedTuple):
    """Size in bytes and SHA-256 (64 lowercase hex digits) of one file of a bundle."""

    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class BundleFacts:
    """Provenance and quality of a generator. Every value is optional.

    Attributes:
        parity_error: largest absolute difference between Keras and ONNX Runtime on the same latents.
        training_step: step of the exported weights.
        metrics: name -> {"value": number, "protocol": text, ...}, for example {"fid": {"value": 12.3, ...}}.
        training: facts for the model card: config, data, seconds, hardware, seed, ... (JSON).

    Raises:
        BundleError: if a value has the wrong type or is out of bounds.
    """

    parity_error: float | None = None
    training_step: int | None = None
    metrics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        error = self.parity_error
        is_number = isinstance(error, int | float) and not isinstance(error, bool)
        if error is not None and not (is_number and 0 <= error < 1e9):
            reject("parity_error", error, "a number from 0 up, or null")
        if self.training_step is not None:
            check_whole(self.training_step, "training_step", 0, 2**53)
        check_tree(self.metrics, "metrics", max_number=2**53)
        for name, metric in self.metrics.items():
            if not isinstance(metric, Mapping) or "value" not in metric or not isinstance(metric.get("protocol"), str):
                reject(f"metrics.{name}", metric, "an object with value and protocol")
        check_tree(self.training, "training", max_number=2**53)


class BundleMetadata(NamedTuple):
    """The content of metadata.json: a record of every other file, and the facts."""

    files: Mapping[str, FileRecord]
    facts: BundleFacts

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values. ``from_dict`` reads them."""
        files = {name: record._asdict() for name, record in sorted(self.files.items())}
        return {"format_version": FORMAT_VERSION, "files": files, **vars(self.facts)}

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> BundleMetadata:
        """Read the values of ``to_dict`` from an untrusted file.

        Raises:
            BundleError: for an unknown or missing key, a newer format version, or a value out of bounds.
        """
        values = dict(table)
        _check_version(values.pop("format_version", None))
        files = values.pop("files", None)
        if not isinstance(files, Mapping):
            raise BundleError("metadata.json: the hashes of the files ('files') are missing.")
        check_keys(values, BundleFacts.__dataclass_fields__, "metadata.json")
        return cls(files={name: _file_record(name, files[name]) for name in files}, facts=BundleFacts(**values))


def _file_record(name: object, table: object) -> FileRecord:
    key = f"files.{ascii(name)[1:-1][:80]}"
    if not isinstance(table, Mapping) or set(table) != {"size", "sha256"}:
        reject(key, table, "an object with size and sha256", "metadata.json")
    check_whole(table["size"], f"{key}.size", 0, 2**40)
    if not isinstance(table["sha256"], str) or not _SHA256.fullmatch(table["sha256"]):
        reject(f"{key}.sha256", table["sha256"], "64 lowercase hex digits", "metadata.json")
    return FileRecord(table["size"], table["sha256"])


def _check_version(value: object) -> None:
    if is_whole(value, FORMAT_VERSION + 1, 2**53):
        raise BundleError(
            f"The bundle has format version {value}; this version of ganzoo reads up to {FORMAT_VERSION}. "
            "Update it: pip install -U ganzoo-keras"
        )
    if not is_whole(value, FORMAT_VERSION, FORMAT_VERSION):
        reject("format_version", value, str(FORMAT_VERSION))
