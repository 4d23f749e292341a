"""Facts about a graph's tensors before it runs: shapes, element types, small integer values, constants."""

from __future__ import annotations

import struct

from ganzoo.bundle.onnx_guard.graph import Graph, Node, Tensor
from ganzoo.errors import BundleError

MAX_VALUES = 1024
"""Largest tensor whose values are tracked, because a shape may depend on them."""
Dims = tuple[int, ...]


class KnownTensors:
    """Shapes of all tensors of a graph for one batch size, and the values of tensors that determine shapes.

    Attributes:
        dims: shape of each tensor.
        dtypes: element type of each tensor.
        values: values of small integer tensors.
        constants: the weights, and the tensors of ``Constant``.
        fixed: names of the constants, and of all that is computed from constants alone.
        multiply_adds, elements: the work so far. Elements are counted when they are read and when they are written.
        scratch_bytes: memory that the newest operation uses only while it runs.
    """

    def __init__(self, graph: Graph, inputs: dict[str, Dims]) -> None:
        self.dims: dict[str, Dims] = dict(inputs)
        self.dtypes = {value.name: value.dtype for value in graph.inputs}
        self.values: dict[str, Dims] = {}
        self.constants: dict[str, Tensor] = {}
        self.fixed: set[str] = set()
        self.multiply_adds = 0
        self.elements = 0
        self.scratch_bytes = 0
        for tensor in graph.constants.values():
            self.define(tensor.name, tensor)

    def define(self, name: str, tensor: Tensor) -> None:
        """Add a constant."""
        self.dims[name], self.dtypes[name], self.constants[name] = tensor.dims, tensor.dtype, tensor
        self.fixed.add(name)
        if tensor.size <= MAX_VALUES and tensor.dtype in ("int64", "int32"):
            self.values[name] = tensor.ints()

    def of(self, node: Node, index: int) -> Dims:
        """Shape of an operation's input."""
        if index >= len(node.inputs) or node.inputs[index] not in self.dims:
            raise BundleError(f"The ONNX file is damaged: {node.op} lacks the input {index}.")
        return self.dims[node.inputs[index]]

    def has(self, node: Node, index: int) -> bool:
        """Whether an optional input is present."""
        return index < len(node.inputs) and node.inputs[index] != ""

    def value(self, node: Node, index: int) -> Dims:
        """Values of an operation's input that determines a size."""
        self.of(node, index)
        if node.inputs[index] not in self.values:
            raise BundleError(f"The ONNX file has {node.op} with a size that is only known at run time.")
        return self.values[node.inputs[index]]

    def is_fixed(self, node: Node, index: int) -> bool:
        """Whether an operation's input is missing, or the same for every batch size."""
        return not self.has(node, index) or node.inputs[index] in self.fixed

    def floats(self, node: Node, index: int) -> tuple[float, ...]:
        """Values of a small float32 constant."""
        tensor = self.constants.get(node.inputs[index])
        if tensor is None or tensor.dtype != "float32" or tensor.size > MAX_VALUES:
            raise BundleError(f"The ONNX file has {node.op} with a size that is only known at run time.")
        return struct.unpack(f"<{tensor.size}f", tensor.raw)
