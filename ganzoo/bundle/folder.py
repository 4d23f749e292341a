"""The published folder: written whole or not at all, and read from strangers without trusting anything in it.

    config.json  metadata.json  README.md  samples.png  model.safetensors  onnx/model.onnx  [onnx/model_fp16.onnx]

Only these names are read, as JSON, Markdown, PNG, safetensors and ONNX. Every other file in the folder
(``.gitattributes``, ``.DS_Store``, ``notes.txt``) belongs to other tools or to people: it is not part of the bundle, is
never opened or published, and is never deleted. So a folder with such files is loaded, but a new bundle takes its place
only if the others are those of a file manager.

metadata.json has the SHA-256 of every file except itself and README.md, which is for people and which the owner of a
model may edit at any time. A card is looked at all the same: it must be text.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.bundle.content_checks import MAX_TENSORS, check_card, check_png, check_safetensors
from ganzoo.bundle.folder_contents import others_in
from ganzoo.bundle.schema import (
    BundleConfig,
    BundleFacts,
    BundleMetadata,
    FileRecord,
    LatentSpec,
    read_json,
    write_json,
)
from ganzoo.environment import files
from ganzoo.environment.git_lfs import require_content
from ganzoo.errors import BundleError, did_you_mean, reason

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Bundle", "BundleConfig", "BundleFacts", "LatentSpec", "read_bundle", "write_bundle"]

CONFIG, METADATA, CARD, SAMPLES = "config.json", "metadata.json", "README.md", "samples.png"
WEIGHTS, ONNX, ONNX_FP16 = "model.safetensors", "onnx/model.onnx", "onnx/model_fp16.onnx"
_MIB = 1 << 20
# The largest size in bytes of every file a bundle may hold.
LIMITS = {
    CONFIG: _MIB,
    METADATA: _MIB,
    CARD: _MIB,
    SAMPLES: 32 * _MIB,
    WEIGHTS: 2048 * _MIB,
    ONNX: 2048 * _MIB - 1,
    ONNX_FP16: 2048 * _MIB - 1,
}
REQUIRED = (CONFIG, METADATA)
_WEIGHT_TYPES = ("float32", "float16")


@dataclass(frozen=True)
class Bundle:
    """A bundle whose files were verified. ``read`` and ``weights`` verify again what they read from the disk.

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
        """Names of all files with a hash, and metadata.json, in alphabetical order."""
        return sorted([METADATA, *self.metadata.files])

    def contains(self, path: Path) -> bool:
        """Whether a path is in the bundle's folder, where nothing else should be written."""
        return path.resolve().is_relative_to(self.folder.resolve())

    def read(self, name: str) -> bytes:
        """The bytes of one file, the same that the hash in metadata.json was made of.

        Raises:
            BundleError: if the bundle has no such file, or it changed.
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
            content = _read_file(self.folder, name)
            _compare(name, record, size=len(content), digest=hashlib.sha256(content).hexdigest())
        except BundleError as error:
            raise BundleError(f"Bundle '{self.folder}': {error}") from error
        return content

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """The EMA generator's weights by name: float32 arrays, all finite.

        Raises:
            BundleError: if the file is missing, damaged, or holds anything else.
        """
        import numpy as np
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            tensors = load(self.read(WEIGHTS))
        except (SafetensorError, ValueError, KeyError, TypeError) as error:
            raise BundleError(f"{self.folder / WEIGHTS} is not readable as safetensors: {reason(error)}.") from error
        if len(tensors) > MAX_TENSORS:
            raise BundleError(f"{self.folder / WEIGHTS} holds {len(tensors)} tensors; allowed: {MAX_TENSORS}.")
        for name, tensor in tensors.items():
            if tensor.dtype.name not in _WEIGHT_TYPES or not name.isprintable() or not np.isfinite(tensor).all():
                allowed = f"finite {' or '.join(_WEIGHT_TYPES)}"
                raise BundleError(f"{self.folder / WEIGHTS}: {name!a} is {tensor.dtype.name}; allowed: {allowed}.")
        return {name: np.asarray(tensor, np.float32) for name, tensor in tensors.items()}


def read_bundle(folder: str | os.PathLike[str], *, keep: Collection[str] = (), download: bool = False) -> Bundle:
    """Verify a bundle and read its config.

    Every file of a bundle must have the size and SHA-256 that metadata.json says, and none may be missing. Files that
    have another name than a bundle's are passed over unopened.

    Args:
        folder: the bundle.
        keep: files to keep in memory, because the caller reads them next. They are read and hashed only once.
        download: the folder is what was fetched of a repo: files that were not fetched may be missing, and files that
            metadata.json does not list may be there. Neither are read.

    Raises:
        BundleError: saying which file is wrong, and how.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise BundleError(f"No bundle at '{folder}': there is no such folder.")
    try:
        present = _list_files(folder)
        for name in REQUIRED:
            if name not in present:
                raise BundleError(f"no ganzoo bundle, because it has no {name}.")
        metadata = read_metadata(folder)
        _compare_names(present, metadata.files, partial=download)
        kept: dict[str, bytes] = {}
        for name in sorted(present & set(metadata.files)):
            record = metadata.files[name]
            size = _checked_path(folder, name).stat().st_size
            if size != record.size:
                digest = record.sha256
            elif name in keep:
                kept[name] = _read_file(folder, name)
                size, digest = len(kept[name]), hashlib.sha256(kept[name]).hexdigest()
            else:
                digest = _hash_file(folder, name)
            _compare(name, record, size=size, digest=digest)
        _look_into(folder, present)
        config = BundleConfig.from_dict(read_json(_read_file(folder, CONFIG), CONFIG))
    except BundleError as error:
        raise BundleError(f"Bundle '{folder}': {error}") from error
    return Bundle(folder, config, metadata, kept)


