"""Checks of architectures: the blocks that they expand to, and the networks that these make."""

from __future__ import annotations

from typing import Any

import numpy as np

from ganzoo.architectures.base import (
    DiscriminatorConfig,
    GeneratorConfig,
    NetworkConfig,
    discriminator_architectures,
    generator_architectures,
)
from ganzoo.architectures.shapes import trace
from ganzoo.blocks.base import Shape
from ganzoo.config.experiment import Config
from ganzoo.errors import ConfigError
from ganzoo.testing.part import check_part, require

SAMPLES: tuple[Shape, ...] = ((16, 16, 3), (32, 16, 1), (5,))
"""Shapes of samples. An architecture must accept at least one of them."""
BATCH = 4


def check_generator_architecture(architecture: GeneratorConfig | type[GeneratorConfig]) -> None:
    """Check the blocks for samples of several shapes, and that the built generator can be exported.

    Raises:
        AssertionError: with the first check that failed.
    """
    from ganzoo.exporters.onnx import onnx_runtime, to_onnx
    from ganzoo.exporters.parity import TOLERANCE, measure
    from ganzoo.training import networks

    architecture = check_part(generator_architectures, architecture)
    _check_sizes(architecture)
    for shape in _accepted(architecture):
        shapes = trace(architecture.expand(shape), (architecture.latent_dim,))
        require(shapes[-1] == shape, f"for samples of {shape} the last block outputs {shapes[-1]}")
        generator = networks.build_generator(_config(shape, generator=architecture))
        z = np.random.RandomState(0).standard_normal((BATCH, architecture.latent_dim)).astype(np.float32)
        samples = np.asarray(generator([z], training=False))
        require(samples.shape == (BATCH, *shape), f"the generator outputs {samples.shape} for samples of {shape}")
        run = onnx_runtime(to_onnx(generator).SerializeToString())
        difference = measure(generator, run, distribution=architecture.latent)
        require(difference < TOLERANCE, f"ONNX Runtime differs by {difference:.2g}")


def check_discriminator_architecture(architecture: DiscriminatorConfig | type[DiscriminatorConfig]) -> None:
    """Check the blocks for samples of several shapes, and the logits of the built discriminator.

    Raises:
        AssertionError: with the first check that failed.
    """
    from ganzoo.training import networks

    architecture = check_part(discriminator_architectures, architecture)
    _check_sizes(architecture)
    for shape in _accepted(architecture):
        shapes = trace(architecture.expand(shape), shape)
        require(shapes[-1] == (1,), f"for samples of {shape} the last block outputs {shapes[-1]}, not one logit")
        discriminator = networks.build_discriminator(_config(shape, discriminator=architecture))
        samples = np.random.RandomState(0).standard_normal((BATCH, *shape)).astype(np.float32)
        logits = np.asarray(discriminator([samples], training=False))
        require(logits.shape == (BATCH, 1), f"the discriminator outputs {logits.shape} for {BATCH} samples")
        require(bool(np.isfinite(logits).all()), "the logits are not finite")


def _check_sizes(architecture: NetworkConfig) -> None:
    unknown = set(architecture.sizes) - set(type(architecture).model_fields)
    require(not unknown, f"sizes names {sorted(unknown)}, which are not fields")


def _accepted(architecture: Any) -> list[Shape]:
    accepted = []
    for shape in SAMPLES:
        try:
            architecture.expand(shape)
        except ConfigError:
            continue
        accepted.append(shape)
    require(bool(accepted), f"'{architecture.registered_name}' accepts samples of none of the shapes {SAMPLES}")
    return accepted


def _config(shape: Shape, **networks: NetworkConfig) -> Config:
    """An experiment with one given network. The other is dense, which accepts every sample."""
    if len(shape) == 3:
        form: dict[str, Any] = {"resolution": f"{shape[0]}x{shape[1]}", "channels": shape[2]}
    else:
        form = {"vector_dim": shape[0]}
    data = {"source": "numpy", "path": "samples.npz", **form}  # only networks are built, so the file is not read
    return Config.read({"data": data, "generator": "dense", "discriminator": "dense", **networks})
