"""The check of exporters."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.errors import ExportError
from ganzoo.exporters.base import Exporter, exporters
from ganzoo.testing.part import check_part, require

if TYPE_CHECKING:
    import keras


def check_exporter(exporter: Exporter | type[Exporter]) -> None:
    """Check that small generators are exported and compute what Keras computes, with and without classes.

    Raises:
        AssertionError: with the first check that failed.
    """
    exporter = check_part(exporters, exporter)
    require(bool(exporter.file_name), "there is no file_name")
    with tempfile.TemporaryDirectory() as folder:
        for num_classes in (0, 3):
            path = Path(folder) / f"{num_classes}" / exporter.file_name
            try:
                exporter.export(_generator(num_classes), path, distribution="normal", num_classes=num_classes)
            except ExportError as error:
                raise AssertionError(str(error)) from error
            require(path.exists(), f"nothing was written to {exporter.file_name}")


def _generator(num_classes: int) -> keras.Model:
    """A generator of images of 4x6 pixels, conditional unless ``num_classes`` is 0."""
    import keras

    latent = keras.Input((8,), name="latent")
    label = keras.Input((), dtype="int32", name="label")
    x = latent
    if num_classes:
        x = keras.layers.Concatenate()([latent, keras.layers.Embedding(num_classes, 2)(label)])
    x = keras.layers.Reshape((2, 3, 4))(keras.layers.Dense(24, activation="relu")(x))
    x = keras.layers.Conv2DTranspose(3, 4, strides=2, padding="same", activation="tanh")(x)
    return keras.Model([latent, label] if num_classes else [latent], x)
