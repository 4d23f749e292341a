"""Simplifies two patterns of tf2onnx, each about a dozen operations: label lookups, and the sizes of a Reshape.

A label lookup is detected by its result, because its operations differ between versions: the part of the graph is run
on all labels, and replaced if it returns them unchanged. The functions do not modify their input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ganzoo.exporters.graph_edits import drop_unused, evaluate, makers_of, run_piece

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto


def simplify(model: ModelProto, *, num_classes: int = 0) -> ModelProto:
    """Replace computed sizes by constants, and wrapped labels by the labels.

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
