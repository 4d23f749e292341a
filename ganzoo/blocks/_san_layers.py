"""The Keras layer of ``san``. Importing this module imports Keras."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from ganzoo.blocks import _calling


class SlicedLinear(keras.layers.Dense):
    """The last layer ``w`` of SAN: ``[x]`` or ``[x, embedding]``, each ``[b, d]`` -> logits ``[b, 1]``.

    With an embedding of the class, ``w`` is the sum of the layer's kernel and the embedding, so each class has its own
    direction. The logit is ``|w| <x, w / |w|>``, which is ``<x, w>``. In training its gradient reaches the features
    and the norm of ``w``, but not the direction. The further output ``direction`` has the same values and the opposite:
    its gradient reaches the direction only.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(1, use_bias=False, autocast=False, **kwargs)
        self.input_spec = None  # that of one input

    def build(self, input_shape: Any) -> None:
        super().build(input_shape[0])
        self.input_spec = None

    def call(self, inputs: Any, training: bool = False) -> Any:
        x, *embedding = [ops.cast(tensor, "float32") for tensor in inputs]
        weights = ops.transpose(ops.convert_to_tensor(self.kernel))
        weights = weights + embedding[0] if embedding else weights
        if not training:
            return ops.sum(x * weights, axis=-1, keepdims=True)
        norm = ops.sqrt(ops.sum(ops.square(weights), axis=-1, keepdims=True) + 1e-12)
        direction = weights / norm
        scaled = x * norm
        _calling.add_output("direction", _dot(ops.stop_gradient(scaled), direction))
        return _dot(scaled, ops.stop_gradient(direction))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (input_shape[0][0], 1)


def _dot(x: Any, y: Any) -> Any:
    return ops.sum(x * y, axis=-1, keepdims=True)
