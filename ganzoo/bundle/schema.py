"""config.json and metadata.json of a bundle: what they hold, and the bounds that everything from a stranger must keep.

Plain dataclasses and not pydantic: importing pydantic and building one model costs about as much as importing NumPy
and ONNX Runtime together, and this is on the way to the first picture.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, NoReturn

from ganzoo.errors import BundleError, did_you_mean

FORMAT_VERSION = 1
MAX_SIDE = 4096
MAX_VECTOR = 65_536
MAX_LATENT = 65_536
MAX_CLASSES = 100_000
MAX_NUMBER = 2**20
MAX_ITEMS = 10_000
MAX_DEPTH = 16
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class LatentSpec:
    """What the generator draws from: ``dim`` numbers, ``"normal"`` N(0, 1) or ``"uniform"`` on [-1, 1]."""

    dim: int
    distribution: Literal["normal", "uniform"] = "normal"

    def __post_init__(self) -> None:
        _number(self.dim, "latent.dim", 1, MAX_LATENT)
        _choice(self.distribution, "latent.distribution", ("normal", "uniform"))


@dataclass(frozen=True, kw_only=True)
class BundleConfig:
    """What a bundle's generator takes and gives.

    Attributes:
        name: of the model, as in ``"faces-64"``; letters, digits, dot, dash and underscore.
        kind: ``"image"`` or ``"vector"``.
        shape: of one sample: (height, width, channels) with 1 (grey), 3 (RGB) or 4 (RGBA, straight colours)
            channels, or (dim,).
        latent: its size and distribution.
        num_classes: of a conditional model, else None.
        class_names: one a class, or None.
        model: the networks' config (JSON), enough to build the generator anew for ``model.safetensors``.
        versions: of the libraries that made it, ``{"ganzoo": "0.1.0", "keras": "3.15.0"}``.
        image_range: of the graph's output; (-1, 1) for images, None for vectors.

    Raises:
        BundleError: if a value is of another type or out of bounds.
    """

    name: str
    kind: Literal["image", "vector"]
    shape: tuple[int, ...]
    latent: LatentSpec
    num_classes: int | None = None
    class_names: tuple[str, ...] | None = None
    model: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    image_range: tuple[float, float] | None = None
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        _version(self.format_version)
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            _wrong(
                "name",
                self.name,
                "1-96 letters, digits, dots, dashes and underscores, beginning with one of the first two",
            )
        _choice(self.kind, "kind", ("image", "vector"))
        self._check_shape()
        self._check_classes()
        check_tree(self.model, "model", max_number=MAX_NUMBER)
        _strings(self.versions, "versions")

    def _check_shape(self) -> None:
        shape = self.shape
        if self.kind == "vector":
            if not isinstance(shape, tuple) or len(shape) != 1:
                _wrong("shape", shape, "[dim] for a vector")
            _number(shape[0], "shape", 1, MAX_VECTOR)
            if self.image_range is not None:
                _wrong("image_range", self.image_range, "null for a vector")
            return
        if not isinstance(shape, tuple) or len(shape) != 3 or shape[2] not in (1, 3, 4):
            _wrong("shape", shape, "[height, width, 1, 3 or 4] for an image")
        for side in shape:
            _number(side, "shape", 1, MAX_SIDE)
        if self.image_range is None:
            object.__setattr__(self, "image_range", (-1.0, 1.0))
        if self.image_range != (-1.0, 1.0):
            _wrong("image_range", self.image_range, "[-1, 1]")

    def _check_classes(self) -> None:
        if self.num_classes is not None:
            _number(self.num_classes, "num_classes", 1, MAX_CLASSES)
        if self.class_names is None:
            return
        if not isinstance(self.class_names, tuple) or len(self.class_names) != self.num_classes:
            _wrong("class_names", self.class_names, f"{self.num_classes} names, one a class")
        for name in self.class_names:
            _text(name, "class_names", 100)
        if len(set(self.class_names)) != len(self.class_names):
            _wrong("class_names", self.class_names, "names that differ")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values. ``from_dict`` reads them back."""
        return {
            "format_version": self.format_version,
            "name": self.name,
            "kind": self.kind,
            "shape": list(self.shape),
            "image_range": None if self.image_range is None else list(self.image_range),
            "latent": {"dim": self.latent.dim, "distribution": self.latent.distribution},
            "num_classes": self.num_classes,
            "class_names": None if self.class_names is None else list(self.class_names),
            "model": dict(self.model),
            "versions": dict(self.versions),
        }

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> BundleConfig:
        """Read what ``to_dict`` made, from whomever it comes.

        Raises:
            BundleError: for a key too many or too few, a newer format version, or a value out of bounds.
        """
        _version(table.get("format_version"))
        _keys(table, cls, "config.json")
        values = dict(table)
        latent = values["latent"]
        if not isinstance(latent, Mapping):
            _wrong("latent", latent, "a table with dim and distribution")
        _keys(latent, LatentSpec, "config.json, latent")
        values["latent"] = LatentSpec(**latent)
        for key in ("shape", "image_range", "class_names"):
            if isinstance(values[key], list):
                values[key] = tuple(values[key])
        return cls(**values)


