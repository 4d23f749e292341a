"""The web page that a bundle becomes: one HTML file with the generator in it. It needs no server and no network.

The page's policy (Content-Security-Policy) allows no request at all: scripts and styles by their hashes, pictures that
the page made itself, and a worker whose code is in the page.
"""

from __future__ import annotations

import base64
import html
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ganzoo.bundle.card_text import sentences, text
from ganzoo.bundle.folder import ONNX, Bundle
from ganzoo.environment import files
from ganzoo.errors import GanzooError
from ganzoo.hub.load_name import load_name, message_name, short_name
from ganzoo.hub.reference import DEFAULTS, HubOptions
from ganzoo.inference.bundle_directions import BundleDirections
from ganzoo.inference.bundle_graph import inspected_graph
from ganzoo.inference.directions import NoDirectionsError, latent_deviation
from ganzoo.inference.latent_space import LatentSpace
from ganzoo.inference.onnx_session import OnnxSession
from ganzoo.resolve import read_or_fetch
from ganzoo.sample_spec import SampleSpec
from ganzoo.version import __version__
from ganzoo.web import document
from ganzoo.web.document import ASSETS, filled, json_text, policy, script
from ganzoo.web.model_data import SCRIPTS, model_data

PAGE = "index.html"
ENGINE_SCRIPTS = (*SCRIPTS, "enlarge.js", "worker.js")
"""Scripts of the worker, in one scope."""
PAGE_SCRIPTS = ("state.js", "painter.js", "wall.js", "morph.js", "export.js", "page.js")
"""Scripts of the page, in one scope. They can use the engine, too."""
_HEAVY = ("graph", "weights", "tensors")
"""Keys of the model's data that only the engine reads."""
_SLIDERS, _STRENGTH = 6, 3.0
_MARK = b'<meta name="generator" content="ganzoo '
_LOCAL = "path/to/the/bundle"


def page(bundle: Bundle, *, load: str | None = None, hub: HubOptions = DEFAULTS) -> str:
    """The text of the page of a verified bundle.

    Args:
        bundle: a bundle with images of 1, 3 or 4 channels.
        load: what ``ganzoo.load`` takes in the page's line of Python; by default the name of a model that was fetched.
        hub: how to fetch its files, if the bundle is in the Hub's cache without them.

    Raises:
        GanzooError: if the bundle generates vectors.
        BundleError: if its graph is damaged, unsafe, or has an operator that the page cannot run.
        HubError: if a file has to be fetched and cannot be.
    """
    check_images(message_name(bundle), bundle.config.sample_spec)
    bundle = replace(bundle, kept={**bundle.kept, ONNX: read_or_fetch(bundle, ONNX, hub)})
    data = model_data(bundle)
    heavy = {key: data[key] for key in _HEAVY if key in data}
    load, name = load or load_name(bundle), short_name(bundle)
    about = {key: value for key, value in data.items() if key not in heavy}
    about |= {"name": name, "title": name, "load": load or _LOCAL, "directions": _directions(bundle, hub)}
    about["codes"] = bundle.config.codes
    style = _read("style.css")
    engine = script(*map(_read, ENGINE_SCRIPTS))
    page_script = script("(() => {", *map(_read, PAGE_SCRIPTS), "})();")
    height, width = bundle.config.sample_spec.size
    return filled(
        _read("page.html"),
        {
            "policy": policy(scripts=(engine, page_script), style=style, pictures="data: blob:", workers="blob:"),
            "generator": f"ganzoo {__version__}",
            "title": html.escape(name),
            "lead": html.escape(_lead(bundle)),
            "height": str(height),
            "width": str(width),
            "latent": str(bundle.config.latent.dim),
            "facts": _facts(bundle),
            "credits": _credits(bundle),
            "style": style,
            "engine": engine,
            "about": json_text(about),
            "weights": json_text(heavy),
            "script": page_script,
        },
    )


