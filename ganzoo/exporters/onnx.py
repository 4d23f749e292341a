"""Converts Keras to ONNX for bundles: fixed names, variable batch size, folded batch normalization."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ganzoo.errors import ExportError, reason
from ganzoo.exporters import truncation
from ganzoo.exporters.base import Exporter, exporters, input_names, output_name
from ganzoo.exporters.fold import fold_channel_scales
from ganzoo.exporters.parity import Runtime
from ganzoo.exporters.simplify import simplify
from ganzoo.exporters.truncation import StyleMean

if TYPE_CHECKING:
    import keras
    from onnx import ModelProto

OPSET = 18
"""The newest opset that tf2onnx 1.17 supports."""


@exporters.register("onnx")
class OnnxExporter(Exporter):
    """ONNX, for ONNX Runtime and other runtimes.

    Attributes:
        fold: fold batch normalization into the weights.
        precision: ``float16`` halves the file size. Inputs and outputs stay float32.
    """

    file_name: ClassVar[str] = "model.onnx"

    fold: bool = True
    precision: Literal["float32", "float16"] = "float32"

    def write(self, generator: keras.Model, path: Path) -> None:
        model = to_onnx(generator, fold=self.fold)
        path.write_bytes((to_float16(model) if self.precision == "float16" else model).SerializeToString())

    def load(self, path: Path) -> Runtime:
        return onnx_runtime(path.read_bytes())


def to_onnx(
    generator: keras.Model, *, num_classes: int = 0, fold: bool = True, style_mean: StyleMean | None = None
) -> ModelProto:
    """Convert a float32 generator.

    Inputs "latent" float32 ``[batch, latent_dim]`` and, if conditional, "label" int32 ``[batch]``; output "image"
    float32 ``[batch, h, w, c]`` or "vector" float32 ``[batch, d]``. With a mean style, the optional input "truncation"
    is a float32 scalar with the default 1.

    Args:
        generator: a model with the inputs [latent] or [latent, label].
        num_classes: number of classes of a conditional generator; removes the wrapping of negative labels.
        fold: fold batch normalization into the weights.
        style_mean: of a generator with a mapping network, for the truncation of its style.

    Raises:
        ExportError: if ONNX does not support an operation; the message names it.
    """
    names = input_names(generator)
    output = output_name(generator)
    return _convert(generator, names, output, num_classes=num_classes, fold=fold, style_mean=style_mean)


def critic_to_onnx(critic: keras.Model, *, kind: Literal["image", "vector"], num_classes: int = 0) -> ModelProto:
    """Convert a float32 critic.

    Inputs "image" float32 ``[batch, h, w, c]`` or "vector" float32 ``[batch, d]`` and, if conditional, "label" int32
    ``[batch]``; output "logit" float32 ``[batch, 1]``. Arguments and errors are those of ``to_onnx``.
    """
    names: list[str] = [kind, "label"] if num_classes else [kind]
    return _convert(critic, names, "logit", num_classes=num_classes, fold=True)


def encoder_to_onnx(encoder: keras.Model, *, kind: Literal["image", "vector"]) -> ModelProto:
    """Convert a float32 encoder.

    Input "image" float32 ``[batch, h, w, c]`` or "vector" float32 ``[batch, d]``; output "latent" float32
    ``[batch, latent_dim]``. Errors are those of ``to_onnx``.
    """
    return _convert(encoder, [kind], "latent", num_classes=0, fold=True)


def _convert(
    network: keras.Model,
    names: list[str],
    output: str,
    *,
    num_classes: int,
    fold: bool,
    style_mean: StyleMean | None = None,
) -> ModelProto:
    """Convert a network whose inputs get ``names``, and whose output gets the name ``output``."""
    import tensorflow as tf
    import tf2onnx

    what = {"logit": "critic", "latent": "encoder"}.get(output, "generator")
    signature = [
        tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype, name=name)
        for name, tensor in zip(names, network.inputs, strict=True)
    ]

    def call(*inputs: Any) -> Any:
        return network(list(inputs), training=False)

    if style_mean is not None:
        call = truncation.truncated(network, style_mean)
        signature.append(tf.TensorSpec((), tf.float32, name=truncation.INPUT))
    with _quiet() as conversion_errors:
        try:
            model, _ = tf2onnx.convert.from_function(
                tf.function(call, input_signature=signature),
                input_signature=signature,
                opset=OPSET,
                custom_op_handlers={"Erfc": (_erfc, [])},
            )
        except Exception as error:  # tf2onnx can raise any exception
            raise ExportError(f"The {what} cannot be converted to ONNX: {reason(error)}") from error
    if conversion_errors:
        raise ExportError(f"The {what} cannot be converted to ONNX: {'; '.join(conversion_errors)[:300]}")
    model = _name(model, output=output, shape=network.output.shape[1:], graph_name=what)
    model = simplify(model, num_classes=num_classes)
    model = fold_channel_scales(model) if fold else model
    if style_mean is not None:
        truncation.add_default(model)
    return model


def to_float16(model: ModelProto) -> ModelProto:
    """The same graph with float16 weights and arithmetic; inputs and outputs stay float32.

    A scalar constant that is too large for float16 becomes 65504.

    Raises:
        ExportError: if a weight is too large for float16 (65504).
    """
    from onnx import numpy_helper

    from ganzoo.inference.onnx_runtime import import_runtime

    import_runtime()  # first, because it turns off the telemetry of ONNX Runtime
    from onnxruntime.transformers import float16

    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size > 1 and np.abs(values).max() > np.finfo(np.float16).max:
            raise ExportError(
                f"The weights '{tensor.name}' have values up to {np.abs(values).max():.3g}; float16 allows 65504."
            )
    copy = type(model)()
    copy.CopyFrom(model)
    has_default = truncation.remove_default(copy)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns about every number that is rounded to 0 or 65504
        half = float16.convert_float_to_float16(
            copy, keep_io_types=True, disable_shape_infer=True, max_finite_val=65504.0
        )
    if has_default:
        truncation.add_default(half)
    _sort(half)
    return _clean(half)


def onnx_runtime(content: bytes) -> Runtime:
    """A function that runs an ONNX graph with ONNX Runtime on the CPU."""
    from ganzoo.inference.onnx_session import OnnxSession

    session = OnnxSession(content, name="the exported graph", device="cpu")

    def run(z: NDArray[np.float32], labels: NDArray[np.int32] | None) -> NDArray[np.float32]:
        feed: dict[str, NDArray[Any]] = {"latent": z} if labels is None else {"latent": z, "label": labels}
        samples: NDArray[np.float32] = session.run(None, feed)[0]
        return samples

    return run


def _name(model: ModelProto, *, output: str, shape: tuple[int, ...], graph_name: str) -> ModelProto:
    """Set the name of the output, the name "batch" of the batch axis, and the sizes of all other axes."""
    graph = model.graph
    old = graph.output[0].name
    for node in graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name == old:
                    names[index] = output
    graph.output[0].name = output
    for value, sizes in ((graph.output[0], shape), *((given, None) for given in graph.input)):
        dims = value.type.tensor_type.shape.dim
        if dims:  # a scalar has no batch axis
            dims[0].dim_param = "batch"
        for dim, size in zip(list(dims)[1:], sizes or (), strict=False):
            dim.dim_value = size
    graph.name = graph_name
    return _clean(model)


def _sort(model: ModelProto) -> None:
    """Sort the nodes topologically, as ONNX requires. The float16 converter appends its casts at the end."""
    graph = model.graph
    waiting, sorted_nodes = list(graph.node), []
    made = {given.name for given in graph.input} | {tensor.name for tensor in graph.initializer} | {""}
    while waiting:
        ready = [node for node in waiting if made.issuperset(node.input)]
        if not ready:
            raise ExportError("The ONNX graph has a cycle.")
        made.update(name for node in ready for name in node.output)
        sorted_nodes += ready
        waiting = [node for node in waiting if not made.issuperset(node.output)]
    del graph.node[:]
    graph.node.extend(sorted_nodes)


def _clean(model: ModelProto) -> ModelProto:
    """Remove parts that are not executed: documentation, metadata, intermediate shapes, unused domains."""
    graph = model.graph
    for field in ("metadata_props", "doc_string", "training_info"):
        model.ClearField(field)
    for field in ("value_info", "doc_string", "metadata_props", "quantization_annotation"):
        graph.ClearField(field)
    for node in graph.node:
        node.ClearField("doc_string")
        node.ClearField("metadata_props")
    used = {node.domain for node in graph.node}
    kept = [opset for opset in model.opset_import if opset.domain in used | {""}]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    model.producer_name, model.producer_version = "ganzoo", ""
    return model


def _erfc(context: Any, node: Any, name: str, args: Any) -> None:
    """Convert Erfc, which tf2onnx does not support and Keras' exact GELU uses: erfc(x) = 1 - erf(x)."""
    shapes, types = list(node.output_shapes), list(node.output_dtypes)
    context.remove_node(node.name)
    erf = context.make_node("Erf", [node.input[0]], shapes=shapes, dtypes=types)
    one = context.make_const(f"{name}/one", np.array(1.0, np.float32))
    context.make_node("Sub", [one.output[0], erf.output[0]], outputs=list(node.output), shapes=shapes, dtypes=types)


class _ErrorCollector(logging.Handler):
    """Collects the errors that tf2onnx logs: it logs unsupported operations and continues."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@contextlib.contextmanager
def _quiet() -> Iterator[list[str]]:
    """Suppress the log of tf2onnx. Yields the list of its errors."""
    import tf2onnx  # noqa: F401  (creates the loggers)

    handler = _ErrorCollector()
    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] == "tf2onnx"]
    loggers = [logging.getLogger(name) for name in names]
    before = [(log, log.handlers[:], log.propagate, log.level) for log in loggers]
    for log in loggers:
        log.handlers, log.propagate = [handler], False
        log.setLevel(logging.ERROR)
    try:
        yield handler.lines
    finally:
        for log, handlers, propagate, level in before:
            log.handlers, log.propagate = handlers, propagate
            log.setLevel(level)
