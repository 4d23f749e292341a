"""Marks layers whose output is not one value for each channel: a scale and an offset, or a value for each pixel."""

from __future__ import annotations

from typing import Any

_MARK = "ganzoo_channel_groups"


def with_channel_groups(layer: Any, groups: int) -> Any:
    """Mark a Keras layer that outputs ``groups`` times all channels, one group after the other. Returns the layer."""
    setattr(layer, _MARK, groups)
    return layer


def channel_groups(layer: Any) -> int:
    """How many times a Keras layer outputs all channels: 1 for most layers."""
    return int(getattr(layer, _MARK, 1))
