"""Recommends changes against a sign of collapse, as ``key=value`` texts for the command line that fit the config."""

from __future__ import annotations

from ganzoo.blocks.fields import NormalizedBlock
from ganzoo.config.experiment import Config


def against(kind: str, config: Config, *, rate_factor: float = 1.0) -> str:
    """Return changes that help against this kind of sign.

    Args:
        kind: of the sign.
        config: the experiment.
        rate_factor: by which rollbacks have multiplied the learning rates of the config.
    """
    if kind.endswith("gradients"):
        return _clip(kind[0], config)
    if kind == "chance":
        return _strengthen_discriminator(config)
    if kind == "label_ignored":
        return _strengthen_label(config)
    training = config.training
    if kind == "saturated" and training.penalties:
        changes = _lower("d", config)
    elif kind == "not_finite" or training.penalties:
        changes = lower_rates(config, rate_factor=rate_factor)
    else:
        changes = _add_penalty(config)
    if training.watch.enabled and training.watch.on_collapse == "warn":
        changes += ", or enable automatic rollback: training.watch.on_collapse=rollback"
    return changes


def _add_penalty(config: Config) -> str:
    """Add a gradient penalty. A discriminator with batch normalization refuses it, so that is removed first."""
    network = config.discriminator
    mixing = [block for block in network.expand(config.sample_shape) if block.mixes_samples]
    parts = [("discriminator.block", network.block)]
    parts += [(f"discriminator.blocks.{number}", block) for number, block in enumerate(network.blocks or ())]
    removed = [f"{key}.norm=none" for key, block in parts if isinstance(block, NormalizedBlock) and block.mixes_samples]
    if not all(isinstance(block, NormalizedBlock) for block in mixing):
        return lower_rates(config)
    return " ".join([*removed, "training.penalties=[r1]"])


def _strengthen_discriminator(config: Config) -> str:
    """Weaken the penalties and the augmentation; if D has neither, double its learning rate."""
    training = config.training
    changes = [
        f"training.penalties.{index}.{name}={getattr(penalty, name) / 10:g}"
        for index, penalty in enumerate(training.penalties)
        for name in penalty.weights
        if penalty.network == "discriminator" and getattr(penalty, name)
    ]
    if training.augment is not None and not training.augment.adaptive and not training.loss.critic:
        changes.append("training.augment.adaptive=true")
    return " ".join(changes) or f"training.d_optimizer.learning_rate={2 * training.d_optimizer.learning_rate:g}"


def _strengthen_label(config: Config) -> str:
    """Put the label into every normalization of G. If it is there already, help D, which teaches the label to G."""
    blocks = config.generator.expand(config.sample_shape)
    if config.num_classes and config.generator.conditioning == "concat" and any(b.conditional_norm for b in blocks):
        return "generator.conditioning=batch_norm"
    return _strengthen_discriminator(config)


def lower_rates(config: Config, *, rate_factor: float = 1.0) -> str:
    """Return changes that halve both learning rates, which are ``rate_factor`` times those of the config."""
    return " ".join(_lower(letter, config, rate_factor=rate_factor) for letter in "gd")


def _lower(letter: str, config: Config, *, rate_factor: float = 1.0) -> str:
    rate = rate_factor * getattr(config.training, f"{letter}_optimizer").learning_rate
    return f"training.{letter}_optimizer.learning_rate={rate / 2:g}"


def _clip(letter: str, config: Config) -> str:
    if getattr(config.training, f"{letter}_optimizer").clip_norm is None:
        return f"training.{letter}_optimizer.clip_norm=1"
    return _lower(letter, config)
