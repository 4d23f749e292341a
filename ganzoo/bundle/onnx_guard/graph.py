"""Reads the graph of an ONNX file without the ``onnx`` package."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

from ganzoo.bundle.onnx_guard.wire import Budget, one, only, text
from ganzoo.errors import BundleError

MAX_RANK = 8
# AttributeProto.type -> the field that holds the value.
_KINDS = {1: "f", 2: "i", 3: "s", 4: "t", 6: "floats", 7: "ints"}
# ONNX's number of an element type -> NumPy's name, and bytes per element. Text and complex numbers are not allowed.
ELEMENT_TYPES: dict[object, tuple[str, int]] = {
    1: ("float32", 4),
    2: ("uint8", 1),
    3: ("int8", 1),
    6: ("int32", 4),
    7: ("int64", 8),
    9: ("bool", 1),
    10: ("float16", 2),
    11: ("float64", 8),
}


# The numbers that a tensor with int32_data may hold. Those of float16 are its bits.
_RANGES = {
    "bool": range(2),
    "uint8": range(1 << 8),
    "int8": range(-(1 << 7), 1 << 7),
    "int32": range(-(1 << 31), 1 << 31),
    "float16": range(1 << 16),
}


class Tensor(NamedTuple):
    """A constant: shape, element type, and either bytes or numbers, as in the file."""

    name: str
    dims: tuple[int, ...]
    dtype: str
    raw: memoryview
    numbers: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of elements."""
        return product(self.dims)

    def ints(self) -> tuple[int, ...]:
        """The values of an integer tensor."""
        if not self.raw:
            return self.numbers
        code = {"int64": "q", "int32": "i", "int8": "b", "uint8": "B", "bool": "?"}[self.dtype]
        return struct.unpack(f"<{self.size}{code}", self.raw)


class Value(NamedTuple):
    """A declared input or output: element type, and the size of every axis, None if variable."""

    name: str
    dtype: str
    dims: tuple[int | None, ...] | None


Attribute = int | float | str | Tensor | tuple[int, ...] | tuple[float, ...]


class Node(NamedTuple):
    """One operation."""

    op: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Attribute]


class Graph(NamedTuple):
    """The graph of an ONNX file."""

    nodes: tuple[Node, ...]
    constants: dict[str, Tensor]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    opsets: dict[str, int]

    def without_defaults(self) -> Graph:
        """The graph without the constants that are default values of inputs, and so can be changed by a caller."""
        names = {value.name for value in self.inputs}
        return self._replace(constants={name: kept for name, kept in self.constants.items() if name not in names})


def read_graph(content: bytes | bytearray) -> Graph:
    """Read an ONNX file.

    Raises:
        BundleError: if it is damaged, or has fields that are not in the tables of ``wire``.
    """
    budget = Budget()
    model = budget.read(memoryview(content), "model")
    if len(model["graph"]) != 1:
        raise BundleError("The ONNX file is damaged: it has no graph.")
    graph = budget.read(model["graph"][0], "graph")
    constants = [_tensor(budget, data) for data in graph["initializer"]]
    names = [constant.name for constant in constants]
    if len(set(names)) != len(names):
        raise BundleError("The ONNX file has two constants with the same name.")
    opsets = [budget.read(data, "opset") for data in model["opset_import"]]
    for value in graph["value_info"]:
        _value(budget, value)
    return Graph(
        nodes=tuple(_node(budget, data) for data in graph["node"]),
        constants=dict(zip(names, constants, strict=True)),
        inputs=tuple(_value(budget, data) for data in graph["input"]),
        outputs=tuple(_value(budget, data) for data in graph["output"]),
        opsets={text(o["domain"]): one(o["version"], 0) for o in opsets},
    )


def product(numbers: Iterable[int]) -> int:
    """The product of integers, 1 for none. Unlike NumPy, it cannot overflow."""
    result = 1
    for number in numbers:
        result *= number
    return result


