"""Turns pydantic's findings into one clear line each."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from ganzoo.errors import did_you_mean


def explain(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """One line a finding, each beginning with the path of the key inside ``model``.

    A path starts with ``.`` so that a caller can put the name of what it read in front:
    ``.kernel_size = 99: Input should be less than or equal to 9``.
    """
    lines: list[str] = []
    findings = error.errors(include_url=False)
    parents = {finding["loc"][:depth] for finding in findings for depth in range(len(finding["loc"]))}
    for finding in findings:
        loc, kind = finding["loc"], finding["type"]
        if kind == "too_short" and loc in parents:  # pydantic counts the good items alone; the others have their lines
            continue
        path = "".join(f".{key}" for key in loc)
        if kind == "part":
            lines += [path + line for line in finding["ctx"]["problems"]]
        elif kind == "extra_forbidden":
            allowed = sorted(_fields_at(model, loc[:-1]))
            hint = did_you_mean(str(loc[-1]), allowed) or f" Allowed: {', '.join(allowed)}."
            lines.append(f"{path}: no such key.{hint}")
        elif kind == "missing":
            lines.append(f"{path}: this key is required")
        elif kind == "value_error":
            lines.append(f"{path}: {finding['ctx']['error']}")
        else:
            lines.append(f"{path} = {_short(finding['input'])}: {finding['msg']}")
    return lines


def _fields_at(model: Any, loc: tuple[int | str, ...]) -> set[str]:
    """Names of the fields of the model that stands at ``loc`` inside ``model``."""
    for key in loc:
        field = getattr(model, "model_fields", {}).get(key)
        if field is None:
            continue
        options = [field.annotation, *get_args(field.annotation)]
        model = next((o for o in options if isinstance(o, type) and issubclass(o, BaseModel)), model)
    return set(getattr(model, "model_fields", {}))


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
