"""Folders that depend on the user: the home folder, ganzoo's cache, and the folder of Keras.

A process may have no home folder: a container with an unknown user, a service, a cron job. ``Path.home`` and
``Path.expanduser`` then raise RuntimeError, and other libraries create a folder called ``~``. This module raises one
clear error.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ganzoo.errors import GanzooError

CACHE = "GANZOO_CACHE"
DOWNLOADS = "downloads"
"""Folder in ganzoo's cache with one folder for each downloaded data set."""
HUB_DOWNLOADS = "hub"
"""Folder of the downloads that ``huggingface_hub`` fills."""


def expanded(path: str | os.PathLike[str], *, variable: str = "") -> Path:
    """Return a path with ``~`` and ``~user`` replaced by the user's home folder.

    A file whose own name starts with ``~`` becomes an absolute path, so that expanding it again changes nothing.

    Args:
        path: the path as the user wrote it.
        variable: an environment variable that sets this folder; the error message recommends it.

    Raises:
        GanzooError: if there is no such user, the current user has no home folder, or the path has a null byte.
    """
    if "\0" in os.fspath(path):
        raise GanzooError(f"Cannot use {os.fspath(path)!r}: a path must not contain a null byte.")
    if not os.fspath(path).startswith("~"):
        plain = Path(path)
        return plain.absolute() if str(plain).startswith("~") else plain  # "./~name" is a folder with this name
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        user = Path(path).parts[0]
        if os.path.lexists(path):  # a file whose name starts with "~"
            return Path(path).absolute()
        if user == "~":
            raise GanzooError(_no_home(variable)) from error
        raise GanzooError(
            f"Cannot use '{os.fspath(path)}': this machine has no user '{user[1:]}'. "
            "To use a folder with this name, write its absolute path."
        ) from error


def check_name(value: object, allowed: str) -> None:
    """Check that a name is a text or a path.

    Raises:
        GanzooError: if not, with what is allowed instead.
    """
    if not isinstance(value, str | os.PathLike):
        raise GanzooError(f"Received {str(value)[:60]} ({type(value).__name__}); allowed is {allowed}.")


def has_home() -> bool:
    """Return whether the current user has a home folder."""
    try:
        Path.home()
    except RuntimeError:
        return False
    return True


def cache_root(cache_dir: str | os.PathLike[str] | None = None) -> Path:
    """Return ganzoo's cache folder: ``cache_dir``, else the variable GANZOO_CACHE, else the platform's cache folder.

    Raises:
        GanzooError: if the platform's cache folder is needed and the user has no home folder.
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
    """Return the folder of Keras: the variable KERAS_HOME, else ``.keras`` in the home folder.

    Raises:
        GanzooError: if the user has no home folder.
    """
    named = os.environ.get("KERAS_HOME")
    return expanded(named) if named else _home("KERAS_HOME") / ".keras"


def _no_home(variable: str) -> str:
    instead = f", or export {variable}=PATH" if variable else ""
    return (
        "This user has no home folder (HOME is not set, and the system does not know the user). "
        f"Set one: export HOME=PATH{instead}"
    )


def _home(variable: str) -> Path:
    """Return the home folder. If there is none, the error recommends ``variable``."""
    return expanded("~", variable=variable)


def _xdg_cache(variable: str) -> Path:
    named = os.environ.get("XDG_CACHE_HOME")
    return expanded(named) if named else _home(variable) / ".cache"
