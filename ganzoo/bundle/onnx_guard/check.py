"""Decides whether an ONNX file may be run, before ONNX Runtime loads it, and without the ``onnx`` package.

Rejected: external data, control flow, functions, other domains, operations without a rule in ``rules``, weights that
are not finite, inputs and outputs that differ from the bundle's config, and graphs that need too much memory or time.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from ganzoo.bundle.onnx_guard.graph import Graph, Tensor, Value, read_graph
from ganzoo.bundle.onnx_guard.shapes import Cost, cost
from ganzoo.bundle.schema import BundleConfig
from ganzoo.errors import BundleError

MAX_BATCH = 256
BATCHES = (16, MAX_BATCH)
"""Batch sizes at which the cost is compared with that of one sample."""
MAX_NODES = 20_000
MAX_PEAK_BYTES = 1 << 30
MAX_MULTIPLY_ADDS = 1 << 40
MAX_ELEMENTS = 1 << 34
OPSETS = range(13, 25)
_FLOATS = ("float32", "float16", "float64")
_Values = Mapping[str, tuple[str, tuple[int | None, ...] | None]]
"""Name -> element type and shape; the size of the batch axis is None."""


class OnnxReport(NamedTuple):
    """Memory and computation of an accepted graph for one sample."""

    peak_bytes: int
    multiply_adds: int
    nodes: int
    parameters: int


class _Interface(NamedTuple):
    """The inputs and the output that a graph must have.

    Attributes:
        inputs, output: the first axis of each is the batch.
        scalars: optional float32 inputs without axes, and their default values.
    """

    inputs: dict[str, tuple[str, tuple[int, ...]]]
    output: tuple[str, tuple[int, ...]]
    scalars: Mapping[str, float] = MappingProxyType({})


def check_onnx(content: bytes, config: BundleConfig) -> OnnxReport:
    """Validate the ONNX file of a generator: latent (and label, and truncation of the style) -> image or vector.

    Returns:
        The cost of one sample at batch size 1. Up to batch size 256, n samples cost at most n times as much.

    Raises:
        BundleError: if the file has content that is not allowed in a bundle, or differs from ``config``.
    """
    inputs = {"latent": ("float32", (config.latent.dim,))} | _label(config)
    scalars = {"truncation": 1.0} if config.latent.truncation == "style" else {}
    return _check(content, _Interface(inputs, (config.kind, config.shape), scalars))


def check_critic(content: bytes, config: BundleConfig) -> OnnxReport:
    """Validate the ONNX file of a critic: image or vector (and label) -> logit ``[batch, 1]``.

    Returns and raises as ``check_onnx``.
    """
    inputs = {config.kind: ("float32", config.shape)} | _label(config)
    return _check(content, _Interface(inputs, ("logit", (1,))))


def check_encoder(content: bytes, config: BundleConfig) -> OnnxReport:
    """Validate the ONNX file of an encoder: image or vector -> latent ``[batch, latent_dim]``.

    Returns and raises as ``check_onnx``.
    """
    return _check(content, _Interface({config.kind: ("float32", config.shape)}, ("latent", (config.latent.dim,))))


def _label(config: BundleConfig) -> dict[str, tuple[str, tuple[int, ...]]]:
    return {} if config.num_classes is None else {"label": ("int32", ())}


def _check(content: bytes, interface: _Interface) -> OnnxReport:
    graph = read_graph(content)
    check_graph(graph)
    _check_interface(graph, interface)
    graph = graph.without_defaults()
    one = _cost(graph, interface, 1)
    for batch in BATCHES:
        many = _cost(graph, interface, batch)
        if many.peak_bytes > batch * one.peak_bytes or many.multiply_adds > batch * one.multiply_adds:
            raise BundleError("The ONNX file needs more than n times the memory or time for n samples.")
    return OnnxReport(
        peak_bytes=one.peak_bytes,
        multiply_adds=one.multiply_adds,
        nodes=len(graph.nodes),
        parameters=sum(constant.size for constant in graph.constants.values() if constant.dtype in _FLOATS),
    )


def check_graph(graph: Graph) -> None:
    """Apply the rules for every ONNX file. Operations and cost are not checked.

    Raises:
        BundleError: for too many operations, an unsupported opset or domain, or weights that are not finite.
    """
    if len(graph.nodes) > MAX_NODES:
        raise BundleError(f"The ONNX file has {len(graph.nodes)} operations; allowed: {MAX_NODES}.")
    if not {"", "ai.onnx"} & set(graph.opsets):
        raise BundleError("The ONNX file does not declare its opset.")
    for domain, version in graph.opsets.items():
        if domain not in ("", "ai.onnx", "ai.onnx.ml"):
            raise BundleError(f"The ONNX file uses operations of the domain {domain[:80]!a}, which is not allowed.")
        if domain != "ai.onnx.ml" and version not in OPSETS:
            raise BundleError(f"The ONNX file has opset {version}; allowed: {OPSETS.start} to {OPSETS.stop - 1}.")
    for constant in graph.constants.values():
        _check_finite(constant)
    for node in graph.nodes:
        for attribute in node.attributes.values():
            if isinstance(attribute, Tensor):
                _check_finite(attribute)


def _check_interface(graph: Graph, interface: _Interface) -> None:
    """Require the inputs and outputs of the bundle's config, by name, type and shape."""
    inputs = {name: (dtype, (None, *shape)) for name, (dtype, shape) in interface.inputs.items()}
    name, shape = interface.output
    _compare("inputs", graph.inputs, inputs | dict.fromkeys(interface.scalars, ("float32", ())))
    _compare("outputs", graph.outputs, {name: ("float32", (None, *shape))})
    for name in inputs:
        if name in graph.constants:
            raise BundleError(f"The ONNX file has a constant with the name of the input '{name}'.")
    for name, default in interface.scalars.items():
        tensor = graph.constants.get(name)
        if tensor is None or (tensor.dtype, tensor.dims, bytes(tensor.raw)) != (
            "float32",
            (),
            struct.pack("<f", default),
        ):
            raise BundleError(f"The ONNX file must give its input '{name}' the default {default:g}, a float32 scalar.")


