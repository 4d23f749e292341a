"""Changes files for ``fuzz_files.py``: any bytes, or values in a format, whose lengths and checksums are made right."""

from __future__ import annotations

import gzip
import io
import json
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import Any

Mutation = Callable[[bytes, random.Random], bytes]

NUMBERS = (0, 1, 2, 7, 8, 16, 127, 128, 255, 256, 1023, 4096, 32767, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
TOKENS = (
    b"../",
    b"/etc/passwd",
    b"\0",
    b"\n",
    b'"',
    b"NaN",
    b"1e999",
    b"-1",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"%s",
    b"{}",
)


def flip(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def overwrite_number(data: bytes, rng: random.Random) -> bytes:
    width = rng.choice((1, 2, 4, 8))
    if len(data) < width:
        return data
    place = rng.randrange(min(len(data) - width + 1, rng.choice((64, 512, 1 << 30))))
    number = (rng.choice(NUMBERS) * rng.choice((1, 1, -1))) % (1 << 8 * width)
    return data[:place] + number.to_bytes(width, rng.choice(("little", "big"))) + data[place + width :]


def cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randint(0, len(data))]


def remove(data: bytes, rng: random.Random) -> bytes:
    begin = rng.randint(0, len(data))
    return data[:begin] + data[begin + rng.randint(1, 64) :]


def double(data: bytes, rng: random.Random) -> bytes:
    begin = rng.randint(0, len(data))
    part = data[begin : begin + rng.randint(1, 512)]
    return data[:begin] + part * rng.choice((2, 2, 3, 50)) + data[begin:]


def insert(data: bytes, rng: random.Random) -> bytes:
    begin = rng.randint(0, len(data))
    return (
        data[:begin] + (rng.choice(TOKENS) if rng.random() < 0.5 else rng.randbytes(rng.randint(1, 16))) + data[begin:]
    )


ANY_BYTES: tuple[Mutation, ...] = (flip, flip, overwrite_number, overwrite_number, cut, remove, double, insert)

VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 2**31, 2**63, 10**30, -0.0, 1e308, float("inf"), float("nan"), "", "x", "../x",
    "é\u202e", "\x1b[2J", "a" * 3000, "1e5", "null", "name", [], {}, [[]], [1, 2, 3], {"name": "x"}, {"": 1},
    [None] * 50,
)  # fmt: skip


def change_tree(tree: Any, rng: random.Random, depth: int = 0) -> Any:
    """A tree of values with one value replaced, removed, added, or exchanged by another one of the tree."""
    if isinstance(tree, dict | list) and tree and (depth < 1 or rng.random() < 0.85):
        keys = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
        key, way = rng.choice(keys), rng.random()
        changed: Any = dict(tree) if isinstance(tree, dict) else list(tree)
        if way < 0.1:
            del changed[key]
        elif way < 0.2 and isinstance(tree, dict):
            changed[rng.choice(("x", "", "name", "shape", "format_version", str(key) + "s"))] = rng.choice(VALUES)
        elif way < 0.2:
            changed *= rng.choice((2, 30))
        elif way < 0.3:
            changed[key] = tree[rng.choice(keys)]
        else:
            changed[key] = change_tree(tree[key], rng, depth + 1)
        return changed
    if isinstance(tree, bool) or not isinstance(tree, int | float | str) or rng.random() < 0.5:
        value = rng.choice(VALUES)
        for _ in range(rng.choice((0, 0, 0, 0, 5, 2000))):
            value = [value]
        return value
    if isinstance(tree, str):
        return flip(tree.encode("utf-8", "surrogatepass"), rng).decode("latin-1") if tree else "x"
    return tree * rng.choice((-1, 2, 10, 1000, 2**31)) + rng.choice((-1, 0, 1, 0.5))


def json_value(data: bytes, rng: random.Random) -> bytes:
    try:
        return json.dumps(change_tree(json.loads(data), rng)).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError, OverflowError):
        return data


def yaml_value(data: bytes, rng: random.Random) -> bytes:
    import yaml

    try:
        return yaml.safe_dump(change_tree(yaml.safe_load(data), rng), sort_keys=False).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError, OverflowError, yaml.YAMLError):
        return data


def header_value(data: bytes, rng: random.Random) -> bytes:
    """The JSON header of a safetensors file, with its new length."""
    length = int.from_bytes(data[:8], "little")
    header = json_value(data[8 : 8 + length], rng)
    return len(header).to_bytes(8, "little") + header + data[8 + length :]


def line_value(data: bytes, rng: random.Random) -> bytes:
    """A cell of a table, or a line."""
    lines = data.split(b"\n")
    row = rng.randrange(len(lines))
    if rng.random() < 0.3:
        return b"\n".join([*lines[:row], *rng.choice(([], [lines[row]] * 3, [b""], [b'"']))], ) + b"\n"  # fmt: skip
    cells = re.split(rb"([,\t ])", lines[row])
    cells[rng.randrange(len(cells))] = rng.choice(
        (b"", b"-1", b"9" * 400, b'"', b"\0", b"\xff", b"1.5", b"x" * 200_000)
    )
    lines[row] = b"".join(cells)
    return b"\n".join(lines)


def protobuf_field(data: bytes, rng: random.Random, depth: int = 0) -> bytes:
    """A protobuf message with one field changed, removed, doubled or moved. The lengths around it are made right."""
    fields = _fields(data)
    if not fields:
        return flip(data, rng) if data else data
    place = rng.randrange(len(fields))
    key, kind, value = fields[place]
    way = rng.random()
    if way < 0.1:
        del fields[place]
    elif way < 0.2:
        fields.insert(rng.randint(0, len(fields)), fields[place])
    elif way < 0.25:
        fields[place] = (rng.choice((1, 2, 3, 5, 7, 8, 20, 1000)), kind, value)
    elif kind == 0:
        fields[place] = (key, kind, rng.choice((*NUMBERS, 2**63, 2**64 - 1)))
    elif isinstance(value, bytes) and depth < 8 and rng.random() < 0.85 and _fields(value):
        fields[place] = (key, kind, protobuf_field(value, rng, depth + 1))
    elif isinstance(value, bytes):
        fields[place] = (key, kind, rng.choice(ANY_BYTES)(value, rng))
    return b"".join(_encoded(*field) for field in fields)


