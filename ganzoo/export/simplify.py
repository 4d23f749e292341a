"""Says in one ONNX operation what tf2onnx says in a dozen: the enlarging of an image, the look-up of a label, a size.

None is found by its look, which changes from version to version, but by what it does: the piece of the graph is run
on numbers that tell every position apart, and replaced where the result is exactly that of the one operation. Pure: a
model comes in, another goes out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ganzoo.export.graphs import drop_unused, evaluate, makers_of, moves_before, run_piece
from ganzoo.onnx_inspection.graph import product

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

Array = NDArray[Any]
_MOVES = frozenset({"Reshape", "Squeeze", "Tile", "Transpose", "Unsqueeze", "Expand"})
_TO_NHWC, _TO_NCHW = (0, 2, 3, 1), (0, 3, 1, 2)
_MAX_POSITIONS = 2**22
_SCALES = (2, 3, 4)


def simplify(model: ModelProto, *, num_classes: int = 0) -> ModelProto:
    """Replace repeats by ``Resize``, computed sizes by constants, and wrapped labels by the labels.

    Args:
        model: with inputs "latent" and, if conditional, "label".
        num_classes: labels are 0 .. num_classes - 1; 0 leaves labels alone.

    Returns:
        A new model that computes the same for every such label.
    """
    simple = type(model)()
    simple.CopyFrom(model)
    if num_classes:
        _take_labels_as_they_are(simple, num_classes)
    while _replace_one_repeat(simple):
        pass
    _write_sizes_down(simple)
    drop_unused(simple)
    return simple


def _take_labels_as_they_are(model: ModelProto, num_classes: int) -> None:
    """Keras wraps negative indices before every look-up. Labels are not negative."""
    makers = makers_of(model)
    label = np.arange(num_classes, dtype=np.int32)
    for node in model.graph.node:
        if node.op_type != "Gather" or node.input[1] == "label":
            continue
        chain = _ancestors(makers, node.input[1], stop={"label"})
        if chain is None:
            continue
        made = run_piece(model, chain, {"label": label}, node.input[1])
        if made is not None and np.array_equal(made, label):
            node.input[1] = "label"


def _replace_one_repeat(model: ModelProto) -> bool:
    """Find one chain of moves that enlarges an image by a whole number in both directions, and replace it."""
    makers = makers_of(model)
    shapes = evaluate(model, 2).dims  # not 1, so that the batch is no axis of 1
    for last in reversed(model.graph.node):
        if last.op_type not in ("Reshape", "Transpose"):
            continue
        chain, start = moves_before(makers, last, _MOVES)
        found = _as_resize(model, chain, start, last.output[0], shapes) if "Tile" in _ops(chain) else None
        if found is not None:
            _put_resize(model, last, start, *found)
            drop_unused(model)
            return True
    return False


def _write_sizes_down(model: ModelProto) -> None:
    """Give a Reshape whose sizes are computed, though only the batch is open, its sizes as a constant."""
    from onnx import numpy_helper

    constants = {tensor.name for tensor in model.graph.initializer}
    two, three = (evaluate(model, batch).values for batch in (2, 3))
    for node in model.graph.node:
        if node.op_type != "Reshape" or node.input[1] in constants:
            continue
        sizes, others = two.get(node.input[1], ()), three.get(node.input[1], ())
        if sizes[:1] == (2,) and others == (3, *sizes[1:]):
            node.input[1] = f"{node.output[0]}/sizes"
            model.graph.initializer.append(numpy_helper.from_array(np.array([-1, *sizes[1:]]), node.input[1]))


def _as_resize(
    model: ModelProto, chain: list[NodeProto], start: str, end: str, shapes: dict[str, tuple[int, ...]]
) -> tuple[tuple[int, ...] | None, int, tuple[int, ...] | None] | None:
    """What the chain is: (axes order before, scale, axes order after), or None if it is no enlarging."""
    before = shapes[start]
    if len(before) != 4 or len(shapes[end]) != 4 or product(shapes[end]) > _MAX_POSITIONS:
        return None
    scale = round((product(shapes[end]) / product(before)) ** 0.5)
    if scale not in _SCALES:
        return None
    nodes = _with_sizes(makers_of(model), chain, start)
    positions = np.arange(product(before), dtype=np.float32).reshape(before)
    made = None if nodes is None else run_piece(model, nodes, {start: positions}, end)
    if made is None:
        return None
    for first in (None, _TO_NCHW):
        for after in (None, _TO_NHWC):
            image = positions if first is None else positions.transpose(first)
            large = image.repeat(scale, 2).repeat(scale, 3)
            if np.array_equal(large if after is None else large.transpose(after), made):
                return first, scale, after
    return None


def _with_sizes(makers: dict[str, NodeProto], chain: list[NodeProto], start: str) -> list[NodeProto] | None:
    """The chain and everything that its sizes are computed from, which may begin before ``start``."""
    nodes = list(chain)
    for node in chain:
        for name in node.input[1:]:
            more = _ancestors(makers, name, stop={start, *(out for n in chain for out in n.output)})
            if more is None:
                return None
            nodes += [other for other in more if other not in nodes]
    return nodes


def _ancestors(makers: dict[str, NodeProto], name: str, *, stop: set[str]) -> list[NodeProto] | None:
    """Nodes that make ``name`` from ``stop`` and constants; None if they need anything else, or are too many."""
    found: list[NodeProto] = []
    waiting = [name]
    while waiting:
        tensor = waiting.pop()
        node = makers.get(tensor)
        if tensor in stop or tensor == "" or (node is None and tensor not in ("latent", "label")):
            continue
        if node is None or len(found) > 50:
            return None
        if node not in found:
            found.append(node)
            waiting += node.input
    return found


def _put_resize(
    model: ModelProto,
    last: NodeProto,
    start: str,
    before: tuple[int, ...] | None,
    scale: int,
    after: tuple[int, ...] | None,
) -> None:
    """Put [Transpose,] Resize [, Transpose] in the place of ``last``."""
    from onnx import helper, numpy_helper

    end = last.output[0]
    scales = f"{end}/scales"
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 1, scale, scale], np.float32), scales))
    small = f"{end}/small" if before else start
    large = f"{end}/large" if after else end
    nodes = [helper.make_node("Transpose", [start], [small], perm=before)] if before else []
    how = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
    nodes.append(helper.make_node("Resize", [small, "", scales], [large], **how))
    if after:
        nodes.append(helper.make_node("Transpose", [large], [end], perm=after))
    place = list(model.graph.node).index(last)
    model.graph.node.remove(last)
    for offset, node in enumerate(nodes):
        model.graph.node.insert(place + offset, node)


def _ops(nodes: list[NodeProto]) -> set[str]:
    return {node.op_type for node in nodes}
