"""Exports the encoder that was trained with a generator: a graph from samples to latents, for ``encode``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ganzoo.bundle.onnx_guard import check_encoder
from ganzoo.errors import BundleError, ExportError
from ganzoo.exporters.parity import BATCHES, check_graph, generated_samples, one_by_one

if TYPE_CHECKING:
    import keras

    from ganzoo.bundle.folder import BundleConfig
    from ganzoo.config.experiment import Config

TOLERANCE = 1e-3
"""Largest allowed difference between the latents of the graph and Keras, relative to the largest value if above 1."""


class Encoder(NamedTuple):
    """The content of ``onnx/encoder.onnx``, and the largest difference of its latents from those of Keras."""

    content: bytes
    parity_error: float


def export_encoder(config: Config, described: BundleConfig, encoder: keras.Model, generator: keras.Model) -> Encoder:
    """Convert the encoder, and compare the graph with Keras.

    Args:
        config: the experiment.
        described: the bundle's config.
        encoder: the float32 encoder: samples -> latents.
        generator: the float32 generator, for the samples that graphs are compared on.

    Raises:
        ExportError: if the encoder cannot be converted, or the graph differs from it too much.
    """
    from ganzoo.exporters.onnx import encoder_to_onnx

    content = encoder_to_onnx(encoder, kind=described.kind).SerializeToString()
    try:
        check_encoder(content, described)
    except BundleError as error:
        raise ExportError(f"The encoder's graph is not allowed in a bundle: {error}") from error
    samples, _ = generated_samples(config, generator, range(sum(BATCHES)))
    expected = one_by_one(encoder, [samples])
    difference = check_graph(content, {described.kind: samples}, expected, tolerance=TOLERANCE, name="encoder")
    return Encoder(content, difference)
