"""The data source that a user names: a source, a model of the zoo, or a YAML file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ganzoo.config.experiment import Config
from ganzoo.config.layers import Layer, read_layers
from ganzoo.config.zoo import config_files, load_config
from ganzoo.data.base import DataSource, data_sources
from ganzoo.environment.places import expanded
from ganzoo.errors import UnknownNameError, did_you_mean


def choose_source(
    what: str, overrides: Sequence[str] = (), *, path: str | os.PathLike[str] | None = None
) -> DataSource:
    """The data source that ``what`` names.

    Args:
        what: a data source, a model of the zoo, or a YAML file with a whole config.
        overrides: ``key=value`` texts as in ``load_config``, for example ``data.resolution=64``.
        path: file or folder of the data.

    Raises:
        UnknownNameError: if nothing has the name.
        ConfigError: if a key or value is wrong, or the source reads no files.
    """
    if what in data_sources.names():
        return configured_source({"source": what}, overrides, path=path, what=what)
    _refuse_unknown(what)
    return load_config(what, overrides, data=None if path is None else expanded(path)).data


def configured_source(
    values: Mapping[str, Any],
    overrides: Sequence[str] = (),
    *,
    path: str | os.PathLike[str] | None = None,
    what: str = "data",
) -> DataSource:
    """The data source of plain ``values``: its ``source`` and fields, with overrides as in ``choose_source``.

    Args:
        values: the ``data`` of a config.
        overrides, path: see ``choose_source``.
        what: origin of ``values``, for messages.

    Raises:
        ConfigError: if there is no such source, a key or value is wrong, or the source reads no files.
    """
    dense = {"model": "dense"}  # fits samples of every shape
    layer = Layer(what, {"data": dict(values), "generator": dense, "discriminator": dense}, own=False)
    path = None if path is None else expanded(path)
    return read_layers(Config, [layer], overrides, data=path, what=what).data


def _refuse_unknown(what: str) -> None:
    sources, models = data_sources.names(), config_files()
    if what not in models and not what.endswith((".yaml", ".yml")):
        near = did_you_mean(what, [*sources, *models]) or f" Data sources: {', '.join(sources)}."
        raise UnknownNameError(
            f"No data source or model named '{what}'.{near}\nSee all: ganzoo parts data_sources, and ganzoo list"
        )
