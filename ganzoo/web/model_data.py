"""Converts a bundle to the data of a web page: the graph, and weights that are float16 where that does not show."""

from __future__ import annotations

import base64
import itertools
import re
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganzoo import latents
from ganzoo.bundle.folder import Bundle
from ganzoo.bundle.onnx_guard import OnnxReport, read_graph
from ganzoo.bundle.onnx_guard.graph import Attribute, Graph, Node, Tensor
from ganzoo.bundle.onnx_guard.known_tensors import Dims, KnownTensors
from ganzoo.bundle.onnx_guard.shapes import infer
from ganzoo.errors import BundleError
from ganzoo.hub.load_name import message_name
from ganzoo.inference.bundle_graph import inspected_graph, tensor_values
from ganzoo.inference.onnx_session import OnnxSession

SCRIPTS = ("random.js", "operators.js", "model.js")
"""The files in ``assets`` that run a model, in the order in which a page includes them."""
LARGE = 16_384
"""Tensors with more values may become float16. The others are a small part of a page, and rounding them shows most."""
COMPARED = range(64)
"""Seeds whose images decide whether weights become float16, each in up to ``_CLASSES`` classes."""
_CLASSES = 10
_BATCH_BYTES = 32 << 20
_ELEMENTWISE_COST = 4
"""Cost of computing one value of a tensor, in multiply-adds. It sets the steps of the progress bar only."""
_INT32 = np.iinfo(np.int32)
_OPERATOR = re.compile(r"^    (\w+):", re.MULTILINE)
_SETTINGS: dict[tuple[str, str], tuple[Attribute, ...]] = {
    ("Cast", "to"): (1, 10, 11),  # float32, float16, float64
    ("Conv", "auto_pad"): ("NOTSET",),
    ("ConvTranspose", "auto_pad"): ("NOTSET",),
    ("ConvTranspose", "group"): (1,),
    ("ConvTranspose", "output_shape"): (),
    ("Gather", "axis"): (0,),
    ("Gemm", "transA"): (0,),
    ("Reshape", "allowzero"): (0,),
    ("Resize", "antialias"): (0,),
    ("Resize", "coordinate_transformation_mode"): ("asymmetric", "half_pixel"),
    ("Resize", "exclude_outside"): (0,),
    ("Resize", "keep_aspect_ratio_policy"): ("stretch",),
    ("Resize", "mode"): ("nearest", "linear"),
    ("Resize", "nearest_mode"): ("floor",),
}
"""The values of attributes that ``operators.js`` can run, where it cannot run all of them."""
_DEFAULTS: dict[tuple[str, str], Attribute] = {
    ("Resize", "nearest_mode"): "round_prefer_floor",
}
"""ONNX's defaults, where a page cannot run them."""
_RANKS: dict[str, tuple[tuple[int, ...], ...]] = {
    "Conv": ((4, 4),),
    "ConvTranspose": ((4, 4),),
    "MatMul": ((2, 2), (3, 2), (4, 2), (3, 3), (4, 4)),
    "Resize": ((4,),),
}
"""Ranks of the first inputs that ``operators.js`` can run, where it cannot run all of them."""


class _Program(NamedTuple):
    """A graph for one sample: only operations that depend on the inputs, their costs, and the constants they use."""

    nodes: list[Node]
    costs: list[int]
    constants: dict[str, NDArray[Any]]


