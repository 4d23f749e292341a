"""A bundle whose ONNX file has float16 weights, at half the size. Its inputs and outputs stay float32."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np

from ganzoo.bundle.folder import ONNX, Bundle
from ganzoo.bundle.schema import BundleMetadata, FileRecord
from ganzoo.errors import BundleError
from ganzoo.hub.load_name import message_name

COMPARED = range(512)
"""Seeds whose images are compared."""


def half_bundle(bundle: Bundle) -> Bundle:
    """The bundle with float16 weights in ``onnx/model.onnx``. Its new content is in memory only (``Bundle.kept``).

    The model card's limits and the parity error name the difference.

    Raises:
        BundleError: if it is not an image model, the file would not become smaller, or a pixel of the compared images
            would differ by more than one of 256 levels.
        ExportError: if a weight is too large for float16.
    """
    import onnx

    from ganzoo.exporters.onnx import to_float16

    if not bundle.config.sample_spec.is_image:
        raise BundleError(f"'{message_name(bundle)}' generates vectors; only images can have float16 weights.")
    before = bundle.metadata.files[ONNX].size
    content = to_float16(onnx.load_from_string(bundle.read(ONNX))).SerializeToString()
    if len(content) > 0.75 * before:
        raise BundleError(f"'{message_name(bundle)}' would not become smaller: its ONNX file has {before} bytes.")
    files = {**bundle.metadata.files, ONNX: FileRecord(len(content), hashlib.sha256(content).hexdigest())}
    kept, facts = {**bundle.kept, ONNX: content}, bundle.metadata.facts
    half = replace(bundle, kept=kept, metadata=BundleMetadata(files, facts))
    difference = _difference(bundle, half)
    limits = [
        *facts.training.get("limits", ()),
        f"The ONNX file has float16 weights, to be small. Images of the seeds {COMPARED[0]} to {COMPARED[-1]} differ "
        "from those of the float32 weights by at most one of 256 levels.",
    ]
    error = None if facts.parity_error is None else facts.parity_error + difference
    facts = replace(facts, parity_error=error, training={**facts.training, "limits": limits})
    return replace(half, metadata=BundleMetadata(files, facts))


def _difference(bundle: Bundle, half: Bundle) -> float:
    """The largest difference between the outputs of two graphs, on a scale from -1 to 1.

    Raises:
        BundleError: if a pixel differs by more than one level.
    """
    from ganzoo.inference.generator import Generator

    first, second = Generator.from_bundle(bundle, device="cpu"), Generator.from_bundle(half, device="cpu")
    levels = int(np.abs(first.sample(COMPARED).astype(int) - second.sample(COMPARED).astype(int)).max())
    if levels > 1:
        raise BundleError(f"With float16 weights, images differ by up to {levels} of 256 levels; allowed: 1.")
    return levels / 127.5