def _directions(bundle: Bundle, hub: HubOptions) -> list[dict[str, Any]]:
    """The directions of the sliders: those with names, else the first of ``Generator.directions``.

    A vector is base64 of little-endian float32. Its length is the unit of the strengths.
    """
    content, report = inspected_graph(bundle)
    session = OnnxSession(content, name=message_name(bundle), device="cpu")
    generator = LatentSpace(bundle, session=session, report=report, directions=BundleDirections(bundle, hub=hub))
    try:
        found = generator.directions(min(_SLIDERS, bundle.config.latent.dim))
    except NoDirectionsError:
        return []
    unit = np.float32(latent_deviation(bundle.config.latent.distribution))
    return [
        {
            "name": direction.name,
            "vector": base64.b64encode((unit * direction.vector).astype("<f4").tobytes()).decode(),
            "range": _STRENGTH,
        }
        for direction in found
    ]


def check_images(name: str, spec: SampleSpec) -> None:
    """Refuse a model that does not generate images.

    Args:
        name: name of the model.
        spec: what it generates.

    Raises:
        GanzooError: if it generates vectors.
    """
    if not spec.is_image:
        raise GanzooError(f"'{name}' generates vectors, and a page shows images; no page was written.")


def write_page(bundle: Bundle, path: Path, *, hub: HubOptions = DEFAULTS) -> Path:
    """Write the page of a bundle to a file. An existing file is replaced when the new one is complete.

    Args:
        bundle: the bundle.
        path: the file. Missing parent folders are created.
        hub: as in ``page``.

    Raises:
        GanzooError: as ``page``, and if the file is in the bundle or cannot be written. Nothing is written then.
    """
    if not path.name:
        raise GanzooError(f"'{path}' is a folder; a page needs a file, for example {path / PAGE}.")
    check_place(bundle, path)
    content = page(bundle, hub=hub).encode()
    try:
        files.write_file(path, content)
    except OSError as error:
        raise GanzooError(files.cannot_write(path, error)) from error
    return path


def check_place(bundle: Bundle, path: Path) -> None:
    """Refuse a file in a bundle's folder: a bundle with other files is not replaced by a newer export.

    Raises:
        GanzooError: if the path is in the bundle's folder.
    """
    if bundle.contains(path):
        raise GanzooError(f"'{path}' is in the bundle '{bundle.folder}', and no page is written there; choose another.")


def check_replaceable(path: Path) -> None:
    """Refuse to replace a file that the user did not name, unless it is such a page.

    Raises:
        GanzooError: if the path exists and is not a page that ganzoo wrote.
    """
    document.check_replaceable(path, mark=_MARK, kind="page")


def _lead(bundle: Bundle) -> str:
    """One sentence below the title."""
    height, width = bundle.config.sample_spec.size
    return f"Pictures of {width} x {height} px, made by a neural network in this page."


def _facts(bundle: Bundle) -> str:
    """The facts about the model as a list of terms, in HTML."""
    config, training = bundle.config, bundle.metadata.facts.training
    classes = ", ".join((config.class_names or ())[:20]) if config.num_classes else None
    rows = {
        "Model": config.name,
        "Image": str(config.sample_spec),
        "Latent": f"{config.latent.dim} {config.latent.distribution} numbers",
        "Classes": f"{config.num_classes}{f': {classes}' if classes else ''}" if config.num_classes else None,
        "License": text(training.get("license")),
        "License of the data": text(training.get("data_license")),
    }
    return "".join(f"<dt>{name}</dt><dd>{html.escape(value)}</dd>" for name, value in rows.items() if value)


def _credits(bundle: Bundle) -> str:
    """The credits of the training data and the limits of the model, in HTML."""
    training = bundle.metadata.facts.training
    limits = [*sentences(training.get("data_limits")), *sentences(training.get("limits"))]
    return _list("Training data and credits", sentences(training.get("data_credits"))) + _list("Limits", limits)


def _list(title: str, lines: list[str]) -> str:
    items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
    return f"<details><summary>{title}</summary><ul>{items}</ul></details>" if lines else ""


def _read(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")
