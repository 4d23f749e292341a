"""HTML files that need no network: a template is filled, and a policy allows only what is in the file.

The policy (Content-Security-Policy) allows scripts and styles by their hashes, and no request at all.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

from ganzoo.environment import files
from ganzoo.errors import GanzooError

ASSETS = Path(__file__).parent / "assets"
"""Templates, style sheets and scripts of the page of a model."""
_SHARED = "/* The picture */"
"""In the style sheet of the page of a model, what is before this comment is for other pages, too."""
_PLACE = re.compile(r"\{\{(\w+)\}\}")


def filled(template: str, values: Mapping[str, str]) -> str:
    """The template with its places ``{{name}}`` filled in one pass, so that values are never templates."""
    return _PLACE.sub(lambda place: values[place[1]], template)


def script(*parts: str) -> str:
    """One strict script of several files."""
    return "\n".join(['"use strict";', *parts])


def shared_style() -> str:
    """Colors, fonts and headings of all pages."""
    return (ASSETS / "style.css").read_text(encoding="utf-8").partition(_SHARED)[0]


def json_text(value: object) -> str:
    """JSON that cannot end its script element.

    Raises:
        ValueError: if a number is not finite.
    """
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def policy(*, style: str, scripts: tuple[str, ...] = (), pictures: str = "data:", workers: str = "") -> str:
    """The policy of a page.

    Args:
        style: the text of its style element.
        scripts: the texts of its script elements.
        pictures: the allowed sources of pictures.
        workers: the allowed sources of workers; by default none.
    """
    allowed = " ".join(map(_hash, scripts)) or "'none'"
    worker = f"worker-src {workers}; " if workers else ""
    return (
        f"default-src 'none'; script-src {allowed}; style-src {_hash(style)}; img-src {pictures}; {worker}"
        "base-uri 'none'; form-action 'none'"
    )


def _hash(content: str) -> str:
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def check_replaceable(path: Path, *, mark: bytes, kind: str) -> None:
    """Refuse to replace a file that the user did not name, unless ganzoo wrote it.

    Args:
        path: the file, which need not exist.
        mark: bytes near the start of every file of this kind.
        kind: of the file, for the error: "page" or "report".

    Raises:
        GanzooError: if the path exists and has no mark.
    """
    if path.exists() and not files.has_mark(path, mark):
        raise GanzooError(
            f"'{path}' exists and is not a {kind} of ganzoo, so it was not replaced. Choose a file with -o FILE."
        )
