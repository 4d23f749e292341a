"""Exports to TensorFlow SavedModel, for TensorFlow Serving. Loading one executes its code: load only trusted files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ganzoo.exporters.base import Exporter, exporters, with_named_output
from ganzoo.exporters.parity import Runtime

if TYPE_CHECKING:
    import keras


@exporters.register("savedmodel")
class SavedModelExporter(Exporter):
    """A folder with the signature ``serving_default``: latent (and label) -> image or vector."""

    file_name: ClassVar[str] = "savedmodel"
    folder_files: ClassVar[tuple[str, ...]] = (
        *("saved_model.pb", "fingerprint.pb", "keras_metadata.pb"),
        *("variables", "assets", "assets.extra"),
    )

    def write(self, generator: keras.Model, path: Path) -> None:
        with_named_output(generator).export(path, format="tf_saved_model", verbose=False)

    def load(self, path: Path) -> Runtime:
        import tensorflow as tf

        loaded = tf.saved_model.load(str(path))
        serve = loaded.signatures["serving_default"]

        def run(z: NDArray[np.float32], labels: NDArray[np.int32] | None, _keep: Any = loaded) -> NDArray[np.float32]:
            inputs = {"latent": tf.constant(z)} | ({} if labels is None else {"label": tf.constant(labels)})
            (samples,) = serve(**inputs).values()
            return np.asarray(samples)

        return run
