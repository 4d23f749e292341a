"""Infers the shape of every tensor of an ONNX graph before it runs, to limit the memory and time of untrusted files.

An operation is allowed if and only if ``rules`` has a rule for its output shape.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from ganzoo.bundle.onnx_guard.graph import ELEMENT_TYPES, MAX_RANK, Graph, Node, Tensor, product
from ganzoo.bundle.onnx_guard.known_tensors import MAX_VALUES, Dims, KnownTensors
from ganzoo.bundle.onnx_guard.rules import ATTRIBUTES, RULES
from ganzoo.bundle.onnx_guard.values import VALUES
from ganzoo.errors import BundleError

MAX_ELEMENTS = 2**36
_WIDTHS = dict(ELEMENT_TYPES.values())
_TYPES = {
    **dict.fromkeys(("And", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Not", "Or"), "bool"),
    "Shape": "int64",
}
"""Operation -> element type of its result. For the others, it is that of an input."""
_TYPE_OF_INPUT = {"Where": 1, "OneHot": 2}
"""The input that has the element type of the result; for the others, the first one."""


class Cost(NamedTuple):
    """The cost of one run: peak memory in bytes (without weights), multiply-adds, computed values."""

    peak_bytes: int
    multiply_adds: int
    elements: int
    outputs: tuple[Dims, ...]


def cost(graph: Graph, *, inputs: dict[str, Dims]) -> Cost:
    """Compute the output shapes, peak memory and work of one run.

    Args:
        graph: the graph of the file.
        inputs: name -> shape of every input, including the batch axis.

    Raises:
        BundleError: if an operation is not allowed, is invalid, or computes a tensor that is too large.
    """
    known = KnownTensors(graph, inputs)
    last_use = {name: index for index, node in enumerate(graph.nodes) for name in node.inputs}
    last_use |= {output.name: len(graph.nodes) for output in graph.outputs}
    live = sum(4 * product(dims) for dims in inputs.values())
    peak = live
    for index, node in enumerate(graph.nodes):
        infer(known, node)
        live += sum(_bytes(known, name) for name in node.outputs)
        peak = max(peak, live + known.scratch_bytes)
        done = {name for name in (*node.inputs, *node.outputs) if last_use.get(name, index) == index}
        # ONNX Runtime computes what is fixed when it loads the graph, and keeps all of it until then.
        live -= sum(_bytes(known, name) for name in done if name not in known.fixed)
    missing = [output.name for output in graph.outputs if output.name not in known.dims]
    if missing:
        raise BundleError(f"The ONNX file is damaged: no operation computes its output {missing[0][:60]!a}.")
    return Cost(
        peak_bytes=peak,
        multiply_adds=known.multiply_adds,
        elements=known.elements,
        outputs=tuple(known.dims[output.name] for output in graph.outputs),
    )


def infer(known: KnownTensors, node: Node) -> None:
    """Add the shape of one operation's output to ``known``, and its value if a later shape may depend on it.

    Raises:
        BundleError: if the operation is not allowed, does not match its inputs, or computes a tensor that is too large.
    """
    rule = RULES.get(node.op)
    if rule is None or node.domain not in ("", "ai.onnx"):
        name = f"{node.domain}.{node.op}" if node.domain else node.op
        raise BundleError(f"The ONNX file uses the operation {name[:80]!a}, which is not allowed.")
    if len(node.outputs) != 1 or not node.outputs[0] or node.outputs[0] in known.dims:
        raise BundleError(f"The ONNX file has {node.op} without exactly one new output.")
    other = next(iter(node.attributes.keys() - ATTRIBUTES.get(node.op, frozenset())), None)
    if other is not None:
        raise BundleError(f"The ONNX file has {node.op} with the attribute {other[:60]!a}, which is not allowed.")
    for index, name in enumerate(node.inputs):
        if name:
            known.of(node, index)
    known.scratch_bytes = 0
    try:
        dims = rule(known, node)
        dtype = _type(known, node)
    except (IndexError, ValueError, TypeError, ZeroDivisionError, KeyError, OverflowError, struct.error) as error:
        raise BundleError(f"The ONNX file is damaged: {node.op} does not match its inputs.") from error
    # A size of 0 would hide all later sizes. Only a constant may be empty: an input that is not used.
    least = 0 if node.op == "Constant" else 1
    if len(dims) > MAX_RANK or any(dim < least for dim in dims) or product(dims) > MAX_ELEMENTS:
        raise BundleError(
            f"The ONNX file computes a tensor of shape {str(list(dims))[:80]} by {node.op}: it is empty or too large."
        )
    name = node.outputs[0]
    known.dims[name], known.dtypes[name] = dims, dtype
    known.elements += product(dims) + sum(product(known.dims[given]) for given in node.inputs if given)
    if all(given in known.fixed for given in node.inputs if given):
        known.fixed.add(name)
    _follow(known, node)


def _type(known: KnownTensors, node: Node) -> str:
    """Element type of an operation's result. Raises KeyError for a type that is not allowed."""
    if node.op == "Cast":
        return ELEMENT_TYPES[node.attributes.get("to")][0]
    if node.op == "Constant":
        return known.dtypes[node.outputs[0]]
    if node.op == "ConstantOfShape":
        value = node.attributes.get("value")
        return value.dtype if isinstance(value, Tensor) else "float32"
    return _TYPES.get(node.op) or known.dtypes[node.inputs[_TYPE_OF_INPUT.get(node.op, 0)]]


def _follow(known: KnownTensors, node: Node) -> None:
    """Record the value of a small integer result, if a later shape may depend on it."""
    rule = VALUES.get(node.op)
    name = node.outputs[0]
    if rule is None or product(known.dims[name]) > MAX_VALUES:
        return
    try:
        value = rule(known, node)
    except (KeyError, IndexError, TypeError, ValueError):
        return
    if value is not None and len(value) == product(known.dims[name]):
        known.values[name] = value


def _bytes(known: KnownTensors, name: str) -> int:
    if not name:
        return 0
    width = _WIDTHS[known.dtypes[name]]  # ONNX Runtime computes in at least 4 bytes
    return (width if name in known.constants else max(4, width)) * product(known.dims[name])
