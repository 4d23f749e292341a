"""Folds batch normalization (one multiplication and one addition per channel) into the weights of the preceding layer.

tf2onnx does this after Conv, but not after ConvTranspose or MatMul; ONNX Runtime does not either. The functions do not
modify their input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ganzoo.exporters.graph_edits import drop_unused, evaluate, moves_before, run_piece

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

Array = NDArray[Any]
_LINEAR = frozenset({"Conv", "ConvTranspose", "MatMul", "Gemm"})
_MOVES = frozenset({"Reshape", "Transpose", "DepthToSpace"})


def fold_channel_scales(model: ModelProto) -> ModelProto:
    """Fold every ``Mul`` and ``Add`` by per-channel constants that follows Conv, ConvTranspose, MatMul or Gemm.

    Reshape, Transpose and DepthToSpace may be between the two. MatMul becomes Gemm if it gets a bias. Not folded:
    operations whose input has another reader, and constants that vary within a channel.

    Returns:
        A new model that computes the same, up to rounding.
    """
    folded = type(model)()
    folded.CopyFrom(model)
    graph = _Graph(folded)
    for node in list(folded.graph.node):
        if node.op_type in ("Mul", "Add") and len(node.input) == 2:
            _fold(graph, node)
    drop_unused(folded)
    return folded


class _Graph:
    """A graph with lookup tables for folding."""

    def __init__(self, model: ModelProto) -> None:
        from onnx import numpy_helper

        self.proto: GraphProto = model.graph
        self.constants: dict[str, Array] = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        self.makers = {name: node for node in model.graph.node for name in node.output}
        self.outputs = {output.name for output in model.graph.output}
        self.model = model
        self.shapes = evaluate(model, 1).dims

    def uses(self, name: str) -> int:
        """Number of readers of a tensor, including the model's outputs."""
        return sum(list(node.input).count(name) for node in self.proto.node) + (name in self.outputs)

    def set(self, node: NodeProto, index: int, value: Array) -> None:
        """Replace an input of a node by a new constant."""
        from onnx import numpy_helper

        name = f"{node.output[0]}/folded_{index}"
        for old in [t for t in self.proto.initializer if t.name == name]:
            self.proto.initializer.remove(old)
        self.proto.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value, np.float32), name))
        self.constants[name] = value
        while len(node.input) <= index:
            node.input.append("")
        node.input[index] = name

    def bypass(self, node: NodeProto, name: str) -> None:
        """Remove a node that is the only reader of ``name``, and connect its readers to ``name``."""
        made = node.output[0]
        self.proto.node.remove(node)
        if made in self.outputs:
            maker = self.makers[name]
            maker.output[0] = made
            self.makers[made], self.shapes[made] = maker, self.shapes[name]
            return
        for other in self.proto.node:
            for index, used in enumerate(other.input):
                if used == made:
                    other.input[index] = name


def _fold(graph: _Graph, node: NodeProto) -> None:
    """Fold one Mul or Add, if possible."""
    constant = next((name for name in node.input if name in graph.constants), None)
    if constant is None:
        return
    tensor = next((name for name in node.input if name != constant), None)
    if tensor is None or tensor in graph.constants:
        return
    linear, channels = _linear_before(graph, tensor)
    if linear is None or channels is None:
        return
    values = _one_per_channel(graph.constants[constant], channels)
    if values is None:
        return
    done = _scale(graph, linear, values) if node.op_type == "Mul" else _shift(graph, linear, values)
    if done:
        graph.bypass(node, tensor)


def _linear_before(graph: _Graph, tensor: str) -> tuple[NodeProto | None, Array | None]:
    """The linear operation that produces ``tensor`` (possibly moved), and the channel of each element."""
    node, start = graph.makers.get(tensor), tensor
    chain: list[NodeProto] = []
    if node is not None and node.op_type in _MOVES:
        chain, start = moves_before(graph.makers, node, _MOVES)
        node = graph.makers.get(start)
    between = [start, *(move.output[0] for move in chain)]
    if node is None or node.op_type not in _LINEAR or any(graph.uses(name) != 1 for name in between):
        return None, None
    if not _is_plain(graph, node) or any(name not in graph.constants for move in chain for name in move.input[1:]):
        return None, None
    shape = graph.shapes[start]
    if node.op_type in ("MatMul", "Gemm"):
        channels = np.arange(shape[-1], dtype=np.float32)
    else:
        channels = np.arange(shape[1], dtype=np.float32).reshape(-1, *[1] * (len(shape) - 2))
    channels = np.ascontiguousarray(np.broadcast_to(channels, shape))
    return node, run_piece(graph.model, chain, {start: channels}, tensor) if chain else channels


def _is_plain(graph: _Graph, node: NodeProto) -> bool:
    """Whether weights are constant, a transposed convolution has one group, and a Gemm has no factors."""
    attributes = {a.name: a.f if a.name in ("alpha", "beta") else a.i for a in node.attribute}
    if node.op_type == "ConvTranspose" and attributes.get("group", 1) != 1:
        return False
    if any(attributes.get(name, 1.0) != 1.0 for name in ("alpha", "beta")) or attributes.get("transA", 0):
        return False
    weights = graph.constants.get(node.input[1])
    if weights is None or (node.op_type == "MatMul" and weights.ndim != 2):
        return False
    return len(node.input) < 3 or not node.input[2] or node.input[2] in graph.constants


def _out_axis(node: NodeProto) -> int:
    transposed = any(a.name == "transB" and a.i for a in node.attribute)
    return 0 if node.op_type == "Conv" or transposed else 1


def _one_per_channel(constant: Array, channels: Array) -> Array | None:
    """The constant as one float64 per channel; None if it varies within a channel or does not match."""
    if constant.dtype != np.float32:
        return None
    try:
        values = np.broadcast_to(constant, channels.shape).astype(np.float64)
    except ValueError:
        return None
    indices = channels.astype(np.int64)
    found = np.zeros(indices.max() + 1)
    found[indices] = values
    return found if np.array_equal(found[indices], values) else None


def _scale(graph: _Graph, node: NodeProto, factors: Array) -> bool:
    weights = graph.constants[node.input[1]]
    shape = [1] * weights.ndim
    shape[_out_axis(node)] = -1
    graph.set(node, 1, (weights.astype(np.float64) * factors.reshape(shape)).astype(np.float32))
    if len(node.input) > 2 and node.input[2]:
        graph.set(node, 2, (graph.constants[node.input[2]].astype(np.float64) * factors).astype(np.float32))
    return True


def _shift(graph: _Graph, node: NodeProto, offsets: Array) -> bool:
    if node.op_type == "MatMul":
        if len(graph.shapes[node.output[0]]) != 2:
            return False
        node.op_type = "Gemm"
    bias = graph.constants[node.input[2]].astype(np.float64) if len(node.input) > 2 and node.input[2] else 0.0
    graph.set(node, 2, (bias + offsets).astype(np.float32))
    return True
