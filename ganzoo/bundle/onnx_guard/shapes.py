"""The shape of everything an ONNX graph computes, worked out before it runs, so that a file from a stranger cannot ask
for more memory or time than was agreed to.

An operation is allowed if and only if ``rules`` has a rule that bounds what it makes.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from ganzoo.bundle.onnx_guard.graph import ELEMENT_TYPES, MAX_RANK, Graph, Node, product
from ganzoo.bundle.onnx_guard.known_tensors import MAX_VALUES, Dims, KnownTensors
from ganzoo.bundle.onnx_guard.rules import RULES
from ganzoo.bundle.onnx_guard.values import VALUES
from ganzoo.errors import BundleError

MAX_ELEMENTS = 2**36
_WIDTHS = dict(ELEMENT_TYPES.values())


class Cost(NamedTuple):
    """What one run takes: the most bytes that live at one time (weights left out), multiply-adds, numbers written."""

    peak_bytes: int
    multiply_adds: int
    elements: int
    outputs: tuple[Dims, ...]


def cost(graph: Graph, *, inputs: dict[str, Dims]) -> Cost:
    """Shapes of the outputs, peak memory and work of one run.

    Args:
        graph: as read from the file.
        inputs: name -> shape of every input, batch included.

    Raises:
        BundleError: if an operation is not allowed, does not fit, or makes something too large.
    """
    known = KnownTensors(graph, inputs)
    last_use = {name: index for index, node in enumerate(graph.nodes) for name in node.inputs}
    last_use |= {output.name: len(graph.nodes) for output in graph.outputs}
    live = sum(4 * product(dims) for dims in inputs.values())
    peak = live
    for index, node in enumerate(graph.nodes):
        infer(known, node)
        live += sum(_bytes(known, name) for name in node.outputs)
        peak = max(peak, live)
        done = {name for name in (*node.inputs, *node.outputs) if last_use.get(name, index) == index}
        live -= sum(_bytes(known, name) for name in done if name not in known.constants)
    missing = [output.name for output in graph.outputs if output.name not in known.dims]
    if missing:
        raise BundleError(f"The ONNX file is damaged: nothing makes its output {missing[0][:60]!a}.")
    return Cost(
        peak_bytes=peak,
        multiply_adds=known.multiply_adds,
        elements=known.elements,
        outputs=tuple(known.dims[output.name] for output in graph.outputs),
    )


def infer(known: KnownTensors, node: Node) -> None:
    """Add the shape of one operation's output to ``known``, and its value where a later shape may depend on it.

    Raises:
        BundleError: if the operation is not allowed, does not fit its inputs, or makes something too large.
    """
    rule = RULES.get(node.op)
    if rule is None or node.domain not in ("", "ai.onnx"):
        name = f"{node.domain}.{node.op}" if node.domain else node.op
        raise BundleError(f"The ONNX file uses the operation {name[:80]!a}, which a bundle must not.")
    if len(node.outputs) != 1 or not node.outputs[0] or node.outputs[0] in known.dims:
        raise BundleError(f"The ONNX file has {node.op} with no output, several, or one that is there already.")
    for index, name in enumerate(node.inputs):
        if name:
            known.of(node, index)
    try:
        dims = rule(known, node)
    except (IndexError, ValueError, TypeError, ZeroDivisionError, KeyError, OverflowError, struct.error) as error:
        raise BundleError(f"The ONNX file is damaged: {node.op} does not fit its inputs.") from error
    if len(dims) > MAX_RANK or any(dim < 0 for dim in dims) or product(dims) > MAX_ELEMENTS:
        raise BundleError(f"The ONNX file has {node.op} make a tensor of {str(list(dims))[:80]}: too large.")
    known.dims[node.outputs[0]] = dims
    known.elements += product(dims)
    _follow(known, node)


def _follow(known: KnownTensors, node: Node) -> None:
    """Keep the value of a small integer result where a later shape may depend on it."""
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
    constant = known.constants.get(name)
    width = 4 if constant is None else _WIDTHS[constant.dtype]
    return width * product(known.dims[name]) if name else 0
