"""Reads images from tar shards in WebDataset's convention: files with the same name up to the first dot are one sample.

``0001.jpg`` and ``0001.cls`` are the sample ``0001``. The shards are read in place. Nothing is unpacked, so names and
links in a shard have no effect outside it. Only regular files are read. A compressed tar is refused, since it has to be
unpacked from the start for each image.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from ganzoo.data.reading.archive import HIDDEN, LINKS, MAX_FILE_BYTES
from ganzoo.data.reading.collection import Entry, unread
from ganzoo.data.reading.shards import Shard
from ganzoo.environment.quantities import bytes_text
from ganzoo.errors import DataError, reason

if TYPE_CHECKING:
    from tarfile import TarInfo

ODD_NAMES, SPECIAL, REPEATED = "its name points outside the tar", "not a regular file", "a later file has its name"

_MAX_HEADER = 1 << 20
"""Largest number of bytes that a long name or an extended header may have. Longest names of file systems: 4 kB."""
_BLOCK = 512


class Place(NamedTuple):
    """Where a file is: the number of its shard, its name in the shard, the offset of its first byte, and its size."""

    shard: int
    name: str
    offset: int
    size: int


class Sample(NamedTuple):
    """A sample: ``shard:key``, and its files by extension, in lower case and without the first dot."""

    name: str
    files: dict[str, Place]


@dataclass(frozen=True)
class TarImages:
    """One image of each sample. The name of an image is ``shard:file``.

    Attributes:
        path: the file, folder or glob.
        shards: the shards.
        places: where the images are.
        entries: one entry for each of ``places``.
        passed_over: names of files that are not read, by reason.
    """

    has_suffixes: ClassVar[bool] = True

    path: Path
    shards: tuple[Shard, ...]
    places: tuple[Place, ...]
    entries: tuple[Entry, ...]
    passed_over: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, path: Path, shards: Sequence[Shard], places: Sequence[Place], passed_over: Mapping[str, tuple[str, ...]]
    ) -> TarImages:
        """The images at these places."""
        entries = tuple(Entry(f"{shards[place.shard].name}:{place.name}", place.size, "") for place in places)
        return cls(path, tuple(shards), tuple(places), entries, passed_over)

    def __len__(self) -> int:
        return len(self.entries)

    def part(self, indices: Sequence[int]) -> TarImages:
        """The same images with only the entries of these indices."""
        return replace(
            self,
            places=tuple(self.places[index] for index in indices),
            entries=tuple(self.entries[index] for index in indices),
        )

    def fingerprint(self) -> str:
        """SHA-256 over the names and stamps of the shards, and the names and sizes of the images."""
        digest = hashlib.sha256()
        for shard in self.shards:
            digest.update(f"{shard.name}\0{shard.stamp}\n".encode(errors="surrogateescape"))
        for entry in self.entries:
            digest.update(f"{entry.name}\0{entry.size}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()

    def contents(self) -> Iterator[Callable[[], bytes]]:
        """For each entry, a function that reads it."""
        return (partial(read_file, self.shards, place) for place in self.places)


def read_file(shards: Sequence[Shard], place: Place) -> bytes:
    """The content of a file.

    Raises:
        ValueError: if it is empty or too large. The message is the reason.
        UnreadableError: if the system cannot read it.
    """
    if place.size == 0:
        raise ValueError("the file is empty")
    if place.size > MAX_FILE_BYTES:
        raise ValueError(f"the file has {bytes_text(place.size)}; the limit is {bytes_text(MAX_FILE_BYTES)}")
    try:
        with shards[place.shard].path.open("rb") as file:
            file.seek(place.offset)
            return file.read(place.size)
    except OSError as error:
        raise unread(f"cannot be read: {reason(error)}", error) from error


def find_samples(shards: Sequence[Shard]) -> tuple[list[Sample], dict[str, tuple[str, ...]]]:
    """The samples of the shards in order, and the names of files that are not read, by reason.

    Of files with the same name the last counts, as in unpacking programs.

    Raises:
        DataError: if a shard is not a tar, is compressed, or is damaged.
    """
    samples: list[Sample] = []
    passed_over: dict[str, list[str]] = {}
    for number, shard in enumerate(shards):
        found: dict[str, Sample] = {}
        for member in _members(shard):
            name = member.name.removeprefix("./")
            why = _not_read(member, name)
            if why is not None:
                if why:
                    passed_over.setdefault(why, []).append(f"{shard.name}:{name}")
                continue
            folder, slash, base = name.rpartition("/")
            stem, _, extension = base.partition(".")
            key = f"{folder}{slash}{stem}"
            sample = found.setdefault(key, Sample(f"{shard.name}:{key}", {}))
            if extension.lower() in sample.files:
                passed_over.setdefault(REPEATED, []).append(f"{shard.name}:{name}")
            sample.files[extension.lower()] = Place(number, name, member.offset_data, member.size)
        samples.extend(found.values())
    return samples, {why: tuple(names) for why, names in sorted(passed_over.items())}


def _not_read(member: TarInfo, name: str) -> str | None:
    """The reason why a member is not read, empty if it need not be counted; None for a file that is read."""
    parts = name.split("/")
    if member.isdir() or not parts[-1]:
        return ""
    if member.issym() or member.islnk():
        return LINKS
    if not member.isreg() or member.issparse():
        return SPECIAL
    if ".." in parts or parts[0] == "" or ":" in parts[0] or "\\" in name or "\0" in name:
        return ODD_NAMES
    if any(part.startswith(".") or part == "__MACOSX" for part in parts):
        return HIDDEN
    return None


def _members(shard: Shard) -> Iterator[TarInfo]:
    """All members of a shard. Only their headers are read."""
    import tarfile

    last = "the start"
    try:
        with shard.path.open("rb") as raw:
            _refuse_others(shard.path, raw.read(_BLOCK))
            raw.seek(0)
            total = raw.seek(0, io.SEEK_END)
            raw.seek(0)
            tar = tarfile.open(fileobj=_Headers(raw), mode="r:")  # type: ignore[call-overload]  # noqa: SIM115 - it has no resources
            end = -1
            while (member := tar.next()) is not None:
                tar.members.clear()  # it would keep the headers of all members
                size = 0 if member.issparse() or not member.isreg() else member.size
                if member.offset <= end or size < 0 or member.offset_data + size > total:
                    raise tarfile.ReadError(f"the size of {member.name[:100]!a} is wrong, or the end is missing")
                end, last = member.offset, member.name
                yield member
            raw.seek(min(tar.offset, total))
            if raw.read(_BLOCK).strip(b"\0"):  # tarfile takes a damaged header for the end
                raise tarfile.ReadError("a header is damaged")
    except (tarfile.TarError, OSError, ValueError, OverflowError, RecursionError, EOFError) as error:
        raise DataError(
            f"{shard.path} is truncated or damaged after {last[:100]}: {reason(error)}. Download it again, or "
            "remove it."
        ) from error


class _Headers:
    """The part of a file object that ``tarfile`` uses to read headers. It does not read more than a header can have."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _MAX_HEADER:
            raise ValueError(f"a header claims to have {bytes_text(size)}")
        return self._file.read(size)


def _refuse_others(path: Path, head: bytes) -> None:
    if not head:
        raise DataError(f"{path} is empty, not a tar.")
    if head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")):
        raise DataError(
            f"{path} is compressed. Decompress it first, for example with gunzip; images hardly compress further."
        )
    if head.lstrip().lower().startswith((b"<!doctype", b"<html")):
        raise DataError(f"{path} is a web page, not a tar.")
