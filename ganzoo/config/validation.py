"""Turns pydantic's validation errors into one clear line each, in the terms of a YAML file."""

from __future__ import annotations

from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from ganzoo.errors import did_you_mean


class Problem(NamedTuple):
    """One thing that is wrong with a config.

    Attributes:
        path: the keys that lead to the value.
        text: follows the path, for example " = 99: allowed is 9 at most" or ": no such key.".
    """

    path: tuple[str, ...]
    text: str

    @property
    def line(self) -> str:
        """For example ``generator.block.kernel_size = 99: allowed is 9 at most``."""
        return (".".join(self.path) + self.text).removeprefix(": ")


def explain(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """What is wrong, one problem for each value. Paths begin inside ``model``."""
    problems: list[Problem] = []
    findings = error.errors(include_url=False)
    parents = {finding["loc"][:depth] for finding in findings for depth in range(len(finding["loc"]))}
    for finding in findings:
        loc, kind = finding["loc"], finding["type"]
        if kind == "too_short" and loc in parents:  # pydantic counts only the valid items
            continue
        path = tuple(str(key) for key in loc)
        if kind == "part":
            problems += [Problem((*path, *inner.path), inner.text) for inner in finding["ctx"]["problems"]]
        elif kind == "extra_forbidden":
            allowed = sorted(_fields_at(model, loc[:-1]))
            hint = did_you_mean(str(loc[-1]), allowed) or f" Allowed: {', '.join(allowed)}."
            problems.append(Problem(path, f": no such key.{hint}"))
        elif kind == "missing":
            field = _fields_at(model, loc[:-1]).get(str(loc[-1]))
            examples = f", for example {field.examples[0]}" if field is not None and field.examples else ""
            problems.append(Problem(path, f": this key is required{examples}"))
        elif kind == "value_error":
            problems.append(Problem(path, f": {finding['ctx']['error']}"))
        else:
            field = _fields_at(model, loc[:-1]).get(str(loc[-1])) if loc else None
            problems.append(Problem(path, f" = {short(finding['input'])}: {wish(finding, field)}"))
    return problems


def wish(finding: Any, field: FieldInfo | None = None) -> str:
    """What a value must be, from one of pydantic's findings. An unknown kind of finding keeps pydantic's own sentence.

    For a text with a pattern this is the description of its field, which is easier to read than the pattern.
    """
    kind, context = finding["type"], finding.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind in ("literal_error", "enum"):
        near = did_you_mean(str(finding["input"]), str(context["expected"]).split("'")[1::2])
        return f"allowed is {context['expected']}{near and '.'}{near}"
    if kind == "string_pattern_mismatch":
        return f"allowed is {field.description}" if field and field.description else "this text has another form"
    numbers = {key: f"{value:g}" if isinstance(value, float) else value for key, value in context.items()}
    return _WISHES[kind].format(**numbers) if kind in _WISHES else str(finding["msg"])


_NUMBER, _WHOLE, _FILE = (
    "this must be a number",
    "this must be a whole number",
    "this must be the path of a file or folder",
)
_LIST, _MAPPING, _TEXT = "this must be a list, as in [a, b]", "this must be a group of keys", "this must be a text"
_SWITCH = "this must be true or false"
_WISHES = {
    "bool_parsing": _SWITCH,
    "bool_type": _SWITCH,
    "dict_type": _MAPPING,
    "finite_number": "this must be a finite number",
    "float_parsing": _NUMBER,
    "float_type": _NUMBER,
    "greater_than": "allowed is more than {gt}",
    "greater_than_equal": "allowed is {ge} or more",
    "int_from_float": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": "this number is too large",
    "int_type": _WHOLE,
    "invalid_key": "a key must be a name",
    "less_than": "allowed is less than {lt}",
    "less_than_equal": "allowed is {le} at most",
    "list_type": _LIST,
    "mapping_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "model_type": _MAPPING,
    "none_required": "allowed is null only",
    "path_type": _FILE,
    "string_too_long": "the greatest length is {max_length} characters",
    "string_too_short": "the least length is {min_length}",
    "string_type": _TEXT,
    "string_unicode": "this text holds characters that no UTF-8 file can hold",
    "too_long": "the greatest number of items is {max_length}, received {actual_length}",
    "too_short": "the least number of items is {min_length}, received {actual_length}",
    "tuple_type": _LIST,
}
"""pydantic's kind of finding -> the sentence, filled in with its context."""


def _fields_at(model: Any, loc: tuple[int | str, ...]) -> dict[str, FieldInfo]:
    """The fields of the model that is at ``loc`` inside ``model``."""
    for key in loc:
        field = getattr(model, "model_fields", {}).get(key)
        if field is None:
            continue
        options = [field.annotation, *get_args(field.annotation)]
        model = next((o for o in options if isinstance(o, type) and issubclass(o, BaseModel)), model)
    return dict(getattr(model, "model_fields", {}))


def short(value: object) -> str:
    """A value as YAML writes it, cut to 60 characters."""
    words: dict[Any, str] = {None: "null", True: "true", False: "false"}
    text = words[value] if value is None or isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
