"""Collections of encoded images: what the decoder needs of a folder, a zip or shards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol


class Entry(NamedTuple):
    """One file: its name inside the collection with forward slashes, its size in bytes, and a stamp of its content."""

    name: str
    size: int
    stamp: str


class UnreadableError(ValueError):
    """The system could not read an image: no permission, a failing disk, a folder that vanished. Later it may."""


def unread(why: str, error: Exception) -> ValueError:
    """Return the exception for an image that cannot be read: UnreadableError if the reason is the system's.

    Other libraries also raise OSError for damaged content. It then has no error number.
    """
    is_of_system = isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno is not None)
    return UnreadableError(why) if is_of_system else ValueError(why)


class ImageCollection(Protocol):
    """Encoded images in a fixed order.

    Attributes:
        path: the file or folder, for messages.
        entries: the images.
        has_suffixes: whether the names of the entries end with the suffix of the image's format.
        passed_over: names of everything that is not in ``entries``, by reason.
    """

    @property
    def path(self) -> Path: ...
    @property
    def entries(self) -> Sequence[Entry]: ...
    @property
    def has_suffixes(self) -> bool: ...
    @property
    def passed_over(self) -> Mapping[str, tuple[str, ...]]: ...

    def __len__(self) -> int: ...

    def contents(self) -> Iterator[Callable[[], bytes]]:
        """For each entry, a function that returns its content. It can be called in another thread.

        The function raises ValueError with the reason if the image cannot be read, UnreadableError if the reason is the
        system's and not the content.
        """

    def fingerprint(self) -> str:
        """A digest that changes with the content."""

    def part(self, indices: Sequence[int]) -> ImageCollection:
        """The collection with only the entries of these indices, which ascend."""


@dataclass(frozen=True)
class LabeledImages:
    """A collection and its labels.

    Attributes:
        files: the images.
        labels: one label per image, or None.
        class_names: one name per class, in label order.
        notes: guesses, one line each, with the config field that changes the guess.
        passed_over: names of images that are not used, by reason.
    """

    files: ImageCollection
    labels: Sequence[int] | None = None
    class_names: tuple[str, ...] = ()
    notes: Sequence[str] = ()
    passed_over: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
