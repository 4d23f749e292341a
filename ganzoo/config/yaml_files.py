"""YAML in and out, one mapping merged over another, and ``key=value`` overrides. Knows nothing of models."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ganzoo.environment.git_lfs import require_content
from ganzoo.errors import ConfigError, did_you_mean, reason

MAX_BYTES = 1_000_000
"""No config is larger; what is larger is something else."""
_PART_KEYS = ("name", "source")
_KINDS = {list: "a list", str: "a text", int: "a number", float: "a number"}


class _Loader(yaml.SafeLoader):
    """Safe YAML that reads ``2e-4`` as a number (YAML 1.2), and refuses tags, aliases and keys that stand twice."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        problem, place = "", event.start_mark
        if isinstance(event, yaml.AliasEvent):
            problem = f"the alias '*{event.anchor}' is not allowed; a config that builds on another says extends: NAME"
        elif getattr(event, "tag", None) is not None:
            problem = f"the tag '{event.tag}' is not allowed; a config holds plain values"
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
                    None, None, f"the key '{key.value}' stands twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][-+]?[0-9]+$"),
    list("-+.0123456789"),
)


def parse(text: str, *, what: str) -> Any:
    """Plain values of a YAML text.

    Raises:
        ConfigError: where the text is no YAML, or asks for more than plain values (a tag).
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        place = f" line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"{what}:{place}: {error.problem}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigError(f"{what}: not readable as YAML: {reason(error)}") from error


def read_mapping(path: Path) -> dict[str, Any]:
    """The mapping that a YAML file holds.

    Raises:
        ConfigError: if the file cannot be read or holds something else.
    """
    require_content(path, error=ConfigError)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"{path}: larger than {MAX_BYTES} bytes, so this is no config")
        values = parse(path.read_text(encoding="utf-8"), what=str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {reason(error)}") from error
    if not isinstance(values, dict):
        found = "this file is empty" if values is None else f"this is {_KINDS.get(type(values), 'a value')}"
        raise ConfigError(f"{path}: a config is a mapping of keys to values, and {found}")
    return values


def dump(values: Mapping[str, Any]) -> str:
    """YAML text of plain values, keys in the given order."""
    return yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True, width=100)


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with the values of ``over``: mappings are merged key by key, everything else is replaced.

    A mapping that names another part (``name`` or ``source``) replaces the old one, since its keys mean other things.
    A part that is a bare name in ``base`` counts as a mapping with that name.
    """
    merged = dict(base)
    for key, value in over.items():
        merged[key] = _merged(merged.get(key), value)
    for one, other in (("block", "blocks"), ("blocks", "block")):
        if over.get(one) is not None and other not in over:
            merged.pop(other, None)
    return merged


def _merged(old: Any, new: Any) -> Any:
    if not isinstance(new, Mapping):
        return new
    if isinstance(old, str) and not any(key in new for key in _PART_KEYS):
        old = {"name": old}
    if not isinstance(old, Mapping) or _other_part(old, new):
        return new
    return merge(old, new)


def apply_overrides(
    values: Mapping[str, Any], overrides: Sequence[str], *, defaults: Mapping[str, Any], known: Sequence[str]
) -> dict[str, Any]:
    """Set values by ``dotted.key=value`` texts; the value is YAML.

    Args:
        values: plain values; not changed.
        overrides: for example ``["training.batch_size=32", "training.loss=hinge"]``.
        defaults: the complete values, so that an override can reach into a group that ``values`` leaves out.
        known: dotted keys, for suggestions.

    Raises:
        ConfigError: for a text of another form or a key whose first part no config has.
    """
    result: Any = dict(values)
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise ConfigError(f"received '{text}', but an override is key=value, for example training.batch_size=32")
        path = key.split(".")
        if path[0] not in known:
            same_end = [name for name in known if name.rpartition(".")[2] == key]
            hint = f" Did you mean '{same_end[0]}'?" if same_end else did_you_mean(key, known)
            raise ConfigError(f"'{key}': no such key.{hint}\nSee all keys: ganzoo schema")
        result = _set(result, defaults, path, parse(value, what=text), text)
    return dict(result)


def _set(values: Any, defaults: Any, path: Sequence[str], value: Any, text: str) -> Any:
    """A copy of ``values`` with ``value`` at ``path``."""
    if not path:
        return value
    key, rest = path[0], path[1:]
    if values is None:
        values = defaults if isinstance(defaults, list) or _part_key(defaults) in (defaults or ()) else {}
    if isinstance(values, str):
        values = {_part_key(defaults): values}
    if isinstance(values, list):
        if not key.isdecimal() or int(key) >= len(values):
            raise ConfigError(f"{text}: '{key}' is not a position in a list of {len(values)}")
        below = defaults[int(key)] if isinstance(defaults, list) and int(key) < len(defaults) else None
        return [_set(old, below, rest, value, text) if i == int(key) else old for i, old in enumerate(values)]
    if not isinstance(values, dict):
        raise ConfigError(f"{text}: '{key}' stands below a value, not below a group of keys")
    below = defaults.get(key) if isinstance(defaults, dict) else None
    changed = {**values, key: _set(values.get(key), below, rest, value, text)}
    for one, other in (("block", "blocks"), ("blocks", "block")):
        if key == one:
            changed.pop(other, None)
    return changed


def _other_part(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return any(key in new and key in old and new[key] != old[key] for key in _PART_KEYS)


def _part_key(part: Any) -> str:
    """The key that holds the name of a part, given another form of it."""
    return "source" if isinstance(part, dict) and "source" in part else "name"
