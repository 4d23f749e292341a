"""Finds the layout of a collection of images: the files for training, and their classes.

If the config does not describe the layout, it is guessed. Every guess is a note that names the field to change it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from ganzoo.data.reading.archive import NOT_IMAGES, ImageFiles
from ganzoo.data.reading.collection import UnreadableError
from ganzoo.data.reading.described import listed
from ganzoo.data.reading.label_order import natural_order
from ganzoo.data.reading.label_table import CSV_FORM, find_dataset_json, read_csv, read_dataset_json
from ganzoo.data.reading.splits import choose_split, most_stray
from ganzoo.errors import DataError, did_you_mean

CLASSES = ("auto", "folder", "dataset_json", "none")
"""Values of ``data.classes`` next to ``csv:FILE`` and ``csv:FILE:COLUMN``."""


@dataclass
class Layout:
    """The files to train on and their labels.

    Attributes:
        files: the images to use.
        labels: one label per image, or None.
        class_names: one name per class, in label order (natural order).
        notes: guesses, one line each, with the field that changes the guess.
        passed_over: names of files that are not used, by reason.
    """

    files: ImageFiles
    labels: list[int] | None = None
    class_names: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)
    passed_over: dict[str, tuple[str, ...]] = field(default_factory=dict)


def check_classes(classes: str) -> str:
    """Return ``classes`` if it is a valid value of ``data.classes``.

    Raises:
        ValueError: if not.
    """
    if classes in CLASSES or CSV_FORM.fullmatch(classes):
        return classes
    allowed = f"{', '.join(CLASSES)}, csv:labels.csv or csv:labels.csv:COLUMN"
    if re.match(r"csv:([/\\~]|[A-Za-z]:)", classes):
        raise ValueError(
            f"received '{classes}', but the name of the CSV must be relative to the data: csv:labels.csv for a file "
            "in the folder or zip, or next to it"
        )
    raise ValueError(f"received '{classes}'; allowed: {allowed}.{did_you_mean(classes, CLASSES)}")


def arranged(files: ImageFiles, *, classes: str = "auto", split: str = "auto") -> Layout:
    """Choose the split and find the labels.

    Args:
        files: all images of the collection.
        classes: source of the labels: ``folder`` (the top-level folders), ``dataset_json`` (StyleGAN's file),
            ``csv:FILE``, ``none``, or ``auto``: dataset.json if it exists, else the folders. A dataset.json in a folder
            without chosen images, such as another split, is not used.
        split: ``auto`` uses the folder ``train`` if folders are named train, test and so on. Or the name of a folder,
            ``all`` for all folders, ``none`` if these folders are not splits.

    Raises:
        DataError: if the file or folder of ``classes`` or ``split`` does not exist, or no image has a label.
    """
    layout = Layout(files, passed_over=dict(files.passed_over))
    chosen = choose_split(files, split)
    if chosen.note:
        layout.notes.append(chosen.note)
    layout.files = files.only(files.entries[index] for index in chosen.kept)
    _pass_over(layout, "outside the splits", chosen.stray)
    names = chosen.names
    if classes == "auto":
        _guess(layout, names)
    elif classes == "folder":
        _by_folder(layout, names)
    elif classes == "dataset_json":
        _by_dataset_json(layout)
    elif classes != "none":
        name, labels, inside = read_csv(layout.files, classes, collection=[entry.name for entry in files.entries])
        _use_table(layout, name, labels, inside=inside)
    return layout


def _guess(layout: Layout, names: Sequence[str]) -> None:
    entry = find_dataset_json(layout.files)
    if entry is not None and _guess_dataset_json(layout):
        return
    labels, folders, stray = class_folders(names)
    if not folders:
        tables = [other.name for other in layout.files.others if other.name.lower().endswith((".csv", ".tsv"))]
        if tables:
            layout.notes.append(
                f"No labels: {listed(tables)} is not used (if it has labels: data.classes=csv:{tables[0]})"
            )
        return
    if stray > most_stray(len(names)):
        layout.notes.append(
            f"No labels: {stray} of {len(names)} images are outside the folders {listed(folders)} "
            "(data.classes=folder uses the folders as classes and skips these images)"
        )
        return
    layout.notes.append("Classes: the folders (data.classes=none if they are not classes)")
    _apply(layout, labels, folders, "outside the class folders")


def _guess_dataset_json(layout: Layout) -> bool:
    """Use dataset.json if it is StyleGAN's. True if it determines the labels, or that there are none."""
    entry = find_dataset_json(layout.files)
    try:
        table = entry and read_dataset_json(layout.files, entry)
    except DataError as error:  # a dataset.json of another program, or damaged
        if isinstance(error.__cause__, UnreadableError):
            raise
        layout.notes.append(f"{error} It is not used.")
        return False
    if table is None or entry is None:
        layout.notes.append("No labels: dataset.json has none (data.classes=folder uses the folders as classes)")
        _used(layout, entry.name if entry else None)
        return True
    labels = table.label_of([file.name for file in layout.files.entries])
    unlisted = sum(label is None for label in labels)
    if unlisted > most_stray(len(labels)):
        layout.notes.append(
            f"dataset.json labels {len(labels) - unlisted} of {len(labels)} images and is not used "
            "(data.classes=dataset_json uses it and skips the other images)"
        )
        return False
    _use_table(layout, table.name, labels, inside=entry.name)
    layout.notes.append(
        "Classes: the labels in dataset.json, not the folders (to ignore it: data.classes=folder or none)"
    )
    return True


def _by_folder(layout: Layout, names: Sequence[str]) -> None:
    labels, folders, _ = class_folders(names)
    if not folders:
        raise DataError(
            f"data.classes=folder, but {layout.files.path} does not have two or more class folders; to train without "
            "labels set data.classes=none"
        )
    _apply(layout, labels, folders, "outside the class folders")


def _by_dataset_json(layout: Layout) -> None:
    entry = find_dataset_json(layout.files)
    if entry is None:
        raise DataError(f"data.classes=dataset_json, but there is no dataset.json in {layout.files.path}.")
    table = read_dataset_json(layout.files, entry)
    if table is None:
        raise DataError(f"{entry.name} in {layout.files.path} has no labels; set data.classes=none or folder.")
    labels = table.label_of([image.name for image in layout.files.entries])
    _use_table(layout, table.name, labels, inside=entry.name)


def _use_table(layout: Layout, name: str, labels: Sequence[str | None], *, inside: str | None) -> None:
    names = natural_order({label for label in labels if label is not None})
    if not names:
        raise DataError(f"{name} has no label for any image in {layout.files.path}.")
    _used(layout, inside)
    _apply(layout, labels, tuple(names), f"without a label in {name}")


def _apply(layout: Layout, labels: Sequence[str | None], class_names: Sequence[str], reason: str) -> None:
    """Keep the images that have a label."""
    number = {name: label for label, name in enumerate(class_names)}
    entries = layout.files.entries
    _pass_over(layout, reason, [entry.name for entry, label in zip(entries, labels, strict=True) if label is None])
    layout.files = layout.files.only(entry for entry, label in zip(entries, labels, strict=True) if label is not None)
    layout.labels = [number[label] for label in labels if label is not None]
    layout.class_names = tuple(class_names)


def _pass_over(layout: Layout, reason: str, names: Sequence[str]) -> None:
    if names:
        layout.passed_over[reason] = (*layout.passed_over.get(reason, ()), *names)


def _used(layout: Layout, name: str | None) -> None:
    """Remove a file from ``passed_over``, because it was used as a table of labels."""
    rest = tuple(other for other in layout.passed_over.get(NOT_IMAGES, ()) if other != name)
    layout.passed_over.pop(NOT_IMAGES, None)
    if rest:
        layout.passed_over[NOT_IMAGES] = rest


def class_folders(names: Sequence[str]) -> tuple[list[str | None], tuple[str, ...], int]:
    """Find classes at the first level with two or more folders.

    Common parent folders are skipped: ``photos/cats/1.jpg``, ``photos/dogs/2.jpg``.

    Returns:
        The folder of each name, None for an image outside the folders; the folders in natural order, empty without
        classes; and the number of images outside.
    """
    known: dict[str, list[str]] = {}
    paths = [_folders(name, known) for name in names]
    depth = 0
    while True:
        folders = {parts[depth] for parts in paths if len(parts) > depth}
        if not folders:
            return [None] * len(names), (), len(names)
        if len(folders) > 1:
            labels = [parts[depth] if len(parts) > depth else None for parts in paths]
            return labels, tuple(natural_order(folders)), labels.count(None)
        depth += 1


def _folders(name: str, known: dict[str, list[str]]) -> list[str]:
    """The folders of a name. A backslash also separates: unpacking programs keep it in names from Windows."""
    folder, slash, _ = name.replace("\\", "/").rpartition("/")
    if folder not in known:
        known[folder] = unicodedata.normalize("NFC", folder).split("/") if slash else []
    return known[folder]
