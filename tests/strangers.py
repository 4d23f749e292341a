"""Malicious bundles. Every one has correct hashes, unless its row states otherwise."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import tiny_bundles
from onnx import TensorProto, helper, numpy_helper

from ganzoo.bundle.folder import CARD, CONFIG, METADATA, ONNX, SAMPLES, WEIGHTS

Make = Callable[[Path], None]


def rehash(folder: Path) -> None:
    """Write the current hashes to metadata.json."""
    metadata = json.loads((folder / METADATA).read_text())
    for name in metadata["files"]:
        content = (folder / name).read_bytes()
        metadata["files"][name] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / METADATA).write_text(json.dumps(metadata))


def put(name: str, content: bytes) -> Make:
    """Other bytes under a name."""

    def make(folder: Path) -> None:
        (folder / name).write_bytes(content)
        rehash(folder)

    return make


def graph(change: Callable[[onnx.ModelProto], None]) -> Make:
    """A changed ONNX file."""

    def make(folder: Path) -> None:
        model = onnx.load_from_string((folder / ONNX).read_bytes())
        change(model)
        put(ONNX, model.SerializeToString())(folder)

    return make


def config(**changes: Any) -> Make:
    """Another config.json."""
    return lambda folder: put(CONFIG, json.dumps({**json.loads((folder / CONFIG).read_text()), **changes}).encode())(
        folder
    )


def listed(name: str) -> Make:
    """One more name in metadata.json."""

    def make(folder: Path) -> None:
        metadata = json.loads((folder / METADATA).read_text())
        metadata["files"][name] = {"size": 1, "sha256": hashlib.sha256(b"x").hexdigest()}
        (folder / METADATA).write_text(json.dumps(metadata))

    return make


# --- ONNX ------------------------------------------------------------------------------------------------------------


def external(location: str, *, beside: str = "") -> Make:
    """Weights in another file, which may be a file, a symlink or a hard link."""

    def change(model: onnx.ModelProto) -> None:
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", location), ("offset", "0"), ("length", "2048")):
            entry = tensor.external_data.add()
            entry.key, entry.value = key, value

    def make(folder: Path) -> None:
        graph(change)(folder)
        secret = folder.parent / "secret"
        secret.write_bytes(bytes(2048))
        target = folder / "onnx" / location
        if beside == "file":
            target.write_bytes(bytes(2048))
        elif beside == "symlink":
            target.symlink_to(secret)
        elif beside == "hardlink":
            os.link(secret, target)

    return make


def add_node(op: str, *, domain: str = "", body: bool = False, **attributes: Any) -> Make:
    """An additional operation."""

    def change(model: onnx.ModelProto) -> None:
        if body:
            attributes["body"] = helper.make_graph([], "body", [], [])
        model.graph.node.insert(0, helper.make_node(op, ["latent"], ["extra"], domain=domain, **attributes))

    return graph(change)


def with_function(model: onnx.ModelProto) -> None:
    model.functions.append(helper.make_function("f", "MatMul", ["a"], ["b"], [], [helper.make_opsetid("", 18)]))


def gigantic(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.array([1 << 36], np.int64), "n"))
    model.graph.node.insert(0, helper.make_node("ConstantOfShape", ["n"], ["extra"]))


def declared_larger(model: onnx.ModelProto) -> None:
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 4096


def not_finite(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].raw_data = np.full(8 * 64, np.nan, "f4").tobytes()


# --- safetensors -----------------------------------------------------------------------------------------------------


def tensors(header: Any, data: bytes) -> bytes:
    """A safetensors file with any header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensor(begin: int, end: int, *, shape: list[int] | None = None, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": [(end - begin) // 4] if shape is None else shape, "data_offsets": [begin, end]}


# --- other formats ---------------------------------------------------------------------------------------------------


def zipped(members: dict[str, bytes], *, link: str = "") -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            if name == link:
                info.external_attr = 0o120777 << 16
            archive.writestr(info, content)
    return buffer.getvalue()


def object_array() -> bytes:
    buffer = BytesIO()
    np.save(buffer, np.array([{"a": 1}], object), allow_pickle=True)
    return buffer.getvalue()


class Evil:
    """What a pickle can do."""

    def __reduce__(self) -> Any:
        return os.system, ("touch pwned",)


PICKLE = pickle.dumps(Evil())
KERAS = zipped({"metadata.json": b"{}", "config.json": b"{}", "model.weights.h5": b"\x89HDF\r\n\x1a\n"})
HDF5 = b"\x89HDF\r\n\x1a\n" + bytes(500)
SAVED_MODEL = b"\x08\x01\x12\x80\x08\x0a\x20\x0a\x08serve" + bytes(64)
FORMATS = {"keras": KERAS, "h5": HDF5, "pickle": PICKLE, "SavedModel": SAVED_MODEL, "object npy": object_array()}


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of any claimed size with more chunks."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(bytes(2))), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + body


PACKED_TEXT = (b"zTXt", b"Comment\0\0" + zlib.compress(bytes(1 << 20)))

# --- the table: what it is -> (how it is made, words of the refusal) -------------------------------------------------

NAMES = ("../evil", "/etc/passwd", "..\\evil", "C:\\evil", "C:evil", "onnx/../../evil", "evil\x00", "\x1b[2J")
WEIGHTLESS = "not readable as safetensors"
NICE = b"# Nice\x1b]0;pwned\x07\x1b[2J"
LOADING: dict[str, tuple[Make, str]] = {
    "external data, relative, as bytes": (external("weights.bin"), "external data"),
    "external data, absolute": (external("/etc/passwd"), "external data"),
    "external data, ..": (external("../../secret"), "external data"),
    "external data beside it": (external("weights.bin", beside="file"), "external data"),
    "external data, symlink": (external("weights.bin", beside="symlink"), "external data"),
    "external data, hardlink": (external("weights.bin", beside="hardlink"), "external data"),
    "external data in a hidden file": (external(".weights", beside="file"), "external data"),
    "external data in a hidden hardlink": (external(".weights", beside="hardlink"), "external data"),
    "external data in the safetensors": (external("../model.safetensors"), "external data"),
    "Loop": (add_node("Loop", body=True), "subgraph"),
    "If": (add_node("If", body=True), "subgraph"),
    "Scan": (add_node("Scan", body=True), "subgraph"),
    "Loop without a body": (add_node("Loop"), "'Loop'"),
    "a function": (graph(with_function), "functions"),
    "a custom domain": (add_node("Gelu", domain="com.microsoft"), "com.microsoft"),
    "EPContext": (add_node("EPContext", domain="com.microsoft"), "EPContext"),
    "ConstantOfShape of 256 GiB": (graph(gigantic), "too large|per sample"),
    "declared output larger than the config": (graph(declared_larger), "4096"),
    "NaN in the ONNX file": (graph(not_finite), "not finite"),
    "shape of 10^9": (config(shape=[10**9, 8, 3]), "from 1 to 4096"),
    "10^9 channels": (config(model={"generator": {"base_channels": 10**9}}), "at most 1048576"),
    "10^4 blocks": (config(model={"generator": {"blocks": [{"channels": 1}] * 10**4}}), "at most 10000 entries"),
    "latent of 10^9": (config(latent={"dim": 10**9, "distribution": "normal"}), "latent.dim"),
    "10^9 classes": (config(num_classes=10**9), "num_classes"),
    "a newer format": (config(format_version=2), "pip install -U ganzoo-keras"),
    "a wrong hash": (lambda folder: (folder / ONNX).write_bytes((folder / ONNX).read_bytes()[:-1] + b"x"), "altered"),
    "no list of hashes": (lambda f: (f / METADATA).write_bytes(b'{"format_version": 1}'), r"'files'\) are missing"),
    "an extra known file": (lambda f: (f / "onnx/model_fp16.onnx").write_bytes(b"x"), "no hash of"),
    "the config without a hash": (lambda folder: unlist(folder, CONFIG), "no hash of config.json"),
    **{f"the name {name!a}": (listed(name), "not a file of a bundle") for name in NAMES},
    "overlapping tensors": (
        put(WEIGHTS, tensors({"a": tensor(0, 8), "b": tensor(4, 12)}, bytes(12))),
        "overlaps another tensor or leaves a gap",
    ),
    "a gap between tensors": (
        put(WEIGHTS, tensors({"a": tensor(0, 8), "b": tensor(12, 16)}, bytes(16))),
        "overlaps another tensor or leaves a gap",
    ),
    "a header of 8 EiB": (put(WEIGHTS, b"\xff" * 7 + b"\x7f{}"), "is truncated"),
    "a header of 5 MB": (put(WEIGHTS, tensors(b"{" + b" " * 5_000_000 + b"}", b"")), "has a header of"),
    "a shape of 2^60": (
        put(WEIGHTS, tensors({"a": tensor(0, 8, shape=[1 << 30, 1 << 30])}, bytes(8))),
        "does not match the size",
    ),
    "a negative shape": (put(WEIGHTS, tensors({"a": tensor(0, 8, shape=[-1, -2])}, bytes(8))), "invalid shape"),
    "tensors of whole numbers": (put(WEIGHTS, tensors({"a": tensor(0, 8, dtype="I32")}, bytes(8))), "allowed: F32 or"),
    "tensors with more behind": (
        put(WEIGHTS, tensors({"a": tensor(0, 8)}, bytes(800))),
        "do not fill the file",
    ),
    "a tensor named with escape codes": (put(WEIGHTS, tensors({"\x1b[2J": tensor(0, 8)}, bytes(8))), "printable"),
    "a deep header": (put(WEIGHTS, tensors(b"[" * 100_000, b"")), "not a JSON object"),
    **{
        f"{kind} as the weights": (put(WEIGHTS, content), "not readable as safetensors")
        for kind, content in FORMATS.items()
    },
    **{f"{kind} as the graph": (put(ONNX, content), "ONNX file") for kind, content in FORMATS.items()},
    **{f"{kind} as the samples": (put(SAMPLES, content), "not a PNG") for kind, content in FORMATS.items()},
    **{f"{kind} as the config": (put(CONFIG, content), r"config\.json") for kind, content in FORMATS.items()},
    "YAML as the config": (put(CONFIG, b"!!python/object/apply:os.system ['touch pwned']"), r"config\.json"),
    "a PNG of 60000 x 60000": (put(SAMPLES, png(60_000, 60_000)), "declares 60000 x 60000 pixels"),
    "a PNG with packed text": (put(SAMPLES, png(8, 8, PACKED_TEXT)), "PNG chunk 'zTXt'"),
    "a PNG that ends early": (put(SAMPLES, png(8, 8)[:-6]), "damaged PNG"),
    "a PNG with a program behind": (put(SAMPLES, png(8, 8) + b"MZ"), "damaged PNG"),
    "a card with escape codes": (
        lambda f: (f / CARD).write_bytes(NICE),
        "control a terminal",
    ),
    "a card that is no text": (lambda folder: (folder / CARD).write_bytes(PICKLE), "not text|control character"),
    "text with escape codes in the metadata": (
        lambda folder: metadata(folder, training={"note": "\x1b[31mred"}),
        "printable text",
    ),
}


def unlist(folder: Path, name: str) -> None:
    """Take a name out of metadata.json."""
    table = json.loads((folder / METADATA).read_text())
    del table["files"][name]
    (folder / METADATA).write_text(json.dumps(table))


def metadata(folder: Path, **changes: Any) -> None:
    """Another metadata.json."""
    (folder / METADATA).write_text(json.dumps({**json.loads((folder / METADATA).read_text()), **changes}))


GENERATORS: dict[str, tuple[dict[str, Any], str]] = {
    "an import path": ({"block": {"name": "os.system"}}, "No generator block named 'os.system'"),
    "a class to import": ({"block": {"class_name": "Lambda", "module": "builtins"}}, "needs the key 'name'"),
    "a key that is no field": ({"custom_objects": {"x": "y"}}, "no such key"),
    "a block of a plug-in": (
        {"block": {"name": "swirl"}},
        "It was exported with ganzoo-swirl 1.2, which is not installed",
    ),
    "10^9 in a block": ({"block": {"name": "conv_transpose", "kernel_size": 1_000_000}}, "kernel_size"),
    "65 blocks": ({"blocks": [{"name": "conv_transpose", "channels": 1}] * 65}, "blocks"),
}
"""The generator in config.json -> words of the error when Keras rebuilds it."""


def good(folder: Path) -> Path:
    """The valid bundle that every row changes."""
    return tiny_bundles.image_bundle(folder).folder
