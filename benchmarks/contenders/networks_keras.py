"""The networks of the benchmarks in Keras, built from a ganzoo config."""

from __future__ import annotations

from ganzoo.config.experiment import Config

BATCH, LATENT_DIM, IMAGES = 64, 100, 2048
BLOCKS = {
    "generator": {"model": "dcgan", "latent_dim": LATENT_DIM, "base_channels": 64, "block": "conv_transpose"},
    "discriminator": {
        "model": "dcgan",
        "base_channels": 64,
        "block": {"name": "strided_conv", "norm": "batch", "activation": "leaky_relu"},
    },
}


def config(update: str) -> Config:
    """Return the config of DCGAN at 64 px, as in the paper."""
    adam = {"name": "adam", "learning_rate": 2e-4, "beta_1": 0.5}
    training = {"update": update, "batch_size": BATCH, "g_optimizer": adam, "d_optimizer": adam, "steps": 10**6}
    return Config.read({"data": {"source": "faces", "resolution": 64}, **BLOCKS, "training": training})
