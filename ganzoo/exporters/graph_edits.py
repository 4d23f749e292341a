"""Helpers for editing ONNX graphs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ganzoo.bundle.onnx_guard.graph import read_graph
from ganzoo.bundle.onnx_guard.known_tensors import KnownTensors
from ganzoo.bundle.onnx_guard.shapes import infer

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

Array = NDArray[Any]


def makers_of(model: ModelProto) -> dict[str, NodeProto]:
    """Map the name of each tensor to the node that produces it."""
    return {name: node for node in model.graph.node for name in node.output}


def moves_before(makers: dict[str, NodeProto], last: NodeProto, moves: frozenset[str]) -> tuple[list[NodeProto], str]:
    """The longest chain of operations of the types ``moves`` that ends in ``last``, and its input tensor."""
    chain = [last]
    while True:
        tensor = chain[-1].input[0]
        maker = makers.get(tensor)
        if maker is None or maker.op_type not in moves:
            return chain[::-1], tensor
        chain.append(maker)


def run_piece(model: ModelProto, nodes: list[NodeProto], feed: dict[str, Array], wanted: str) -> Array | None:
    """Run a part of the graph with the reference implementation of onnx. None if it cannot run."""
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    chosen = [node for node in model.graph.node if node in nodes]
    types = {name: helper.np_dtype_to_tensor_dtype(value.dtype) for name, value in feed.items()}
    inputs = [helper.make_tensor_value_info(name, types[name], value.shape) for name, value in feed.items()]
    used = {name for node in chosen for name in node.input}
    constants = [tensor for tensor in model.graph.initializer if tensor.name in used]
    output = helper.make_empty_tensor_value_info(wanted)
    graph = helper.make_graph(chosen, "piece", inputs, [output], constants)
    piece = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    try:
        (made,) = ReferenceEvaluator(piece).run(None, feed)
    except Exception:  # a part that cannot run alone is not replaced
        return None
    return np.asarray(made)


def evaluate(model: ModelProto, batch: int) -> KnownTensors:
    """Infer the shapes of all tensors, and the values of tensors that are sizes."""
    graph = read_graph(model.SerializeToString())
    inputs = {v.name: tuple(batch if dim is None else dim for dim in v.dims or ()) for v in graph.inputs}
    known = KnownTensors(graph, inputs)
    for node in graph.nodes:
        infer(known, node)
    return known


def drop_unused(model: ModelProto) -> None:
    """Remove nodes and constants without readers."""
    graph = model.graph
    while True:
        used = {name for node in graph.node for name in node.input} | {output.name for output in graph.output}
        idle = [node for node in graph.node if not used.intersection(node.output)]
        for node in idle:
            graph.node.remove(node)
        if not idle:
            break
    for tensor in [t for t in graph.initializer if t.name not in used]:
        graph.initializer.remove(tensor)
