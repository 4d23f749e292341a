"""The zoo: finds configs by name or path. Listing names imports nothing slow."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo.environment.places import check_name
from ganzoo.errors import ConfigError, UnknownNameError, did_you_mean

if TYPE_CHECKING:
    from ganzoo.config.experiment import Config
    from ganzoo.config.layers import Layer

_PACKAGE = Path(__file__).resolve().parents[1]
_PLACES = (_PACKAGE / "zoo_configs", _PACKAGE.parent / "zoo_configs")


def config_folder() -> Path:
    """Folder of the zoo's configs and of the index of pretrained models.

    Raises:
        ConfigError: if the installation is damaged.
    """
    folder = next((place for place in _PLACES if place.is_dir()), None)
    if folder is None:
        raise ConfigError("The zoo's configs are missing from this installation; reinstall ganzoo-keras.")
    return folder


def config_files() -> dict[str, Path]:
    """The YAML file of every model of the zoo, by name."""
    return {path.stem: path for path in sorted(config_folder().glob("*.yaml"), key=lambda path: path.stem)}


def describe(name: str) -> tuple[str, ...]:
    """The comment at the top of a model's YAML file, line by line: a description, then the source of the recipe."""
    lines = []
    for line in _find(name).read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    return tuple(lines)


def load_config(
    what: str | Path | Config, overrides: Sequence[str] = (), *, data: str | os.PathLike[str] | None = None
) -> Config:
    """Read a config from a file and the files that it extends, apply overrides, and validate the result once.

    Every path in the result is absolute. ``ganzoo.config.layers`` has the rules for merging.

    Args:
        what: a name from the zoo, a path to a YAML file, or a config. A path in a YAML file is relative to the folder
            of the file that names it; ``~`` is the home folder.
        overrides: ``dotted.key=value`` texts, where the value is YAML; a path is relative to the current folder.
        data: ``data.path``, applied after the overrides, for sources that read files; relative to the current folder.

    Raises:
        UnknownNameError: if no model of the zoo has the name.
        ConfigError: if a file, an override or ``data`` is wrong; one line for each mistake, which begins with the file
            or the "command line" that the wrong value is from.
    """
    from ganzoo.config.experiment import Config
    from ganzoo.config.layers import Layer, read_layers

    if isinstance(what, Config):
        return read_layers(Config, [Layer(what.name, what.to_dict(), own=False)], overrides, data=data, what=what.name)
    check_name(what, "a model of the zoo (ganzoo list), a YAML file or a Config")
    return read_layers(Config, _layers(_find(what), name=str(what)), overrides, data=data, what=str(what))


def _find(what: str | Path) -> Path:
    path = Path(what)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise ConfigError(f"{what}: {'this is a folder' if path.is_dir() else 'there is no such file'}")
        return path
    files = config_files()
    if str(what) not in files:
        written = next((f"{what}{suffix}" for suffix in (".yaml", ".yml") if Path(f"{what}{suffix}").is_file()), None)
        if written is not None:
            raise UnknownNameError(f"No model named '{what}'. For the file here, write its suffix, too: {written}")
        raise UnknownNameError(f"No model named '{what}'.{did_you_mean(str(what), files)}\nSee all: ganzoo list")
    return files[str(what)]


def _layers(path: Path, *, name: str) -> list[Layer]:
    """A config file, after the files that it extends: a file next to it, or a model of the zoo."""
    from ganzoo.config import yaml_files
    from ganzoo.config.layers import Layer
    from ganzoo.config.paths import located

    layers: list[Layer] = []
    chain: list[Path] = []
    while True:
        values = _with_source(located(yaml_files.read_mapping(path), path.absolute().parent))
        base = values.pop("extends", None)
        if layers:
            values.pop("name", None)
        else:
            values = {"name": path.stem} | values
        layers.insert(0, Layer(name, values, own=path.parent != config_folder()))
        if base is None:
            return layers
        if not isinstance(base, str):
            raise ConfigError(f"{path}: extends is a name from the zoo or a file next to this one, received {base!r}")
        chain.append(path.resolve())
        found = _find(path.parent / base if base.endswith((".yaml", ".yml")) else base)
        if found.resolve() in chain:
            names = " -> ".join(step.name for step in (*chain, found))
            raise ConfigError(f"{path}: configs extend each other in a circle: {names}")
        path, name = found, str(base)


def _with_source(values: dict[str, Any]) -> dict[str, Any]:
    """``data: NAME`` written out, so that keys can be merged into it."""
    data = values.get("data")
    return {**values, "data": {"source": data}} if isinstance(data, str) else values
