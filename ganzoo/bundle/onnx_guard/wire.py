"""Reads and writes Protobuf's wire format, and defines the fields that an ONNX file may have.

The light half does not have the ``onnx`` package, and an untrusted file must be checked before ONNX Runtime loads it.
The reader is strict. It rejects a field that is not in the tables below (functions, subgraphs, sparse tensors, training
code, ...), a duplicate value of a single-valued field, a wrong wire type or a wrong length. So ONNX Runtime cannot read
anything that this reader has not checked. Field numbers: onnx/onnx.proto, https://github.com/onnx/onnx.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ganzoo.errors import BundleError

MAX_FIELDS = 200_000
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


class Budget:
    """Counts the fields, to limit the time for a file with millions of empty fields."""

    def __init__(self) -> None:
        self.left = MAX_FIELDS

    def read(self, data: memoryview, message: str) -> Fields:
        """Split one message into its fields by name."""
        table = _TABLES[message]
        fields = Fields()
        for number, wire, value in split(data):
            self.left -= 1
            if self.left < 0:
                raise BundleError(f"The ONNX file has more than {MAX_FIELDS} fields.")
            if number not in table:
                what = _REFUSED.get((message, number), f"an unknown part (field {number} of a {message})")
                raise BundleError(f"The ONNX file has {what}, which is not allowed.")
            name, expected, repeats = table[number]
            held = fields[name]
            if wire == expected:
                held.append(value)
            elif repeats and wire == _BYTES and isinstance(value, memoryview):
                held.extend(self._unpack(value, expected))
            else:
                raise BundleError(f"The ONNX file is damaged: wrong wire type of {message}.{name}.")
            if not repeats and len(held) > 1:
                raise BundleError(f"The ONNX file has a duplicate field {message}.{name}.")
        return fields

    def _unpack(self, data: memoryview, wire: int) -> list[int | memoryview]:
        """The numbers of a packed field. Fixed-size numbers are not unpacked."""
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


class Fields(dict[str, list]):  # type: ignore[type-arg]
    """Field name -> values; an empty list for a missing field."""

    def __missing__(self, name: str) -> list[int | memoryview]:
        return self.setdefault(name, [])


def split(data: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    """The fields of one message in order: number, wire type, value.

    Raises:
        BundleError: if the message is damaged.
    """
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
            raise BundleError("The ONNX file is damaged: it is truncated.")
        yield number, wire, data[position : position + length]
        position += length


def joined(fields: Iterable[tuple[int, int, int | memoryview | bytes]]) -> bytes:
    """One message of its fields, the inverse of ``split``."""
    parts: list[bytes | memoryview] = []
    for number, wire, value in fields:
        parts.append(_encoded(number << 3 | wire))
        if isinstance(value, int):
            parts.append(_encoded(value))
        else:
            parts += [_encoded(len(value)), value] if wire == _BYTES else [value]
    return b"".join(parts)


def _encoded(number: int) -> bytes:
    """A signed 64-bit number as a varint."""
    number &= 2**64 - 1
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    """A signed 64-bit number and the position after it."""
    result = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            raise BundleError("The ONNX file is damaged: it is truncated.")
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            result &= 2**64 - 1
            return (result - 2**64 if result >= 2**63 else result), position
    raise BundleError("The ONNX file is damaged: a number is too long.")


def only(values: list[memoryview]) -> memoryview:
    """The value of an optional message field."""
    return values[0] if values else memoryview(b"")


def one(values: list[int], default: int) -> int:
    """The value of a number field, or its default."""
    return values[0] if values else default


def text(values: list[memoryview]) -> str:
    """The value of a text field."""
    try:
        return str(bytes(values[0]), "utf-8") if values else ""
    except UnicodeDecodeError as error:
        raise BundleError("The ONNX file is damaged: a name is not UTF-8.") from error
