"""The learning rates of a run over its steps, computed from its config and its rollbacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import ValidationError

from ganzoo.errors import GanzooError
from ganzoo.report.history import History, Series, group
from ganzoo.schedules import Constant, rise_and_fall, schedules

_POINTS = 120


def learning_rates(history: History) -> list[Series]:
    """The rates of G and D from step 0 to the newest step; without optimizers in the config, an empty list.

    A rollback halves them.
    """
    last = max(history.step, 1)
    rollbacks = [(int(record["step"]), record["rollback"]) for record in history.log if "rollback" in record]
    marks = {round(last * n / _POINTS) for n in range(_POINTS + 1)}
    marks |= {step + shift for step, _ in rollbacks for shift in (0, 1)}
    steps = sorted(step for step in marks if step <= last)
    found = []
    for letter in "gd":
        optimizer = group(history.training, f"{letter}_optimizer")
        if not isinstance(optimizer.get("learning_rate"), int | float):
            continue
        each = _whole(history.training.get("d_steps"), 1) if letter == "d" else 1
        updates = each * (history.steps or last)
        values = [rate(optimizer, each * step, updates) * _factor(step, rollbacks) for step in steps]
        found.append(Series(letter.upper(), tuple(map(float, steps)), tuple(values)))
    if len(found) == 2 and found[0].values == found[1].values:
        return [Series("G and D", found[0].steps, found[0].values)]
    return found


def rate(optimizer: Mapping[str, Any], update: int, updates: int) -> float:
    """The learning rate of an optimizer's plain config before an update of a training of ``updates`` updates."""
    warmup = _whole(optimizer.get("warmup_steps"), 0)
    peak, schedule = float(optimizer["learning_rate"]), optimizer.get("schedule", "constant")
    try:
        part = schedules.create(schedule)
    except (GanzooError, ValidationError):  # a plug-in's, which is not installed here
        part = Constant()
    rise, fall = rise_and_fall(update, np, schedule=part, warmup_steps=warmup, updates=updates)
    return peak * float(rise) * float(fall)


def _factor(step: int, rollbacks: list[tuple[int, Any]]) -> float:
    """0.5 for each rollback so far. The log has the number of the newest one, and may have lost earlier ones."""
    counts = [_whole(count, 1) for found, count in rollbacks if step > found]
    return float(0.5 ** min(max([0, *counts]), 1000))


def _whole(value: object, default: int) -> int:
    return value if isinstance(value, int) else default
