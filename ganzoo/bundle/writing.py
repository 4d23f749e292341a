"""Writes a bundle atomically."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.bundle.folder import (
    CARD,
    CLASSES,
    CONFIG,
    CRITIC,
    DIRECTIONS,
    ENCODER,
    LIMITS,
    METADATA,
    ONNX,
    ONNX_FP16,
    REQUIRED,
    SAMPLES,
    WEIGHTS,
    Bundle,
    read_bundle,
    read_file,
)
from ganzoo.bundle.folder_contents import others_in
from ganzoo.bundle.schema import BundleConfig, BundleFacts, BundleMetadata, FileRecord
from ganzoo.bundle.strict_json import write_json
from ganzoo.environment import files
from ganzoo.errors import BundleError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def write_bundle(
    folder: str | os.PathLike[str],
    *,
    config: BundleConfig,
    onnx: bytes,
    weights: Mapping[str, NDArray[np.float32]],
    samples: bytes | None = None,
    classes: bytes | None = None,
    onnx_fp16: bytes | None = None,
    critic: bytes | None = None,
    encoder: bytes | None = None,
    directions: bytes | None = None,
    facts: BundleFacts | None = None,
    card: str | None = None,
) -> Bundle:
    """Write a bundle to a temporary folder and rename it to ``folder``. An existing bundle is replaced as a whole.

    Args:
        folder: path of the bundle. Missing parent folders are created.
        config: the content of config.json.
        onnx: the float32 graph (``onnx/model.onnx``).
        weights: the generator's weights by name.
        samples: a PNG image (``samples.png``).
        classes: a PNG image of the same seeds in every class (``classes.png``).
        onnx_fp16: the float16 graph (``onnx/model_fp16.onnx``).
        critic: the graph of the discriminator (``onnx/critic.onnx``).
        encoder: the graph from samples to latents (``onnx/encoder.onnx``).
        directions: named directions of the latent space (``directions.json``).
        facts: parity error, step, metrics and training for metadata.json.
        card: the model card (``README.md``), see ``ganzoo.bundle.model_card``.

    Raises:
        BundleError: if ``folder`` exists and is not a bundle, a value is out of bounds, or writing fails.
    """
    from safetensors.numpy import save

    folder = Path(folder)
    contents = {CONFIG: write_json(config.to_dict()), ONNX: onnx, WEIGHTS: save(dict(weights))}
    optional = {SAMPLES: samples, CLASSES: classes, ONNX_FP16: onnx_fp16, CRITIC: critic, ENCODER: encoder}
    optional |= {DIRECTIONS: directions}
    contents |= {name: content for name, content in optional.items() if content is not None}
    records = {name: FileRecord(size=len(c), sha256=hashlib.sha256(c).hexdigest()) for name, c in contents.items()}
    contents[METADATA] = write_json(BundleMetadata(records, facts or BundleFacts()).to_dict())
    contents |= {} if card is None else {CARD: card.encode()}
    return _write(folder, contents)


def add_file(bundle: Bundle, name: str, content: bytes) -> Bundle:
    """Add a file to a bundle on the disk, or replace it. The model card is not changed.

    Args:
        bundle: a complete verified bundle.
        name: the name of a file of bundles.
        content: its content.

    Raises:
        BundleError: if a file of the bundle is missing or damaged, or writing fails. The bundle is unchanged then.
    """
    contents = {other: bundle.read(other) for other in bundle.metadata.files if other != name}
    contents[name] = content
    record = FileRecord(size=len(content), sha256=hashlib.sha256(content).hexdigest())
    metadata = bundle.metadata._replace(files={**bundle.metadata.files, name: record})
    contents[METADATA] = write_json(metadata.to_dict())
    if (bundle.folder / CARD).is_file():
        contents[CARD] = read_file(bundle.folder, CARD)
    return _write(bundle.folder, contents)


def _write(folder: Path, contents: Mapping[str, bytes]) -> Bundle:
    """Write all files to a temporary folder and rename it to ``folder``."""
    for name, content in contents.items():
        if len(content) > LIMITS[name]:
            raise BundleError(f"{name} has {len(content)} bytes; allowed: {LIMITS[name]}.")
    try:
        _check_replaceable(folder)
        with files.replacing_folder(folder) as fresh:
            for name, content in contents.items():
                path = fresh / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
    except OSError as error:
        raise BundleError(f"Cannot write the bundle '{folder}': {error.strerror or error}.") from error
    return read_bundle(folder)


def _check_replaceable(folder: Path) -> None:
    """Allow a path that does not exist, an empty folder, and a bundle. Files of a file manager in it are not kept.

    Raises:
        BundleError: if something else is at ``folder``, with the names of the user's own files.
    """
    if not folder.is_symlink() and folder.is_dir():
        others, ours = others_in(folder, tuple(LIMITS)), {name for name in LIMITS if (folder / name).exists()}
        if not others and (not ours or ours >= set(REQUIRED)):
            return
        if others and ours >= set(REQUIRED):
            listed = ", ".join(ascii(name) for name in others[:3]) + (" and more" if len(others) > 3 else "")
            raise BundleError(
                f"'{folder}' contains files that are not part of the bundle, so it was not replaced: {listed}. "
                "Move them, or choose another folder."
            )
    elif not os.path.lexists(folder):
        return
    raise BundleError(f"'{folder}' exists and is not a ganzoo bundle, so it was not replaced. Choose another folder.")
