"""Cuts the graph of a generator with a mapping network at its style: the mapping network, and the synthesis network.

Both are made of the bundle's own ONNX file, so that every bundle with a mapping network has them. The onnx package is
not needed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from ganzoo.bundle.folder import BundleConfig
from ganzoo.bundle.onnx_guard.graph import Graph, Node, product, read_graph
from ganzoo.bundle.onnx_guard.known_tensors import KnownTensors
from ganzoo.bundle.onnx_guard.shapes import infer
from ganzoo.bundle.onnx_guard.wire import joined, split, text
from ganzoo.errors import BundleError

TRUNCATION = "truncation"
# Fields of Protobuf messages, as in the tables of ``onnx_guard.wire``.
_BYTES, _MODEL_GRAPH = 2, 7
_FLOAT32, _FLOAT16 = 1, 10
_NODE, _INITIALIZER, _INPUT, _OUTPUT, _VALUE_INFO = 1, 5, 11, 12, 13
_NODE_INPUT, _TENSOR_NAME, _VALUE_NAME = 1, 8, 1
Renamed = Mapping[int, Mapping[str, str]]
"""Index of a node -> input -> new input."""
_NOTHING: Renamed = MappingProxyType({})


class _Declared(NamedTuple):
    """The type of a style: ONNX's number of the element type, and the length."""

    element_type: int
    width: int

    def value(self, name: str) -> bytes:
        """A ValueInfoProto: ``[batch, width]``."""
        dims = [joined([(2, _BYTES, b"batch")]), joined([(1, 0, self.width)])]
        shape = joined((1, _BYTES, dim) for dim in dims)
        tensor = joined([(1, 0, self.element_type), (2, _BYTES, shape)])
        return joined([(_VALUE_NAME, _BYTES, name.encode()), (2, _BYTES, joined([(1, _BYTES, tensor)]))])


class StyleGraphs(NamedTuple):
    """The two parts of a generator.

    Attributes:
        mapping: ONNX file: latent, label, truncation -> ``style``.
        synthesis: ONNX file: the inputs ``style_inputs``, and what it reads next to the style -> sample.
        style: name of the mapping network's output, float32 ``[n, width]``.
        style_inputs: height in pixels of the layers that read a style -> name of the input, the smallest first.
        other_inputs: the inputs of the generator that the synthesis network reads, too.
    """

    mapping: bytes
    synthesis: bytes
    style: str
    style_inputs: dict[int, str]
    other_inputs: tuple[str, ...]


def style_graphs(content: bytes, config: BundleConfig) -> StyleGraphs:
    """Cut the ONNX file of a bundle whose truncation is that of the style.

    Args:
        content: the file, which ``onnx_guard.check_onnx`` has accepted.
        config: of the bundle.

    Raises:
        BundleError: if the style is not found in the graph.
    """
    graph = read_graph(content)
    known = _known(graph, config)
    style, element_type = _style(graph, known)
    readers: dict[str, list[Node]] = {}
    for node in graph.nodes:
        for name in node.inputs:
            readers.setdefault(name, []).append(node)
    heights = {
        index: _height(node, readers, known, config) for index, node in enumerate(graph.nodes) if style in node.inputs
    }
    if not heights:
        raise BundleError("No operation of the ONNX file reads the style, so styles cannot be mixed.")
    names = {height: f"style_{height}" for height in sorted(set(heights.values()))}
    renamed = {index: {style: names[height]} for index, height in heights.items()}
    output, declared = graph.outputs[0].name, _Declared(element_type, known.dims[style][-1])
    own = {value.name for value in graph.inputs}
    needed = _needed(graph, output, renamed)
    return StyleGraphs(
        mapping=_cut(content, graph, output=style, declared=declared),
        synthesis=_cut(content, graph, output=output, declared=declared, added=names.values(), renamed=renamed),
        style=style,
        style_inputs=names,
        other_inputs=tuple(sorted(own & needed)),
    )


