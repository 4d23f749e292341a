"""The zoo: finds configs by name or path. Listing names imports nothing that takes time."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo.errors import ConfigError, UnknownNameError, did_you_mean

if TYPE_CHECKING:
    from ganzoo.config import Config

_PACKAGE = Path(__file__).resolve().parent
_PLACES = (_PACKAGE / "zoo_configs", _PACKAGE.parent / "zoo_configs")


def config_files() -> dict[str, Path]:
    """Every model of the zoo and the YAML file that describes it, by name."""
    folder = next((place for place in _PLACES if place.is_dir()), None)
    if folder is None:
        raise ConfigError("The zoo's configs are missing from this installation; reinstall ganzoo-keras.")
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def list_models(pattern: str = "*") -> list[str]:
    """Names of the zoo's models that match a pattern such as ``"*celeba*"``, in alphabetical order."""
    return [name for name in config_files() if fnmatch.fnmatchcase(name, pattern)]


def describe(name: str) -> tuple[str, ...]:
    """The comment lines that open a model's YAML: what it is, and where its recipe is from."""
    lines = []
    for line in _find(name).read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    return tuple(lines)


def load_config(what: str | Path | Config, overrides: Sequence[str] = ()) -> Config:
    """Read a config, check it and apply overrides.

    Args:
        what: a name from the zoo, a path to a YAML file, or a config.
        overrides: ``dotted.key=value`` texts.

    Raises:
        UnknownNameError: if no model of the zoo has the name.
        ConfigError: if the file or an override is wrong; one line a mistake.
    """
    from ganzoo import yaml_files
    from ganzoo.config import Config

    name = what.name if isinstance(what, Config) else str(what)
    values = what.to_dict() if isinstance(what, Config) else _read(what)
    config = Config.read(values, what=name)
    if overrides:
        complete = config.to_dict()
        values["data"] = {"source": values["data"]} if isinstance(values["data"], str) else values["data"]
        values["data"] = _fields_of_new_source(values["data"], overrides)
        values = yaml_files.apply_overrides(values, overrides, defaults=complete, known=list(_keys(complete)))
        config = Config.read(values, what=name)
    return config


def _read(what: str | Path) -> dict[str, Any]:
    """Values of a config file, with those that it inherits."""
    from ganzoo import yaml_files

    path = _find(what)
    values = yaml_files.resolve_extends(yaml_files.read_mapping(path), lambda name: _read_base(name, path))
    values.setdefault("name", path.stem)
    return values


def _find(what: str | Path) -> Path:
    path = Path(what)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise ConfigError(f"{what}: there is no such file")
        return path
    files = config_files()
    if str(what) not in files:
        raise UnknownNameError(f"No model named '{what}'.{did_you_mean(str(what), files)}\nSee all: ganzoo list")
    return files[str(what)]


def _read_base(name: str, origin: Path) -> dict[str, Any]:
    """What ``extends`` names: a file beside the one that says so, or a model of the zoo."""
    from ganzoo import yaml_files

    beside = origin.parent / name
    values = yaml_files.read_mapping(beside if beside.suffix in (".yaml", ".yml") else _find(name))
    values.pop("name", None)
    return values


def _fields_of_new_source(data: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """What stays of ``data`` when ``data.source=`` changes the source: the keys that the new one has too."""
    source = next((text.partition("=")[2] for text in overrides if text.startswith("data.source=")), None)
    if source is None:
        return data
    from ganzoo.data.base import data_sources

    fields = data_sources.get(source).model_fields
    return {key: value for key, value in data.items() if key in fields}


def _keys(values: Any, prefix: str = "") -> Iterator[str]:
    pairs = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    for key, value in pairs:
        yield f"{prefix}{key}"
        yield from _keys(value, f"{prefix}{key}.")
