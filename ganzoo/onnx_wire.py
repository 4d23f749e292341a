"""Reads the few parts of an ONNX file that ganzoo looks at, straight from protobuf's wire format.

The light half has no ``onnx`` package, and a stranger's file must be inspected before ONNX Runtime sees it. The reader
is strict: a field that is not in the tables below (functions, subgraphs, sparse tensors, training code, ...), a second
value where there can be one, a wrong wire type or a bad length is refused. So ONNX Runtime's reader cannot see
anything that this one has not. Field numbers: onnx/onnx.proto, https://github.com/onnx/onnx.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ganzoo.errors import BundleError

MAX_FIELDS = 200_000
MAX_RANK = 8
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
# message -> field number -> (name, wire type, may repeat)
_TABLES: dict[str, dict[int, tuple[str, int, bool]]] = {
    "model": {
        1: ("ir_version", _VARINT, False),
        2: ("producer_name", _BYTES, False),
        3: ("producer_version", _BYTES, False),
        4: ("domain", _BYTES, False),
        5: ("model_version", _VARINT, False),
        6: ("doc_string", _BYTES, False),
        7: ("graph", _BYTES, False),
        8: ("opset_import", _BYTES, True),
    },
    "opset": {1: ("domain", _BYTES, False), 2: ("version", _VARINT, False)},
    "graph": {
        1: ("node", _BYTES, True),
        2: ("name", _BYTES, False),
        5: ("initializer", _BYTES, True),
        10: ("doc_string", _BYTES, False),
        11: ("input", _BYTES, True),
        12: ("output", _BYTES, True),
        13: ("value_info", _BYTES, True),
    },
    "node": {
        1: ("input", _BYTES, True),
        2: ("output", _BYTES, True),
        3: ("name", _BYTES, False),
        4: ("op_type", _BYTES, False),
        5: ("attribute", _BYTES, True),
        6: ("doc_string", _BYTES, False),
        7: ("domain", _BYTES, False),
    },
    "attribute": {
        1: ("name", _BYTES, False),
        2: ("f", _FIXED32, False),
        3: ("i", _VARINT, False),
        4: ("s", _BYTES, False),
        5: ("t", _BYTES, False),
        7: ("floats", _FIXED32, True),
        8: ("ints", _VARINT, True),
        13: ("doc_string", _BYTES, False),
        20: ("type", _VARINT, False),
    },
    "tensor": {
        1: ("dims", _VARINT, True),
        2: ("data_type", _VARINT, False),
        4: ("float_data", _FIXED32, True),
        5: ("int32_data", _VARINT, True),
        7: ("int64_data", _VARINT, True),
        8: ("name", _BYTES, False),
        9: ("raw_data", _BYTES, False),
        10: ("double_data", _FIXED64, True),
        12: ("doc_string", _BYTES, False),
        14: ("data_location", _VARINT, False),
    },
    "value": {1: ("name", _BYTES, False), 2: ("type", _BYTES, False), 3: ("doc_string", _BYTES, False)},
    "type": {1: ("tensor_type", _BYTES, False)},
    "tensor_type": {1: ("elem_type", _VARINT, False), 2: ("shape", _BYTES, False)},
    "shape": {1: ("dim", _BYTES, True)},
    "dim": {1: ("dim_value", _VARINT, False), 2: ("dim_param", _BYTES, False)},
}
_REFUSED = {
    ("model", 14): "metadata",
    ("model", 20): "training code",
    ("model", 25): "functions",
    ("graph", 15): "sparse tensors",
    ("attribute", 6): "a subgraph (control flow)",
    ("attribute", 11): "subgraphs (control flow)",
    ("attribute", 21): "a function's attribute",
    ("tensor", 3): "a tensor in segments",
    ("tensor", 6): "text tensors",
    ("tensor", 13): "external data",
}
# AttributeProto.type -> the field that holds the value.
_KINDS = {1: "f", 2: "i", 3: "s", 4: "t", 6: "floats", 7: "ints"}
# ONNX's number of an element type -> NumPy's name and bytes an element. Text and complex numbers are not allowed.
ELEMENT_TYPES = {
    1: ("float32", 4),
    2: ("uint8", 1),
    3: ("int8", 1),
    6: ("int32", 4),
    7: ("int64", 8),
    9: ("bool", 1),
    10: ("float16", 2),
    11: ("float64", 8),
}


class Tensor(NamedTuple):
    """A constant: its shape, element type, and its bytes or its numbers, whichever the file has."""

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
    """A declared input or output: element type, and for every axis its size or None where it is open."""

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
    """What an ONNX file computes."""

    nodes: tuple[Node, ...]
    constants: dict[str, Tensor]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    opsets: dict[str, int]


def read_graph(content: bytes) -> Graph:
    """Read an ONNX file.

    Raises:
        BundleError: if it is damaged, or holds anything that is not in this module's tables.
    """
    budget = _Budget()
    model = budget.read(memoryview(content), "model")
    if len(model["graph"]) != 1:
        raise BundleError("The ONNX file is damaged: it has no graph.")
    graph = budget.read(model["graph"][0], "graph")
    constants = [_tensor(budget, data) for data in graph["initializer"]]
    names = [constant.name for constant in constants]
    if len(set(names)) != len(names):
        raise BundleError("The ONNX file has two constants of one name.")
    opsets = [budget.read(data, "opset") for data in model["opset_import"]]
    for value in graph["value_info"]:
        _value(budget, value)
    return Graph(
        nodes=tuple(_node(budget, data) for data in graph["node"]),
        constants=dict(zip(names, constants, strict=True)),
        inputs=tuple(_value(budget, data) for data in graph["input"]),
        outputs=tuple(_value(budget, data) for data in graph["output"]),
        opsets={_text(o["domain"]): _one(o["version"], 0) for o in opsets},
    )


def product(numbers: Iterable[int]) -> int:
    """The product of whole numbers, 1 for none. Python's integers do not overflow."""
    result = 1
    for number in numbers:
        result *= number
    return result