def read_metadata(folder: Path) -> BundleMetadata:
    """metadata.json of a bundle. Files are neither opened nor hashed, so the bundle may be damaged.

    Raises:
        BundleError: if metadata.json is missing or damaged, or lists a file that is not a bundle's.
    """
    metadata = BundleMetadata.from_dict(read_json(_read_file(folder, METADATA), METADATA))
    _allowed_names(metadata.files)
    return metadata


def write_bundle(
    folder: str | os.PathLike[str],
    *,
    config: BundleConfig,
    onnx: bytes,
    weights: Mapping[str, NDArray[np.float32]],
    samples: bytes | None = None,
    onnx_fp16: bytes | None = None,
    facts: BundleFacts | None = None,
    card: str | None = None,
) -> Bundle:
    """Write a bundle beside ``folder`` and rename it there. An older bundle at ``folder`` is replaced as a whole.

    Args:
        folder: where it will stand; its parent is made.
        config: what the generator takes and gives.
        onnx: the float32 graph (``onnx/model.onnx``).
        weights: the generator's weights by name.
        samples: a PNG.
        onnx_fp16: the float16 graph, if there is one.
        facts: parity, step, metrics and training, for metadata.json.
        card: README.md (``ganzoo.bundle.model_card``), if there is to be one.

    Raises:
        BundleError: if something else than a bundle stands at ``folder``, a value is out of bounds, or writing fails.
    """
    from safetensors.numpy import save

    folder = Path(folder)
    facts = facts or BundleFacts()
    contents = {CONFIG: write_json(config.to_dict()), ONNX: onnx, WEIGHTS: save(dict(weights))}
    contents |= {name: content for name, content in ((SAMPLES, samples), (ONNX_FP16, onnx_fp16)) if content is not None}
    files = {name: FileRecord(size=len(c), sha256=hashlib.sha256(c).hexdigest()) for name, c in contents.items()}
    contents[METADATA] = write_json(BundleMetadata(files, facts).to_dict())
    contents |= {} if card is None else {CARD: card.encode()}
    for name, content in contents.items():
        if len(content) > LIMITS[name]:
            raise BundleError(f"{name} has {len(content)} bytes; allowed: {LIMITS[name]}.")
    try:
        _replace_folder(folder, contents)
    except OSError as error:
        raise BundleError(f"Cannot write the bundle '{folder}': {error.strerror or error}.") from error
    return read_bundle(folder)


