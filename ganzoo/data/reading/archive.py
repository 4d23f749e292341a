"""A collection of image files: a folder, or a zip, which is read in place without unpacking it to disk."""

from __future__ import annotations

import hashlib
import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import ClassVar

from ganzoo.data.reading.collection import Entry, unread
from ganzoo.data.reading.formats import (
    HEAD_BYTES,
    IMAGE_SUFFIXES,
    NO_IMAGE_SUFFIXES,
    UNREAD_SUFFIXES,
    format_of,
    suffix_of,
)
from ganzoo.environment.git_lfs import require_content
from ganzoo.environment.quantities import bytes_text
from ganzoo.errors import DataError, did_you_mean, reason

MAX_FILE_BYTES = 256 << 20
"""A larger file counts as broken (in a folder) or as an attack (in a zip)."""

MISSING = "missing"
"""Stamp of a dangling link."""

NOT_IMAGES, UNREAD, HIDDEN = "not an image", "of a format that is not read", "hidden"
LINKS, ENCRYPTED, ODD_NAMES = "a link", "encrypted", "its name points outside the zip"

_SHARDS = {".parquet": "parquet", ".tar": "webdataset"}
"""Suffix of shards -> the data source that reads them."""

_SMALL_BYTES = 16 << 20
_MAX_RATIO = 200
_DROPPINGS = frozenset({"__macosx", ".ds_store", "thumbs.db", "desktop.ini", ".localized"})
"""Files of file managers. They contain no data and are not counted."""