def _fields(data: bytes) -> list[tuple[int, int, int | bytes]]:
    """The fields of a message; none if the bytes are not one."""
    found: list[tuple[int, int, int | bytes]] = []
    place = 0
    try:
        while place < len(data):
            tag, place = _varint(data, place)
            key, kind = tag >> 3, tag & 7
            value: int | bytes
            if kind == 0:
                value, place = _varint(data, place)
            else:
                size, place = _varint(data, place) if kind == 2 else ({1: 8, 5: 4}[kind], place)
                value, place = data[place : place + size], place + size
                if place > len(data):
                    return []
            if not 0 < key < 100:
                return []
            found.append((key, kind, value))
    except (IndexError, KeyError):
        return []
    return found


def _varint(data: bytes, place: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[place]
        number, place, shift = number | (byte & 127) << shift, place + 1, shift + 7
        if byte < 128:
            return number, place
        if shift > 70:
            raise IndexError


def _encoded(key: int, kind: int, value: int | bytes) -> bytes:
    def varint(number: int) -> bytes:
        out = bytearray()
        while number > 127:
            out.append(number & 127 | 128)
            number >>= 7
        return bytes([*out, number])

    tag = varint(key << 3 | kind)
    if isinstance(value, int):
        return tag + varint(value)
    return tag + (varint(len(value)) if kind == 2 else b"") + value


def png_chunk(data: bytes, rng: random.Random) -> bytes:
    """A PNG with one chunk changed, removed, doubled or renamed, and right checksums."""
    chunks, place = [], 8
    while place + 12 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        chunks.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + length]))
        place += 12 + length
    if not chunks:
        return data
    number = rng.randrange(len(chunks))
    name, content = chunks[number]
    way = rng.random()
    if way < 0.15:
        del chunks[number]
    elif way < 0.3:
        chunks.insert(
            number, (rng.choice((b"zTXt", b"iCCP", b"tEXt", b"IHDR", b"acTL", b"PLTE", b"tRNS", name)), content)
        )
    else:
        chunks[number] = (name, rng.choice(ANY_BYTES)(content, rng))
    parts = (struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in chunks)
    return data[:8] + b"".join(parts)


def tar_header(data: bytes, rng: random.Random) -> bytes:
    """A field of a header of a tar, and the right checksum."""
    if len(data) < 512:
        return data
    place = 512 * rng.randrange(len(data) // 512)
    block = bytearray(data[place : place + 512])
    begin, size = rng.choice(((0, 100), (100, 8), (124, 12), (136, 12), (156, 1), (157, 100), (257, 8), (345, 155)))
    block[begin : begin + size] = rng.choice((
        b"/" * size, b"\xff" * size, b"7" * size, b"\0" * size, rng.randbytes(size), b"../x".ljust(size, b"\0")[:size],
        rng.choice(b"01234567xgLKSV").to_bytes(1, "big") * size,
    ))  # fmt: skip
    block[148:156] = b"%06o\0 " % (sum(block[:148]) + 8 * 32 + sum(block[156:512]))
    return data[:place] + bytes(block) + data[place + 512 :]


def numpy_header(data: bytes, rng: random.Random) -> bytes:
    """The header of a .npy with another type, order or shape."""
    if data[:6] != b"\x93NUMPY":
        return data
    length = int.from_bytes(data[8:10], "little")
    types = ("|u1", "<f4", "<f8", "|O", "<U9", "|V1000", "<m8[ns]", ">c16", "|S0", "|b1", "[('a','<i4')]")
    shapes = (
        "(5,)",
        "()",
        "(0, 4, 4, 1)",
        "(99999999999,)",
        "(2**40,)",
        "(-1, 4)",
        "(1,)*40",
        "(2, 4, 4, 1)",
        "(True, 2)",
    )
    order = rng.choice(("True", "False", "None"))
    header = f"{{'descr': {rng.choice(types)!r}, 'fortran_order': {order}, 'shape': {rng.choice(shapes)}, }}"
    return data[:8] + len(header).to_bytes(2, "little") + header.encode() + data[10 + length :]


def zip_member(data: bytes, rng: random.Random, inner: Sequence[Mutation] = ANY_BYTES) -> bytes:
    """A zip with one member changed or renamed, written anew."""
    target = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(target, "w", rng.choice((0, 8))) as new:
            names = old.namelist()
            chosen = rng.choice(names)
            for name in names:
                content = old.read(name)
                if name == chosen and rng.random() < 0.6:
                    content = rng.choice(inner)(content, rng)
                elif name == chosen:
                    name = rng.choice(
                        ("../" + name, "/" + name, name * 40, "\x1b" + name, name + "/", name.upper(), "é/" + name)
                    )
                new.writestr(name, content)
    except (
        ValueError,
        zipfile.BadZipFile,
        zlib.error,
        IndexError,
        NotImplementedError,
        EOFError,
        RuntimeError,
        OSError,
    ):
        return data
    return target.getvalue()


def gzipped(data: bytes, rng: random.Random) -> bytes:
    """A gzip file whose content is changed."""
    try:
        return gzip.compress(rng.choice(ANY_BYTES)(gzip.decompress(data), rng), 1)
    except (OSError, EOFError, zlib.error):
        return data
