"""The names of weights in checkpoints and bundles: ``0000/dense/kernel``, the position of a variable and its path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras


def average_group(name: str) -> str:
    """The group of a checkpoint that has the averaged weights of a network."""
    return "ema" if name == "generator" else f"{name}_ema"


def named_variables(variables: Iterable[Any]) -> dict[str, Any]:
    """Keras variables by name. The position keeps names unique and in order."""
    return {f"{position:04d}/{variable.path}": variable for position, variable in enumerate(variables)}


def named_weights(network: keras.Model) -> dict[str, Any]:
    """The float32 variables of a network by name: what a bundle contains. Keras' random states are left out."""
    named = named_variables(network.variables)
    return {name: variable for name, variable in named.items() if variable.dtype == "float32"}


def first_misfit(saved: Mapping[str, Any], variables: Mapping[str, Any]) -> str | None:
    """The first name whose shapes differ, with both: "the shape of 0001/bias is [4] there, and [8] in this config".

    None if all names and shapes are the same.
    """
    for name in sorted(saved.keys() | variables.keys()):
        there = list(saved[name].shape) if name in saved else "missing"
        here = list(variables[name].shape) if name in variables else "missing"
        if there != here:
            return f"the shape of {name} is {there} there, and {here} in this config"
    return None