def _replace_folder(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write ``contents`` into a hidden folder next to ``folder``, sync, and swap the two by renaming."""
    _check_replaceable(folder)
    with files.replacing_folder(folder) as fresh:
        for name, content in contents.items():
            path = fresh / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def _check_replaceable(folder: Path) -> None:
    """Refuse to put a bundle where something else is. Free are an empty folder and a bundle, with or without files of
    a file manager, which are not kept.

    Raises:
        BundleError: naming a person's own files, if there are some.
    """
    if not folder.is_symlink() and folder.is_dir():
        others, ours = others_in(folder, tuple(LIMITS)), {name for name in LIMITS if (folder / name).exists()}
        if not others and (not ours or ours >= set(REQUIRED)):
            return
        if others and ours >= set(REQUIRED):
            listed = ", ".join(ascii(name) for name in others[:3]) + (" and more" if len(others) > 3 else "")
            raise BundleError(
                f"'{folder}' has files that are not the bundle's, so it is left alone: {listed}. Move them elsewhere, "
                "or choose another folder."
            )
    elif not os.path.lexists(folder):
        return
    raise BundleError(f"'{folder}' exists and is not a ganzoo bundle, so it is left alone. Choose another folder.")


def _list_files(folder: Path) -> set[str]:
    """Names of the files in a folder that are a bundle's, relative, with slashes. No other is looked at."""
    found: set[str] = set()
    for prefix in ("", "onnx/"):
        parent = folder / prefix
        if prefix and not os.path.lexists(parent):
            continue
        if prefix and (parent.is_symlink() or not parent.is_dir()):
            raise BundleError("onnx is not a folder.")
        found |= {prefix + entry.name for entry in os.scandir(parent)}
    return found & set(LIMITS)


def _allowed_names(names: Iterable[str]) -> None:
    for name in sorted(names):
        if name not in LIMITS:
            raise BundleError(f"{name!a} is no file of a bundle; allowed: {', '.join(LIMITS)}.")


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


def _look_into(folder: Path, present: set[str]) -> None:
    """Refuse what the right hash cannot tell: a card that is no text, a picture or weights of another kind."""
    if CARD in present:
        check_card(_read_file(folder, CARD), CARD)
    for name, check in ((SAMPLES, check_png), (WEIGHTS, check_safetensors)):
        if name in present:
            check(_checked_path(folder, name), name)


def _compare(name: str, record: FileRecord, *, size: int, digest: str) -> None:
    if size != record.size:
        raise BundleError(f"{name} has {size} bytes where metadata.json says {record.size}: cut or altered.")
    if digest != record.sha256:
        raise BundleError(
            f"{name} is damaged or altered: its SHA-256 begins {digest[:12]}, metadata.json says {record.sha256[:12]}."
        )


def _checked_path(folder: Path, name: str) -> Path:
    """The path of a regular file of at most its limit. A link to one is allowed: the Hub's cache is made of them."""
    path = folder / name
    if not path.is_file():
        raise BundleError(f"{name} is not a regular file.")
    require_content(path, name=name, error=BundleError)
    size = path.stat().st_size
    if size > LIMITS[name]:
        raise BundleError(f"{name} has {size} bytes; allowed: {LIMITS[name]}.")
    return path


def _read_file(folder: Path, name: str) -> bytes:
    path = _checked_path(folder, name)
    try:
        with path.open("rb") as file:
            # read(n) takes the memory of n bytes before it reads, so n is not the limit; one more tells of growth.
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
