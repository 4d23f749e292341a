"""From a label to a class. Python and the command line use the same rule.

- A whole number is the index of a class, from 0.
- A text is the name of a class; if no class has this name, it is an index.
- ``index:1`` and ``name:1`` have one meaning: the class with index 1, and the class named "1".

Example: if the classes are named "1", "2" and "3", ``label=1`` and ``"index:1"`` are the class named "2", and ``"1"``
and ``"name:1"`` are the class named "1".
"""

from __future__ import annotations

from collections.abc import Sequence

from ganzoo.arguments import whole_number
from ganzoo.errors import GanzooError, did_you_mean

INDEX, NAME = "index:", "name:"
_SHOWN = 20
"""Largest number of names in an error."""


def class_index(label: object, *, count: int, names: Sequence[str] = (), model: str) -> int:
    """The index of a label's class, from 0 to ``count - 1``.

    Args:
        label: a whole number, or a text.
        count: number of classes of the model.
        names: names of the classes, if they have names.
        model: name of the model, for the error.

    Raises:
        GanzooError: if there is no such class; with similar names.
    """
    if isinstance(label, str):
        return _index_of_text(str(label), count=count, names=names, model=model)
    return whole_number(label, low=0, high=count - 1, what=f"'{model}' has the classes 0 to {count - 1}")


def ambiguity(label: str, *, count: int, names: Sequence[str]) -> str | None:
    """A note for a label that is the name of one class and the index of another; else None."""
    if label not in names or not _is_index(label, count) or names.index(label) == int(label):
        return None
    return (
        f"Label {label} is the class named '{label}' (index {names.index(label)}). "
        f"For the class with index {int(label)}, named '{names[int(label)]}': --label {INDEX}{int(label)}"
    )


def described(count: int, names: Sequence[str]) -> str:
    """The classes in a few words: ``3 classes``; if names are other numbers: ``3 classes (0 is '1', ...)``."""
    text = f"{count} class{'es' if count != 1 else ''}"
    confusing = [name for name in names if ambiguity(name, count=count, names=names)]
    if not confusing:
        return text
    pairs = ", ".join(f"{index} is '{name}'" for index, name in enumerate(names[:3]))
    return f"{text} ({pairs}{', ...' if count > 3 else ''})"


def _index_of_text(text: str, *, count: int, names: Sequence[str], model: str) -> int:
    if text in names:
        return names.index(text)
    if text.startswith(NAME) and text.removeprefix(NAME) in names:
        return names.index(text.removeprefix(NAME))
    spelled = text.removeprefix(INDEX)
    if _is_index(spelled, count):
        return int(spelled)
    near = did_you_mean(text.removeprefix(NAME), names)
    listed = f": {', '.join(names[:_SHOWN])}{', ...' if len(names) > _SHOWN else ''}" if names else ""
    raise GanzooError(f"'{model}' has no class '{text:.60}'.{near} Classes: 0 to {count - 1}{listed}.")


def _is_index(text: str, count: int) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10 and int(text) < count
