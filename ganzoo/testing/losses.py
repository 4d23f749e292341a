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

    The generator must raise the logits of fakes, and the discriminator lower them. ``realness_scores``,
    ``probability``, ``chance``, ``falls_with_logit`` and ``needs_whole_batch`` must fit the loss.

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
        sure = loss.realness_scores(tf.constant([[99.0]]), tf.constant([[-99.0]]))
        wide = np.asarray(loss.probability(tf.constant(np.linspace(-99.0, 99.0, 401))))
        require(bool((np.diff(wide) >= 0).all()), "probability falls with the score")
        require(bool(wide.min() >= 0 and wide.max() <= 1), "probability is not from 0 to 1")
        near = float(loss.probability(sure[0])[0, 0]), float(loss.probability(sure[1])[0, 0])
        require(near[0] > 0.99 and near[1] < 0.01, "probability is not near 1 and 0 for a perfect discriminator")
    _check_facts(loss, real, fake)
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


def _check_facts(loss: Loss, real: NDArray[Any], fake: NDArray[Any]) -> None:
    """Check ``falls_with_logit``, which SAN needs, and ``needs_whole_batch``, which several devices need."""
    logits = np.linspace(-9.0, 9.0, 7)[:, None]
    slope = _gradient(loss.generator, np.zeros_like(logits), logits)[2]
    falls = bool((slope <= 0).all()) and not loss.generator_needs_real
    require(
        falls or not loss.falls_with_logit,
        "falls_with_logit is True, but the generator's loss rises with a logit, or depends on real logits",
    )
    for network, method in (("discriminator", loss.discriminator), ("generator", loss.generator)):
        halves = [_value(method, real[part], fake[part]) for part in (slice(3), slice(3, None))]
        require(
            loss.needs_whole_batch or bool(np.isclose(np.mean(halves), _value(method, real, fake))),
            f"the loss of the {network} is not the mean over the halves of a batch: set needs_whole_batch",
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
