"""The check of losses: their gradients, and the directions of these."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganzoo.losses import Loss, losses
from ganzoo.testing.part import check_part, require


def check_loss(loss: Loss | type[Loss]) -> None:
    """Check the losses of both networks, their gradients against finite differences, and the declared facts.

    The generator must raise the logits of fakes, and the discriminator lower them. ``realness_scores`` and ``chance``
    must fit the loss.

    Raises:
        AssertionError: with the first check that failed.
    """
    import tensorflow as tf

    loss = check_part(losses, loss)
    rng = np.random.RandomState(0)
    real, fake = rng.standard_normal((2, 6, 1))
    undecided = rng.uniform(0.1, 0.9, (2, 6, 1))
    for network, method in (("discriminator", loss.discriminator), ("generator", loss.generator)):
        value, by_real, by_fake = _gradient(method, real, fake)
        require(value.shape == () and bool(np.isfinite(value)), f"the loss of the {network} is not a finite scalar")
        single = method(tf.constant(real, tf.float32), tf.constant(fake, tf.float32))
        require(single.dtype == tf.float32, f"the loss of the {network} is {single.dtype.name} for float32 logits")
        for logits, gradient in ((real, by_real), (fake, by_fake)):
            measured = _finite_differences(partial(_value, method, real, fake), logits)
            require(np.allclose(gradient, measured, atol=1e-6), f"the gradient of the {network}'s loss is wrong")
        sign = 1 if network == "discriminator" else -1
        pull = sign * _gradient(method, *undecided)[2]
        require(bool((pull > 0).all()), f"the {network} pulls the logits of fakes the wrong way")
        if network == "generator" and not loss.generator_needs_real:
            require(not by_real.any(), "the generator's loss depends on real logits: set generator_needs_real")
    pull = _gradient(loss.discriminator, *undecided)[1]
    require(bool((pull < 0).all()), "the discriminator pulls the logits of reals the wrong way")
    if not loss.critic:
        sure = loss.realness_scores(tf.constant(real**2 + 1.0), tf.constant(-(fake**2)))
        require(bool((sure[0] > 0).numpy().all()), "D takes reals with large logits for fakes")
        require(bool((sure[1] < 0).numpy().all()), "D takes fakes with small logits for reals")
    scores = loss.realness_scores(tf.constant(real), tf.constant(fake))
    exchanged = loss.realness_scores(tf.constant(-fake), tf.constant(-real))
    neutral = np.allclose(exchanged[0], -scores[1]) and np.allclose(exchanged[1], -scores[0])
    require(
        bool(neutral) == loss.zero_is_neutral,
        f"zero_is_neutral is {loss.zero_is_neutral}, but the scores of negated logits are {'' if neutral else 'not '}"
        "the negated scores",
    )
    if loss.chance is not None:
        equal = [np.full((6, 1), logit) for logit in np.linspace(-4.0, 4.0, 801)]
        least = min(float(_value(loss.discriminator, logits, logits)) for logits in equal)
        require(
            bool(np.isclose(loss.chance, least, atol=1e-4)),
            f"chance is {loss.chance:g}, but the least loss of a discriminator with equal logits is {least:.4g}",
        )


def _gradient(method: Callable[..., Any], real: NDArray[Any], fake: NDArray[Any]) -> list[NDArray[Any]]:
    """The loss in float64, and its gradients with respect to the real and the fake logits."""
    import tensorflow as tf

    logits = [tf.constant(real), tf.constant(fake)]
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = method(*logits)
    gradients = tape.gradient(value, logits, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return [np.asarray(value), *(np.asarray(gradient) for gradient in gradients)]


def _value(method: Callable[..., Any], real: NDArray[Any], fake: NDArray[Any]) -> Any:
    import tensorflow as tf

    return method(tf.constant(real), tf.constant(fake))


def _finite_differences(value: Callable[[], Any], at: NDArray[Any], *, step: float = 1e-5) -> NDArray[Any]:
    """Central differences of ``value``, a function of the array ``at``."""
    measured = np.zeros_like(at)
    for index in np.ndindex(at.shape):
        original = at[index]
        at[index] = original + step
        above = float(value())
        at[index] = original - step
        below = float(value())
        at[index] = original
        measured[index] = (above - below) / (2 * step)
    return measured
