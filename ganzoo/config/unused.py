"""Keys of a config that have no effect next to its other keys. Works on plain values, which need not be valid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ganzoo.architectures.base import discriminator_architectures, generator_architectures, unused_keys_of
from ganzoo.registry import Registry

KeyPath = tuple[str, ...]
"""The keys from the top of a config to a value; a position in a list is a text of digits."""


@dataclass(frozen=True)
class UnusedKey:
    """A key without effect.

    Attributes:
        path: of the key.
        decided_by: path of the key whose value makes it unused.
        why: ends the sentence "generator.hidden has no effect".
    """

    path: KeyPath
    decided_by: KeyPath
    why: str


def unused_keys(values: Mapping[str, Any]) -> Iterator[UnusedKey]:
    """The keys in ``values`` that have no effect."""
    for key in _rules(values):
        *groups, name = key.path
        if name in _group(values, *groups):
            yield key


def without_unused_keys(values: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of ``values`` without the keys that have no effect."""
    result = dict(values)
    for path in [key.path for key in unused_keys(values)]:
        result = _without(result, path)
    return result


def _rules(values: Mapping[str, Any]) -> Iterator[UnusedKey]:
    yield from _of_network(values, "generator", generator_architectures)
    yield from _of_network(values, "discriminator", discriminator_architectures)
    yield from _of_labels(values)
    yield from _of_training(_group(values, "training"))


def _of_network(values: Mapping[str, Any], network: str, registry: Registry[Any]) -> Iterator[UnusedKey]:
    for key, (decided_by, why) in unused_keys_of(registry, _group(values, network)).items():
        yield UnusedKey((network, key), (network, decided_by), why)


def _of_labels(values: Mapping[str, Any]) -> Iterator[UnusedKey]:
    embedding, conditioning = ("generator", "label_embedding_dim"), ("generator", "conditioning")
    if not values.get("num_classes"):
        for path in (embedding, conditioning):
            yield UnusedKey(path, ("num_classes",), "without num_classes")
    elif _group(values, "generator").get("conditioning") == "batch_norm":
        yield UnusedKey(embedding, conditioning, "with conditioning: batch_norm, which has no embedding")


def _of_training(training: Mapping[str, Any]) -> Iterator[UnusedKey]:
    if training.get("ema_decay") == 0:
        yield UnusedKey(("training", "ema_warmup"), ("training", "ema_decay"), "with ema_decay: 0")
    if training.get("init_from") is None:
        for key in ("init_partial", "init_widen", "init_discriminator"):
            yield UnusedKey(("training", key), ("training", "init_from"), "without init_from")
    watch = _group(training, "watch")
    if watch.get("enabled") is False:
        for key in watch:
            if key != "enabled":
                yield UnusedKey(("training", "watch", key), ("training", "watch", "enabled"), "with enabled: false")
    elif watch.get("on_collapse", "warn") != "rollback":
        path = ("training", "watch", "max_rollbacks")
        yield UnusedKey(path, ("training", "watch", "on_collapse"), "without on_collapse: rollback")


def _group(values: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """The group of keys at a path; an empty one where there is something else."""
    for key in keys:
        inner = values.get(key)
        values = inner if isinstance(inner, Mapping) else {}
    return values


def _without(values: Mapping[str, Any], path: KeyPath) -> dict[str, Any]:
    key, *rest = path
    if rest:
        return {**values, key: _without(values[key], tuple(rest))}
    return {name: value for name, value in values.items() if name != key}
