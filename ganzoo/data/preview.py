"""The real samples as the networks will see them, as one picture: ``ganzoo data preview``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from ganzoo.config import yaml_files
from ganzoo.config.validation import explain
from ganzoo.config.zoo import config_files, load_config
from ganzoo.data.base import Dataset, DataSource, data_sources
from ganzoo.environment.places import expanded
from ganzoo.errors import ConfigError, UnknownNameError, did_you_mean
from ganzoo.sample_sheet import draw_samples, random_samples


def choose_source(
    what: str, overrides: Sequence[str] = (), *, path: str | os.PathLike[str] | None = None
) -> DataSource:
    """The data source that ``what`` names.

    Args:
        what: a data source, a model of the zoo, or a YAML file with a whole config.
        overrides: ``key=value`` texts; the keys are the source's, with or without ``data.`` in front.
        path: file or folder of the data.

    Raises:
        UnknownNameError: if nothing has the name.
        ConfigError: if a key or value is wrong, or the source reads no files.
    """
    return changed_source(_spec(what), overrides, path=path)


def changed_source(
    values: dict[str, Any], overrides: Sequence[str] = (), *, path: str | os.PathLike[str] | None = None
) -> DataSource:
    """The data source of a config, ``values`` with its ``source`` and fields, changed as in ``choose_source``.

    Raises:
        UnknownNameError: if there is no such source.
        ConfigError: if a key or value is wrong, or the source reads no files.
    """
    values = dict(values)
    fields = data_sources.get(values["source"]).model_fields
    for text in overrides:
        key, equals, value = text.removeprefix("data.").partition("=")
        if not equals:
            raise ConfigError(f"received '{text}', but a change is key=value, for example resolution=64")
        if key not in fields:
            hint = did_you_mean(key, fields) or f" Allowed: {', '.join(fields)}."
            raise ConfigError(f"'{key}': the data source '{values['source']}' has no such key.{hint}")
        values[key] = yaml_files.parse(value, what=text)
    if path is not None:
        if "path" not in fields:
            raise ConfigError(
                f"The data source '{values['source']}' makes its own samples, so --data PATH means nothing to it."
            )
        values["path"] = os.fspath(expanded(path))
    try:
        return data_sources.create(values)
    except ValidationError as error:
        lines = explain(error, data_sources.get(values["source"]))
        raise ConfigError("\n".join(line.lstrip(".") for line in lines)) from error


def preview_picture(source: DataSource, dataset: Dataset, *, count: int = 64, seed: int = 0) -> NDArray[np.uint8]:
    """Samples of a dataset drawn at random, uint8 ``[h, w, c]``; mirrored at random where the source says so."""
    chosen = random_samples(dataset.samples, count=count, seed=seed)
    if source.mirrored:
        mirrored = np.random.RandomState(seed).random_sample(len(chosen)) < 0.5
        chosen[mirrored] = chosen[mirrored, :, ::-1]
    return draw_samples(chosen)


def _spec(what: str) -> dict[str, Any]:
    """Plain values of the source."""
    sources = data_sources.names()
    if what in sources:
        return {"source": what}
    models = config_files()
    if what not in models and not what.endswith((".yaml", ".yml")):
        near = did_you_mean(what, [*sources, *models]) or f" Data sources: {', '.join(sources)}."
        raise UnknownNameError(
            f"No data source or model named '{what}'.{near}\nSee all: ganzoo parts data_sources, and ganzoo list"
        )
    return data_sources.spec(load_config(what).data)
