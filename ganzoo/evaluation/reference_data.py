"""The real data that a bundle's generator was trained on, and what its classes are: from its run, its metadata or a
config."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ganzoo.bundle.folder import Bundle
from ganzoo.config.data_source import choose_source, configured_source
from ganzoo.data.base import DataSource, data_sources
from ganzoo.errors import ConfigError, EvaluationError, GanzooError
from ganzoo.objectives.base import objectives
from ganzoo.runs import run_of_bundle


def real_source(bundle: Bundle, *, config: str | None = None, data: str | os.PathLike[str] | None = None) -> DataSource:
    """The data source of a bundle. A path in the bundle's own metadata is ignored.

    Args:
        bundle: the trained model.
        config: a data source, a model of the zoo or a YAML file, used instead of the bundle's own.
        data: file or folder of the data.

    Raises:
        GanzooError: if the data source is unknown, or the config or the path does not fit.
    """
    if config is not None:
        return choose_source(config, path=data)
    run = run_of_bundle(bundle.folder)
    if run is not None:
        _check_path(type(run.config.data), data)
        return configured_source(data_sources.spec(run.config.data), path=data)
    trained = bundle.metadata.facts.training.get("config")
    values = trained.get("data") if isinstance(trained, Mapping) else None
    if not isinstance(values, Mapping) or not isinstance(values.get("source"), str):
        raise EvaluationError(
            f"The bundle '{bundle.folder}' has no record of its training data. Name a model of the zoo or a YAML file: "
            "--config NAME"
        )
    if values["source"] in data_sources.names():
        _check_path(data_sources.get(values["source"]), data)
    try:
        return configured_source({key: value for key, value in values.items() if key != "path"}, path=data)
    except ConfigError as error:
        first = str(error).splitlines()[0]
        raise EvaluationError(f"The data source of the bundle '{bundle.folder}': {first}") from error
    except GanzooError as error:
        raise EvaluationError(f"{error}\nOr name the config that it was trained with: --config NAME") from error


def _check_path(source: type[DataSource], data: str | os.PathLike[str] | None) -> None:
    """Raise EvaluationError for a path that the data source of the training cannot read."""
    if data is not None and not source.accepts_path:
        raise EvaluationError(
            f"The model was trained on '{source.registered_name}', which makes its own samples, so --data PATH has no "
            "effect. To compare with your own data, name a config that reads them: --config mine.yaml"
        )


def has_classes_of_data(bundle: Bundle) -> bool:
    """Whether the classes of a bundle's generator are those of its data. Assumed where the objective is unknown."""
    run = run_of_bundle(bundle.folder)
    if run is not None:
        return bool(run.config.objective.uses_labels)
    trained = bundle.metadata.facts.training.get("config")
    values = trained.get("objective") if isinstance(trained, Mapping) else None
    name = values.get(objectives.key) if isinstance(values, Mapping) else values
    if not isinstance(name, str):
        return True
    try:
        return objectives.get(name).uses_labels
    except GanzooError:
        return True
