"""A process of a cluster that is not the chief: it trains its share of every batch, and does what the chief decides.

It writes no files. It has no collapse watch and no evaluation, because these are the chief's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ganzoo.config.experiment import Config
from ganzoo.data.base import Dataset
from ganzoo.data.fingerprint import Fingerprint
from ganzoo.data.reading.label_order import relabeled
from ganzoo.environment.places import expanded
from ganzoo.environment.process_settings import own_settings
from ganzoo.environment.tensorflow import import_tensorflow
from ganzoo.errors import DataError
from ganzoo.runs import Run
from ganzoo.training.data import load_data
from ganzoo.training.outcome import Outcome
from ganzoo.training.team import Team

Info = Callable[[str], None]


def begin(team: Team, config: Config, dataset: Dataset) -> None:
    """Give the followers the config and the order of the classes. Called by the chief."""
    names = list(dataset.class_names) if config.num_classes and config.objective.uses_labels else []
    team.send("begin", config=config.to_dict(), class_names=names)


def check_same_data(team: Team, dataset: Dataset) -> None:
    """Check that all followers have loaded the same data. Called by the chief.

    Raises:
        DataError: if the data of a follower differ.
    """
    own = Fingerprint.of(dataset)
    for answer in team.receive_from_all("data"):
        differences = own.differences(Fingerprint.parse(answer["fingerprint"]))
        if differences:
            raise DataError(
                f"Process {answer['rank']} has other data than process 0. What differs: {'; '.join(differences)}. "
                "All processes need the same files in the same order."
            )


def follow(
    team: Team,
    *,
    source: Any = None,
    moved: str | os.PathLike[str] | None = None,
    given: object = None,
    devices: Sequence[int] | None = None,
    quiet: bool,
    info: Info = lambda text: None,
) -> tuple[Run, Outcome]:
    """Train with the chief until it stops. Returns the chief's run, whose folder may be on another machine.

    Args:
        team: the connected processes.
        source: plain values of the data source, if it is not the chief's: its files may have another path here.
        moved: the path of the chief's data on this machine; None if it is the same.
        given: data that a Python program passes; see ``ganzoo.data.given``.
        devices: numbers of the GPUs of this machine to use; None means all.
        quiet: show no progress of the data.
        info: called with messages.

    Raises:
        GanzooError: if the data are missing or differ, or another process fails.
    """
    message, _ = team.receive("begin")
    values = message["config"]
    if source is not None:
        values["data"] = source
    if moved is not None:
        values["data"]["path"] = os.fspath(expanded(moved).absolute())
    values["training"]["evaluation"] = None
    values["training"]["watch"] = {"enabled": False}
    config = Config.read(values, what="the chief's config")
    dataset = load_data(config, given=given, quiet=quiet, info=info)
    if message["class_names"]:
        dataset = relabeled(dataset, message["class_names"])
    team.send("data", fingerprint=Fingerprint.of(dataset).to_json().decode())
    import_tensorflow()
    with own_settings():
        return _train(team, config, dataset, devices, info)


def _train(
    team: Team, config: Config, dataset: Dataset, devices: Sequence[int] | None, info: Info
) -> tuple[Run, Outcome]:
    import tensorflow as tf

    from ganzoo.training.distribution import make_strategy
    from ganzoo.training.interrupt import interruptible
    from ganzoo.training.steps import Steps
    from ganzoo.training.transfer import apply_state
    from ganzoo.training.variables import TrainingVariables

    strategy = make_strategy(config.training, devices, team, info=info) or tf.distribute.get_strategy()
    variables = TrainingVariables(config, strategy)
    steps = Steps(config, dataset, variables, strategy, team.share_of(config.training.batch_size))
    with steps.input_pipeline, interruptible(on_signal=lambda: team.send("interrupt")):
        while True:
            command, payload = team.receive("run", "state", "stop")
            if command["kind"] == "stop":
                info(f"The training stopped at step {command['step']}. Process 0 has the run: {command['run']}")
                return Run(Path(command["run"])), Outcome(command["step"], command["reason"])
            if command["kind"] == "state":
                apply_state(variables, command, payload)
                continue
            try:
                steps.run(first=command["first"], count=command["count"])
            except tf.errors.OpError as error:
                raise team.explain(error) from error