class _Budget:
    """Counts the fields read, so that a file of millions of empty ones ends soon."""

    def __init__(self) -> None:
        self.left = MAX_FIELDS

    def read(self, data: memoryview, message: str) -> _Fields:
        """Split one message into its fields by name."""
        table = _TABLES[message]
        fields = _Fields()
        for number, wire, value in _split(data):
            self.left -= 1
            if self.left < 0:
                raise BundleError(f"The ONNX file has more than {MAX_FIELDS} fields.")
            if number not in table:
                what = _REFUSED.get((message, number), f"an unknown part (field {number} of a {message})")
                raise BundleError(f"The ONNX file holds {what}, which a bundle must not.")
            name, expected, repeats = table[number]
            held = fields[name]
            if wire == expected:
                held.append(value)
            elif repeats and wire == _BYTES and isinstance(value, memoryview):
                held.extend(self._unpack(value, expected))
            else:
                raise BundleError(f"The ONNX file is damaged: wrong wire type of {message}.{name}.")
            if not repeats and len(held) > 1:
                raise BundleError(f"The ONNX file has {message}.{name} twice.")
        return fields

    def _unpack(self, data: memoryview, wire: int) -> list[int | memoryview]:
        """The numbers of a packed field. Large fixed-size ones stay one piece of memory."""
        if wire in (_FIXED32, _FIXED64):
            return [data]
        numbers: list[int | memoryview] = []
        position = 0
        while position < len(data):
            number, position = _varint(data, position)
            numbers.append(number)
            self.left -= 1
            if self.left < 0:
                raise BundleError(f"The ONNX file has more than {MAX_FIELDS} numbers.")
        return numbers


class _Fields(dict[str, list]):  # type: ignore[type-arg]
    """Field name -> values, an empty list for a field that is not there."""

    def __missing__(self, name: str) -> list[int | memoryview]:
        return self.setdefault(name, [])


