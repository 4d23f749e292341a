"""What to try against a sign of collapse: ``key=value`` changes that fit the config, as the command line takes them."""

from __future__ import annotations

from ganzoo.config.experiment import Config


def against(kind: str, config: Config) -> str:
    """Changes that help against this kind of sign."""
    if kind.endswith("gradients"):
        return _clip(kind[0], config)
    if kind == "chance":
        return _more_to_go_by(config)
    training = config.training
    if training.penalties:
        changes = lower_rates(config) if kind != "saturated" else _lower("d", config)
    elif getattr(config.discriminator.block, "norm", None) == "batch":
        changes = "discriminator.block.norm=none training.penalties=[r1]"
    else:
        changes = "training.penalties=[r1]"
    if training.watch.on_collapse == "warn":
        changes += ", or let it go back by itself: training.watch.on_collapse=rollback"
    return changes


def _more_to_go_by(config: Config) -> str:
    """Lighter penalties and a gentler augmentation; of a D that has neither, twice its learning rate."""
    training = config.training
    changes = [
        f"training.penalties.{place}.{name}={getattr(penalty, name) / 10:g}"
        for place, penalty in enumerate(training.penalties)
        for name in ("gamma", "gamma_end")
        if getattr(penalty, name, None)
    ]
    if training.augment is not None and not training.augment.adaptive:
        changes.append("training.augment.adaptive=true")
    return " ".join(changes) or f"training.d_optimizer.learning_rate={2 * training.d_optimizer.learning_rate:g}"


def lower_rates(config: Config) -> str:
    """Half of both learning rates."""
    return f"{_lower('g', config)} {_lower('d', config)}"


def _lower(letter: str, config: Config) -> str:
    rate = getattr(config.training, f"{letter}_optimizer").learning_rate
    return f"training.{letter}_optimizer.learning_rate={rate / 2:g}"


def _clip(letter: str, config: Config) -> str:
    if getattr(config.training, f"{letter}_optimizer").clip_norm is None:
        return f"training.{letter}_optimizer.clip_norm=1"
    return _lower(letter, config)