def model_data(bundle: Bundle) -> dict[str, Any]:
    """The data that ``openModel`` of ``model.js`` opens. It consists of values that JSON can express.

    Returns:
        - ``name``, ``title``: the name of the model.
        - ``sample``: ``kind``, "image" or "vector", and ``dims``, ``[h, w, c]`` or ``[d]``.
        - ``latent``: ``dim`` and ``distribution``, and ``truncation``, if it acts on the style.
        - ``classes``: ``count``, 0 for a model without classes, and ``names``, which are numbers if they have no names.
        - ``graph``: ``nodes`` in order (op, inputs, outputs, attributes, cost), ``inputs``, ``output``.
        - ``weights``: base64 of all tensors, little-endian.
        - ``tensors``: name, dims, dtype ("float32", "float16", "int32"), and offset and length in ``weights`` in bytes.

    Raises:
        BundleError: if the graph is missing, damaged or unsafe, or has operations that a page cannot run.
        MissingDependencyError: if ONNX Runtime is missing, which measures the effect of float16.
    """
    config = bundle.config
    content, report = inspected_graph(bundle)
    graph = read_graph(content).without_defaults()
    program = _program(graph, bundle)
    output = graph.outputs[0].name
    names = _short_names(program, keep=[*(value.name for value in graph.inputs), output])
    tensors, weights = _packed(program.constants, names, halves=_float16_weights(bundle, content, report))
    count = config.num_classes or 0
    return {
        "name": config.name,
        "title": config.name,
        "sample": {"kind": config.kind, "dims": list(config.shape)},
        "latent": config.latent.to_dict(),
        "classes": {"count": count, "names": list(config.class_names or map(str, range(count)))},
        "graph": {
            "nodes": [
                {
                    "op": node.op,
                    "inputs": [names[name] for name in node.inputs],
                    "outputs": [names[name] for name in node.outputs],
                    "attributes": {key: _plain(value) for key, value in node.attributes.items()},
                    "cost": cost,
                }
                for node, cost in zip(program.nodes, program.costs, strict=True)
            ],
            "inputs": [value.name for value in graph.inputs],
            "output": output,
        },
        "weights": base64.b64encode(weights).decode(),
        "tensors": tensors,
    }


@cache
def script(name: str) -> str:
    """The text of one of ``SCRIPTS``."""
    return (resources.files("ganzoo.web") / "assets" / name).read_text(encoding="utf-8")


@cache
def operators() -> frozenset[str]:
    """Names of the ONNX operators that a page can run: the keys of the object at the end of ``operators.js``."""
    return frozenset(_OPERATOR.findall(script("operators.js").rpartition("\n  return {\n")[2]))


def _program(graph: Graph, bundle: Bundle) -> _Program:
    """Reduce a graph to what one sample needs. Sizes that it computes from shapes become constants.

    Raises:
        BundleError: if the rest has operations that a page cannot run.
    """
    inputs: dict[str, Dims] = {"latent": (1, bundle.config.latent.dim), "label": (1,), "truncation": ()}
    known = KnownTensors(graph, {value.name: inputs[value.name] for value in graph.inputs})
    costs = []
    for node in graph.nodes:
        before = known.multiply_adds + _ELEMENTWISE_COST * known.elements
        infer(known, node)
        costs.append(known.multiply_adds + _ELEMENTWISE_COST * known.elements - before)
    fixed = known.constants.keys() | known.values.keys()
    used, kept = {graph.outputs[0].name}, []
    for node, cost in zip(reversed(graph.nodes), reversed(costs), strict=True):
        if used.intersection(node.outputs) and node.outputs[0] not in fixed:
            used.update(node.inputs)
            kept.append((node, cost))
    kept.reverse()
    _check_operations([node for node, _ in kept], known, message_name(bundle))
    constants = {}
    for name in sorted(used & fixed):
        tensor = known.constants.get(name)
        value = np.array(known.values[name]) if tensor is None else tensor_values(tensor)
        constants[name] = _storable(value.reshape(known.dims[name]))
    return _Program([node for node, _ in kept], [cost for _, cost in kept], constants)


def _check_operations(nodes: list[Node], known: KnownTensors, model: str) -> None:
    """Require operations, settings and ranks that ``operators.js`` can run."""
    wrong = dict.fromkeys(text for node in nodes if (text := _unsupported(node, known)))
    if wrong:
        raise BundleError(
            f"A web page cannot run '{model}', because its graph has the operation {' and '.join(wrong)}. "
            "Use ganzoo generate, which can; a page can run "
            f"{', '.join(sorted(operators()))}."
        )


