"""Folders that depend on the user: home, ganzoo's cache, Keras' folder. Each failure is one clear line.

A process may have no home folder: a container that runs as an unknown user, a service, a cron job. ``Path.home`` and
``Path.expanduser`` raise RuntimeError there, and other libraries make a folder called ``~``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ganzoo.errors import GanzooError

CACHE = "GANZOO_CACHE"


def expanded(path: str | os.PathLike[str], *, variable: str = "") -> Path:
    """A path with ``~`` and ``~user`` replaced by that user's home folder.

    Args:
        path: as the user wrote it.
        variable: the environment variable that names another folder instead, for the message.

    Raises:
        GanzooError: if there is no such user, the present user has no home folder, or the path has a null byte.
    """
    if "\0" in os.fspath(path):
        raise GanzooError(f"Cannot use {os.fspath(path)!r}: a path has no null byte.")
    if not os.fspath(path).startswith("~"):  # "./~name" too, which is a folder of this name
        return Path(path)
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        user = Path(path).parts[0]
        if os.path.lexists(path):  # a file with an odd name
            return Path(path)
        if user == "~":
            raise GanzooError(_no_home(variable)) from error
        raise GanzooError(
            f"Cannot use '{os.fspath(path)}': there is no user '{user[1:]}' here. "
            "A folder with this name is written with its whole path."
        ) from error


def has_home() -> bool:
    """Whether the present user has a home folder."""
    try:
        Path.home()
    except RuntimeError:
        return False
    return True


def cache_root(cache_dir: str | os.PathLike[str] | None = None) -> Path:
    """ganzoo's cache folder: ``cache_dir``, else the variable GANZOO_CACHE, else the platform's cache folder.

    Raises:
        GanzooError: if the user has no home folder and nothing names another one.
    """
    if cache_dir is not None:
        return expanded(cache_dir)
    if named := os.environ.get(CACHE):
        return expanded(named)
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else _home(CACHE) / "AppData" / "Local") / "ganzoo" / "cache"
    if sys.platform == "darwin":
        return _home(CACHE) / "Library" / "Caches" / "ganzoo"
    return _xdg_cache(CACHE) / "ganzoo"


def keras_home() -> Path:
    """Keras' own folder: the variable KERAS_HOME, else ``.keras`` in the home folder.

    Raises:
        GanzooError: if the user has no home folder.
    """
    named = os.environ.get("KERAS_HOME")
    return expanded(named) if named else _home("KERAS_HOME") / ".keras"


def _no_home(variable: str) -> str:
    instead = f", or export {variable}=PATH" if variable else ""
    return (
        "This user has no home folder (HOME is not set, and the system does not know the user). "
        f"Name one: export HOME=PATH{instead}"
    )


def _home(variable: str) -> Path:
    """The home folder; without one, an error that names the variable to set."""
    return expanded("~", variable=variable)


def _xdg_cache(variable: str) -> Path:
    named = os.environ.get("XDG_CACHE_HOME")
    return expanded(named) if named else _home(variable) / ".cache"