def _style(graph: Graph, known: KnownTensors) -> tuple[str, int]:
    """The tensor w' = mean + truncation * (w - mean), ``[n, width]``, and ONNX's number of its type.

    Float16 graphs cast their inputs.
    """
    casts = {node.outputs[0]: node.inputs[0] for node in graph.nodes if node.op == "Cast"}
    scaled = set()
    for node in graph.nodes:
        inputs = {casts.get(name, name) for name in node.inputs}
        if node.op == "Mul" and TRUNCATION in inputs and "latent" not in inputs:
            scaled.add(node.outputs[0])
    found = [node.outputs[0] for node in graph.nodes if node.op == "Add" and scaled.intersection(node.inputs)]
    if len(found) != 1 or len(known.dims[found[0]]) != 2 or 0 in known.dims[found[0]]:
        raise BundleError("The style is not found in the ONNX file, so styles cannot be mixed.")
    return found[0], _FLOAT16 if TRUNCATION in casts.values() else _FLOAT32


def _known(graph: Graph, config: BundleConfig) -> KnownTensors:
    """The shapes of all tensors for one sample."""
    inputs = {"latent": (1, config.latent.dim), "label": (1,), TRUNCATION: ()}
    known = KnownTensors(graph.without_defaults(), {value.name: inputs[value.name] for value in graph.inputs})
    for node in graph.nodes:
        infer(known, node)
    return known


def _height(layer: Node, readers: Mapping[str, list[Node]], known: KnownTensors, config: BundleConfig) -> int:
    """Height of the images that a layer of the style scales; the height of the sample if there are none.

    From the layer on, the graph is followed up to the first operations with images. A layer that enlarges scales two
    sizes, before and after it; the larger one counts.
    """
    area, names = 0, [layer.outputs[0]]
    seen = set(names)
    for name in names:
        for node in readers.get(name, ()):
            dims, values = known.dims[node.outputs[0]], product(known.dims[name])
            if len(dims) == 4 and product(dims) > values > 0:
                area = max(area, product(dims) // values)
            elif node.outputs[0] not in seen:
                names.append(node.outputs[0])
                seen.add(node.outputs[0])
    height, width = config.shape[:2] if config.sample_spec.is_image else (1, 1)
    return round(math.sqrt(area * height / width)) if area else height


def _needed(graph: Graph, output: str, renamed: Renamed) -> set[str]:
    """The names of all tensors that an output depends on."""
    needed = {output}
    for index in reversed(range(len(graph.nodes))):
        node = graph.nodes[index]
        if needed.intersection(node.outputs):
            needed.update(renamed.get(index, {}).get(name, name) for name in node.inputs)
    return needed


def _cut(
    content: bytes,
    graph: Graph,
    *,
    output: str,
    declared: _Declared,
    added: Iterable[str] = (),
    renamed: Renamed = _NOTHING,
) -> bytes:
    """The part of an ONNX file that computes one tensor.

    Args:
        content, graph: the file.
        output: name of the tensor: the output, or a style.
        declared: the type of a style.
        added: names of new inputs, which are styles.
        renamed: the inputs of operations that become others.
    """
    needed = _needed(graph, output, renamed)
    is_style = output not in {value.name for value in graph.outputs}

    def fields(data: memoryview) -> Iterator[tuple[int, int, int | memoryview | bytes]]:
        index = -1
        for number, wire, value in split(data):
            if not isinstance(value, memoryview):
                yield number, wire, value
                continue
            if number == _NODE:
                index += 1
                if needed.intersection(graph.nodes[index].outputs):
                    yield number, wire, _with_inputs(value, renamed.get(index, {}))
            elif number == _VALUE_INFO or (number == _OUTPUT and is_style):
                continue
            elif number not in (_INITIALIZER, _INPUT) or _name(value, number) in needed:
                yield number, wire, value
        yield from ((_INPUT, _BYTES, declared.value(name)) for name in added)
        if is_style:
            yield _OUTPUT, _BYTES, declared.value(output)

    return joined(
        (number, wire, joined(fields(value)) if number == _MODEL_GRAPH and isinstance(value, memoryview) else value)
        for number, wire, value in split(memoryview(content))
    )


def _with_inputs(node: memoryview, new: Mapping[str, str]) -> memoryview | bytes:
    if not new:
        return node
    return joined(
        (number, wire, new.get(text([value]), text([value])).encode())
        if number == _NODE_INPUT and isinstance(value, memoryview)
        else (number, wire, value)
        for number, wire, value in split(node)
    )


def _name(message: memoryview, number: int) -> str:
    """The name of an initializer or an input."""
    field = _TENSOR_NAME if number == _INITIALIZER else _VALUE_NAME
    return next((text([v]) for n, _, v in split(message) if n == field and isinstance(v, memoryview)), "")