@dataclass(frozen=True)
class ImageFiles:
    """Image files of a folder or a zip, sorted by name. Thread-safe.

    Attributes:
        path: the folder or the zip.
        entries: the image files.
        archive: the open zip, or None for a folder.
        members: the zip's members by the names of ``entries`` and ``others``; empty for a folder.
        others: files that are not images. ``read`` can read them.
        passed_over: names of all files that are not in ``entries``, by reason.
    """

    has_suffixes: ClassVar[bool] = True

    path: Path
    entries: tuple[Entry, ...]
    archive: zipfile.ZipFile | None = None
    members: Mapping[str, zipfile.ZipInfo] = field(default_factory=dict)
    others: tuple[Entry, ...] = ()
    passed_over: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.entries)

    def read(self, entry: Entry) -> bytes:
        """The content of a file.

        Raises:
            ValueError: if the file is damaged, empty, or too large. The message is the reason.
            UnreadableError: if the system cannot read it.
        """
        if entry.stamp == MISSING:
            raise ValueError("the link is dangling")
        if entry.size == 0:
            raise ValueError("the file is empty")
        if entry.size > MAX_FILE_BYTES:
            raise ValueError(f"the file has {bytes_text(entry.size)}; the limit is {bytes_text(MAX_FILE_BYTES)}")
        try:
            if self.archive is not None:
                with self.archive.open(self.members[entry.name]) as file:
                    return file.read(entry.size)  # the declared size limits a member that is larger
            return (self.path / entry.name).read_bytes()
        except (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise unread(f"cannot be read: {reason(error)}", error) from error

    def contents(self) -> Iterator[Callable[[], bytes]]:
        """For each entry, a function that reads it."""
        return (partial(self.read, entry) for entry in self.entries)

    def fingerprint(self) -> str:
        """SHA-256 over names, sizes and stamps (dates in a folder, checksums in a zip)."""
        digest = hashlib.sha256()
        for entry in self.entries:
            digest.update(f"{entry.name}\0{entry.size}\0{entry.stamp}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()

    def only(self, entries: Iterable[Entry]) -> ImageFiles:
        """The same collection with only these entries."""
        return replace(self, entries=tuple(entries))

    def part(self, indices: Sequence[int]) -> ImageFiles:
        """The same collection with only the entries of these indices."""
        return self.only(self.entries[index] for index in indices)


def image_files(path: Path) -> ImageFiles:
    """Find the image files in a folder and its subfolders, or in a zip.

    If the suffix of a file is unknown, its first bytes determine whether it is an image. Hidden files, and members of a
    zip that are not safe to read, are skipped and counted.

    Raises:
        DataError: if there is no such folder or zip, it has no images, or the zip is damaged or a zip bomb.
    """
    path = Path(path)
    if path.is_dir():
        files = _folder_files(path)
    elif path.is_file():
        files = _zip_files(path)
    else:
        near = did_you_mean(path.name, _names_beside(path))
        raise DataError(f"There is no folder or zip {path}.{near}")
    if not files.entries:
        from ganzoo.data.reading.described import passed_over_line

        kinds = ", ".join(sorted(suffix[1:] for suffix in IMAGE_SUFFIXES))
        passed = passed_over_line(files.passed_over)
        raise DataError(
            f"{path} has no images. Supported formats: {kinds}.{' ' if passed else ''}{passed}{_shard_hint(files)}"
        )
    return files


def _shard_hint(files: ImageFiles) -> str:
    """The data source for a folder of shards."""
    suffixes = {suffix_of(entry.name) for entry in files.others}
    sources = [source for suffix, source in _SHARDS.items() if suffix in suffixes]
    return f". To read these shards: data.source={sources[0]}" if sources else ""


class _Sorted:
    """Collects the files of an ``ImageFiles`` and sorts them into images and others."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.others: list[Entry] = []
        self.passed_over: dict[str, list[str]] = {}

    def add(self, entry: Entry, head: bytes) -> None:
        """Add a file to the images or to the others."""
        suffix = suffix_of(entry.name)
        if suffix in IMAGE_SUFFIXES or (suffix not in UNREAD_SUFFIXES and format_of(head)):
            self.entries.append(entry)
            return
        self.others.append(entry)
        self.skip(entry.name, UNREAD if suffix in UNREAD_SUFFIXES else NOT_IMAGES)

    def skip(self, name: str, reason: str) -> None:
        """Count a file that is not read."""
        self.passed_over.setdefault(reason, []).append(name)

    def files(
        self, path: Path, archive: zipfile.ZipFile | None = None, members: Mapping[str, zipfile.ZipInfo] | None = None
    ) -> ImageFiles:
        by_name = {reason: tuple(sorted(names)) for reason, names in sorted(self.passed_over.items())}
        entries, others = (tuple(sorted(group, key=lambda entry: entry.name)) for group in (self.entries, self.others))
        return ImageFiles(path, entries, archive, members or {}, others, by_name)


def _is_known(name: str) -> bool:
    """Whether the suffix determines the type of a file, so that it need not be opened."""
    suffix = suffix_of(name)
    return suffix in IMAGE_SUFFIXES or suffix in NO_IMAGE_SUFFIXES or suffix in UNREAD_SUFFIXES


def _is_dropping(name: str) -> bool:
    return name.lower() in _DROPPINGS or name.startswith("._")


def _folder_files(root: Path) -> ImageFiles:
    found = _Sorted()
    for item, prefix in _walk(root):
        name = prefix + item.name
        if item.name.startswith("."):
            found.skip(name, HIDDEN)
            continue
        entry = _entry(item, name)
        found.add(entry, b"" if _is_known(name) or not entry.size else _head(item.path))
    return found.files(root)


def _walk(root: Path) -> Iterator[tuple[os.DirEntry[str], str]]:
    """Yield the files below ``root``, and hidden folders as a whole, in any order. Each real folder is visited once."""
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
                    if _is_dropping(item.name):
                        continue
                    if _is_folder(item) and not item.name.startswith("."):
                        waiting.append((item.path, f"{prefix}{item.name}/"))
                    else:
                        yield item, prefix
        except OSError as error:
            raise DataError(f"Cannot read the folder {folder}: {error.strerror or error}.") from error


def _is_folder(item: os.DirEntry[str]) -> bool:
    try:
        return item.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _entry(item: os.DirEntry[str], name: str) -> Entry:
    try:
        info = item.stat()
    except OSError:  # a dangling link, or one that leads to itself
        return Entry(name, 0, MISSING)
    size = info.st_size if stat.S_ISREG(info.st_mode) else 0  # never read from a pipe or a device
    return Entry(name, size, str(info.st_mtime_ns))


def _head(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError:
        return b""


def _names_beside(path: Path) -> list[str]:
    """The folders and zips next to a path that does not exist."""
    try:
        return [other.name for other in path.absolute().parent.iterdir() if other.is_dir() or other.suffix == ".zip"]
    except OSError:
        return []


def _zip_files(path: Path) -> ImageFiles:
    require_content(path, error=DataError)
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise DataError(
            f"{path} is not a folder or a readable zip: {reason(error)}. Name the folder that has the images."
        ) from error
    found = _Sorted()
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = _member_name(info)
        parts = name.split("/")
        if not name or name.endswith("/") or any(_is_dropping(part) for part in parts):
            continue
        skipped = HIDDEN if any(part.startswith(".") and part != ".." for part in parts) else _not_read(info, parts)
        if skipped:
            found.skip(name, skipped)
        else:
            members[name] = info  # of members with the same name the last counts, as in unpacking programs
    for name, info in members.items():
        head = b"" if _is_known(name) else _member_head(archive, info)
        found.add(Entry(name, info.file_size, f"{info.CRC:08x}"), head)
    for entry in found.entries:
        why = _bomb(members[entry.name])
        if why:
            archive.close()
            raise DataError(f"The zip {path} is rejected: its member {entry.name!r} {why}.")
    return found.files(path, archive, members)


def _member_name(info: zipfile.ZipInfo) -> str:
    """A member's name with forward slashes, independent of the system that created the zip.

    Some zips from Windows have backslashes. macOS writes UTF-8 without setting the UTF-8 flag, so Python decodes the
    name as code page 437.
    """
    # orig_filename: zipfile truncates ``filename`` at a null byte and replaces the system's separators by slashes.
    name = info.orig_filename
    if not info.flag_bits & 0x800:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    name = name.replace("\\", "/")
    while name.startswith("./"):  # as some programs write each name
        name = name[2:]
    return name


def _not_read(info: zipfile.ZipInfo, parts: list[str]) -> str:
    """The reason why a member is never read; empty if it may be read."""
    if ".." in parts or parts[0] == "" or ":" in parts[0] or "\0" in info.orig_filename:
        return ODD_NAMES
    if stat.S_ISLNK(info.external_attr >> 16):
        return LINKS
    return ENCRYPTED if info.flag_bits & 0x1 else ""


def _member_head(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """The first bytes of a member, without unpacking the rest."""
    try:
        with archive.open(info) as file:
            return file.read(HEAD_BYTES)
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
        return b""


def _bomb(info: zipfile.ZipInfo) -> str:
    """The reason to reject a zip with this image; empty if there is none."""
    if info.file_size > MAX_FILE_BYTES:
        return f"unpacks to {bytes_text(info.file_size)}"
    if info.file_size > _SMALL_BYTES and info.file_size > _MAX_RATIO * max(info.compress_size, 1):
        return f"unpacks to {info.file_size // max(info.compress_size, 1)} times its size"
    return ""