def _compare(what: str, found: tuple[Value, ...], wanted: _Values) -> None:
    have = {value.name: (value.dtype, value.dims) for value in found}
    if have != wanted or len(found) != len(wanted):
        raise BundleError(f"The ONNX file has the {what} {_show(have)}; the bundle's config requires {_show(wanted)}.")


def _show(values: _Values) -> str:
    parts = []
    for name, (dtype, dims) in list(values.items())[:4]:
        axes = "?" if dims is None else ", ".join("batch" if dim is None else str(dim) for dim in dims[:8])
        parts.append(f"{ascii(name)[:60]} {dtype} [{axes}]")
    return " and ".join(parts) or "nothing"


def _cost(graph: Graph, interface: _Interface, batch: int) -> Cost:
    inputs = {name: (batch, *shape) for name, (_, shape) in interface.inputs.items()}
    made = cost(graph, inputs=inputs | dict.fromkeys(interface.scalars, ()))
    wanted = (batch, *interface.output[1])
    if made.outputs != (wanted,):
        raise BundleError(
            f"The ONNX file computes {list(made.outputs[0])}; the bundle's config requires {list(wanted)}."
        )
    for taken, limit, what in (
        (made.peak_bytes, MAX_PEAK_BYTES, "bytes"),
        (made.multiply_adds, MAX_MULTIPLY_ADDS, "multiply-adds"),
        (made.elements, MAX_ELEMENTS, "values"),
    ):
        if taken > limit * batch:
            raise BundleError(f"The ONNX file needs {taken // batch:,} {what} per sample; allowed: {limit:,}.")
    return made


def _check_finite(tensor: Tensor) -> None:
    if tensor.dtype not in _FLOATS or not tensor.raw:
        return
    if not np.isfinite(np.frombuffer(tensor.raw, np.dtype(tensor.dtype))).all():
        raise BundleError(f"The ONNX file has weights that are not finite, in {tensor.name[:60]!a}.")
