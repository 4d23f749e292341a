"""Inputs and outputs of an extractor's ONNX file, checked before ONNX Runtime loads it."""

from __future__ import annotations

from typing import Literal, NamedTuple

from ganzoo.bundle.onnx_guard import check_graph
from ganzoo.bundle.onnx_guard.graph import Graph, read_graph
from ganzoo.bundle.onnx_guard.shapes import cost
from ganzoo.errors import BundleError, did_you_mean
from ganzoo.sample_spec import SampleSpec

Layout = Literal["auto", "nhwc", "nchw"]
MAX_SIDE = 1024
MAX_FEATURES = 65_536
MAX_MULTIPLY_ADDS = 1 << 38
MAX_PEAK_BYTES = 1 << 30


class Interface(NamedTuple):
    """Names and shapes of an extractor.

    Attributes:
        input: name of the input.
        outputs: names of the features output and, if present, the probabilities output.
        size: height and width of an image input in pixels; None for vectors.
        channels: 1 or 3.
        channels_first: whether the input is ``[batch, channels, height, width]``.
        batch: the batch size, if the graph fixes it.
    """

    input: str
    outputs: tuple[str, ...]
    size: int | None
    channels: int
    channels_first: bool
    batch: int | None


def read_interface(
    content: bytes, spec: SampleSpec, *, layout: Layout, features: str | None, probabilities: str | None
) -> Interface:
    """Validate an ONNX file by the rules of bundles, and find its input and outputs.

    Raises:
        BundleError: if the file has content that is not allowed, or its input does not match ``spec``.
    """
    graph = read_graph(content)
    check_graph(graph)
    taken = [value for value in graph.inputs if value.name not in graph.constants]
    if len(taken) != 1 or taken[0].dtype != "float32" or taken[0].dims is None:
        raise BundleError("it must have one float32 input of known rank.")
    dims = taken[0].dims
    if len(dims) != 1 + len(spec.shape):
        wanted = "images [batch, height, width, channels]" if spec.is_image else "vectors [batch, d]"
        raise BundleError(f"its input is {_show(dims)}; the samples are {wanted}.")
    outputs = _outputs(graph, features, probabilities)
    size, channels, first = _image(dims, layout) if spec.is_image else (None, 0, False)
    if not spec.is_image and dims[1] not in (None, *spec.shape):
        raise BundleError(f"its input is {_show(dims)}; a sample is a {spec}.")
    one = (dims[0] or 1, *spec.shape) if size is None else (dims[0] or 1, *(d or 0 for d in dims[1:]))
    _check_cost(graph, taken[0].name, one, outputs)
    return Interface(taken[0].name, outputs, size, channels, first, dims[0])


def _outputs(graph: Graph, features: str | None, probabilities: str | None) -> tuple[str, ...]:
    names = [value.name for value in graph.outputs]
    for name in filter(None, (features, probabilities)):
        if name not in names:
            raise BundleError(f"it has no output '{name}'.{did_you_mean(name, names)} It has {', '.join(names)[:200]}.")
    classes = probabilities or ("probabilities" if "probabilities" in names else None)
    others = [name for name in names if name != classes]
    if features is None and not others:
        raise BundleError("it has a probabilities output, but no features output.")
    chosen = features or ("features" if "features" in others else others[0])
    return (chosen,) if classes is None else (chosen, classes)


def _image(dims: tuple[int | None, ...], layout: Layout) -> tuple[int, int, bool]:
    """Side in pixels, channels, and whether channels come first."""
    last, first = dims[3] in (1, 3), dims[1] in (1, 3)
    if layout == "auto" and first == last:
        raise BundleError(f"its input is {_show(dims)}, so the channel axis is ambiguous; set layout to nhwc or nchw.")
    channels_first = first if layout == "auto" else layout == "nchw"
    channels = dims[1] if channels_first else dims[3]
    sides = dims[2:] if channels_first else dims[1:3]
    if channels not in (1, 3) or sides[0] != sides[1] or sides[0] is None or not 1 <= sides[0] <= MAX_SIDE:
        raise BundleError(
            f"its input is {_show(dims)}; allowed: square images of fixed size, up to {MAX_SIDE} px, "
            "with 1 or 3 channels."
        )
    return sides[0], channels, channels_first


def _check_cost(graph: Graph, name: str, dims: tuple[int, ...], outputs: tuple[str, ...]) -> None:
    """Reject graphs that need too much memory or time, or do not return one row per sample."""
    made = cost(graph, inputs={name: dims})
    shapes = dict(zip((value.name for value in graph.outputs), made.outputs, strict=True))
    if made.peak_bytes > MAX_PEAK_BYTES * dims[0] or made.multiply_adds > MAX_MULTIPLY_ADDS * dims[0]:
        raise BundleError(
            f"it needs {made.peak_bytes:,} bytes and {made.multiply_adds:,} multiply-adds for {dims[0]} samples; "
            f"allowed: {MAX_PEAK_BYTES:,} and {MAX_MULTIPLY_ADDS:,} per sample."
        )
    for output in outputs:
        shape = shapes[output]
        width = 1
        for axis in shape[1:]:
            width *= axis
        if not shape or shape[0] != dims[0] or not 1 <= width <= MAX_FEATURES:
            raise BundleError(
                f"its output '{output}' is {list(shape)}; allowed: up to {MAX_FEATURES} values per sample."
            )
    if len(outputs) == 2 and len(shapes[outputs[1]]) != 2:
        raise BundleError(f"its output '{outputs[1]}' is {list(shapes[outputs[1]])}; allowed: [batch, classes].")


def _show(dims: tuple[int | None, ...]) -> str:
    return f"[{', '.join('batch' if dim is None else str(dim) for dim in dims)}]"
