"""Sends the values of all trained variables from the chief of a cluster to the followers."""

from __future__ import annotations

from typing import Any

import numpy as np
from safetensors import numpy as safetensors

from ganzoo.training.team import Team
from ganzoo.training.variables import TrainingVariables

SEPARATOR = "/"
"""Between the group and the name of a variable. Group names do not contain it."""


def send_state(team: Team, variables: TrainingVariables, *, rate_factor: float) -> None:
    """Send the values of ``variables`` to all followers.

    Args:
        team: the connected processes.
        variables: the chief's; only those that the steps change are sent.
        rate_factor: the learning rates, as a multiple of the config's.
    """
    arrays = {
        f"{group}{SEPARATOR}{name}": np.array(variable, order="C")
        for group, named in TrainingVariables.groups(variables).items()
        for name, variable in named.items()
    }
    team.send("state", safetensors.save(arrays), rate_factor=rate_factor)


def apply_state(variables: TrainingVariables, message: dict[str, Any], payload: bytes) -> None:
    """Assign the values that the chief has sent."""
    arrays = safetensors.load(payload)
    for group, named in variables.groups().items():
        for name, variable in named.items():
            variable.assign(arrays[f"{group}{SEPARATOR}{name}"])
    variables.scale_rates(float(message["rate_factor"]))
