"""The shape of everything an ONNX graph computes, worked out before it runs, so that a file from a stranger cannot ask
for more memory or time than was agreed to.

An operation is allowed if and only if ``rules`` has a rule that bounds what it makes.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from ganzoo.bundle.onnx_guard.graph import ELEMENT_TYPES, MAX_RANK, Graph, Node, Tensor, product
from ganzoo.bundle.onnx_guard.rules import RULES, Dims
from ganzoo.bundle.onnx_guard.values import VALUES
from ganzoo.errors import BundleError

MAX_ELEMENTS = 2**36
_MAX_VALUES = 1024
_WIDTHS = dict(ELEMENT_TYPES.values())


class Cost(NamedTuple):
    """What one run takes: the most bytes that live at one time (weights left out), multiply-adds, numbers written."""

    peak_bytes: int
    multiply_adds: int
    elements: int
    outputs: tuple[Dims, ...]


class Shapes:
    """Shapes of all tensors of a graph for one batch size, and the values of those that other shapes depend on."""

    def __init__(self, graph: Graph, inputs: dict[str, Dims]) -> None:
        self.dims: dict[str, Dims] = dict(inputs)
        self.values: dict[str, Dims] = {}
        self.constants: dict[str, Tensor] = {}
        self.multiply_adds = 0
        self.elements = 0
        for tensor in graph.constants.values():
            self.define(tensor.name, tensor)

    def define(self, name: str, tensor: Tensor) -> None:
        """Take note of a constant."""
        self.dims[name], self.constants[name] = tensor.dims, tensor
        if tensor.size <= _MAX_VALUES and tensor.dtype in ("int64", "int32"):
            self.values[name] = tensor.ints()

    def of(self, node: Node, index: int) -> Dims:
        """Shape of an operation's input."""
        if index >= len(node.inputs) or node.inputs[index] not in self.dims:
            raise BundleError(f"The ONNX file is damaged: {node.op} misses input {index}.")
        return self.dims[node.inputs[index]]

    def has(self, node: Node, index: int) -> bool:
        """Whether an optional input is given."""
        return index < len(node.inputs) and node.inputs[index] != ""

    def value(self, node: Node, index: int) -> Dims:
        """Numbers of an operation's input that decides on a size."""
        self.of(node, index)
        if node.inputs[index] not in self.values:
            raise BundleError(f"The ONNX file has {node.op} with a size that is only known when it runs.")
        return self.values[node.inputs[index]]

    def floats(self, node: Node, index: int) -> tuple[float, ...]:
        """Numbers of a small float32 constant."""
        tensor = self.constants.get(node.inputs[index])
        if tensor is None or tensor.dtype != "float32" or tensor.size > _MAX_VALUES:
            raise BundleError(f"The ONNX file has {node.op} with a size that is only known when it runs.")
        return struct.unpack(f"<{tensor.size}f", tensor.raw)

    def run(self, node: Node) -> None:
        """Work out one operation."""
        rule = RULES.get(node.op)
        if rule is None or node.domain not in ("", "ai.onnx"):
            name = f"{node.domain}.{node.op}" if node.domain else node.op
            raise BundleError(f"The ONNX file uses the operation {name[:80]!a}, which a bundle must not.")
        if len(node.outputs) != 1 or not node.outputs[0] or node.outputs[0] in self.dims:
            raise BundleError(f"The ONNX file has {node.op} with no output, several, or one that is there already.")
        for index, name in enumerate(node.inputs):
            if name:
                self.of(node, index)
        try:
            dims = rule(self, node)
        except (IndexError, ValueError, TypeError, ZeroDivisionError, KeyError, OverflowError, struct.error) as error:
            raise BundleError(f"The ONNX file is damaged: {node.op} does not fit its inputs.") from error
        if len(dims) > MAX_RANK or any(dim < 0 for dim in dims) or product(dims) > MAX_ELEMENTS:
            raise BundleError(f"The ONNX file has {node.op} make a tensor of {str(list(dims))[:80]}: too large.")
        self.dims[node.outputs[0]] = dims
        self.elements += product(dims)
        self._follow(node)

    def _follow(self, node: Node) -> None:
        """Keep the value of a small integer result where a later shape may depend on it."""
        rule = VALUES.get(node.op)
        name = node.outputs[0]
        if rule is None or product(self.dims[name]) > _MAX_VALUES:
            return
        try:
            value = rule(self, node)
        except (KeyError, IndexError, TypeError, ValueError):
            return
        if value is not None and len(value) == product(self.dims[name]):
            self.values[name] = value


def cost(graph: Graph, *, inputs: dict[str, Dims]) -> Cost:
    """Shapes of the outputs, peak memory and work of one run.

    Args:
        graph: as read from the file.
        inputs: name -> shape of every input, batch included.

    Raises:
        BundleError: if an operation is not allowed, does not fit, or makes something too large.
    """
    shapes = Shapes(graph, inputs)
    last_use = {name: index for index, node in enumerate(graph.nodes) for name in node.inputs}
    last_use |= {output.name: len(graph.nodes) for output in graph.outputs}
    live = sum(4 * product(dims) for dims in inputs.values())
    peak = live
    for index, node in enumerate(graph.nodes):
        shapes.run(node)
        live += sum(_bytes(shapes, name) for name in node.outputs)
        peak = max(peak, live)
        done = {name for name in (*node.inputs, *node.outputs) if last_use.get(name, index) == index}
        live -= sum(_bytes(shapes, name) for name in done if name not in shapes.constants)
    missing = [output.name for output in graph.outputs if output.name not in shapes.dims]
    if missing:
        raise BundleError(f"The ONNX file is damaged: nothing makes its output {missing[0][:60]!a}.")
    return Cost(
        peak_bytes=peak,
        multiply_adds=shapes.multiply_adds,
        elements=shapes.elements,
        outputs=tuple(shapes.dims[output.name] for output in graph.outputs),
    )


def _bytes(shapes: Shapes, name: str) -> int:
    constant = shapes.constants.get(name)
    width = 4 if constant is None else _WIDTHS[constant.dtype]
    return width * product(shapes.dims[name]) if name else 0
