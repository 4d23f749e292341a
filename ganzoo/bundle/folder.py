"""Reads a bundle: the folder that is exported and published. Nothing in it is trusted before it is verified.

    config.json  metadata.json  README.md  samples.png  [classes.png]  [nearest.png]  model.safetensors
    onnx/model.onnx  [onnx/model_fp16.onnx]  [onnx/critic.onnx]  [onnx/encoder.onnx]
    [directions.json]

Only files with these names are read, as JSON, Markdown, PNG, safetensors and ONNX. Other files in the folder
(``.gitattributes``, ``.DS_Store``, ``notes.txt``) are not part of the bundle. They are never opened, published or
deleted. A folder with such files can be loaded. A new bundle replaces it only if the other files are those of a file
manager.

metadata.json has the SHA-256 of every file except itself and README.md. The owner of a model may edit README.md at any
time; it must be text.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.bundle.content_checks import MAX_TENSORS, check_card, check_png, check_safetensors
from ganzoo.bundle.schema import BundleConfig, BundleFacts, BundleMetadata, FileRecord, LatentSpec
from ganzoo.bundle.strict_json import read_json
from ganzoo.environment.git_lfs import require_content
from ganzoo.environment.places import expanded
from ganzoo.errors import BundleError, did_you_mean, reason
from ganzoo.hub.reference import is_snapshot

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Bundle", "BundleConfig", "BundleFacts", "LatentSpec", "read_bundle"]

CONFIG, METADATA, CARD = "config.json", "metadata.json", "README.md"
SAMPLES, CLASSES, NEAREST = "samples.png", "classes.png", "nearest.png"
WEIGHTS, ONNX, ONNX_FP16 = "model.safetensors", "onnx/model.onnx", "onnx/model_fp16.onnx"
CRITIC = "onnx/critic.onnx"
"""The trained discriminator, which chooses among samples (``best_of``)."""
ENCODER = "onnx/encoder.onnx"
"""The encoder of the training, from samples to latents of the generator."""
DIRECTIONS = "directions.json"
"""Named directions of the latent space."""
_MIB = 1 << 20
LIMITS = {
    CONFIG: _MIB,
    METADATA: _MIB,
    CARD: _MIB,
    SAMPLES: 32 * _MIB,
    CLASSES: 32 * _MIB,
    NEAREST: 32 * _MIB,
    WEIGHTS: 2048 * _MIB,
    ONNX: 2048 * _MIB - 1,
    ONNX_FP16: 2048 * _MIB - 1,
    CRITIC: 2048 * _MIB - 1,
    ENCODER: 2048 * _MIB - 1,
    DIRECTIONS: _MIB,
}
"""Every file name of a bundle, and its largest size in bytes."""
REQUIRED = (CONFIG, METADATA)
_WEIGHT_TYPES = ("float32", "float16")


@dataclass(frozen=True)
class Bundle:
    """A verified bundle. ``read`` and ``weights`` verify again what they read from the disk.

    Attributes:
        folder: the folder of the bundle.
        config: config.json.
        metadata: metadata.json.
        kept: name -> content of the verified files that ``read_bundle`` was asked to keep in memory.
    """

    folder: Path
    config: BundleConfig
    metadata: BundleMetadata
    kept: Mapping[str, bytes] = field(default_factory=dict, repr=False, compare=False)

    @property
    def files(self) -> list[str]:
        """Names of metadata.json and all files with a hash, in alphabetical order."""
        return sorted([METADATA, *self.metadata.files])

    def contains(self, path: Path) -> bool:
        """Whether a path is in the bundle's folder, where nothing else should be written."""
        return path.resolve().is_relative_to(self.folder.resolve())

    def read(self, name: str) -> bytes:
        """The content of one file, which matches its hash in metadata.json.

        Raises:
            BundleError: if the bundle has no such file, or the file has changed.
        """
        if name in self.kept:
            return self.kept[name]
        record = self.metadata.files.get(name)
        if record is None:
            has = f"It has {', '.join(self.files)}."
            raise BundleError(f"The bundle '{self.folder}' has no '{name}'.{did_you_mean(name, self.files)} {has}")
        try:
            if not os.path.lexists(self.folder / name):
                raise BundleError(f"{name} is missing.")
            content = read_file(self.folder, name)
            _compare(name, record, size=len(content), digest=hashlib.sha256(content).hexdigest())
        except BundleError as error:
            raise BundleError(f"Bundle '{self.folder}': {error}") from error
        return content

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """The EMA generator's weights by name: float32 arrays, all finite.

        Raises:
            BundleError: if the file is missing or damaged, or has other content.
        """
        import numpy as np
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            tensors = load(self.read(WEIGHTS))
        except (SafetensorError, ValueError, KeyError, TypeError) as error:
            raise BundleError(f"{self.folder / WEIGHTS} is not readable as safetensors: {reason(error)}.") from error
        if len(tensors) > MAX_TENSORS:
            raise BundleError(f"{self.folder / WEIGHTS} has {len(tensors)} tensors; allowed: {MAX_TENSORS}.")
        for name, tensor in tensors.items():
            if tensor.dtype.name not in _WEIGHT_TYPES or not name.isprintable() or not np.isfinite(tensor).all():
                allowed = f"finite {' or '.join(_WEIGHT_TYPES)}"
                raise BundleError(f"{self.folder / WEIGHTS}: {name!a} is {tensor.dtype.name}; allowed: {allowed}.")
        return {name: np.asarray(tensor, np.float32) for name, tensor in tensors.items()}


