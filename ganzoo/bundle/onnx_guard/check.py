"""Decides whether an ONNX file may be run: before ONNX Runtime sees it, and without the ``onnx`` package.

Refused: external data, control flow, functions, other domains, operations without a rule in ``rules``, weights
that are not finite, inputs and outputs that are not the bundle's, and graphs that would take too much memory or time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ganzoo.bundle.onnx_guard.graph import Graph, Tensor, Value, read_graph
from ganzoo.bundle.onnx_guard.shapes import Cost, cost
from ganzoo.bundle.schema import BundleConfig
from ganzoo.errors import BundleError

MAX_BATCH = 256
MAX_NODES = 20_000
MAX_PEAK_BYTES = 1 << 30
MAX_MULTIPLY_ADDS = 1 << 40
MAX_ELEMENTS = 1 << 34
OPSETS = range(13, 25)
_FLOATS = ("float32", "float16", "float64")
_Interface = Mapping[str, tuple[str, tuple[int | None, ...] | None]]


class OnnxReport(NamedTuple):
    """What an accepted graph takes for one sample."""

    peak_bytes: int
    multiply_adds: int
    nodes: int
    parameters: int


def check_onnx(content: bytes, config: BundleConfig) -> OnnxReport:
    """Inspect an ONNX file that claims to be the generator that ``config`` describes.

    Returns:
        What one sample takes at batch 1. Up to a batch of 256, n samples take at most n times that.

    Raises:
        BundleError: saying what the file holds that a bundle must not.
    """
    graph = read_graph(content)
    check_graph(graph)
    _check_interface(graph, config)
    one, many = _cost(graph, config, 1), _cost(graph, config, MAX_BATCH)
    if many.peak_bytes > MAX_BATCH * one.peak_bytes or many.multiply_adds > MAX_BATCH * one.multiply_adds:
        raise BundleError("The ONNX file takes more than n times the memory or time for n samples.")
    return OnnxReport(
        peak_bytes=one.peak_bytes,
        multiply_adds=one.multiply_adds,
        nodes=len(graph.nodes),
        parameters=sum(constant.size for constant in graph.constants.values() if constant.dtype in _FLOATS),
    )


def check_graph(graph: Graph) -> None:
    """Refuse what no ONNX file may hold, whatever it is for. What it computes and costs is not looked at.

    Raises:
        BundleError: for too many operations, an opset or domain that is not read, or weights that are not finite.
    """
    if len(graph.nodes) > MAX_NODES:
        raise BundleError(f"The ONNX file has {len(graph.nodes)} operations; allowed: {MAX_NODES}.")
    if not {"", "ai.onnx"} & set(graph.opsets):
        raise BundleError("The ONNX file does not say its opset.")
    for domain, version in graph.opsets.items():
        if domain not in ("", "ai.onnx", "ai.onnx.ml"):
            raise BundleError(f"The ONNX file uses the operations of {domain[:80]!a}, which a bundle must not.")
        if domain != "ai.onnx.ml" and version not in OPSETS:
            raise BundleError(f"The ONNX file has opset {version}; allowed: {OPSETS.start} to {OPSETS.stop - 1}.")
    for constant in graph.constants.values():
        _check_finite(constant)
    for node in graph.nodes:
        for attribute in node.attributes.values():
            if isinstance(attribute, Tensor):
                _check_finite(attribute)


def _check_interface(graph: Graph, config: BundleConfig) -> None:
    """The inputs and outputs must be the bundle's, by name, type and shape."""
    inputs: dict[str, tuple[str, tuple[int | None, ...]]] = {"latent": ("float32", (None, config.latent.dim))}
    if config.num_classes is not None:
        inputs["label"] = ("int32", (None,))
    _compare("inputs", graph.inputs, inputs)
    _compare("outputs", graph.outputs, {config.kind: ("float32", (None, *config.shape))})
    for name in inputs:
        if name in graph.constants:
            raise BundleError(f"The ONNX file has a constant in the place of the input '{name}'.")


def _compare(what: str, found: tuple[Value, ...], wanted: _Interface) -> None:
    have = {value.name: (value.dtype, value.dims) for value in found}
    if have != wanted or len(found) != len(wanted):
        raise BundleError(f"The ONNX file has the {what} {_show(have)}; the bundle's config says {_show(wanted)}.")


def _show(values: _Interface) -> str:
    parts = []
    for name, (dtype, dims) in list(values.items())[:4]:
        axes = "?" if dims is None else ", ".join("batch" if dim is None else str(dim) for dim in dims[:8])
        parts.append(f"{ascii(name)[:60]} {dtype} [{axes}]")
    return " and ".join(parts) or "nothing"


def _cost(graph: Graph, config: BundleConfig, batch: int) -> Cost:
    inputs: dict[str, tuple[int, ...]] = {"latent": (batch, config.latent.dim)}
    if config.num_classes is not None:
        inputs["label"] = (batch,)
    made = cost(graph, inputs=inputs)
    if made.outputs != ((batch, *config.shape),):
        raise BundleError(
            f"The ONNX file makes {list(made.outputs[0])} where the bundle's config says {[batch, *config.shape]}."
        )
    for taken, limit, what in (
        (made.peak_bytes, MAX_PEAK_BYTES, "bytes"),
        (made.multiply_adds, MAX_MULTIPLY_ADDS, "multiply-adds"),
        (made.elements, MAX_ELEMENTS, "numbers written"),
    ):
        if taken > limit * batch:
            raise BundleError(f"The ONNX file takes {taken // batch:,} {what} a sample; allowed: {limit:,}.")
    return made


def _check_finite(tensor: Tensor) -> None:
    if tensor.dtype not in _FLOATS or not tensor.raw:
        return
    if not np.isfinite(np.frombuffer(tensor.raw, np.dtype(tensor.dtype))).all():
        raise BundleError(f"The ONNX file has weights that are not finite, in {tensor.name[:60]!a}.")
