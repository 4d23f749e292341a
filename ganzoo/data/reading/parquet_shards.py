"""Reads encoded images from parquet shards, as datasets on the Hugging Face Hub have them.

An image is in a binary column, or in the field ``bytes`` of a struct column. The shards are read row group by row
group. Only pages of one row group are in memory (``datasets`` writes row groups of 100 images), not whole shards. A
path in a shard is never opened.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ganzoo.data.reading.archive import MAX_FILE_BYTES
from ganzoo.data.reading.collection import Entry, unread
from ganzoo.data.reading.shards import Shard
from ganzoo.environment.quantities import bytes_text
from ganzoo.errors import DataError, did_you_mean, reason

BATCH = 16
"""Rows that are read at a time. Photographs can have 10 MB each."""

_BUFFER = 1 << 20
_MAGIC = b"PAR1"


@dataclass(frozen=True)
class ParquetShard:
    """A parquet file and the content of its footer.

    Attributes:
        shard: the file.
        schema: the columns, a ``pyarrow.Schema``.
        groups: number of rows in each row group.
    """

    shard: Shard
    schema: Any
    groups: tuple[int, ...]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return sum(self.groups)

    @cached_property
    def features(self) -> Mapping[str, Any]:
        """The types of the columns in the ``datasets`` library, by column; empty if another program wrote the shard.

        The library stores them as JSON under the key ``huggingface`` of the schema's metadata.
        """
        try:
            found = json.loads((self.schema.metadata or {})[b"huggingface"])["info"]["features"]
        except (KeyError, ValueError, TypeError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def feature(self, column: str) -> Mapping[str, Any]:
        """The type of a column in the ``datasets`` library."""
        found = self.features.get(column)
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class ParquetImages:
    """The images in a column of parquet shards. The name of an image is ``shard:row``; the first row is 0.

    Attributes:
        path: the file, folder or glob.
        shards: the shards.
        column: name of the image column.
        rows: the rows that are read, counted over all shards, in ascending order.
        entries: one entry for each of ``rows``.
        passed_over: empty; every row is an entry.
    """

    has_suffixes: ClassVar[bool] = False

    path: Path
    shards: tuple[ParquetShard, ...]
    column: str
    rows: NDArray[np.int64]
    entries: tuple[Entry, ...]
    passed_over: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, path: Path, shards: Sequence[ParquetShard], column: str) -> ParquetImages:
        """All rows of the shards."""
        entries = tuple(Entry(f"{shard.shard.name}:{row}", 0, "") for shard in shards for row in range(shard.rows))
        return cls(path, tuple(shards), column, np.arange(len(entries)), entries)

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, indices: Sequence[int]) -> ParquetImages:
        """The same images with only the entries of these indices, which ascend."""
        return replace(self, rows=self.rows[list(indices)], entries=tuple(self.entries[index] for index in indices))

    def fingerprint(self) -> str:
        """SHA-256 over the names and stamps of the shards, the column and the rows."""
        digest = hashlib.sha256(repr(self.column).encode())
        for shard in self.shards:
            digest.update(f"{shard.shard.name}\0{shard.shard.stamp}\0{shard.rows}\n".encode(errors="surrogateescape"))
        digest.update(np.ascontiguousarray(self.rows, "<i8").data)
        return digest.hexdigest()

    def contents(self) -> Iterator[Callable[[], bytes]]:
        """For each entry, a function that returns its bytes. The rows are read one batch after the other."""
        first = 0
        for shard in self.shards:
            last = first + shard.rows
            if self._wanted(first, last).size:
                yield from self._contents_of(shard, first)
            first = last

    def _contents_of(self, shard: ParquetShard, first: int) -> Iterator[Callable[[], bytes]]:
        with _open(shard.shard) as file:
            for group, count in enumerate(shard.groups):
                wanted = self._wanted(first, first + count) - first
                if wanted.size:
                    yield from _group_contents(file, group, binary_leaf(shard, self.column), wanted.tolist())
                first += count

    def _wanted(self, first: int, last: int) -> NDArray[np.int64]:
        start, end = np.searchsorted(self.rows, (first, last))
        return self.rows[start:end]


def open_shards(shards: Sequence[Shard]) -> list[ParquetShard]:
    """Read the footers of the shards.

    Raises:
        DataError: if a file is not a parquet file, or is truncated.
    """
    found = []
    for shard in shards:
        with _open(shard) as file, reading(shard):
            metadata, schema = file.metadata, file.schema_arrow
            schema.to_string()  # fails if a name is not UTF-8
            groups = tuple(metadata.row_group(index).num_rows for index in range(metadata.num_row_groups))
            if any(count < 0 for count in groups):
                raise DataError(f"{shard.path} is damaged: a row group has {min(groups)} rows.")
            found.append(ParquetShard(shard, schema, groups))
    return found


def choose_column(shards: Sequence[ParquetShard], column: str | None) -> str:
    """The name of the image column, the same in all shards.

    Raises:
        DataError: if there is no such column, it has no encoded images, or several columns have them.
    """
    chosen = _image_column(shards[0]) if column is None else column
    for shard in shards:
        require_column(shard, chosen, field="column")
        binary_leaf(shard, chosen)
    return chosen


def require_column(shard: ParquetShard, column: str, *, field: str) -> Any:
    """The type of a column.

    Raises:
        DataError: if the shard has no such column, or several.
    """
    names = shard.schema.names
    if names.count(column) != 1:
        has = "several columns" if column in names else "no column"
        raise DataError(
            f"{shard.shard.path} has {has} '{column}' (data.{field}).{did_you_mean(column, names)} "
            f"Columns: {', '.join(names)}."
        )
    return shard.schema.field(column).type


def binary_leaf(shard: ParquetShard, column: str) -> str:
    """The path of the binary values of an image column: the column, or the field ``bytes`` in it.

    Raises:
        DataError: if the column has no encoded images.
    """
    kind = shard.schema.field(column).type
    leaf = _leaf(column, kind)
    if leaf is None:
        raise DataError(
            f"The column '{column}' of {shard.shard.path} is {str(kind)[:80]}, not encoded images (binary, or a struct "
            f"with the binary field 'bytes').{_instead(shard)}"
        )
    return leaf


def plain(kind: Any) -> Any:
    """The type of the values of a dictionary-encoded column; every other type as it is."""
    from pyarrow import types

    return kind.value_type if types.is_dictionary(kind) else kind


@contextlib.contextmanager
def reading(shard: Shard) -> Iterator[None]:
    """Raise errors of pyarrow in the block as one line about the shard.

    Raises:
        DataError: if the shard cannot be read.
    """
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, OSError, ValueError, MemoryError) as error:
        raise DataError(f"{shard.path} cannot be read: {reason(error)}. Download it again, or remove it.") from error


@contextlib.contextmanager
def _open(shard: Shard) -> Iterator[Any]:
    from pyarrow.parquet import ParquetFile

    _check_ends(shard.path)
    with reading(shard):
        # Without a buffer size, or with pre_buffer, pyarrow reads the whole column of a row group at once.
        file = ParquetFile(shard.path, buffer_size=_BUFFER, pre_buffer=False)
    with file:
        yield file


def opened(shard: ParquetShard) -> contextlib.AbstractContextManager[Any]:
    """The open ``pyarrow.parquet.ParquetFile`` of a shard."""
    return _open(shard.shard)


def _check_ends(path: Path) -> None:
    """Refuse a file without the first or last bytes of a parquet file, with a better message than pyarrow's."""
    try:
        with path.open("rb") as file:
            head = file.read(64)
            file.seek(max(0, path.stat().st_size - len(_MAGIC)))
            tail = file.read()
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror or error}.") from error
    if not head:
        raise DataError(f"{path} is empty, not a parquet file.")
    if not head.startswith(_MAGIC):
        page = " (it is a web page)" if head.lstrip().lower().startswith((b"<!doctype", b"<html")) else ""
        raise DataError(f"{path} is not a parquet file{page}.")
    if tail != _MAGIC:
        raise DataError(f"{path} is truncated: the end of the parquet file is missing. Download it again.")