def _split(data: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    position, end = 0, len(data)
    while position < end:
        key, position = _varint(data, position)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, position = _varint(data, position)
            yield number, wire, value
            continue
        if wire == _BYTES:
            length, position = _varint(data, position)
        elif wire in (_FIXED32, _FIXED64):
            length = 4 if wire == _FIXED32 else 8
        else:
            raise BundleError("The ONNX file is damaged: unknown wire type.")
        if not 0 <= length <= end - position:
            raise BundleError("The ONNX file is damaged: it ends too early.")
        yield number, wire, data[position : position + length]
        position += length


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    """A signed 64-bit number and the position behind it."""
    result = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            raise BundleError("The ONNX file is damaged: it ends too early.")
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            result &= 2**64 - 1
            return (result - 2**64 if result >= 2**63 else result), position
    raise BundleError("The ONNX file is damaged: a number is too long.")


def _tensor(budget: _Budget, data: memoryview) -> Tensor:
    fields = budget.read(data, "tensor")
    name, dims = _text(fields["name"]), tuple(fields["dims"])
    if _one(fields["data_location"], 0) != 0:
        raise BundleError(f"The ONNX file keeps the tensor {name!a} in another file (external data).")
    number = _one(fields["data_type"], 0)
    if number not in ELEMENT_TYPES:
        raise BundleError(f"The ONNX file has the tensor {name!a} of element type {number}, which a bundle must not.")
    dtype, width = ELEMENT_TYPES[number]
    if len(dims) > MAX_RANK or any(dim < 0 for dim in dims):
        raise BundleError(f"The ONNX file has the tensor {name!a} of the impossible shape {_dims(dims)}.")
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
    size = product(dims)
    if (len(numbers) != size) if numbers else (len(raw) != size * width):
        raise BundleError(
            f"The ONNX file has the tensor {name!a} of shape {_dims(dims)} with {len(raw)} bytes of data."
        )
    return Tensor(name, dims, dtype, raw, numbers)


def _node(budget: _Budget, data: memoryview) -> Node:
    fields = budget.read(data, "node")
    attributes = dict(_attribute(budget, attribute) for attribute in fields["attribute"])
    if len(attributes) != len(fields["attribute"]):
        raise BundleError("The ONNX file has an operation with one attribute twice.")
    return Node(
        op=_text(fields["op_type"]),
        domain=_text(fields["domain"]),
        inputs=tuple(_text([name]) for name in fields["input"]),
        outputs=tuple(_text([name]) for name in fields["output"]),
        attributes=attributes,
    )


def _attribute(budget: _Budget, data: memoryview) -> tuple[str, Attribute]:
    """Name and value."""
    fields = budget.read(data, "attribute")
    name, kind = _text(fields["name"]), _one(fields["type"], 0)
    if [key for key in ("f", "i", "s", "t", "floats", "ints") if fields[key] and key != _KINDS.get(kind)]:
        raise BundleError(f"The ONNX file is damaged: the attribute {name!a} has values of two types.")
    if kind == 1:
        return name, struct.unpack("<f", fields["f"][0])[0] if fields["f"] else 0.0
    if kind == 2:
        return name, _one(fields["i"], 0)
    if kind == 3:
        return name, _text(fields["s"])
    if kind == 4 and fields["t"]:
        return name, _tensor(budget, fields["t"][0])
    if kind == 6:
        raw = b"".join(fields["floats"])
        return name, struct.unpack(f"<{len(raw) // 4}f", raw[: len(raw) // 4 * 4])
    if kind == 7:
        return name, tuple(fields["ints"])
    raise BundleError(f"The ONNX file has the attribute {name!a} of type {kind}, which a bundle must not.")


def _value(budget: _Budget, data: memoryview) -> Value:
    fields = budget.read(data, "value")
    name = _text(fields["name"])
    kind = budget.read(_only(fields["type"]), "type")
    tensor = budget.read(_only(kind["tensor_type"]), "tensor_type")
    number = _one(tensor["elem_type"], 0)
    if number not in ELEMENT_TYPES:
        raise BundleError(f"The ONNX file declares {name!a} with element type {number}, which a bundle must not.")
    dims: tuple[int | None, ...] | None = None
    if tensor["shape"]:
        axes = [budget.read(axis, "dim") for axis in budget.read(tensor["shape"][0], "shape")["dim"]]
        dims = tuple(_one(axis["dim_value"], 0) if axis["dim_value"] else None for axis in axes)
    return Value(name, ELEMENT_TYPES[number][0], dims)


def _only(values: list[memoryview]) -> memoryview:
    return values[0] if values else memoryview(b"")


def _one(values: list[int], default: int) -> int:
    return values[0] if values else default


def _text(values: list[memoryview]) -> str:
    try:
        return str(bytes(values[0]), "utf-8") if values else ""
    except UnicodeDecodeError as error:
        raise BundleError("The ONNX file is damaged: a name is not UTF-8.") from error


def _dims(dims: tuple[int, ...]) -> str:
    text = str(list(dims))
    return text if len(text) <= 60 else text[:57] + "..."
