"""TensorFlow Lite (LiteRT), for phones and small boards."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ganzoo.errors import ExportError, reason
from ganzoo.export.base import Exporter, exporters, output_name, serving_function
from ganzoo.export.parity import Runtime

if TYPE_CHECKING:
    import keras


@exporters.register("tflite")
class TFLiteExporter(Exporter):
    """One float32 file with the signature ``serving_default``; the batch is set by resizing the input."""

    file_name: ClassVar[str] = "model.tflite"

    def write(self, generator: keras.Model, path: Path) -> None:
        import tensorflow as tf

        frozen = _frozen(generator)
        converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen.serve.get_concrete_function()], frozen)
        try:
            content = converter.convert()
        except Exception as error:  # the converter raises whatever happens inside
            raise ExportError(f"The generator cannot be converted to TFLite: {reason(error)}") from error
        path.write_bytes(content)

    def load(self, path: Path) -> Runtime:
        return tflite_runtime(path.read_bytes())


def _frozen(generator: keras.Model) -> Any:
    """The generator with its weights as constants: the converter loses Keras' variables, and the file makes NaN."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    serve = serving_function(generator)
    constant = convert_variables_to_constants_v2(serve.get_concrete_function())
    output = output_name(generator)
    module = tf.Module()

    def call(*inputs: Any) -> dict[str, Any]:
        return {output: constant(*inputs)[0]}

    module.serve = tf.function(call, input_signature=serve.input_signature)
    return module


def tflite_runtime(content: bytes) -> Runtime:
    """Runs TFLite bytes on the CPU."""
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorFlow says at every start that its interpreter will move elsewhere
        interpreter = tf.lite.Interpreter(model_content=content, num_threads=2)
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
        made: NDArray[np.float32] = interpreter.get_tensor(output)
        return made

    return run