def _image_column(shard: ParquetShard) -> str:
    names = _candidates(shard)
    images = [name for name in names if shard.feature(name).get("_type") == "Image"]
    found = images if len(images) == 1 else names
    if not found:
        columns = ", ".join(f"{name} ({str(shard.schema.field(name).type)[:40]})" for name in set(shard.schema.names))
        raise DataError(f"{shard.shard.path} has no column of encoded images. Columns: {columns or 'none'}.")
    if len(found) > 1:
        raise DataError(
            f"{shard.shard.path} has several columns of encoded images. Choose one: data.column={found[0]} "
            f"(columns: {', '.join(found)})"
        )
    return found[0]


def _candidates(shard: ParquetShard) -> list[str]:
    """The columns that can have encoded images. Audio has the same form."""
    return [
        name
        for name in shard.schema.names
        if shard.schema.names.count(name) == 1
        and _leaf(name, shard.schema.field(name).type) is not None
        and shard.feature(name).get("_type") not in ("Audio", "Video", "Pdf")
    ]


def _instead(shard: ParquetShard) -> str:
    names = _candidates(shard)
    return f" Columns with images: {', '.join(names)}." if names else ""


def _leaf(column: str, kind: Any) -> str | None:
    from pyarrow import types

    if _is_binary(kind):
        return column
    if types.is_struct(kind) and kind.get_field_index("bytes") >= 0 and _is_binary(kind.field("bytes").type):
        return f"{column}.bytes"
    return None


def _is_binary(kind: Any) -> bool:
    from pyarrow import types

    tests = (types.is_binary, types.is_large_binary, types.is_fixed_size_binary, types.is_binary_view)
    return any(test(plain(kind)) for test in tests)


def _group_contents(file: Any, group: int, leaf: str, wanted: list[int]) -> Iterator[Callable[[], bytes]]:
    from pyarrow import ArrowException, types

    done = first = 0
    failure = ValueError("its row group has fewer rows than the footer of the shard says")
    try:
        for batch in file.iter_batches(batch_size=BATCH, row_groups=[group], columns=[leaf], use_threads=False):
            values = batch.column(0)
            if types.is_struct(values.type):
                values = values.field("bytes")
            while done < len(wanted) and wanted[done] < first + len(values):
                yield partial(_content, values[wanted[done] - first].as_py())
                done += 1
            first += len(values)
            if done == len(wanted):
                return
    except (ArrowException, OSError, MemoryError) as error:
        failure = unread(f"its row group cannot be read: {reason(error)}", error)
    for _ in wanted[done:]:
        yield partial(_fail, failure)


def _content(data: bytes | None) -> bytes:
    if data is None:
        raise ValueError("the image is null, or only a path to a file outside the shard")
    if len(data) > MAX_FILE_BYTES:
        raise ValueError(f"the image has {bytes_text(len(data))}; the limit is {bytes_text(MAX_FILE_BYTES)}")
    return data


def _fail(failure: ValueError) -> bytes:
    raise failure
