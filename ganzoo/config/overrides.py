"""``dotted.key=value`` texts and Python values for dotted keys, and setting them in the plain values of a config."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ganzoo.config import yaml_files
from ganzoo.config.annotations import mentioned
from ganzoo.data.base import data_sources
from ganzoo.errors import ConfigError, UnknownNameError, did_you_mean
from ganzoo.registry import Part, PartField, Registry


class Override(NamedTuple):
    """One change of a config.

    Attributes:
        path: the keys; a position in a list is a text of digits.
        value: plain value.
        text: ``key=value`` as the user wrote it, for messages.
    """

    path: tuple[str, ...]
    value: Any
    text: str


def read_overrides(texts: Iterable[str], *, data: str | os.PathLike[str] | None = None) -> list[Override]:
    """Parse ``key=value`` texts such as ``training.batch_size=32``, where the value is YAML.

    A value that begins with ``#``, such as a color, is text and not a comment of YAML.

    Args:
        texts: in the order in which they apply.
        data: value of ``data.path``, applied last.

    Raises:
        ConfigError: for a text of another form.
    """
    overrides = []
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            place = f". For data: --data {text}" if Path(text).exists() else ""
            raise ConfigError(
                f"received '{text}', but an override is key=value, for example training.batch_size=32{place}"
            )
        plain = value if value.startswith("#") else yaml_files.parse(value, what=text)
        overrides.append(Override(tuple(key.split(".")), plain, text))
    if data is not None:
        overrides.append(Override(("data", "path"), os.fspath(data), f"--data {os.fspath(data)}"))
    return overrides


def python_overrides(changes: Mapping[str, Any]) -> list[Override]:
    """Changes of a config from Python: dotted keys -> plain values, parts, groups of keys, paths or NumPy numbers.

    Raises:
        ConfigError: for a value that a config cannot hold.
    """
    return [
        Override(tuple(key.split(".")), _plain_value(value, key), f"{key}={value}") for key, value in changes.items()
    ]


def _plain_value(value: Any, key: str) -> Any:
    """A Python value as YAML has it.

    Raises:
        ConfigError: if ``value``, or something in it, has another type. The message begins with ``key``.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, BaseModel):  # without the defaults, some of which have no effect
        name = {value.name_key: value.registered_name} if isinstance(value, Part) else {}
        return name | value.model_dump(mode="json", exclude_defaults=True)
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        return {name: _plain_value(inner, f"{key}.{name}") for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_value(inner, f"{key}.{index}") for index, inner in enumerate(value)]
    raise ConfigError(
        f"{key}: received {type(value).__module__}.{type(value).__qualname__}; allowed are numbers, texts, lists, "
        "mappings, paths and parts"
    )


def apply_override(values: Mapping[str, Any], override: Override, config: type[BaseModel]) -> dict[str, Any]:
    """A copy of a config's plain values with one value set. Groups, parts and lists may be at their defaults.

    Args:
        values: plain values of a config.
        override: the change.
        config: the class of the config.

    Raises:
        ConfigError: if a config has no such key at its top level, or the path does not fit the values.
    """
    if override.path[0] not in config.model_fields:
        key = ".".join(override.path)
        known = list(_keys(values, config))
        by_end = {name.rpartition(".")[2]: name for name in reversed(known)}
        end = next(iter(get_close_matches(key, by_end, n=1)), "")
        hint = f" Did you mean '{by_end[end]}'?" if end and end != by_end[end] else did_you_mean(key, known)
        raise ConfigError(f"'{key}': no such key.{hint}\nSee all keys: ganzoo schema")
    return dict(_set(values, _Place(cls=config), override.path, override))


@dataclass(frozen=True)
class _Place:
    """What a config may hold at one place.

    Attributes:
        registry: of the part here, or of the parts in the list here.
        cls: the class of the group of keys here.
        default: plain default value.
    """

    registry: Registry[Part] | None = None
    cls: type[BaseModel] | None = None
    default: Any = None

    @classmethod
    def of(cls, field: FieldInfo) -> _Place:
        """The place that a field describes."""
        found = [*field.metadata, *mentioned(field.annotation)]
        registry = next((mark.registry for mark in found if isinstance(mark, PartField)), None)
        group = next((kind for kind in found if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
        default = None if field.is_required() else field.get_default(call_default_factory=True)
        return cls(registry, group, _plain(default, registry))

    def below(self, values: Mapping[str, Any], key: str) -> _Place:
        """The place of a key in the group of keys here."""
        cls = self.cls
        if self.registry is not None:
            name = values.get(self.registry.key, self.registry.default)
            try:
                cls = self.registry.get(name) if isinstance(name, str) else None
            except UnknownNameError:  # validation reports it
                cls = None
        field = cls.model_fields.get(key) if cls else None
        return _Place.of(field) if field else _Place()


def _set(values: Any, place: _Place, path: Sequence[str], override: Override) -> Any:
    """A copy of ``values`` with the override's value at ``path``."""
    if not path:
        return override.value
    key, rest = path[0], path[1:]
    if values is None:
        values = {} if place.default is None else place.default
    if isinstance(values, str) and place.registry is not None:
        values = {place.registry.key: values}
    if isinstance(values, list):
        if not key.isdecimal() or int(key) >= len(values):
            raise ConfigError(f"{override.text}: '{key}' is not a position in a list of {len(values)}")
        return [_set(old, place, rest, override) if i == int(key) else old for i, old in enumerate(values)]
    if not isinstance(values, Mapping):
        raise ConfigError(f"{override.text}: the key '{key}' is below a value, not below a group of keys")
    changed = {**values, key: _set(values.get(key), place.below(values, key), rest, override)}
    return yaml_files.without_other_form(changed, [key])


def _plain(default: Any, registry: Registry[Part] | None) -> Any:
    """Plain values of a field's default: only what is not itself a default, and the name of a part."""
    if isinstance(default, tuple | list):
        return [_plain(item, registry) for item in default]
    if not isinstance(default, BaseModel):
        return default
    name = {registry.key: default.registered_name} if registry and isinstance(default, Part) else {}
    changed = {} if default == type(default)() else default.model_dump(mode="json", exclude_defaults=True)
    return name | changed


def _keys(values: Mapping[str, Any], config: type[BaseModel]) -> Iterator[str]:
    """Dotted keys of a config for suggestions: all fields, and those of the parts that it has by default."""
    yield from config.model_fields
    for group, field in config.model_fields.items():
        if isinstance(default := field.default, BaseModel):
            yield from _inner_keys(default.model_dump(mode="json"), f"{group}.")
    data = values.get("data")
    if isinstance(data, Mapping) and data.get("source") in data_sources.names():
        yield from (f"data.{name}" for name in data_sources.get(data["source"]).model_fields)


def _inner_keys(values: Any, prefix: str) -> Iterator[str]:
    pairs = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    for key, value in pairs:
        yield f"{prefix}{key}"
        yield from _inner_keys(value, f"{prefix}{key}.")