class FileRecord(NamedTuple):
    """Size in bytes and SHA-256 (64 lower-case hex digits) of one file of a bundle."""

    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class BundleFacts:
    """How the generator came to be. Everything may be missing.

    Attributes:
        parity_error: largest absolute difference between Keras and ONNX Runtime on the same latents.
        training_step: of the exported weights.
        metrics: name -> {"value": number, "protocol": text, ...}, as in {"fid": {"value": 12.3, "protocol": "..."}}.
        training: what the card tells of the training: config, data, seconds, hardware, seed, ... (JSON).

    Raises:
        BundleError: if a value is of another type or out of bounds.
    """

    parity_error: float | None = None
    training_step: int | None = None
    metrics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        error = self.parity_error
        if error is not None and (
            isinstance(error, bool) or not isinstance(error, int | float) or not 0 <= error < 1e9
        ):
            _wrong("parity_error", error, "a number from 0 up, or null")
        if self.training_step is not None:
            _number(self.training_step, "training_step", 0, 2**53)
        check_tree(self.metrics, "metrics", max_number=2**53)
        for name, metric in self.metrics.items():
            if not isinstance(metric, Mapping) or "value" not in metric or not isinstance(metric.get("protocol"), str):
                _wrong(f"metrics.{name}", metric, "a table with value and protocol")
        check_tree(self.training, "training", max_number=2**53)


