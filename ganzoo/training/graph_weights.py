"""Reads a generator's weights back from the ONNX file of its bundle, if the bundle comes without ``model.safetensors``.

The export folds batch normalization into the layer before it, so the original numbers are gone. The weights that are
found make the same images, and train alike: a layer keeps its scaled kernel, and its batch normalization gets the
statistics of this kernel's output.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ganzoo import latents
from ganzoo.bundle.folder import ONNX, Bundle
from ganzoo.bundle.generator_config import recorded_config
from ganzoo.bundle.onnx_guard import read_graph
from ganzoo.errors import BundleError, ExportError
from ganzoo.inference.bundle_graph import inspected_graph, tensor_values
from ganzoo.training.weight_names import named_weights

if TYPE_CHECKING:
    import keras

    from ganzoo.config.experiment import Config

_KERNEL_INPUT = {"Conv": 1, "ConvTranspose": 1, "Gemm": 1, "MatMul": 1, "Gather": 0}
"""The operations of layers with weights, and which of their inputs is the kernel (or the table of embeddings)."""
_KERNELS = ("kernel", "embeddings")
_SEEDS = range(512)
"""Seeds of the samples that the statistics of batch normalization are measured with."""
_Array = NDArray[np.float32]


@dataclass(frozen=True)
class GraphWeights:
    """The weights in the ONNX file of a verified bundle that records the config of its training."""

    bundle: Bundle

    def named(self) -> dict[str, _Array]:
        """The weights by name, as ``Bundle.weights`` returns them. Builds the generator.

        Raises:
            BundleError: if the graph is damaged, or the generator has layers whose weights cannot be read back.
        """
        from ganzoo.training.networks import build_generator

        content, _ = inspected_graph(self.bundle)
        config = recorded_config(self.bundle)
        generator = build_generator(config)
        operations = _Operations(content)
        for layer in generator.layers:
            if layer.variables and not _is_norm(layer):
                self._read_layer(operations, layer)
        makers = {id(layer.output): layer for layer in generator.layers}
        for norm in filter(_is_norm, generator.layers):
            self._read_norm(operations, norm, makers)
        _measure_norms(generator, config)
        self._check(generator, content, config)
        return {name: np.asarray(variable) for name, variable in named_weights(generator).items()}

    def _read_layer(self, operations: _Operations, layer: keras.layers.Layer) -> None:
        kernel, bias = operations.weights(layer.name) or (None, None)
        for variable in layer.variables:
            values = kernel if variable.name in _KERNELS else bias if variable.name == "bias" else None
            if values is None or values.shape != tuple(variable.shape):
                raise self._unreadable(layer)
            variable.assign(values)

    def _read_norm(
        self, operations: _Operations, norm: keras.layers.Layer, makers: dict[int, keras.layers.Layer]
    ) -> None:
        """Let the norm add the folded bias, and scale by 1."""
        before = makers[id(norm.input)]
        while not before.variables and id(before.input) in makers:  # it only moves the values, such as Reshape
            before = makers[id(before.input)]
        found = operations.weights(before.name)
        if found is None or any(variable.name == "bias" for variable in before.variables):
            raise self._unreadable(norm)
        (channels,) = norm.moving_mean.shape
        bias = np.zeros(channels, np.float32) if found[1] is None else found[1]
        bias = bias.reshape(-1, channels)[0]  # a dense layer before a Reshape repeats it for each pixel
        norm.moving_variance.assign(np.full(channels, 1.0 - norm.epsilon))
        if norm.gamma is None:
            norm.moving_mean.assign(-bias)
        else:
            norm.beta.assign(bias)

    def _check(self, generator: keras.Model, content: bytes, config: Config) -> None:
        """Compare the generator with the graph."""
        from ganzoo.exporters.onnx import onnx_runtime
        from ganzoo.exporters.parity import FLOAT16_TOLERANCE, check_parity

        try:
            check_parity(
                generator,
                onnx_runtime(content),
                distribution=config.generator.latent,
                num_classes=config.num_classes,
                tolerance=FLOAT16_TOLERANCE,
                name=ONNX,
            )
        except ExportError as error:
            raise BundleError(f"{self._failed()}: {error}") from error

    def _failed(self) -> str:
        return f"Bundle '{self.bundle.folder}': the weights cannot be read back from {ONNX}"

    def _unreadable(self, layer: keras.layers.Layer) -> BundleError:
        return BundleError(f"{self._failed()}, because it does not have those of the layer '{layer.name}' as they are.")


class _Operations:
    """The operations of a graph that have the weights of Keras layers."""

    def __init__(self, content: bytes) -> None:
        graph = read_graph(content)
        self._constants = graph.constants
        self._nodes = [
            (node.inputs[index], node)
            for node in graph.nodes
            if (index := _KERNEL_INPUT.get(node.op, -1)) >= 0 and node.inputs[index] in graph.constants
        ]

    def weights(self, layer: str) -> tuple[_Array, _Array | None] | None:
        """Kernel and bias of a Keras layer, in Keras' order of axes; None if they are not found.

        The converter names a constant after its layer, and the layer is called once more for the export: ``_1``.
        """
        named = re.compile(rf"/{re.escape(layer)}(_\d+)?/")
        found = [(name, node) for name, node in self._nodes if named.search(name)]
        if len(found) != 1 or found[0][1].attributes.get("transB"):
            return None
        (name, node) = found[0]
        kernel = self._values(name)
        if kernel.ndim == 4:  # Conv is [out, in, h, w], and ConvTranspose is [in, out, h, w]; Keras has both reversed
            kernel = kernel.transpose(2, 3, 1, 0)
        bias = node.inputs[2] if node.op != "Gather" and len(node.inputs) > 2 else ""
        return kernel, self._values(bias) if bias in self._constants else None

    def _values(self, name: str) -> _Array:
        tensor = self._constants[name]
        return tensor_values(tensor).astype(np.float32).reshape(tensor.dims)


def _is_norm(layer: Any) -> bool:
    import keras

    return isinstance(layer, keras.layers.BatchNormalization)


def _measure_norms(generator: keras.Model, config: Config) -> None:
    """Give norms with a learned scale the statistics of their input. What they compute stays the same."""
    import keras

    norms = [layer for layer in generator.layers if _is_norm(layer) and layer.gamma is not None]
    if not norms:
        return
    z = latents.latents(_SEEDS, dim=config.generator.latent_dim, distribution=config.generator.latent)
    inputs = [z, latents.labels(_SEEDS, num_classes=config.num_classes)] if config.num_classes else [z]
    features = keras.Model(generator.inputs, [norm.input for norm in norms])(inputs, training=False)
    for norm, x in zip(norms, features, strict=True):
        values = np.asarray(x, np.float64).reshape(-1, x.shape[-1])
        mean, variance = values.mean(axis=0), values.var(axis=0)
        norm.moving_mean.assign(mean)
        norm.moving_variance.assign(variance)
        norm.gamma.assign(np.sqrt(variance + norm.epsilon))
        norm.beta.assign(np.asarray(norm.beta) + mean)
