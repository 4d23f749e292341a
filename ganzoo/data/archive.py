"""A collection of image files: a folder, or a zip that is read in place and never unpacked."""

from __future__ import annotations

import hashlib
import os
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ganzoo.errors import DataError, reason
from ganzoo.git_lfs import require_content

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".png", ".webp", ".gif", ".bmp"})
MAX_FILE_BYTES = 256 << 20
"""A file above this is taken for broken (in a folder) or for an attack (in a zip)."""

MISSING = "missing"
"""Stamp of a link that leads nowhere."""

_SMALL_BYTES = 16 << 20
_MAX_RATIO = 200


class Entry(NamedTuple):
    """One file: its name inside the collection with forward slashes, its size in bytes, and a stamp of its content."""

    name: str
    size: int
    stamp: str


@dataclass(frozen=True)
class ImageFiles:
    """Image files of a folder or a zip, in the order of their names. Usable from several threads.

    Attributes:
        path: the folder or the zip.
        entries: the files.
        archive: the open zip, or None for a folder.
    """

    path: Path
    entries: tuple[Entry, ...]
    archive: zipfile.ZipFile | None = None

    def __len__(self) -> int:
        return len(self.entries)

    def read(self, entry: Entry) -> bytes:
        """The bytes of a file.

        Raises:
            ValueError: if it cannot be read, is empty, or is absurdly large; the message says why.
        """
        if entry.stamp == MISSING:
            raise ValueError("the link leads nowhere")
        if entry.size == 0:
            raise ValueError("the file is empty")
        if entry.size > MAX_FILE_BYTES:
            raise ValueError(f"the file has {entry.size >> 20} MB, the limit is {MAX_FILE_BYTES >> 20}")
        try:
            if self.archive is not None:
                return self.archive.read(entry.name)
            return (self.path / entry.name).read_bytes()
        except (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise ValueError(f"cannot be read: {reason(error)}") from error

    def fingerprint(self) -> str:
        """SHA-256 over names, sizes and stamps (a folder's dates, a zip's checksums)."""
        digest = hashlib.sha256()
        for entry in self.entries:
            digest.update(f"{entry.name}\0{entry.size}\0{entry.stamp}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()

    def only(self, entries: Iterable[Entry]) -> ImageFiles:
        """The same collection with fewer files."""
        return replace(self, entries=tuple(entries))


def image_files(path: Path) -> ImageFiles:
    """The image files in a folder, with all its subfolders, or in a zip. Hidden files are passed over.

    Raises:
        DataError: if there is no such folder or zip, it holds no image, or the zip is damaged or unsafe.
    """
    path = Path(path)
    if path.is_dir():
        files = ImageFiles(path, tuple(sorted(_walk(path), key=lambda entry: entry.name)))
    elif path.is_file():
        files = _zip_files(path)
    else:
        raise DataError(f"There is no folder or zip {path}.")
    if not files.entries:
        kinds = ", ".join(sorted(suffix[1:] for suffix in IMAGE_SUFFIXES))
        raise DataError(f"{path} holds no image; these are read: {kinds}.")
    return files


def _walk(root: Path) -> Iterator[Entry]:
    """Image files below ``root``, in no order. Linked folders are followed, each real folder once."""
    seen: set[tuple[int, int]] = set()
    waiting = [(str(root), "")]
    while waiting:
        folder, prefix = waiting.pop()
        try:
            where = Path(folder).stat()
            if where.st_ino and (where.st_dev, where.st_ino) in seen:
                continue
            seen.add((where.st_dev, where.st_ino))
            with os.scandir(folder) as found:
                for item in found:
                    if item.name.startswith(".") or item.name == "__MACOSX":
                        continue
                    if item.is_dir():
                        waiting.append((item.path, f"{prefix}{item.name}/"))
                    elif _is_image(item.name):
                        yield _entry(item, prefix)
        except OSError as error:
            raise DataError(f"Cannot read the folder {folder}: {error.strerror or error}.") from error


def _entry(item: os.DirEntry[str], prefix: str) -> Entry:
    try:
        info = item.stat()
    except OSError:  # a link that leads nowhere
        return Entry(prefix + item.name, 0, MISSING)
    size = info.st_size if stat.S_ISREG(info.st_mode) else 0  # never read from a pipe or a device
    return Entry(prefix + item.name, size, str(info.st_mtime_ns))


def _zip_files(path: Path) -> ImageFiles:
    require_content(path, error=DataError)
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise DataError(f"{path} is neither a folder nor a readable zip: {reason(error)}.") from error
    members = [info for info in archive.infolist() if not info.is_dir()]
    for info in members:
        why = _unsafe(info)
        if why:
            archive.close()
            raise DataError(f"The zip {path} is refused: its member {info.filename!r} {why}.")
    entries = [
        Entry(info.filename, info.file_size, f"{info.CRC:08x}")
        for info in members
        if _is_image(info.filename) and not _is_hidden(info.filename)
    ]
    return ImageFiles(path, tuple(sorted(entries, key=lambda entry: entry.name)), archive)


def _unsafe(info: zipfile.ZipInfo) -> str:
    """Why a zip with this member is refused; empty when the member is fine."""
    # orig_filename: zipfile itself cuts a name at a null byte and turns the system's separators into slashes.
    parts = info.orig_filename.replace("\\", "/").split("/")
    if ".." in parts:
        return "points outside the archive ('..')"
    if parts[0] == "" or ":" in parts[0] or "\0" in info.orig_filename:
        return "has an absolute path"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "is a link"
    if info.flag_bits & 0x1:
        return "is encrypted"
    if info.file_size > MAX_FILE_BYTES:
        return f"unpacks to {info.file_size >> 20} MB"
    if info.file_size > _SMALL_BYTES and info.file_size > _MAX_RATIO * max(info.compress_size, 1):
        return f"unpacks to {info.file_size // max(info.compress_size, 1)} times its size"
    return ""


def _is_image(name: str) -> bool:
    return name[name.rfind(".") :].lower() in IMAGE_SUFFIXES


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))


def class_folders(names: Sequence[str]) -> tuple[list[int] | None, tuple[str, ...]]:
    """Labels from top-level folders, when every image lies in one.

    Folders that all the images share (``photos/cats/1.jpg``, ``photos/dogs/2.jpg``) are passed over first. Images that
    lie in one folder, or partly in none, have no labels.

    Returns:
        One label a name, and the folders' names in alphabetical order; or None and no names.
    """
    paths = [PurePosixPath(name).parts for name in names]
    depth = 0
    while True:
        if any(len(parts) < depth + 2 for parts in paths):
            return None, ()
        folders = sorted({parts[depth] for parts in paths})
        if len(folders) > 1:
            number = {folder: label for label, folder in enumerate(folders)}
            return [number[parts[depth]] for parts in paths], tuple(folders)
        depth += 1