def _tensor(budget: Budget, data: memoryview) -> Tensor:
    fields = budget.read(data, "tensor")
    name, dims = text(fields["name"]), tuple(fields["dims"])
    if one(fields["data_location"], 0) != 0:
        raise BundleError(
            f"The ONNX file stores the tensor {name!a} in another file (external data), which is not allowed."
        )
    number = one(fields["data_type"], 0)
    if number not in ELEMENT_TYPES:
        raise BundleError(f"The ONNX file has the tensor {name!a} of element type {number}, which is not allowed.")
    dtype, width = ELEMENT_TYPES[number]
    if len(dims) > MAX_RANK or any(dim < 0 for dim in dims):
        raise BundleError(f"The ONNX file has the tensor {name!a} with the invalid shape {_dims(dims)}.")
    kinds = [k for k in ("raw_data", "float_data", "int32_data", "int64_data", "double_data") if fields[k]]
    raw = memoryview(b"")
    numbers: tuple[int, ...] = ()
    if len(kinds) == 1 and kinds[0] in ("raw_data", "float_data", "double_data"):
        pieces = fields[kinds[0]]
        raw = pieces[0] if len(pieces) == 1 else memoryview(b"".join(pieces))
        if kinds[0] != "raw_data" and kinds[0] != {"float32": "float_data", "float64": "double_data"}.get(dtype):
            raise BundleError(f"The ONNX file is damaged: {name!a} is {dtype} with {kinds[0]}.")
    elif kinds:
        numbers = tuple(fields[kinds[0]])
        if len(kinds) > 1 or (kinds[0] == "int64_data") != (dtype == "int64") or dtype in ("float32", "float64"):
            raise BundleError(f"The ONNX file is damaged: {name!a} is {dtype} with {' and '.join(kinds)}.")
        if dtype in _RANGES and any(number not in _RANGES[dtype] for number in numbers):
            raise BundleError(f"The ONNX file is damaged: {name!a} has a number that is out of range for {dtype}.")
    size = product(dims)
    if (len(numbers) != size) if numbers else (len(raw) != size * width):
        raise BundleError(
            f"The ONNX file has the tensor {name!a} of shape {_dims(dims)} with {len(raw)} bytes of data."
        )
    return Tensor(name, dims, dtype, raw, numbers)


def _node(budget: Budget, data: memoryview) -> Node:
    fields = budget.read(data, "node")
    attributes = dict(_attribute(budget, attribute) for attribute in fields["attribute"])
    if len(attributes) != len(fields["attribute"]):
        raise BundleError("The ONNX file has an operation with a duplicate attribute.")
    return Node(
        op=text(fields["op_type"]),
        domain=text(fields["domain"]),
        inputs=tuple(text([name]) for name in fields["input"]),
        outputs=tuple(text([name]) for name in fields["output"]),
        attributes=attributes,
    )


def _attribute(budget: Budget, data: memoryview) -> tuple[str, Attribute]:
    """Name and value."""
    fields = budget.read(data, "attribute")
    name, kind = text(fields["name"]), one(fields["type"], 0)
    if [key for key in ("f", "i", "s", "t", "floats", "ints") if fields[key] and key != _KINDS.get(kind)]:
        raise BundleError(f"The ONNX file is damaged: the attribute {name!a} has values of two types.")
    if kind == 1:
        return name, struct.unpack("<f", fields["f"][0])[0] if fields["f"] else 0.0
    if kind == 2:
        return name, one(fields["i"], 0)
    if kind == 3:
        return name, text(fields["s"])
    if kind == 4 and fields["t"]:
        return name, _tensor(budget, fields["t"][0])
    if kind == 6:
        raw = b"".join(fields["floats"])
        return name, struct.unpack(f"<{len(raw) // 4}f", raw[: len(raw) // 4 * 4])
    if kind == 7:
        return name, tuple(fields["ints"])
    raise BundleError(f"The ONNX file has the attribute {name!a} of type {kind}, which is not allowed.")


def _value(budget: Budget, data: memoryview) -> Value:
    fields = budget.read(data, "value")
    name = text(fields["name"])
    kind = budget.read(only(fields["type"]), "type")
    tensor = budget.read(only(kind["tensor_type"]), "tensor_type")
    number = one(tensor["elem_type"], 0)
    if number not in ELEMENT_TYPES:
        raise BundleError(f"The ONNX file declares {name!a} with element type {number}, which is not allowed.")
    dims: tuple[int | None, ...] | None = None
    if tensor["shape"]:
        axes = [budget.read(axis, "dim") for axis in budget.read(tensor["shape"][0], "shape")["dim"]]
        dims = tuple(one(axis["dim_value"], 0) if axis["dim_value"] else None for axis in axes)
    return Value(name, ELEMENT_TYPES[number][0], dims)


def _dims(dims: tuple[int, ...]) -> str:
    shown = str(list(dims))
    return shown if len(shown) <= 60 else shown[:57] + "..."