def _unsupported(node: Node, known: KnownTensors) -> str | None:
    """What a page cannot run of one operation, in words; None if it can run it."""
    if node.op not in operators():
        return node.op
    for (op, name), allowed in _SETTINGS.items():
        value = node.attributes.get(name, _DEFAULTS.get((op, name)))
        ignored = name == "nearest_mode" and node.attributes.get("mode") == "linear"
        if op == node.op and value is not None and value not in allowed and not ignored:
            return f"{op} with {name} {_plain(value)}"
    if node.op == "Resize" and known.dims[node.inputs[0]][:2] != known.dims[node.outputs[0]][:2]:
        return "Resize of other axes than height and width"
    ranks = _RANKS.get(node.op, ((),))
    sizes = [known.dims[name] for name in node.inputs[: len(ranks[0])]]
    if node.op == "MatMul" and len(sizes[1]) > 2 and sizes[0][:-2] != sizes[1][:-2]:
        return "MatMul of two stacks of matrices with other numbers"
    found = tuple(map(len, sizes))
    return None if found in ranks else f"{node.op} of {' and '.join(map(str, found))} axes"


def _storable(values: NDArray[Any]) -> NDArray[Any]:
    """Values as float32, float16 or int32. Larger integers are clipped: they mean "to the end" in ``Slice``."""
    if values.dtype == np.float16:
        return values
    is_float = values.dtype.kind == "f"
    return np.asarray(values if is_float else values.clip(_INT32.min, _INT32.max), "<f4" if is_float else "<i4")


def _short_names(program: _Program, *, keep: list[str]) -> dict[str, str]:
    """A short name for each tensor except those in ``keep``. Names in a file are long, and strangers choose them."""
    names = dict.fromkeys(name for node in program.nodes for name in (*node.inputs, *node.outputs) if name)
    return {"": ""} | {name: name if name in keep else f"t{number}" for number, name in enumerate(names)}


def _packed(
    constants: dict[str, NDArray[Any]], names: dict[str, str], *, halves: set[str]
) -> tuple[list[dict[str, Any]], bytes]:
    """The table of the tensors and their bytes. ``halves`` are rounded to float16."""
    table, blob = [], bytearray()
    for name, values in constants.items():
        stored = values.astype("<f2") if name in halves else values
        content = stored.tobytes()
        entry = {"name": names[name], "dims": list(values.shape), "dtype": stored.dtype.name}
        table.append({**entry, "offset": len(blob), "length": len(content)})
        blob += content + bytes(-len(content) % 4)  # typed arrays of JavaScript start at multiples of 4
    return table, bytes(blob)


def _float16_weights(bundle: Bundle, content: bytes, report: OnnxReport) -> set[str]:
    """Names of the large float32 weights, if images are the same with them rounded to float16; else none.

    Both graphs make ``COMPARED``, and no value may differ by a whole one of 256 levels. Vectors have no levels.
    """
    config = bundle.config
    rounded = bytearray(content)
    halves = set()
    with np.errstate(over="ignore"):
        for tensor in read_graph(rounded).constants.values():
            if tensor.dtype == "float32" and tensor.size > LARGE and tensor.raw.obj is rounded:
                values = np.frombuffer(tensor.raw, "<f4")  # a view of ``rounded``: this changes the file in place
                values[:] = values.astype(np.float16)
                halves.add(tensor.name)
    if not halves or not config.sample_spec.is_image:
        return set()
    sessions = [OnnxSession(graph, name=config.name, device="cpu") for graph in (content, bytes(rounded))]
    z = latents.latents(COMPARED, dim=config.latent.dim, distribution=config.latent.distribution)
    batch = max(1, _BATCH_BYTES // max(1, report.peak_bytes))
    starts = range(0, len(z), batch)
    for label, start in itertools.product(range(min(config.num_classes or 1, _CLASSES)), starts):
        feed: dict[str, NDArray[Any]] = {"latent": z[start : start + batch]}
        if config.num_classes:
            feed["label"] = np.full(len(feed["latent"]), label, np.int32)
        exact, near = (session.run((config.kind,), feed)[0] for session in sessions)
        if not np.abs(exact - near).max() * 127.5 < 1.0:  # also False for NaN, from weights above 65504
            return set()
    return halves


def _plain(value: Attribute) -> Any:
    """An attribute as a value of JSON."""
    return list(value) if isinstance(value, tuple) and not isinstance(value, Tensor) else value
