"""Generators as training leaves them: every weight and every statistic of batch normalization is random."""

from __future__ import annotations

from typing import Any

import numpy as np

from ganzoo.config.experiment import Config

TINY = {
    "data": {"source": "faces", "resolution": 16, "count": 8},
    "generator": {
        "model": "dcgan",
        "latent_dim": 16,
        "base_channels": 8,
        "block": {"name": "conv_transpose", "norm": "batch"},
    },
    "discriminator": {"model": "dcgan", "base_channels": 8, "block": {"name": "strided_conv", "norm": "none"}},
}


def tiny_config(**changes: Any) -> Config:
    """A DCGAN for faces at 16 px; ``changes`` go into the generator's block, others where they belong."""
    changes = dict(changes)
    values: dict[str, Any] = {**TINY, "name": "tiny", "generator": {**TINY["generator"]}}
    if "num_classes" in changes:
        values["num_classes"] = changes.pop("num_classes")
    for key in ("conditioning", "self_modulation"):
        if key in changes:
            values["generator"][key] = changes.pop(key)
    values["generator"]["block"] = {**values["generator"]["block"], **changes}
    if changes.get("name", "").startswith("residual"):
        values["generator"]["model"] = "residual"
    return Config.read(values)


def randomise(model: Any, seed: int = 0) -> Any:
    """Give every weight a value that training could have reached, and batch normalization statistics of its own."""
    rng = np.random.RandomState(seed)
    for weight in model.weights:
        if "float" not in str(weight.dtype):
            continue
        value = rng.standard_normal(weight.shape)
        if weight.name in ("moving_variance", "gamma"):
            value = 0.5 + np.abs(value)
        elif weight.name in ("kernel", "embeddings"):
            value = value * np.sqrt(2 / max(1, np.prod(weight.shape[:-1])))
        else:
            value = value * 0.3
        weight.assign(value.astype(np.float32))
    return model
