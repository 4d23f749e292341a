"""Restores the EMA generator from a run's checkpoint."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Literal

from ganzoo.errors import RunError
from ganzoo.runs import BEST, CHECKPOINTS, Run

if TYPE_CHECKING:
    import keras

    from ganzoo.training.checkpoint import Checkpoint

WhichCheckpoint = Literal["best", "newest"] | int
"""The best by the evaluation during training (the newest if there was none), the newest, or a step."""


def load_averaged(run: Run, which: WhichCheckpoint = "best") -> Checkpoint:
    """Load a checkpoint with EMA weights.

    Raises:
        RunError: if there is no such checkpoint, or it is damaged. The message lists the existing checkpoints.
    """
    from ganzoo.training.checkpoint import load_newest

    if which == "best":
        try:
            found = load_newest(run.folder / BEST)
        except RunError as error:
            raise RunError(f"{error} To use another checkpoint: --checkpoint newest") from error
        if found is not None:
            return found
    steps = run.checkpoint_steps()
    if isinstance(which, int):
        return _at(run, which, steps)
    found = load_newest(run.folder / CHECKPOINTS)
    if found is None:
        raise RunError(f"Run {run.name} has no checkpoint yet, so there is nothing to export.")
    return found


def _at(run: Run, step: int, steps: list[int]) -> Checkpoint:
    from ganzoo.training.checkpoint import load_newest

    folder = BEST if step == run.best_step() else CHECKPOINTS
    found = load_newest(run.folder / folder, up_to=step) if step in {*steps, run.best_step()} else None
    if found is None or found.step != step:
        there = ", ".join(str(step) for step in sorted({*steps, *filter(None, [run.best_step()])}))
        damaged = f" {found.skipped[0]}." if found is not None and found.skipped else ""
        raise RunError(f"Run {run.name} has no intact checkpoint of step {step}.{damaged} Available: {there or 'none'}")
    return found


def restored_generator(run: Run, found: Checkpoint) -> keras.Model:
    """Build the generator and set the EMA weights of a checkpoint.

    Raises:
        RunError: if the checkpoint does not match the run's config.
    """
    from ganzoo.training import networks

    return _restored(run, found, "generator", networks.build_generator(run.config))


def restored_encoder(run: Run, found: Checkpoint) -> keras.Model | None:
    """Build the encoder of the run's objective and set its EMA weights; None if the objective has no encoder.

    Raises:
        RunError: if the checkpoint does not match the run's config.
    """
    objective = run.config.objective
    name = objective.exported_encoder
    return None if name is None else _restored(run, found, name, objective.averages(run.config)[name])


def _restored(run: Run, found: Checkpoint, name: str, network: keras.Model) -> keras.Model:
    """Set the averaged weights of a network."""
    from ganzoo.training.weight_names import average_group, named_variables

    saved = found.state.get(average_group(name), {})
    for key, variable in named_variables(network.variables).items():
        value = saved.get(key)
        if value is None or value.shape != tuple(variable.shape):
            raise RunError(
                f"The {name} in the checkpoint at step {found.step} of run {run.name} does not match its config.yaml."
            )
        variable.assign(value)
    return network


def discriminator_near(run: Run, found: Checkpoint) -> Checkpoint:
    """The checkpoint with a discriminator that is nearest to ``found``; of two equally near ones, the later.

    The best weights are saved without the discriminator of their step.

    Raises:
        RunError: if no intact checkpoint has one.
    """
    from ganzoo.training.checkpoint import load_newest

    if "discriminator" in found.state:
        return found
    for step in sorted(run.checkpoint_steps(), key=lambda step: (abs(step - found.step), -step)):
        with contextlib.suppress(RunError):
            near = load_newest(run.folder / CHECKPOINTS, up_to=step)
            if near is not None and near.step == step and "discriminator" in near.state:
                return near
    raise RunError(
        f"Run {run.name} has no intact checkpoint with a discriminator, which a critic needs. Export it without "
        "--critic."
    )


def chosen_by(run: Run, found: Checkpoint) -> dict[str, Any]:
    """The number that selected the checkpoint, for the model card; empty if none did."""
    labels = list(found.state.get("chosen_by", {}))
    if not labels:
        return {}
    label = labels[0]
    tried = sum(label in record for record in run.log())
    return {"chosen_by": {"number": label, "value": float(found.state["measured"][label]), "of": max(tried, 1)}}
