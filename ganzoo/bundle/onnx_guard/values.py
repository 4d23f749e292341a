"""Tracks sizes that an ONNX graph computes itself (from ``Shape``), through the operations that exporters use.

Only sums and products of non-negative numbers are tracked, below 2**31, so that they mean the same in ONNX Runtime.
What is taken out of a tensor, and where a cut starts, must not depend on the batch size. So a computed size has no peak
between the batch sizes that are checked. A rule returns None if it cannot track a value.
"""

from __future__ import annotations

from collections.abc import Callable

from ganzoo.bundle.onnx_guard.graph import Node, product
from ganzoo.bundle.onnx_guard.known_tensors import Dims, KnownTensors
from ganzoo.bundle.onnx_guard.rules import asked_sizes, cuts, whole

_LARGEST = 2**31 - 1


def _sum_or_product(s: KnownTensors, node: Node) -> Dims | None:
    a, b = s.values[node.inputs[0]], s.values[node.inputs[1]]
    if min((*a, *b), default=0) < 0 or (len(a) != len(b) and 1 not in (len(a), len(b))):
        return None
    a, b = (a * len(b) if len(a) == 1 else a), (b * len(a) if len(b) == 1 else b)
    return _bounded(tuple(x + y if node.op == "Add" else x * y for x, y in zip(a, b, strict=True)))


def _bounded(values: Dims) -> Dims | None:
    """The values; None if one of them does not fit into int32."""
    return values if all(-_LARGEST <= value <= _LARGEST for value in values) else None


def _cast_value(s: KnownTensors, node: Node) -> Dims | None:
    return _bounded(s.values[node.inputs[0]]) if whole(node, "to", 0) in (6, 7) else None


def _keep_value(s: KnownTensors, node: Node) -> Dims:
    return s.values[node.inputs[0]]


def _slice_value(s: KnownTensors, node: Node) -> Dims | None:
    if len(s.of(node, 0)) != 1 or not all(s.is_fixed(node, index) for index in (1, 2, 3, 4)):
        return None
    return s.values[node.inputs[0]][cuts(s, node)[0]]


def _gather_value(s: KnownTensors, node: Node) -> Dims | None:
    held = s.values[node.inputs[0]]
    if len(s.of(node, 0)) != 1 or not s.is_fixed(node, 1):
        return None
    return tuple(held[index] for index in s.values[node.inputs[1]])


def _concat_value(s: KnownTensors, node: Node) -> Dims:
    return tuple(value for name in node.inputs for value in s.values[name])


def _product_value(s: KnownTensors, node: Node) -> Dims | None:
    held = s.values[node.inputs[0]]
    return _bounded((product(held),)) if min(held, default=0) >= 0 else None


ValueRule = Callable[[KnownTensors, Node], Dims | None]
VALUES: dict[str, ValueRule] = {
    "Add": _sum_or_product,
    "Cast": _cast_value,
    "Concat": _concat_value,
    "Gather": _gather_value,
    "Identity": _keep_value,
    "Mul": _sum_or_product,
    "ReduceProd": _product_value,
    "Reshape": _keep_value,
    "Shape": asked_sizes,
    "Slice": _slice_value,
    "Squeeze": _keep_value,
    "Unsqueeze": _keep_value,
}
