"""Replaces the dozen operations that tf2onnx writes for the look-up of a label, and for the sizes of a Reshape, by one.

A look-up is not recognized by its operations, which change from version to version, but by its result: that piece of
the graph is run on all labels, and replaced if it returns them unchanged. Pure: a model comes in, another goes out.
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
        model: with inputs "latent" and, if conditional, "label".
        num_classes: labels are 0 .. num_classes - 1; 0 leaves labels alone.

    Returns:
        A new model that computes the same for every such label.
    """
    simple = type(model)()
    simple.CopyFrom(model)
    if num_classes:
        _take_labels_as_they_are(simple, num_classes)
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
        chain = _made_of_labels(makers, node.input[1])
        if chain is None:
            continue
        made = run_piece(model, chain, {"label": label}, node.input[1])
        if made is not None and np.array_equal(made, label):
            node.input[1] = "label"


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


def _made_of_labels(makers: dict[str, NodeProto], name: str) -> list[NodeProto] | None:
    """The nodes that make ``name`` from "label" and constants; None if they read the latent, too, or are too many."""
    found: list[NodeProto] = []
    waiting = [name]
    while waiting:
        tensor = waiting.pop()
        node = makers.get(tensor)
        if tensor == "latent" or len(found) > 50:
            return None
        if node is not None and node not in found:
            found.append(node)
            waiting += node.input
    return found
