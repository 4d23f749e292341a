"""The checks of norms, activations and initializers, which are parts of blocks and networks."""

from __future__ import annotations

import numpy as np

from ganzoo.activations import Activation, activations
from ganzoo.blocks.dcgan import ConvTranspose
from ganzoo.initializers import Initializer, initializers
from ganzoo.norms import Norm, norms
from ganzoo.testing.blocks import check_generator_block, depends_on_batch
from ganzoo.testing.part import BATCH, IMAGE, check_part, require


def check_norm(norm: Norm | type[Norm]) -> None:
    """Check a block with this norm: shapes, gradients, first weights, classes and style, and the exported graph.

    ``mixes_samples`` must be True exactly if a sample's output depends on the batch.

    Raises:
        AssertionError: with the first check that failed.
    """
    norm = check_part(norms, norm)
    block = ConvTranspose(channels=4, norm=norm)
    check_generator_block(block)
    mixes = depends_on_batch(block, IMAGE)
    verb = "depends" if mixes else "does not depend"
    require(
        mixes == norm.mixes_samples,
        f"mixes_samples is {norm.mixes_samples}, but the output of a sample {verb} on the batch",
    )


def check_activation(activation: Activation | type[Activation]) -> None:
    """Check that the activation keeps the shape, has a gradient, and makes the same output in ONNX Runtime.

    Raises:
        AssertionError: with the first check that failed.
    """
    activation = check_part(activations, activation)
    check_generator_block(ConvTranspose(channels=4, norm="none", activation=activation))


def check_initializer(initializer: Initializer | type[Initializer]) -> None:
    """Check that it draws finite, different weights of the right shape, and that its seed fixes them.

    Raises:
        AssertionError: with the first check that failed.
    """
    initializer = check_part(initializers, initializer)
    built = initializer.build()
    options = built.get_config()
    require("seed" in options, "the Keras initializer has no seed, so the seed of the training would not fix weights")
    one, again, other = (np.asarray(type(built).from_config({**options, "seed": n})((BATCH, 6))) for n in (1, 1, 2))
    require(one.shape == (BATCH, 6), f"weights of the shape {(BATCH, 6)} are drawn with the shape {one.shape}")
    require(bool(np.isfinite(one).all()) and float(one.std()) > 0, "the weights are not finite and different")
    require(np.array_equal(one, again), "one seed draws two different weights")
    require(not np.array_equal(one, other), "two seeds draw equal weights")
