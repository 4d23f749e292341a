"""Downloads the files of a dataset and verifies them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganzoo.environment.files import remove_leftovers, replacing_file
from ganzoo.environment.places import DOWNLOADS, cache_root, keras_home
from ganzoo.environment.progress import progress_bar
from ganzoo.environment.quantities import bytes_text
from ganzoo.errors import DataError

TIMEOUT = 15.0
"""Seconds without an answer until a download fails."""

_BLOCK = 1 << 18


@dataclass(frozen=True)
class Remote:
    """A file on the internet.

    Attributes:
        name: the publisher's file name.
        url: address of the file.
        digest: ``sha256:...`` or ``md5:...`` of its content, as published.
        size: largest size in bytes.
    """

    name: str
    url: str
    digest: str
    size: int


def keras_datasets_folder() -> Path:
    """The download folder of ``keras.datasets``."""
    return keras_home() / "datasets"


def downloaded(files: Sequence[Remote], *, name: str, instead: str, cache_dir: Path | None, quiet: bool) -> Path:
    """The folder with ``files``. Files that are not in the cache are downloaded.

    Args:
        files: the files.
        name: name of the dataset, and of the folder.
        instead: a sentence for the error message: how to provide the files without a network.
        cache_dir: cache folder. Default: the user's cache folder.
        quiet: do not show a progress bar.

    Raises:
        DataError: if a file cannot be downloaded, or differs from the published file.
    """
    folder = cache_root(cache_dir) / DOWNLOADS / name
    for file in files:
        if not (folder / file.name).is_file():
            try:
                folder.mkdir(parents=True, exist_ok=True)
                _fetch(file, folder / file.name, quiet=quiet)
            except (OSError, ValueError) as error:
                reason = getattr(error, "reason", None) or error
                raise DataError(
                    f"Cannot download {file.url}: {str(reason) or type(error).__name__}. {instead}"
                ) from error
    return folder


def _fetch(file: Remote, target: Path, *, quiet: bool) -> None:
    from http.client import HTTPException
    from urllib.request import Request, urlopen

    kind, _, wanted = file.digest.partition(":")
    digest = hashlib.new(kind, usedforsecurity=False)
    remove_leftovers(target.parent, target.name)
    request = Request(file.url, headers={"User-Agent": "ganzoo"})
    try:
        with (
            urlopen(request, timeout=TIMEOUT) as answer,
            replacing_file(target) as out,
            progress_bar(f"Downloading {file.name}", _total(answer, file.size), quiet=quiet) as advance,
        ):
            received = 0
            while block := answer.read(_BLOCK):
                received += len(block)
                if received > file.size:
                    raise ValueError(f"it is larger than the allowed {bytes_text(file.size)}")
                digest.update(block)
                out.write(block)
                advance(len(block))
            if digest.hexdigest() != wanted:
                raise ValueError(
                    f"the downloaded file differs from the published one (its {kind} is {digest.hexdigest()})"
                )
    except HTTPException as error:
        raise ValueError(f"the connection was lost ({type(error).__name__})") from error


def _total(answer: Any, limit: int) -> int:
    """The size for the progress bar: the server's, or the limit."""
    length = str(answer.headers.get("Content-Length", ""))
    return min(int(length), limit) if length.isascii() and length.isdecimal() and len(length) < 16 else limit
