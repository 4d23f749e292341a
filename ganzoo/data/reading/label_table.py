"""Reads labels from a table: a CSV with one row per image, or StyleGAN's dataset.json."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ganzoo.data.reading.archive import ImageFiles
from ganzoo.data.reading.collection import Entry, UnreadableError
from ganzoo.data.reading.formats import suffix_of
from ganzoo.data.reading.image_names import ImageNames, normal_name
from ganzoo.environment.git_lfs import WHAT, is_pointer
from ganzoo.errors import DataError, did_you_mean

CSV_FORM = re.compile(r"csv:(?P<file>(?![/\\~]|[A-Za-z]:).+?\.\w+)(?::(?P<column>[^:/\\]+))?")
"""A CSV and, optionally, its label column in ``data.classes``: ``csv:labels.csv`` or ``csv:labels.csv:species``.

The name is relative to the data, so that a config does not depend on the machine or the current folder.
"""

DATASET_JSON = "dataset.json"

_MAX_TABLE_BYTES = 64 << 20
_MOST_COLUMNS = 100
"""Number of columns that are searched for file names."""

_LABEL_NAMES = ("label", "labels", "class", "class_name", "classname", "category", "target", "y")


@dataclass(frozen=True)
class LabelTable:
    """The labels of a dataset.json by file name.

    Attributes:
        name: name of the table, for messages.
        folder: the folder inside the collection that file names are relative to, with a final slash, or empty.
        labels: label by file name, with forward slashes. Folders or the suffix may be missing.
    """

    name: str
    folder: str
    labels: Mapping[str, str]

    def label_of(self, names: Sequence[str]) -> list[str | None]:
        """The label of each file; None if the table has none. Files outside ``folder`` need a row with their full name.

        Raises:
            DataError: if one row matches several files.
        """
        found: list[str | None] = []
        used: dict[str, str] = {}
        for name in names:
            key = next((key for key in keys_of(name, self.folder) if key in self.labels), None)
            found.append(None if key is None else self.labels[key])
            if key is not None and used.setdefault(key, name) != name:
                raise DataError(
                    f"{self.name}: the row '{key}' matches two images, {used[key]} and {name}; "
                    "add the folders to the file names in the table."
                )
        return found


def keys_of(name: str, folder: str = "") -> Iterator[str]:
    """The forms of a file name in a table in ``folder``: with and without folders, with and without suffix."""
    full, folder = normal_name(name), normal_name(folder)
    suffix = len(suffix_of(full))
    inside = (full.removeprefix(folder), base_of(full)) if full.startswith(folder) else ()
    for form in (full, *inside):
        yield form
        yield form[: len(form) - suffix]


def base_of(name: str) -> str:
    """The name of a file without folders."""
    return name[name.rfind("/") + 1 :]


def find_dataset_json(files: ImageFiles) -> Entry | None:
    """The outermost dataset.json whose folder has images of ``files.entries``, or None."""
    return min(_tables(files, DATASET_JSON), key=lambda entry: entry.name.count("/"), default=None)


def _tables(files: ImageFiles, name: str) -> list[Entry]:
    """The tables of this base name, without those of folders that have no image to label, such as another split."""
    found = [entry for entry in files.others if base_of(entry.name) == name]
    return [
        table for table in found if any(image.name.startswith(table.name.removesuffix(name)) for image in files.entries)
    ]


def read_dataset_json(files: ImageFiles, entry: Entry) -> LabelTable | None:
    """Read the labels of StyleGAN's dataset.json, ``{"labels": [[file name, class], ...]}``; None if they are null.

    A class is an integer, or a one-hot list.

    Raises:
        DataError: if the file has another form, or the system cannot read it (then the cause is an UnreadableError).
    """
    try:
        content = json.loads(_bounded_text(files, entry))
        rows = content["labels"]
        if rows is None:
            return None
        labels = {_json_name(name): _json_label(label) for name, label in rows}
    except UnreadableError as error:
        raise DataError(f"{entry.name} in {files.path} {error}.") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(
            f"{entry.name} in {files.path} is not a dataset.json of StyleGAN, "
            f'{{"labels": [["00000/img00000000.png", 0], ...]}} ({str(error)[:100] or type(error).__name__}).'
        ) from error
    return LabelTable(entry.name, entry.name.removesuffix(DATASET_JSON), labels)


def _json_name(name: Any) -> str:
    if not isinstance(name, str):
        raise ValueError(f"a file name is {str(name)[:50]}; allowed: a text")
    return normal_name(name)


def _json_label(label: Any) -> str:
    if isinstance(label, int):
        return str(int(label))
    if isinstance(label, list) and [value for value in label if value != 0] == [1]:
        return str(label.index(1))
    raise ValueError(f"a label is {str(label)[:50]}; allowed: an integer or a one-hot list")


def read_csv(
    files: ImageFiles, spec: str, *, collection: Sequence[str] = ()
) -> tuple[str, list[str | None], str | None]:
    """Read the labels of the CSV in ``csv:FILE`` or ``csv:FILE:COLUMN``.

    A row labels the image whose path ends with the path in the row, or the reverse, with or without suffix. If no path
    fits, because a folder has another name, the base name decides, if only one image has it.

    Args:
        files: the images to label. The CSV may be inside the collection or next to it.
        spec: the value of ``data.classes``.
        collection: the names of all images, also those of other splits. Default: those of ``files``.

    Returns:
        The name of the CSV; the label of each image, None without one; and the name of the CSV inside the collection,
        or None if it is outside.

    Raises:
        DataError: if there is no such file, its columns are ambiguous, or a row matches several images.
    """
    form = CSV_FORM.fullmatch(spec)
    if form is None:
        raise DataError(f"received '{spec}'; allowed: csv:labels.csv or csv:labels.csv:COLUMN.")
    name, column = form["file"], form["column"]
    text, inside = _csv_text(files, name)
    rows = _rows(text, name)
    images = [entry.name for entry in files.entries]
    known = ImageNames(collection or images)
    width = max(len(row) for row in rows)
    hits = [
        sum(bool(known.matches(row[index]).images) for row in rows if index < len(row))
        for index in range(min(width, _MOST_COLUMNS))
    ]
    if not max(hits):
        raise DataError(f"No row of {name} matches an image in {files.path}, for example '{images[0]}'.")
    key_column = hits.index(max(hits))
    has_header = not known.matches(rows[0][key_column] if key_column < len(rows[0]) else "").images
    header = rows[0] if has_header else [str(number + 1) for number in range(width)]
    label_column = _label_column(header, key_column, column, name)
    cells = [
        (row[key_column], row[label_column].strip())
        for row in (rows[1:] if has_header else rows)
        if len(row) > max(key_column, label_column) and row[label_column].strip()
    ]
    labels = _labels(cells, known, set(images), name)
    return name, [labels.get(image) for image in images], inside


def _labels(cells: Sequence[tuple[str, str]], known: ImageNames, chosen: set[str], name: str) -> dict[str, str]:
    """The label of each chosen image that has one. Of several rows for an image, the most exact ones count."""
    found = sorted(((known.matches(cell), cell, label) for cell, label in cells), key=lambda row: row[0].looseness)
    labels: dict[str, str] = {}
    looseness: dict[str, int] = {}
    for match, cell, label in found:
        images = [image for image in match.images if looseness.get(image, match.looseness) == match.looseness]
        images = [image for image in images if image in chosen]
        if len(images) > 1:
            raise DataError(
                f"{name}: the row '{normal_name(cell)}' matches two images, {images[0]} and {images[1]}; "
                "add the folders to the file names in the table."
            )
        for image in images:
            if labels.setdefault(image, label) != label:
                raise DataError(f"{name} lists '{image}' twice, as '{labels[image]}' and as '{label}'.")
            looseness[image] = match.looseness
    return labels


def _csv_text(files: ImageFiles, name: str) -> tuple[str, str | None]:
    wanted = normal_name(name)
    inside = next((entry for entry in files.others if entry.name == wanted), None)
    if inside is None:
        same = _tables(files, wanted)
        inside = same[0] if len(same) == 1 else None
    try:
        if inside is not None:
            return _bounded_text(files, inside), inside.name
        path = files.path.absolute().parent / name
        if not path.is_file():
            tables = [entry.name for entry in files.others if entry.name.lower().endswith((".csv", ".tsv", ".txt"))]
            near = did_you_mean(name, tables)
            raise DataError(f"There is no '{name}' in {files.path} or next to it.{near}")
        _check_size(path.stat().st_size)
        return _text(path.read_bytes()), None
    except (OSError, ValueError) as error:
        raise DataError(f"Cannot read '{name}': {error}.") from error


def _bounded_text(files: ImageFiles, entry: Entry) -> str:
    _check_size(entry.size)
    return _text(files.read(entry))


def _check_size(size: int) -> None:
    if size > _MAX_TABLE_BYTES:
        raise ValueError(f"it has {size >> 20} MB; the limit is {_MAX_TABLE_BYTES >> 20}")


def _text(data: bytes) -> str:
    if is_pointer(data):
        raise ValueError(f"it is {WHAT}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _rows(text: str, name: str) -> list[list[str]]:
    first = text.partition("\n")[0]
    delimiter = max(",;\t|", key=first.count)
    try:
        if not first.count(delimiter):  # "name label", as in many lists of images
            rows = [line.split() for line in text.splitlines()]
        else:
            rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise DataError(f"{name} is not a CSV: {error}.") from error
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    if not rows or max(len(row) for row in rows) < 2:
        raise DataError(f"{name} is not a table with a column of file names and a column of labels.")
    return rows


def _label_column(header: Sequence[str], key_column: int, wanted: str | None, name: str) -> int:
    names = [cell.strip().lower() for cell in header]
    rest = [index for index in range(len(header)) if index != key_column]
    listed = ", ".join(header[index].strip() for index in rest[:20])
    if wanted is not None:
        if wanted.lower() in names:
            return names.index(wanted.lower())
        if wanted.isdecimal() and 1 <= int(wanted) <= len(header):
            return int(wanted) - 1
        raise DataError(f"{name} has no column '{wanted}'.{did_you_mean(wanted, header)} Columns: {listed}.")
    usual = [index for index in rest if names[index] in _LABEL_NAMES]
    found = rest if len(rest) == 1 else usual
    if len(found) != 1:
        raise DataError(f"Choose the label column: data.classes=csv:{name}:COLUMN. Columns: {listed}.")
    return found[0]
