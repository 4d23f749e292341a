"""What of a training is published: everything except where files are on the machine that trained it."""

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
"""Facts that the user gives at the export, for the card."""


def public_values(part: object, values: Any) -> Any:
    """Plain values of a config or a part without places on this machine: without every field that is a path, every
    name that is one, and every other text that has the form of one.

    Args:
        part: what was made of ``values`` (``config_paths.edited``); None if that is not known.
        values: plain values, as ``Config.to_dict`` or ``Registry.spec`` returns them.
    """
    return edited(part, values, _public)


def public_facts(facts: BundleFacts) -> BundleFacts:
    """The facts of a bundle without places on this machine; the same facts if there are none in them."""
    training = dict(facts.training)
    config = training.get("config")
    if isinstance(config, Mapping):
        training["config"] = public_values(_typed(config), config)
    if "command" in training:
        training["command"] = public_command(training["command"], training.get("config") or {})
    stated = ("config", "command", *_STATED)
    others = public_values(None, {key: value for key, value in training.items() if key not in stated})
    kept = {key: training[key] if key in stated else others.get(key) for key in training}
    return replace(facts, training={key: value for key, value in kept.items() if value is not None})


def public_command(command: object, config: Mapping[str, Any]) -> str | None:
    """A command that trains the same again, without places on the machine that it was typed on.

    A change (``key=value``) stays as far as ``config`` has its keys, with the values that ``config`` has. So nothing is
    in the command that is not in the config.

    Args:
        command: ``ganzoo train NAME [key=value ...] [--option number ...]`` as a shell takes it.
        config: the public values of the training's config.

    Returns:
        The command; None if it is of another form.
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
        elif not word.startswith("-") and "=" in word:
            kept += _public_change(word, config)
    return shlex.join(kept)


def local_text(values: Any) -> str | None:
    """The first text in plain values that has the form of a place on this machine; None if there is none."""
    found: list[str] = []
    edited(None, values, lambda kind, text: found.append(text) if _is_local(text) else None)
    return found[0] if found else None


def _public(kind: Kind, text: str) -> Any:
    if kind == "name":
        return text if _is_public_name(text) else DROPPED
    return DROPPED if kind == "path" or _is_local(text) else text


def _is_public_name(text: str) -> bool:
    """Whether a text names a model that others can fetch: on the Hub, or a pretrained one of the zoo."""
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
    return not reference.repo.rpartition("/")[2].isdecimal() and not Path(text).exists()  # model/number is a run here


def _is_local(text: str) -> bool:
    """Whether a text has the form of a path: ``~/x``, ``./x``, ``C:\\x``, a URL of a file, an absolute path whose first
    folder exists here (a name in a graph, ``/pool/out``, begins like one), or the user's home folder in it."""
    if _LOCAL.match(text):
        return True
    top = text.split("/")[1] if text.startswith("/") else ""
    home = os.path.expanduser("~")  # noqa: PTH111 - Path.home() raises where there is none
    return bool(top and Path(f"/{top}").exists()) or (len(Path(home).parts) > 1 and home in text)


def _typed(values: Mapping[str, Any]) -> object:
    """The config of plain values, whose types say what a path is; None if it cannot be read here."""
    from ganzoo.config.experiment import Config

    try:
        return Config.read(values)
    except GanzooError:
        return None


def _public_change(word: str, config: Mapping[str, Any]) -> list[str]:
    """A ``key=value`` with the values that the config has; nothing if it has none."""
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
    """What was typed, as far as the config has it."""
    if isinstance(there, Mapping):
        if isinstance(typed, Mapping):
            return {key: _common(value, there[key]) for key, value in typed.items() if key in there}
        return typed if typed in (there.get("name"), there.get("source")) else DROPPED
    if isinstance(there, list | tuple):
        same = isinstance(typed, list) and len(typed) == len(there)
        return [_common(*pair) for pair in zip(typed, there, strict=True)] if same else DROPPED
    return there