class BundleMetadata(NamedTuple):
    """metadata.json: a record of every other file, and the facts."""

    files: Mapping[str, FileRecord]
    facts: BundleFacts

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values. ``from_dict`` reads them back."""
        files = {name: {"size": f.size, "sha256": f.sha256} for name, f in sorted(self.files.items())}
        facts = {name: getattr(self.facts, name) for name in BundleFacts.__dataclass_fields__}
        return {"format_version": FORMAT_VERSION, "files": files, **facts}

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> BundleMetadata:
        """Read what ``to_dict`` made, from whomever it comes.

        Raises:
            BundleError: for a key too many or too few, a newer format version, or a value out of bounds.
        """
        values = dict(table)
        _version(values.pop("format_version", None))
        files = values.pop("files", None)
        if not isinstance(files, Mapping):
            raise BundleError("metadata.json: the list of hashes, 'files', is missing.")
        _keys(values, BundleFacts, "metadata.json")
        records = {}
        for name, record in files.items():
            shown = ascii(name)[1:-1][:80]
            if not isinstance(record, Mapping):
                _wrong(f"files.{shown}", record, "a table with size and sha256", "metadata.json")
            records[name] = _file_record(record, shown)
        return cls(files=records, facts=BundleFacts(**values))


def read_json(content: bytes, name: str) -> dict[str, Any]:
    """Parse a JSON table strictly: UTF-8, no NaN or Infinity, no key twice, no more than 16 deep.

    Raises:
        BundleError: if it is anything else.
    """

    def table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = dict(pairs)
        if len(keys) != len(pairs):
            raise ValueError("a key stands there twice")
        return keys

    def constant(word: str) -> NoReturn:
        raise ValueError(f"{word} is not JSON")

    try:
        parsed = json.loads(content.decode("utf-8"), object_pairs_hook=table, parse_constant=constant)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{name} is not readable as JSON: {error}.") from error
    if not isinstance(parsed, dict):
        raise BundleError(f"{name} holds no table at its top.")
    return parsed


def write_json(table: Mapping[str, Any]) -> bytes:
    """The bytes of a JSON table, the same for the same values: indented, UTF-8, ends in a newline."""
    return (json.dumps(table, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def check_tree(value: object, path: str, *, max_number: int, depth: int = 0) -> int:
    """Bound a tree of JSON values: depth, number of items, size of numbers and text. Returns the number of items.

    Raises:
        BundleError: naming the path of the first value out of bounds.
    """
    if depth > MAX_DEPTH:
        _wrong(path, "...", f"at most {MAX_DEPTH} levels")
    if depth == 0 and not isinstance(value, Mapping):
        _wrong(path, value, "a table")
    if not isinstance(value, Mapping | list | tuple):
        _check_leaf(value, path, max_number)
        return 1
    entries = value.items() if isinstance(value, Mapping) else enumerate(value)
    items = 1
    for key, entry in entries:
        _text(str(key), f"a key of {path}", 200)
        items += check_tree(entry, f"{path}.{key}", max_number=max_number, depth=depth + 1)
        if items > MAX_ITEMS:
            _wrong(path, "...", f"at most {MAX_ITEMS} entries")
    return items


def _check_leaf(value: object, path: str, max_number: int) -> None:
    if isinstance(value, str):
        _text(value, path, 10_000)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if not abs(value) <= max_number:
            _wrong(path, value, f"a number of at most {max_number}")
    elif value is not None and not isinstance(value, bool):
        _wrong(path, value, "a JSON value")


def _file_record(table: Mapping[str, Any], name: str) -> FileRecord:
    if set(table) != {"size", "sha256"}:
        _wrong(f"files.{name}", table, "a table with size and sha256", "metadata.json")
    _number(table["size"], f"files.{name}.size", 0, 2**40)
    if not isinstance(table["sha256"], str) or not _SHA256.fullmatch(table["sha256"]):
        _wrong(f"files.{name}.sha256", table["sha256"], "64 lower-case hex digits", "metadata.json")
    return FileRecord(table["size"], table["sha256"])


def _version(value: object) -> None:
    if isinstance(value, int) and not isinstance(value, bool) and value > FORMAT_VERSION:
        raise BundleError(
            f"The bundle has format version {value} and this ganzoo reads up to {FORMAT_VERSION}. "
            "Update it: pip install -U ganzoo-keras"
        )
    if value != FORMAT_VERSION or isinstance(value, bool | float):
        _wrong("format_version", value, str(FORMAT_VERSION))


def _keys(table: Mapping[str, Any], model: type, where: str) -> None:
    allowed = list(model.__dataclass_fields__)  # type: ignore[attr-defined]
    for key in table:
        if key not in allowed:
            raise BundleError(f"{where}: no such key: {_short(key)}.{did_you_mean(str(key), allowed)}")
    for key in allowed:
        if key not in table:
            raise BundleError(f"{where}: the key '{key}' is missing.")


def _number(value: object, key: str, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        _wrong(key, value, f"a whole number from {low} to {high}")


def _choice(value: object, key: str, allowed: tuple[str, ...]) -> None:
    if not isinstance(value, str) or value not in allowed:
        _wrong(key, value, f"one of {', '.join(allowed)}")


def _text(value: object, key: str, limit: int) -> None:
    if not isinstance(value, str) or len(value) > limit or not value.replace("\n", "").replace("\t", "").isprintable():
        _wrong(key, value, f"printable text of at most {limit} characters")


def _strings(table: object, key: str) -> None:
    check_tree(table, key, max_number=0)
    for name, value in (table if isinstance(table, Mapping) else {}).items():
        _text(value, f"{key}.{name}", 200)


def _wrong(key: str, value: object, allowed: str, where: str = "The bundle's config") -> NoReturn:
    raise BundleError(f"{where}: {key} is {_short(value)}; allowed: {allowed}.")


def _short(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else text[:57] + "..."
