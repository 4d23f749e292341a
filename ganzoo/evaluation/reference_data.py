"""Which real data a bundle's generator was trained on: by its run, by what it says itself, or by a config."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ganzoo.bundle.folder import Bundle
from ganzoo.data.base import DataSource, data_sources
from ganzoo.data.preview import choose_source, configured_source
from ganzoo.errors import ConfigError, EvaluationError, GanzooError
from ganzoo.resolve import RUN_BUNDLE
from ganzoo.runs import CONFIG, Run


def run_of(folder: Path) -> Run | None:
    """The run that a bundle's folder stands in, if it stands in one."""
    folder = folder.absolute()
    inside = folder.name == RUN_BUNDLE and (folder.parent / CONFIG).is_file()
    return Run(folder.parent) if inside else None


def real_source(bundle: Bundle, *, config: str | None = None, data: str | os.PathLike[str] | None = None) -> DataSource:
    """The data source of a bundle. A path that a bundle names itself is not followed.

    Args:
        bundle: what was trained.
        config: a data source, a model of the zoo or a YAML file, which goes before everything else.
        data: file or folder of the data.

    Raises:
        GanzooError: if the data are not told, or the config or the path does not fit.
    """
    if config is not None:
        return choose_source(config, path=data)
    run = run_of(bundle.folder)
    if run is not None:
        return configured_source(data_sources.spec(run.config.data), path=data)
    told = bundle.metadata.facts.training.get("config")
    values = told.get("data") if isinstance(told, Mapping) else None
    if not isinstance(values, Mapping) or not isinstance(values.get("source"), str):
        raise EvaluationError(
            f"The bundle '{bundle.folder}' does not say what it was trained on. Say it: --config NAME, a model of the "
            "zoo or a YAML file"
        )
    try:
        return configured_source({key: value for key, value in values.items() if key != "path"}, path=data)
    except ConfigError as error:
        first = str(error).splitlines()[0]
        raise EvaluationError(f"The bundle '{bundle.folder}' says of its data: {first}") from error
    except GanzooError as error:
        raise EvaluationError(f"{error}\nOr say what it was trained on: --config NAME") from error