def read_bundle(folder: str | os.PathLike[str], *, keep: Collection[str] = (), download: bool = False) -> Bundle:
    """Verify a bundle and read its config.

    Every file must have the size and SHA-256 that metadata.json lists, and none may be missing. Files with other names
    are ignored.

    Args:
        folder: the bundle.
        keep: files to keep in memory, because the caller reads them next. They are read and hashed only once.
        download: the folder is a download: listed files may be missing, and files without a hash are ignored.

    Raises:
        BundleError: if a file is wrong.
    """
    folder = expanded(folder)
    if not folder.is_dir():
        raise BundleError(f"There is no bundle at '{folder}': no such folder.")
    try:
        present = _list_files(folder)
        for name in REQUIRED:
            if name not in present:
                raise BundleError(f"not a ganzoo bundle, because it has no {name}.")
        metadata = read_metadata(folder)
        _compare_names(present, metadata.files, partial=download)
        kept: dict[str, bytes] = {}
        for name in sorted(present & set(metadata.files)):
            record = metadata.files[name]
            size = _checked_path(folder, name).stat().st_size
            if size != record.size:
                digest = record.sha256
            elif name in keep:
                kept[name] = read_file(folder, name)
                size, digest = len(kept[name]), hashlib.sha256(kept[name]).hexdigest()
            else:
                digest = _hash_file(folder, name)
            _compare(name, record, size=size, digest=digest)
        _check_contents(folder, present)
        config = BundleConfig.from_dict(read_json(read_file(folder, CONFIG), CONFIG))
    except BundleError as error:
        raise BundleError(f"Bundle '{folder}': {error}") from error
    return Bundle(folder, config, metadata, kept)


def read_metadata(folder: Path) -> BundleMetadata:
    """metadata.json of a bundle. Files are neither opened nor hashed, so the bundle may be damaged.

    Raises:
        BundleError: if metadata.json is missing or damaged, or lists a file that is not a bundle's.
    """
    metadata = BundleMetadata.from_dict(read_json(read_file(folder, METADATA), METADATA))
    unknown = sorted(set(metadata.files) - set(LIMITS))
    if unknown:
        raise BundleError(f"{unknown[0]!a} is not a file of a bundle; allowed: {', '.join(LIMITS)}.")
    return metadata


