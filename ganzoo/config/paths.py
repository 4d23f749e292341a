"""Finds the values of a config that are paths on this machine, by the type of their field, and makes them absolute.

A field is a path if its annotation mentions ``pathlib.Path`` (or pydantic's ``FilePath``, ``DirectoryPath``), alone, in
a union or in a container, in any part and in any plug-in. A text that may be a path or a public name is declared
``Annotated[str, NAME_OR_PATH]``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from pathlib import Path, PurePath
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ganzoo.config.annotations import mentioned

Kind = Literal["text", "path", "name"]
"""What a text in a config is: a path, a name that may be a path, or any other text."""
Edit = Callable[[Kind, str], Any]

NAME_OR_PATH = "ganzoo: a public name or a path"
"""Mark of a ``str`` field for a name, which means the same everywhere, or a path of this machine."""
DROPPED = object()
"""What an ``Edit`` returns for a value to leave out, with its key."""
_PATH_KEYS = ("path", "paths", "file", "files", "folder", "directory", "dir")


class FileText(str):
    """A text from a file. ``folder`` is the absolute folder of the file."""

    __slots__ = ("folder",)
    folder: Path


def located(values: Any, folder: Path) -> Any:
    """A copy of plain values from a file, in which every text knows the folder of the file."""
    if isinstance(values, str):
        text = FileText(values)
        text.folder = folder
        return text
    if isinstance(values, dict):
        return {key: located(value, folder) for key, value in values.items()}
    return [located(value, folder) for value in values] if isinstance(values, list) else values


def unlocated(values: Any) -> Any:
    """A copy of plain values with plain texts."""
    return edited(None, values, lambda kind, text: str(text))


def absolute_path(path: str | os.PathLike[str], *, folder: Path | None = None) -> str:
    """A path with ``~`` expanded, and absolute: from ``folder``, or from the current folder.

    ``..`` is kept, because a folder in the path may be a link.
    """
    return os.fspath((folder or Path()).absolute() / os.path.expanduser(path))  # noqa: PTH111 - Path.expanduser() raises for an unknown user


def with_absolute_paths(part: object, values: Any) -> Any:
    """Plain values in which every path is absolute, and every text is plain.

    Args:
        part: the pydantic model, or part, that was created from ``values``.
        values: of the same form. A path in a text from ``located`` is relative to the folder of its file, every other
            path is relative to the current folder.
    """
    return edited(part, values, _absolute)


def _absolute(kind: Kind, text: str) -> str:
    folder = text.folder if isinstance(text, FileText) else None
    if kind == "path" or (kind == "name" and _is_written_as_path(text)):
        return absolute_path(text, folder=folder)
    if kind == "name" and folder is not None and (folder / text).exists():
        return absolute_path(text, folder=folder)
    return str(text)


def _is_written_as_path(text: str) -> bool:
    return text in (".", "..") or text.startswith(("~", "./", "../", os.sep))


def edited(part: object, values: Any, edit: Edit, kind: Kind = "text") -> Any:
    """A copy of plain values in which ``edit`` replaced every text.

    Args:
        part: the object that was created from ``values``. Its types determine the kind of each text; without it, None,
            the keys do.
        values: plain values: mappings, lists, texts, numbers.
        edit: called with the kind of a text and the text; returns the new value, or ``DROPPED``.
        kind: kind of all texts in ``values``, if known.
    """
    if isinstance(values, str):
        return edit(kind, values)
    if isinstance(values, Mapping):
        pairs = ((key, edited(*_inside(part, key, value, kind, edit))) for key, value in values.items())
        return {key: value for key, value in pairs if value is not DROPPED}
    if isinstance(values, list | tuple):
        parts = part if isinstance(part, list | tuple) and len(part) == len(values) else [None] * len(values)
        made = [edited(one, value, edit, _kind_of(one, kind)) for one, value in zip(parts, values, strict=True)]
        return [value for value in made if value is not DROPPED]
    return values


def _inside(part: object, key: Any, value: Any, kind: Kind, edit: Edit) -> tuple[Any, Any, Edit, Kind]:
    """Arguments of ``edited`` for the value at a key."""
    below: object = None
    if isinstance(part, BaseModel) and key in type(part).model_fields:
        field = type(part).model_fields[key]
        below, kind = getattr(part, key), _field_kind(field) if kind == "text" else kind
    elif isinstance(part, Mapping):
        below = part.get(key)
    elif is_dataclass(part):
        below = getattr(part, str(key), None)
    elif part is None and kind == "text":
        kind = _key_kind(str(key))
    return below, value, edit, _kind_of(below, kind)


def _kind_of(part: object, kind: Kind) -> Kind:
    return "path" if isinstance(part, PurePath) else kind


def _field_kind(field: FieldInfo) -> Kind:
    found = [*field.metadata, *mentioned(field.annotation)]
    if any(isinstance(mark, str) and mark == NAME_OR_PATH for mark in found):
        return "name"
    return "path" if any(_is_path_type(annotation) for annotation in found) else "text"


def _key_kind(key: str) -> Kind:
    key = key.rpartition(".")[2]  # of "data.path" in a log
    if key == "init_from":
        return "name"
    return "path" if key in _PATH_KEYS or key.endswith(tuple(f"_{name}" for name in _PATH_KEYS)) else "text"


def _is_path_type(found: object) -> bool:
    return isinstance(found, type) and issubclass(found, PurePath | os.PathLike)
