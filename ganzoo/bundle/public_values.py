"""Removes the paths of the training machine from values that are published."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ganzoo.bundle.schema import BundleFacts
from ganzoo.config.paths import DROPPED, Kind, edited
from ganzoo.errors import GanzooError

_LOCAL = re.compile(r"~|file:|\.{1,2}[/\\]|[A-Za-z]:[/\\]|\\\\", re.IGNORECASE)
_STATED = ("license", "limits")
"""Facts for the card that the user gives at the export."""


def public_values(part: object, values: Any) -> Any:
    """Remove paths from the plain values of a config or a part: path fields, names that are paths, and other text that
    looks like a path.

    Args:
        part: the object that was built from ``values`` (see ``ganzoo.config.paths.edited``); None if unknown.
        values: plain values from ``Config.to_dict`` or ``Registry.spec``.
    """
    return edited(part, values, _public)


def public_facts(facts: BundleFacts) -> BundleFacts:
    """Remove paths from the facts of a bundle."""
    training = dict(facts.training)
    config = training.get("config")
    if isinstance(config, Mapping):
        training["config"], is_secret = _without_secret_start(public_values(_typed(config), config), config)
        training |= {"initial_weights": "not published"} if is_secret else {}
    if "command" in training:
        training["command"] = public_command(training["command"], training.get("config") or {})
    stated = ("config", "command", "initial_weights", *_STATED)
    others = public_values(None, {key: value for key, value in training.items() if key not in stated})
    kept = {key: training[key] if key in stated else others.get(key) for key in training}
    return replace(facts, training={key: value for key, value in kept.items() if value is not None})


def _without_secret_start(public: Any, config: Mapping[str, Any]) -> tuple[Any, bool]:
    """The public config, and whether ``init_from`` was removed: then also the keys that have a meaning only with it."""
    keys, settings = config.get("training"), public.get("training")
    if not isinstance(keys, Mapping) or not isinstance(settings, Mapping):
        return public, False
    if not keys.get("init_from") or settings.get("init_from"):
        return public, False
    return {**public, "training": {key: value for key, value in settings.items() if not key.startswith("init_")}}, True


def public_command(command: object, config: Mapping[str, Any]) -> str | None:
    """Remove paths from the command of a training.

    A change (``key=value``) is kept if ``config`` has the key, with the value from ``config``. So the command has no
    values that are not in the config.

    Args:
        command: ``ganzoo train NAME [key=value ...] [--option number ...] [--data PATH]``, quoted for a shell.
        config: the public values of the training's config.

    Returns:
        The command; None if it has another form.
    """
    try:
        program, verb, name, *words = shlex.split(command if isinstance(command, str) else "")
    except ValueError:
        return None
    kept = [program, verb, re.split(r"[/\\]", name)[-1]]
    options = iter(words)
    for word in options:
        if word in ("--seed", "--max-steps", "--max-minutes"):
            kept += [word, next(options, "")]
        elif word == "--data":
            kept += [word, "PATH"]
            next(options, "")
        elif not word.startswith("-") and "=" in word:
            kept += _public_change(word, config)
    return shlex.join(kept)


def local_text(part: object, values: Any) -> str | None:
    """The first text in plain values that ``public_values`` would remove; None if there is none.

    Args:
        part, values: as for ``public_values``.
    """
    found: list[str] = []
    edited(part, values, lambda kind, text: found.append(text) if _public(kind, text) is DROPPED else None)
    return found[0] if found else None


def _public(kind: Kind, text: str) -> Any:
    if kind == "name":
        return text if _is_public_name(text) else DROPPED
    return DROPPED if kind == "path" or _is_local(text) else text


def _is_public_name(text: str) -> bool:
    """Whether a text is the name of a public model: on the Hub, or a pretrained model of the zoo."""
    from ganzoo.hub.pretrained import find_pretrained
    from ganzoo.hub.reference import SCHEME, parse_reference

    if find_pretrained(text) is not None:
        return True
    try:
        reference = parse_reference(text)
    except GanzooError:
        return False
    if reference is None or text.startswith((SCHEME, "https://")):
        return reference is not None
    return (
        not reference.repo.rpartition("/")[2].isdecimal() and not Path(text).exists()
    )  # model/number may be a local run


def _is_local(text: str) -> bool:
    """Whether a text looks like a path: ``~/x``, ``./x``, ``C:\\x``, a file URL, an absolute path whose first folder
    exists (unlike the name of a tensor, ``/pool/out``), or a text that contains the user's home folder."""
    if _LOCAL.match(text):
        return True
    top = text.split("/")[1] if text.startswith("/") else ""
    home = os.path.expanduser("~")  # noqa: PTH111 - Path.home() raises if there is none
    return bool(top and Path(f"/{top}").exists()) or (len(Path(home).parts) > 1 and home in text)


def _typed(values: Mapping[str, Any]) -> object:
    """The config of plain values, whose field types mark paths; None if it is not valid in this installation."""
    from ganzoo.config.experiment import Config

    try:
        return Config.read(values)
    except GanzooError:
        return None


def _public_change(word: str, config: Mapping[str, Any]) -> list[str]:
    """A ``key=value`` with the value of the config; empty if the config has none."""
    from ganzoo.config import yaml_files

    key, _, text = word.partition("=")
    there = _at(config, key.split("."))
    try:
        typed = yaml_files.parse(text, what=word)
    except GanzooError:
        return []
    kept = DROPPED if there is DROPPED else _common(typed, there)
    if kept is DROPPED or (kept in ({}, []) and typed not in ({}, [])):
        return []
    return [word if kept == typed else f"{key}={json.dumps(kept, ensure_ascii=False)}"]


def _at(values: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        if isinstance(values, Mapping) and key in values:
            values = values[key]
        elif isinstance(values, list | tuple) and key.isdecimal() and int(key) < len(values):
            values = values[int(key)]
        else:
            return DROPPED
    return values


def _common(typed: Any, there: Any) -> Any:
    """The part of a typed value that is also in the config."""
    if isinstance(there, Mapping):
        if isinstance(typed, Mapping):
            return {key: _common(value, there[key]) for key, value in typed.items() if key in there}
        return typed if typed in (there.get("name"), there.get("source")) else DROPPED
    if isinstance(there, list | tuple):
        same = isinstance(typed, list) and len(typed) == len(there)
        return [_common(*pair) for pair in zip(typed, there, strict=True)] if same else DROPPED
    return there