def _list_files(folder: Path) -> set[str]:
    """Names of the bundle's files in a folder, relative, with slashes. Other files are ignored."""
    found: set[str] = set()
    for prefix in ("", "onnx/"):
        parent = folder / prefix
        if prefix and not os.path.lexists(parent):
            continue
        if prefix and (parent.is_symlink() or not parent.is_dir()):
            raise BundleError("onnx is not a folder.")
        found |= {prefix + entry.name for entry in os.scandir(parent)}
    return found & set(LIMITS)


def _compare_names(present: set[str], listed: Mapping[str, FileRecord], *, partial: bool) -> None:
    if METADATA in listed:
        raise BundleError("metadata.json lists itself.")
    if CONFIG not in listed:
        raise BundleError(f"metadata.json has no hash of {CONFIG}.")
    extra, missing = sorted(present - set(listed) - {METADATA, CARD}), sorted(set(listed) - present)
    if extra and not partial:
        raise BundleError(f"metadata.json has no hash of {', '.join(extra)}.")
    if missing and not partial:
        raise BundleError(f"{', '.join(missing)} is missing.")


def _check_contents(folder: Path, present: set[str]) -> None:
    """Reject wrong content that has a correct hash: a card that is not text, an image or weights of another format."""
    if CARD in present:
        check_card(read_file(folder, CARD), CARD)
    checks = {SAMPLES: check_png, CLASSES: check_png, NEAREST: check_png, WEIGHTS: check_safetensors}
    for name, check in checks.items():
        if name in present:
            check(_checked_path(folder, name), name)


def _compare(name: str, record: FileRecord, *, size: int, digest: str) -> None:
    if size != record.size:
        raise BundleError(f"{name} has {size} bytes; metadata.json lists {record.size}. It was truncated or altered.")
    if digest != record.sha256:
        raise BundleError(
            f"{name} is damaged or altered: its SHA-256 begins with {digest[:12]}; metadata.json lists "
            f"{record.sha256[:12]}."
        )


def _checked_path(folder: Path, name: str) -> Path:
    """The path of a regular file within its size limit. A link must stay in the folder, or in the Hub's cache."""
    path = folder / name
    if not path.is_file():
        raise BundleError(f"{name} is not a regular file.")
    target, roots = path.resolve(), _roots(folder.resolve())
    if not any(target.is_relative_to(root) for root in roots):
        raise BundleError(f"{name} is a link to a file outside of the bundle: {os.fspath(target)!a}.")
    require_content(path, name=name, error=BundleError)
    size = path.stat().st_size
    if size > LIMITS[name]:
        raise BundleError(f"{name} has {size} bytes; allowed: {LIMITS[name]}.")
    return path


def _roots(folder: Path) -> tuple[Path, ...]:
    """Where the files of a bundle may be: its folder and, for a snapshot in the Hub's cache, the cache's two stores of
    files: that of the model, and (since huggingface_hub 2.4) the one that all models share."""
    if not is_snapshot(folder):
        return (folder,)
    return folder, *(parent / "blobs" for parent in folder.parents[1:3])


def read_file(folder: Path, name: str) -> bytes:
    """The content of a regular file in a bundle's folder, which is not compared with a hash.

    Raises:
        BundleError: if it is not one, is too large, or cannot be read.
    """
    path = _checked_path(folder, name)
    try:
        with path.open("rb") as file:
            # read(n) allocates n bytes first, so n is not the limit. The extra byte detects a file that has grown.
            return file.read(min(LIMITS[name], path.stat().st_size) + 1)
    except OSError as error:
        raise BundleError(f"{name} is not readable: {error.strerror or error}.") from error


def _hash_file(folder: Path, name: str) -> str:
    path = _checked_path(folder, name)
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BundleError(f"{name} is not readable: {error.strerror or error}.") from error
