"""TensorFlow's SavedModel, for TensorFlow Serving. Its code runs when it is loaded: load only your own."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ganzoo.export.base import Exporter, exporters, serving_function
from ganzoo.export.parity import Runtime

if TYPE_CHECKING:
    import keras


@exporters.register("savedmodel")
class SavedModelExporter(Exporter):
    """A folder with the signature ``serving_default``: latent (and label) -> image or vector."""

    file_name: ClassVar[str] = "savedmodel"

    def write(self, generator: keras.Model, path: Path) -> None:
        import tensorflow as tf

        module = tf.Module()
        module.generator = tuple(generator.variables)
        module.serve = serving_function(generator)
        with contextlib.ExitStack() as stack:
            logger = tf.get_logger()
            stack.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.ERROR)
            tf.saved_model.save(module, str(path), signatures={"serving_default": module.serve})

    def load(self, path: Path) -> Runtime:
        import tensorflow as tf

        loaded = tf.saved_model.load(str(path))
        serve = loaded.signatures["serving_default"]

        def run(z: NDArray[np.float32], labels: NDArray[np.int32] | None, _keep: Any = loaded) -> NDArray[np.float32]:
            inputs = {"latent": tf.constant(z)} | ({} if labels is None else {"label": tf.constant(labels)})
            (samples,) = serve(**inputs).values()
            return np.asarray(samples)

        return run
