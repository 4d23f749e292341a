"""Writes a bundle as a model of NVIDIA Triton Inference Server: a folder in Triton's model repository.

    models/faces-64/config.pbtxt
    models/faces-64/1/model.onnx

``tritonserver --model-repository=models`` serves it with Triton's backend for ONNX Runtime.
"""

from __future__ import annotations

import re
from pathlib import Path

from ganzoo.bundle.folder import ONNX, Bundle
from ganzoo.bundle.folder_contents import others_in
from ganzoo.environment import files
from ganzoo.errors import GanzooError

CONFIG_FILE, GRAPH = "config.pbtxt", "1/model.onnx"
LARGEST_BATCH = 64
_MARK = "# Written by ganzoo."
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


def write_triton_model(bundle: Bundle, folder: Path) -> Path:
    """Write a bundle's float32 graph and its configuration as version 1 of a model of Triton.

    Args:
        bundle: a bundle of images or vectors.
        folder: the model's folder. Its name is the name that clients ask for: letters, digits, ``_``, ``.`` and ``-``.
            Its parent is the model repository, and is created if it does not exist.

    Returns:
        The folder. An older one that ganzoo wrote is replaced when the new one is complete.

    Raises:
        GanzooError: if the name has other characters, the folder is in the bundle, it exists and ganzoo did not write
            it or all of its files, or it cannot be written.
        BundleError: if the bundle has no float32 graph, or the graph has changed.
    """
    check_folder(folder)
    if bundle.contains(folder):
        raise GanzooError(
            f"'{folder}' is in the bundle '{bundle.folder}', and nothing is written there; choose another."
        )
    graph = bundle.read(ONNX)
    try:
        with files.replacing_folder(folder) as temporary:
            (temporary / GRAPH).parent.mkdir()
            (temporary / GRAPH).write_bytes(graph)
            (temporary / CONFIG_FILE).write_text(configuration(bundle, name=folder.name), encoding="utf-8")
    except OSError as error:
        raise GanzooError(files.cannot_write(folder, error)) from error
    return folder


def check_folder(folder: Path) -> None:
    """Check the folder of a model, before the model is found or exported.

    Raises:
        GanzooError: if its name cannot be that of a model of Triton, or it exists and ganzoo did not write it or all of
            its files.
    """
    if not _NAME.fullmatch(folder.name):
        raise GanzooError(
            f"The folder's name is the model's name in Triton; received '{folder.name}', and allowed are letters, "
            "digits, '_', '.' and '-'. Choose a folder with -o models/NAME."
        )
    if folder.exists() and not files.has_mark(folder / CONFIG_FILE, _MARK.encode()):
        raise GanzooError(
            f"'{folder}' exists and is not a Triton model of ganzoo, so it was not replaced. "
            "Choose a folder with -o models/NAME."
        )
    others = others_in(folder, (CONFIG_FILE, GRAPH)) if folder.exists() else []
    if others:
        listed = ", ".join(map(ascii, others[:3])) + (" and more" if len(others) > 3 else "")
        raise GanzooError(
            f"'{folder}' contains files that ganzoo did not write, so it was not replaced: {listed}. Move them, or "
            "choose a folder with -o models/NAME."
        )


def configuration(bundle: Bundle, *, name: str) -> str:
    """The text of config.pbtxt: a ``ModelConfig`` of Triton in the text format of protocol buffers.

    Triton adds the batch axis itself. The graph's label is a vector with one value per image, which Triton cannot say
    without a second axis, so a request has labels ``[n, 1]``, and Triton removes that axis.
    """
    config = bundle.config
    inputs = [_tensor("latent", "TYPE_FP32", (config.latent.dim,))]
    if config.num_classes:
        inputs.append(_tensor("label", "TYPE_INT32", (1,), " reshape: { shape: [ ] }"))
    return "\n".join(
        (
            f"{_MARK} The latent of a seed and the range of the pixels: docs/export.md.",
            f'name: "{name}"',
            'backend: "onnxruntime"',
            f"max_batch_size: {LARGEST_BATCH}",
            f"input [ {', '.join(inputs)} ]",
            f"output [ {_tensor(config.kind, 'TYPE_FP32', config.shape)} ]",
            "dynamic_batching { }",
            "",
        )
    )


def _tensor(name: str, kind: str, shape: tuple[int, ...], more: str = "") -> str:
    return f'{{ name: "{name}" data_type: {kind} dims: [ {", ".join(map(str, shape))} ]{more} }}'
