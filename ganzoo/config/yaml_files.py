"""Reads and writes YAML, and merges one mapping over another. Knows no config."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from ganzoo.environment.git_lfs import require_content
from ganzoo.errors import ConfigError, reason

MAX_BYTES = 1_000_000
"""A larger file is not a config."""
_PART_KEYS = ("name", "source")
_KINDS = {list: "a list", str: "a text", int: "a number", float: "a number"}


class _Loader(yaml.SafeLoader):
    """Safe YAML that reads ``2e-4`` as a number (YAML 1.2), and refuses tags, aliases and duplicate keys."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        problem, place = "", event.start_mark
        if isinstance(event, yaml.AliasEvent):
            problem = f"the alias '*{event.anchor}' is not allowed; to build on another config, write extends: NAME"
        elif getattr(event, "tag", None) is not None:
            problem = f"the tag '{event.tag}' is not allowed; a config has plain values only"
        if problem:
            raise yaml.composer.ComposerError(None, None, problem, place)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key must be a plain name", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key.value}' is given twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    """Writes quotes around the texts that ``_Loader`` would read as numbers, such as ``1e5``."""


for _class in (_Loader, _Dumper):
    _class.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][-+]?[0-9]+$"),
        list("-+.0123456789"),
    )


def parse(text: str, *, what: str) -> Any:
    """Plain values of a YAML text.

    Raises:
        ConfigError: if the text is not YAML, or has more than plain values, such as a tag.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        place = f" line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"{what}:{place}: {_problem(error)}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigError(f"{what}: not readable as YAML: {reason(error)}") from error


def _problem(error: yaml.MarkedYAMLError) -> str:
    """What is wrong with a YAML text, in plainer words than those of the parser for the usual mistakes."""
    text = str(error.problem)
    if "'\\t'" in text:
        return "a tab; YAML is indented with spaces"
    if "<stream end>" in text or "unexpected end of stream" in text:
        opened = f" in line {error.context_mark.line + 1}" if error.context_mark else ""
        return f"the text ends too early: a brace, bracket or quote that was opened{opened} is not closed"
    return text


def read_mapping(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        ConfigError: if the file cannot be read, or is not a mapping.
    """
    require_content(path, error=ConfigError)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"{path}: larger than {MAX_BYTES} bytes, so this is not a config")
        values = parse(path.read_text(encoding="utf-8"), what=str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {reason(error)}") from error
    if not isinstance(values, dict):
        found = "this file is empty" if values is None else f"this is {_KINDS.get(type(values), 'a value')}"
        raise ConfigError(f"{path}: a config is a mapping of keys to values, and {found}")
    return values


def dump(values: Mapping[str, Any]) -> str:
    """YAML text of plain values, keys in the given order."""
    return yaml.dump(dict(values), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with the values of ``over``: mappings are merged key by key, everything else is replaced.

    A mapping with the name of another part (``name`` or ``source``) replaces the old one, whose keys have another
    meaning. A part that is a bare name in ``base`` counts as a mapping with that name.
    """
    merged = dict(base)
    for key, value in over.items():
        merged[key] = _merged(merged.get(key), value)
    return without_other_form(merged, [key for key, value in over.items() if value is not None])


def without_other_form(values: dict[str, Any], given: Collection[str]) -> dict[str, Any]:
    """``values`` without ``block`` where ``blocks`` was given now, and the other way around."""
    for key, other in (("block", "blocks"), ("blocks", "block")):
        if key in given and other not in given:
            values.pop(other, None)
    return values


def _merged(old: Any, new: Any) -> Any:
    if not isinstance(new, Mapping):
        return new
    if isinstance(old, str) and not any(key in new for key in _PART_KEYS):
        old = {"name": old}
    if not isinstance(old, Mapping) or _other_part(old, new):
        return new
    return merge(old, new)


def _other_part(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return any(key in new and key in old and new[key] != old[key] for key in _PART_KEYS)
