"""Exports to TensorFlow Lite (LiteRT), for phones and embedded devices."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ganzoo.errors import ExportError, reason
from ganzoo.exporters.base import Exporter, exporters, with_named_output
from ganzoo.exporters.parity import Runtime

if TYPE_CHECKING:
    import keras


@exporters.register("tflite")
class TFLiteExporter(Exporter):
    """One float32 file with the signature ``serving_default``. The batch size is set by resizing the input."""

    file_name: ClassVar[str] = "model.tflite"

    def write(self, generator: keras.Model, path: Path) -> None:
        import tensorflow as tf

        model = with_named_output(generator)
        # Keras' default also allows TensorFlow operations, which interpreters on phones do not support.
        options = {"target_spec": {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}}
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / self.file_name  # Keras requires the suffix .tflite; ``path`` may have another
            try:
                model.export(file, format="litert", verbose=False, **options)
            except Exception as error:  # the converter can raise any exception
                raise ExportError(f"The generator cannot be converted to TFLite: {reason(error)}") from error
            path.write_bytes(file.read_bytes())

    def load(self, path: Path) -> Runtime:
        return tflite_runtime(path.read_bytes())


def tflite_runtime(content: bytes) -> Runtime:
    """A function that runs a TFLite model on the CPU."""
    import tensorflow as tf

    plain = tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES  # XNNPACK logs a line at its start
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # TensorFlow warns at every start that its interpreter will move to another package
        interpreter = tf.lite.Interpreter(model_content=content, num_threads=2, experimental_op_resolver_type=plain)
    signature = interpreter.get_signature_runner("serving_default")
    places = {name: details["index"] for name, details in signature.get_input_details().items()}
    (output,) = (details["index"] for details in signature.get_output_details().values())

    def run(z: NDArray[np.float32], labels: NDArray[np.int32] | None) -> NDArray[np.float32]:
        given: dict[str, NDArray[Any]] = {"latent": z} if labels is None else {"latent": z, "label": labels}
        for name, value in given.items():
            interpreter.resize_tensor_input(places[name], value.shape)
        interpreter.allocate_tensors()
        for name, value in given.items():
            interpreter.set_tensor(places[name], value)
        interpreter.invoke()
        samples: NDArray[np.float32] = interpreter.get_tensor(output)
        return samples

    return run
