"""The layers of a config: the files of an ``extends`` chain, ``key=value`` texts and ``--data``.

All layers are merged as plain values, and the result is validated once. So a later layer can repair an earlier one.
What a later layer changes decides which older keys still mean something:

- Another data source on the command line keeps the fields that a model of the zoo set only where the new source has
  them and accepts their values. The user's own fields must fit.
- A key without effect is an error, unless a later layer took its effect away. Then it is dropped.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Protocol, Self, TypeVar, cast

from pydantic import BaseModel, ValidationError

from ganzoo.architectures.base import architecture_class, discriminator_architectures, generator_architectures
from ganzoo.config import yaml_files
from ganzoo.config.overrides import Override, apply_override, python_overrides, read_overrides
from ganzoo.config.paths import unlocated, with_absolute_paths
from ganzoo.config.unused import KeyPath, UnusedKey, unused_keys
from ganzoo.config.validation import Problem, explain
from ganzoo.data.base import DataSource, data_sources
from ganzoo.errors import ConfigError, UnknownNameError

COMMAND_LINE = "command line"
_SOURCE = ("data", "source")


class Readable(Protocol):
    """The class of a config, which reads plain values."""

    @classmethod
    def read(cls, values: object, *, what: str | Callable[[KeyPath], str]) -> Self:
        """Make a config. ``what`` names it, or the layer of a key, in messages."""


C = TypeVar("C", bound=Readable)


@dataclass(frozen=True)
class Layer:
    """Plain values from one place.

    Attributes:
        name: for messages, for example ``mine.yaml``.
        values: of a file, with ``data`` as a mapping.
        own: whether the user wrote it, and not the zoo or ganzoo itself.
    """

    name: str
    values: Mapping[str, Any]
    own: bool = True

    def sets(self, path: KeyPath) -> bool:
        """Whether this layer has a value at a path, or at the start of it."""
        return _reaches(self.values, path)

    @property
    def is_complete(self) -> bool:
        """Whether ganzoo wrote it: only a resolved config has both ``block`` and ``blocks``."""
        networks = (self.values.get(network) for network in ("generator", "discriminator"))
        return all(isinstance(values, Mapping) and {"block", "blocks"} <= values.keys() for values in networks)


@dataclass(frozen=True)
class CommandLine:
    """The ``key=value`` texts of a command line, or the arguments of ``Config.replace``, all of them one layer."""

    overrides: Sequence[Override]
    name: str = COMMAND_LINE
    own: bool = True
    is_complete: bool = False

    def sets(self, path: KeyPath) -> bool:
        """Whether an override has a value at a path, at the start of it or below it."""
        return any(
            override.path[: len(path)] == path
            or (path[: len(override.path)] == override.path and _reaches(override.value, path[len(override.path) :]))
            for override in self.overrides
        )


def read_layers(
    config: type[C],
    files: Sequence[Layer],
    overrides: Sequence[str] = (),
    *,
    data: str | os.PathLike[str] | None = None,
    what: str,
) -> C:
    """The config that the layers describe. Every path in it is absolute.

    Args:
        config: the class of the config.
        files: the layers below the command line, the lowest first. Texts may be from ``ganzoo.config.paths.located``.
        overrides: ``dotted.key=value`` texts; a path is relative to the present folder.
        data: ``data.path`` on top, for sources that read files; relative to the present folder.
        what: what the user named, for messages about the whole config.

    Raises:
        ConfigError: with one line for each mistake, which names the layer of the wrong value.
    """
    return _merged(
        config, files, CommandLine(read_overrides(overrides, data=data)), has_path=data is not None, what=what
    )


def replaced(config: type[C], values: Mapping[str, Any], changes: Mapping[str, Any], *, what: str) -> C:
    """A resolved config with other values: ``Config.replace``.

    Args:
        config: the class of the config.
        values: the resolved config, as plain values.
        changes: dotted keys -> Python values; a path is relative to the present folder.
        what: name of the config, for messages about the whole.

    Raises:
        ConfigError: with one line for each mistake.
    """
    own = CommandLine(python_overrides(changes), name="replace")
    return _merged(config, [Layer(what, values, own=False)], own, has_path=False, what=what)


def _merged(config: type[C], files: Sequence[Layer], command_line: CommandLine, *, has_path: bool, what: str) -> C:
    model = cast("type[BaseModel]", config)
    layers: list[Layer | CommandLine] = [*files, command_line]
    values: dict[str, Any] = {}
    for layer in files:
        values = yaml_files.merge(values, layer.values)
    below = values
    for override in command_line.overrides:
        values = apply_override(values, override, model)
    if any(override.path == _SOURCE for override in command_line.overrides):
        values = _fitted_to_source(values, below, files, command_line)
    values = _with_block_names(values, command_line)
    if has_path:
        _refuse_path(values, what)
    _refuse_unused(values, layers)
    return _validated(config, values, layers, what)


def _with_block_names(values: dict[str, Any], command_line: CommandLine) -> dict[str, Any]:
    """``values`` with the name of the default block where the command line sets only other keys of a block."""
    for network, registry in (("generator", generator_architectures), ("discriminator", discriminator_architectures)):
        group = values.get(network)
        if not isinstance(group, Mapping) or not command_line.sets((network, "block")):
            continue
        block = group.get("block")
        cls = architecture_class(registry, group)
        if isinstance(block, Mapping) and "name" not in block and cls is not None:
            values = {**values, network: {**group, "block": {"name": cls.default_block, **block}}}
    return values


def _fitted_to_source(
    values: dict[str, Any], below: Mapping[str, Any], files: Sequence[Layer], command_line: CommandLine
) -> dict[str, Any]:
    """``values`` without the fields that the zoo set and that the data source of the command line does not accept.

    Raises:
        ConfigError: if it does not accept a field that the user's own file set.
    """
    cls, data, old = _source_class(values), values["data"], below.get("data")
    if cls is None or not isinstance(data, Mapping) or not isinstance(old, Mapping):
        return values
    dropped, lines = set(), []
    for problem in _problems(cls, data):
        path = ("data", *problem.path)
        setters = [layer.name for layer in files if layer.own and layer.sets(path)]
        if old.get("source") == data["source"] or not problem.path or command_line.sets(path[:2]):
            continue  # validation reports it
        if setters:
            lines.append(f"{setters[-1]}: data.{problem.line}")
        dropped.add(problem.path[0])
    if lines:
        name = cls.registered_name
        hint = f"This is the data of '{old.get('source')}'. To change the source without its other keys: data={name}"
        raise ConfigError("\n".join([*lines, hint]))
    return {**values, "data": {key: value for key, value in data.items() if key not in dropped}}


def _problems(cls: type[DataSource], data: Mapping[str, Any]) -> list[Problem]:
    """What a data source does not accept of its fields."""
    try:
        cls.model_validate({key: value for key, value in unlocated(data).items() if key != data_sources.key})
    except ValidationError as error:
        return explain(error, cls)
    return []


def _refuse_path(values: Mapping[str, Any], what: str) -> None:
    cls = _source_class(values)
    if cls is not None and not cls.accepts_path:
        reading = [name for name in data_sources.names() if data_sources.get(name).accepts_path]
        raise ConfigError(
            f"The data source '{cls.registered_name}' of {what} makes its own samples, so --data PATH has no effect. "
            f"Sources that read files: {', '.join(reading)}; choose one, for example data.source=image_folder"
        )


def _source_class(values: Mapping[str, Any]) -> type[DataSource] | None:
    """The class of the data source, if ``values`` name one that there is; otherwise validation reports it."""
    data = values.get("data")
    name = data.get("source") if isinstance(data, Mapping) else data
    try:
        return data_sources.get(name) if isinstance(name, str) else None
    except UnknownNameError:
        return None


def _refuse_unused(values: Mapping[str, Any], layers: Sequence[Layer | CommandLine]) -> None:
    lines = []
    for key in unused_keys(values):
        setter, decider = _last(layers, key.path), _last(layers, key.decided_by)
        if setter >= decider and not layers[setter].is_complete:
            lines.append(f"{layers[setter].name}: {_sentence(key, layers, setter, decider)}")
    if lines:
        raise ConfigError("\n".join(lines))


def _sentence(key: UnusedKey, layers: Sequence[Layer | CommandLine], setter: int, decider: int) -> str:
    """What is wrong with a key without effect, and which layer decided that."""
    by = f": {'.'.join(key.decided_by)} is set by {layers[decider].name}" if 0 <= decider < setter else ""
    return f"{'.'.join(key.path)} has no effect {key.why}{by}. Leave it out"


def _last(layers: Sequence[Layer | CommandLine], path: KeyPath) -> int:
    """Position of the last layer that sets a path, -1 where none does."""
    return max((number for number, layer in enumerate(layers) if layer.sets(path)), default=-1)


def _validated(config_class: type[C], values: dict[str, Any], layers: Sequence[Layer | CommandLine], what: str) -> C:
    def origin(path: KeyPath) -> str:
        """Name of the layer that set a value; of the whole config where several did."""
        setters = [layer.name for layer in layers if layer.sets(path)]
        is_group = isinstance(_at(values, path), Mapping)
        return setters[-1] if path and setters and not (is_group and len(setters) > 1) else what

    plain = unlocated(values)
    config = config_class.read(plain, what=origin)
    placed = with_absolute_paths(config, values)
    return config if placed == plain else config_class.read(placed, what=what)


def _at(values: Any, path: KeyPath) -> Any:
    return reduce(lambda found, key: found.get(key) if isinstance(found, Mapping) else None, path, values)


def _reaches(values: Any, path: KeyPath) -> bool:
    """Whether plain values have something at a path, or a value at the start of it."""
    for key in path:
        if isinstance(values, Mapping) and key in values:
            values = values[key]
        elif isinstance(values, list) and key.isdecimal() and int(key) < len(values):
            values = values[int(key)]
        else:
            return not isinstance(values, Mapping | list)
    return True
