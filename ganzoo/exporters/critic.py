"""Exports the trained discriminator as a critic: a graph that scores one sample, for ``best_of`` at generation.

A discriminator's logit ranks samples by how real they look (Azadi et al. 2019, arXiv:1810.06758, reject samples by it).
Statistics of the whole batch, as those of ``minibatch_stddev``, are replaced by their mean over generated batches.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganzoo.bundle.onnx_guard import check_critic
from ganzoo.errors import BundleError, ExportError
from ganzoo.exporters.parity import BATCHES, Samples, check_graph, generated_samples, one_by_one, relative_difference

if TYPE_CHECKING:
    import keras

    from ganzoo.blocks.base import Block
    from ganzoo.blocks.context import BuildContext
    from ganzoo.bundle.folder import BundleConfig
    from ganzoo.config.experiment import Config

TOLERANCE = 1e-3
"""Largest allowed difference between the logits of the graph and of Keras, relative to the largest logit if above 1."""

MEASURED = 1024
"""Least number of generated samples for the mean of a batch statistic."""

Weights = Mapping[str, NDArray[Any]]
"""The discriminator's weights by name, as in a checkpoint."""


class Critic(NamedTuple):
    """The content of ``onnx/critic.onnx``, and the largest difference of its logits from those of Keras."""

    content: bytes
    parity_error: float


def check_possible(config: Config) -> None:
    """Check that the discriminator of an experiment can score single samples. Needs no TensorFlow.

    Raises:
        ExportError: with the block that prevents it.
    """
    if not config.objective.scores_samples:
        raise ExportError(
            f"'{config.name}' cannot have a critic, which scores single samples: the discriminator of the objective "
            f"'{config.objective.registered_name}' judges more than a sample. Export it without --critic."
        )
    for block in config.discriminator.expand(config.sample_shape):
        why = ""
        if block.samples_per_output > 1:
            why = f"judges {block.samples_per_output} samples together"
        elif block.mixes_samples:
            why = "normalizes a sample with the statistics of the whole batch"
        if why:
            raise ExportError(
                f"'{config.name}' cannot have a critic, which scores single samples: the block "
                f"'{block.registered_name}' of its discriminator {why}. Export it without --critic."
            )


def export_critic(config: Config, described: BundleConfig, weights: Weights, generator: keras.Model) -> Critic:
    """Convert the discriminator, and compare the graph with Keras.

    Args:
        config: the experiment.
        described: the bundle's config.
        weights: the trained discriminator's.
        generator: the float32 generator, for the samples that statistics are measured and graphs compared on.

    Raises:
        ExportError: if the discriminator cannot score single samples or be converted, its weights do not match the
            config, or the graph differs from it too much.
    """
    from ganzoo.exporters.onnx import critic_to_onnx

    check_possible(config)
    critic = build_critic(config, weights, measured_statistics(config, weights, generator))
    samples = generated_samples(config, generator, range(sum(BATCHES)))
    logits = _independent_logits(config, critic, samples)
    content = critic_to_onnx(critic, kind=described.kind, num_classes=config.num_classes).SerializeToString()
    try:
        check_critic(content, described)
    except BundleError as error:
        raise ExportError(f"The critic's graph is not allowed in a bundle: {error}") from error
    inputs = dict(zip((described.kind, "label"), _inputs(samples), strict=False))
    return Critic(content, check_graph(content, inputs, logits, tolerance=TOLERANCE, name="critic"))


def measured_statistics(config: Config, weights: Weights, generator: keras.Model) -> dict[str, NDArray[np.float32]]:
    """The mean of each statistic of the batch over generated batches of the training's size: float32 ``[channels]``.

    Returns:
        Name of the block -> mean; empty if the discriminator has no such block.
    """
    import keras

    from ganzoo.training import networks

    outputs: dict[str, Any] = {}

    def probe(block: Block, x: Any, context: BuildContext) -> Any:
        x = block.build(x, context)
        if block.statistic_channels:
            outputs[context.name] = x[..., -block.statistic_channels :]
        return x

    network = networks.discriminator_graph(config, probe)
    if not outputs:
        return {}
    _assign(network, config, weights)
    measure = keras.Model(network.inputs, outputs)
    takes_label = len(network.inputs) > 1
    size = config.training.batch_size
    found: dict[str, list[NDArray[np.float32]]] = {name: [] for name in outputs}
    for start in range(0, max(2 * size, MEASURED), size):
        samples, labels = generated_samples(config, generator, range(start, start + size))
        values = measure(_inputs((samples, labels if takes_label else None)), training=False)
        for name, value in values.items():
            channels = np.asarray(value, np.float32)
            found[name].append(channels.reshape(-1, channels.shape[-1]).mean(axis=0))
    return {name: np.mean(means, axis=0) for name, means in found.items()}


def build_critic(config: Config, weights: Weights, statistics: Mapping[str, NDArray[np.float32]]) -> keras.Model:
    """The discriminator with constants instead of its statistics of the batch: float32 samples -> ``[b, 1]``.

    In a model with classes the label is an input, as in every bundle, also if the discriminator ignores it.
    """
    import keras

    from ganzoo.training import networks

    def apply(block: Block, x: Any, context: BuildContext) -> Any:
        if not block.statistic_channels:
            return block.build(x, context)
        mean = x[..., :1] * 0.0 + statistics[context.name]
        return keras.layers.Concatenate(name=f"{context.name}_mean")([x, mean])

    critic = networks.discriminator_graph(config, apply)
    _assign(critic, config, weights)
    if config.num_classes and len(critic.inputs) == 1:
        return keras.Model([*critic.inputs, keras.Input((), dtype="int32", name="label")], critic.output)
    return critic


def _assign(network: keras.Model, config: Config, weights: Weights) -> None:
    """Set the weights. Blocks of statistics have none, so positions may differ; the paths are equal."""
    values = {name.partition("/")[2]: value for name, value in weights.items()}
    for variable in network.variables:
        value = values.get(variable.path)
        if value is None or value.shape != tuple(variable.shape):
            raise ExportError(
                f"The checkpoint's discriminator does not match the config of '{config.name}' in {variable.path}."
            )
        variable.assign(value)


def _inputs(samples: Samples) -> list[NDArray[Any]]:
    return [part for part in samples if part is not None]


def _independent_logits(config: Config, critic: keras.Model, samples: Samples) -> NDArray[np.float32]:
    """The logits of Keras, float32 ``[n, 1]``, if each depends on its sample alone.

    Raises:
        ExportError: if a logit changes with the other samples of the batch.
    """
    together = np.asarray(critic(_inputs(samples), training=False), np.float32)
    alone = one_by_one(critic, _inputs(samples))
    difference = relative_difference(together, alone)
    if np.isnan(difference):
        raise ExportError("The discriminator returns logits that are not finite, so it cannot be a critic.")
    if difference > TOLERANCE:
        raise ExportError(
            f"'{config.name}' cannot have a critic, which scores single samples: its discriminator's logit of a sample "
            f"changes by {difference:.2g} with the other samples of the batch. Export it without --critic."
        )
    return alone
