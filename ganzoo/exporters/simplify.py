"""Simplifies graphs of tf2onnx: label lookups and the sizes of a Reshape, each about a dozen operations, and constants.

A label lookup is detected by its result, because its operations differ between versions: the part of the graph is run
on all labels, and replaced if it returns them unchanged. The functions do not modify their input.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from ganzoo.exporters.graph_edits import drop_unused, evaluate, makers_of, run_piece

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto


_NUMBERED = re.compile(r"__\d+$")
"""End of the name of a constant that tf2onnx made. The number differs from export to export."""


def simplify(model: ModelProto, *, num_classes: int = 0) -> ModelProto:
    """Replace computed sizes by constants, and wrapped labels by the labels. Name constants by their order.

    Args:
        model: a generator or a critic; the input with the classes, if it is conditional, is "label".
        num_classes: labels are from 0 to num_classes - 1. With 0, labels are not changed.

    Returns:
        A new model with the same output for every valid label.
    """
    simple = type(model)()
    simple.CopyFrom(model)
    if num_classes:
        _remove_label_wrapping(simple, num_classes)
    _make_sizes_constant(simple)
    drop_unused(simple)
    _name_constants(simple)
    return simple


def _remove_label_wrapping(model: ModelProto, num_classes: int) -> None:
    """Remove the wrapping of negative indices, which Keras adds to every lookup. Labels are never negative."""
    makers = makers_of(model)
    others = {given.name for given in model.graph.input} - {"label"}
    label = np.arange(num_classes, dtype=np.int32)
    for node in model.graph.node:
        if node.op_type != "Gather" or node.input[1] == "label":
            continue
        chain = _computed_from_labels(makers, node.input[1], others)
        if chain is None:
            continue
        made = run_piece(model, chain, {"label": label}, node.input[1])
        if made is not None and np.array_equal(made, label):
            node.input[1] = "label"


def _make_sizes_constant(model: ModelProto) -> None:
    """Replace the computed sizes of a Reshape by a constant, if only the batch size varies."""
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


def _computed_from_labels(makers: dict[str, NodeProto], name: str, others: set[str]) -> list[NodeProto] | None:
    """The nodes that compute ``name`` from "label" and constants; None if they read ``others``, or are too many."""
    found: list[NodeProto] = []
    waiting = [name]
    while waiting:
        tensor = waiting.pop()
        node = makers.get(tensor)
        if tensor in others or len(found) > 50:
            return None
        if node is not None and node not in found:
            found.append(node)
            waiting += node.input
    return found


def _name_constants(model: ModelProto) -> None:
    """Merge equal constants, and number them in the order of their use, so that equal networks give equal files."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer if _NUMBERED.search(tensor.name)}
    new_names: dict[str, str] = {}
    by_content: dict[bytes, str] = {}
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            if name not in constants:
                continue
            if name not in new_names:
                plain = type(constants[name])()
                plain.CopyFrom(constants[name])
                plain.ClearField("name")
                content = plain.SerializeToString(deterministic=True)
                new_names[name] = by_content.setdefault(content, f"constant_{len(by_content)}")
            node.input[place] = new_names[name]
    merged = {new: constants[old] for old, new in reversed(new_names.items())}
    others = [tensor for tensor in model.graph.initializer if tensor.name not in constants]
    del model.graph.initializer[:]
    model.graph.initializer.extend(others)
    for new in by_content.values():
        tensor = model.graph.initializer.add()
        tensor.CopyFrom(merged[new])
        tensor.name = new
