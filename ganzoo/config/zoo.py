"""The zoo: finds configs by name or path. Listing names imports nothing that takes time."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo.errors import ConfigError, UnknownNameError, did_you_mean

if TYPE_CHECKING:
    from ganzoo.config.experiment import Config

_PACKAGE = Path(__file__).resolve().parents[1]
_PLACES = (_PACKAGE / "zoo_configs", _PACKAGE.parent / "zoo_configs")


def config_folder() -> Path:
    """Where the zoo's configs and the index of pretrained models lie.

    Raises:
        ConfigError: if the installation is damaged.
    """
    folder = next((place for place in _PLACES if place.is_dir()), None)
    if folder is None:
        raise ConfigError("The zoo's configs are missing from this installation; reinstall ganzoo-keras.")
    return folder


def config_files() -> dict[str, Path]:
    """Every model of the zoo and the YAML file that describes it, by name."""
    return {path.stem: path for path in sorted(config_folder().glob("*.yaml"))}


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


def load_config(
    what: str | Path | Config, overrides: Sequence[str] = (), *, data: str | os.PathLike[str] | None = None
) -> Config:
    """Read a config, check it and apply overrides. Every path in the result is absolute.

    Args:
        what: a name from the zoo, a path to a YAML file, or a config. A path in a YAML file is relative to the folder
            of the file that names it; ``~`` is the home folder.
        overrides: ``dotted.key=value`` texts; a path is relative to the present folder.
        data: ``data.path`` after the overrides, for sources that read files; relative to the present folder.

    Raises:
        UnknownNameError: if no model of the zoo has the name.
        ConfigError: if the file or an override is wrong; one line a mistake.
    """
    from ganzoo.config import yaml_files
    from ganzoo.config.experiment import Config

    name = what.name if isinstance(what, Config) else str(what)
    config, values = _placed(what.to_dict() if isinstance(what, Config) else _read(what), name)
    if overrides:
        complete = config.to_dict()
        values = _with_source(values)
        values["data"] = _fields_of_new_source(values["data"], overrides)
        values = yaml_files.apply_overrides(values, overrides, defaults=complete, known=list(_keys(complete)))
        config, values = _placed(values, name)
    if data is not None:
        values = _with_source(values)
        config, _ = _placed({**values, "data": {**values["data"], "path": os.fspath(data)}}, name)
    return config


def _placed(values: dict[str, Any], name: str) -> tuple[Config, dict[str, Any]]:
    """The config of plain values, and the values, both with absolute paths."""
    from ganzoo.config.experiment import Config
    from ganzoo.config.paths import unlocated, with_absolute_paths

    placed: dict[str, Any] = with_absolute_paths(Config.read(unlocated(values), what=name), values)
    return Config.read(placed, what=name), placed


def _read(what: str | Path) -> dict[str, Any]:
    """Values of a config file, with those that it inherits."""
    path = _find(what)
    return {"name": path.stem} | _resolved(path)


def _find(what: str | Path) -> Path:
    path = Path(what)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise ConfigError(f"{what}: {'this is a folder' if path.is_dir() else 'there is no such file'}")
        return path
    files = config_files()
    if str(what) not in files:
        raise UnknownNameError(f"No model named '{what}'.{did_you_mean(str(what), files)}\nSee all: ganzoo list")
    return files[str(what)]


def _resolved(path: Path, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The values of a file merged over those of the one that it extends: a file beside it, or a model of the zoo."""
    from ganzoo.config import yaml_files
    from ganzoo.config.paths import located

    values = _with_source(located(yaml_files.read_mapping(path), path.absolute().parent))
    base = values.pop("extends", None)
    if base is None:
        return values
    if not isinstance(base, str):
        raise ConfigError(f"{path}: extends is a name from the zoo or a file beside this one, received {base!r}")
    found = _find(path.parent / base if base.endswith((".yaml", ".yml")) else base)
    seen = (*seen, path.resolve())
    if found.resolve() in seen:
        chain = " -> ".join(step.name for step in (*seen, found))
        raise ConfigError(f"{path}: configs extend each other in a circle: {chain}")
    inherited = _resolved(found, seen)
    inherited.pop("name", None)
    return yaml_files.merge(inherited, values)


def _with_source(values: dict[str, Any]) -> dict[str, Any]:
    """``data: NAME`` written out, so that keys can be merged into it."""
    data = values.get("data")
    return {**values, "data": {"source": data} if isinstance(data, str) else data} if "data" in values else values


def _fields_of_new_source(data: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """What stays of ``data`` when ``data.source=`` changes the source: the keys that the new one has too."""
    texts = [text.removeprefix("data.source=") for text in overrides if text.startswith("data.source=")]
    if not texts:
        return data
    from ganzoo.config import yaml_files
    from ganzoo.data.base import data_sources

    fields = data_sources.get(str(yaml_files.parse(texts[-1], what=f"data.source={texts[-1]}"))).model_fields
    return {key: value for key, value in data.items() if key in fields}


def _keys(values: Any, prefix: str = "") -> Iterator[str]:
    pairs = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    for key, value in pairs:
        yield f"{prefix}{key}"
        yield from _keys(value, f"{prefix}{key}.")
