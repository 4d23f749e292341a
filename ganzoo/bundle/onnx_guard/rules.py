"""The output shape of each allowed ONNX operation. The table at the end lists the allowed operations.

Reference: https://onnx.ai/onnx/operators/ for opsets 13 to 24. A rule raises ValueError, or the exceptions of indexing
and unpacking, if the inputs do not match.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence

from ganzoo.bundle.onnx_guard.graph import Node, Tensor, product
from ganzoo.bundle.onnx_guard.known_tensors import Dims, KnownTensors


def broadcast(*shapes: Dims) -> Dims:
    """Broadcast shapes as NumPy does."""
    rank = max(len(dims) for dims in shapes)
    padded = [(1,) * (rank - len(dims)) + dims for dims in shapes]
    result = []
    for axis in zip(*padded, strict=True):
        sizes = {size for size in axis if size != 1}
        if len(sizes) > 1:
            raise ValueError("shapes do not fit")
        result.append(sizes.pop() if sizes else 1)
    return tuple(result)


def _same(s: KnownTensors, node: Node) -> Dims:
    return s.of(node, 0)


def _elementwise(s: KnownTensors, node: Node) -> Dims:
    return broadcast(*(s.of(node, index) for index in range(len(node.inputs))))


def _ints(node: Node, name: str, default: Sequence[int]) -> tuple[int, ...]:
    value = node.attributes.get(name, tuple(default))
    numbers = tuple(v for v in value if isinstance(v, int) and abs(v) <= 2**20) if isinstance(value, tuple) else None
    if numbers is None or numbers != value:
        raise ValueError(f"{name} is out of range")
    return numbers


def whole(node: Node, name: str, default: int) -> int:
    """The value of an integer attribute."""
    value = node.attributes.get(name, default)
    if not isinstance(value, int):
        raise ValueError(f"{name} is not a whole number")
    return value


def _axes(s: KnownTensors, node: Node, rank: int) -> list[int] | None:
    """The axes of Squeeze, Unsqueeze and the reductions: an input since opset 13 or 18, formerly an attribute."""
    if s.has(node, 1):
        axes: Sequence[int] = s.value(node, 1)
    elif "axes" in node.attributes:
        axes = _ints(node, "axes", ())
    else:
        return None
    return sorted(_axis(axis, rank) for axis in axes)


def _axis(axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise ValueError("no such axis")
    return axis % rank


def _constant(s: KnownTensors, node: Node) -> Dims:
    if len(node.attributes) != 1:  # ONNX Runtime takes the first one, whatever its name
        raise ValueError("not exactly one value")
    value = node.attributes.get("value")
    if isinstance(value, Tensor):
        s.define(node.outputs[0], value)
        return value.dims
    for name, code in (("value_int", "q"), ("value_float", "f"), ("value_ints", "q"), ("value_floats", "f")):
        if name in node.attributes:
            held = node.attributes[name]
            many = held if isinstance(held, tuple) else (held,)
            raw = memoryview(struct.pack(f"<{len(many)}{code}", *many))
            dims = (len(many),) if name.endswith("s") else ()
            s.define(node.outputs[0], Tensor("", dims, {"q": "int64", "f": "float32"}[code], raw, ()))
            return dims
    raise ValueError("no value")


def _matmul(s: KnownTensors, node: Node) -> Dims:
    a, b = s.of(node, 0), s.of(node, 1)
    if len(a) < 2 or len(b) < 2 or a[-1] != b[-2]:
        raise ValueError("matrices do not fit")
    dims = (*broadcast(a[:-2], b[:-2]), a[-2], b[-1])
    s.multiply_adds += product(dims) * a[-1]
    return dims


def _gemm(s: KnownTensors, node: Node) -> Dims:
    a, b = s.of(node, 0), s.of(node, 1)
    rows, inner = a[::-1] if whole(node, "transA", 0) else a
    inner_b, columns = b[::-1] if whole(node, "transB", 0) else b
    if inner != inner_b:
        raise ValueError("matrices do not fit")
    s.multiply_adds += rows * columns * inner
    return rows, columns


def _window(node: Node, spatial: Dims, kernel: Dims) -> Dims:
    """The output size of a convolution or pooling with a window of size ``kernel``."""
    rank = len(spatial)
    strides, dilations = _ints(node, "strides", (1,) * rank), _ints(node, "dilations", (1,) * rank)
    pads, auto = _ints(node, "pads", (0,) * 2 * rank), node.attributes.get("auto_pad", "NOTSET")
    if min(strides) < 1 or min(dilations) < 1 or min(pads) < 0 or min(kernel) < 1:
        raise ValueError("a window is out of range")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        return tuple(-(-size // step) for size, step in zip(spatial, strides, strict=True))
    if auto == "VALID":
        pads = (0,) * 2 * rank
    span = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    rounding = whole(node, "ceil_mode", 0) * (max(strides) - 1)
    padded = [size + pads[axis] + pads[axis + rank] for axis, size in enumerate(spatial)]
    return tuple((p - k + rounding) // step + 1 for p, k, step in zip(padded, span, strides, strict=True))


def _conv(s: KnownTensors, node: Node) -> Dims:
    (batch, channels, *spatial), (filters, per_group, *kernel) = s.of(node, 0), s.of(node, 1)
    if per_group * whole(node, "group", 1) != channels:
        raise ValueError("channels do not fit")
    dims = (batch, filters, *_window(node, tuple(spatial), tuple(kernel)))
    s.multiply_adds += product(dims) * per_group * product(kernel)
    return dims


def _conv_transpose(s: KnownTensors, node: Node) -> Dims:
    (batch, channels, *spatial), (channels_in, per_group, *kernel) = s.of(node, 0), s.of(node, 1)
    if channels != channels_in:
        raise ValueError("channels do not fit")
    rank = len(spatial)
    strides, dilations = _ints(node, "strides", (1,) * rank), _ints(node, "dilations", (1,) * rank)
    extra, pads = _ints(node, "output_padding", (0,) * rank), _ints(node, "pads", (0,) * 2 * rank)
    if min(strides) < 1 or min(dilations) < 1:
        raise ValueError("a window is out of range")
    size = _ints(node, "output_shape", ())[-rank:]
    if not size and node.attributes.get("auto_pad", "NOTSET") in ("SAME_UPPER", "SAME_LOWER"):
        size = tuple(n * step for n, step in zip(spatial, strides, strict=True))
    if not size:
        size = tuple(
            strides[i] * (n - 1) + extra[i] + (kernel[i] - 1) * dilations[i] + 1 - pads[i] - pads[i + rank]
            for i, n in enumerate(spatial)
        )
    s.multiply_adds += batch * channels * product(spatial) * per_group * product(kernel)
    s.scratch_bytes = 4 * per_group * product(kernel) * product(spatial)  # ONNX Runtime's columns of one image
    return (batch, per_group * whole(node, "group", 1), *size)


def _pool(s: KnownTensors, node: Node) -> Dims:
    batch, channels, *spatial = s.of(node, 0)
    kernel = _ints(node, "kernel_shape", ())
    dims = (batch, channels, *_window(node, tuple(spatial), kernel))
    s.multiply_adds += product(dims) * product(kernel)
    return dims


def _global_pool(s: KnownTensors, node: Node) -> Dims:
    batch, channels, *spatial = s.of(node, 0)
    return (batch, channels, *(1 for _ in spatial))


def _resize(s: KnownTensors, node: Node) -> Dims:
    dims = s.of(node, 0)
    if node.attributes.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise ValueError("sizes are not those of the output")
    if s.has(node, 3):
        return s.value(node, 3)
    scales = s.floats(node, 2)
    return tuple(math.floor(_float32(_float32(size) * scale)) for size, scale in zip(dims, scales, strict=True))


def _float32(number: float) -> float:
    """The nearest float32, in which ONNX Runtime computes sizes."""
    return float(struct.unpack("<f", struct.pack("<f", number))[0])


def _depth_to_space(s: KnownTensors, node: Node) -> Dims:
    batch, channels, height, width = s.of(node, 0)
    block = whole(node, "blocksize", 1)
    return batch, channels // block**2, height * block, width * block


def _space_to_depth(s: KnownTensors, node: Node) -> Dims:
    batch, channels, height, width = s.of(node, 0)
    block = whole(node, "blocksize", 1)
    return batch, channels * block**2, height // block, width // block


def _transpose(s: KnownTensors, node: Node) -> Dims:
    dims = s.of(node, 0)
    order = _ints(node, "perm", range(len(dims))[::-1])
    if sorted(order) != list(range(len(dims))):
        raise ValueError("not a permutation of the axes")
    return tuple(dims[axis] for axis in order)


def _reshape(s: KnownTensors, node: Node) -> Dims:
    dims, wanted = s.of(node, 0), list(s.value(node, 1))
    if not whole(node, "allowzero", 0):
        wanted = [dims[axis] if size == 0 else size for axis, size in enumerate(wanted)]
    if wanted.count(-1) == 1:
        wanted[wanted.index(-1)] = product(dims) // product(size for size in wanted if size != -1)
    if product(wanted) != product(dims):
        raise ValueError("sizes do not fit")
    return tuple(wanted)


def _flatten(s: KnownTensors, node: Node) -> Dims:
    dims, axis = s.of(node, 0), whole(node, "axis", 1)
    axis = axis if axis >= 0 else axis + len(dims)
    return product(dims[:axis]), product(dims[axis:])


def _concat(s: KnownTensors, node: Node) -> Dims:
    parts = [s.of(node, index) for index in range(len(node.inputs))]
    axis = _axis(whole(node, "axis", 0), len(parts[0]))
    if len({(*part[:axis], *part[axis + 1 :]) for part in parts}) != 1:
        raise ValueError("parts do not fit")
    return (*parts[0][:axis], sum(part[axis] for part in parts), *parts[0][axis + 1 :])


def cuts(s: KnownTensors, node: Node) -> dict[int, slice]:
    """The slice of each axis in ``Slice``."""
    rank = len(s.of(node, 0))
    starts, ends = s.value(node, 1), s.value(node, 2)
    axes = s.value(node, 3) if s.has(node, 3) else tuple(range(len(starts)))
    steps = s.value(node, 4) if s.has(node, 4) else (1,) * len(starts)
    if 0 in steps:
        raise ValueError("a step is 0")
    if not all(s.is_fixed(node, index) for index in (1, 3, 4)):
        raise ValueError("a start that depends on the batch size")
    if not s.is_fixed(node, 2) and (min(starts) < 0 or min(steps) < 1):
        raise ValueError("a size that falls with the batch size")
    return {_axis(a, rank): slice(*cut) for a, *cut in zip(axes, starts, ends, steps, strict=True)}


def _slice(s: KnownTensors, node: Node) -> Dims:
    sliced = cuts(s, node)
    return tuple(len(range(n)[sliced[a]]) if a in sliced else n for a, n in enumerate(s.of(node, 0)))


def _gather(s: KnownTensors, node: Node) -> Dims:
    dims = s.of(node, 0)
    axis = _axis(whole(node, "axis", 0), len(dims))
    return (*dims[:axis], *s.of(node, 1), *dims[axis + 1 :])


def _squeeze(s: KnownTensors, node: Node) -> Dims:
    dims = s.of(node, 0)
    axes = _axes(s, node, len(dims))
    if not axes or any(dims[axis] != 1 for axis in axes):
        raise ValueError("axes are unknown, or not 1")
    return tuple(size for axis, size in enumerate(dims) if axis not in axes)


def _unsqueeze(s: KnownTensors, node: Node) -> Dims:
    dims = list(s.of(node, 0))
    for axis in _axes(s, node, len(dims) + len(s.value(node, 1))) or ():
        dims.insert(axis, 1)
    return tuple(dims)


def _reduce(s: KnownTensors, node: Node) -> Dims:
    dims = s.of(node, 0)
    axes = _axes(s, node, len(dims))
    if not axes:
        axes = [] if whole(node, "noop_with_empty_axes", 0) else list(range(len(dims)))
    if whole(node, "keepdims", 1):
        return tuple(1 if axis in axes else size for axis, size in enumerate(dims))
    return tuple(size for axis, size in enumerate(dims) if axis not in axes)


def _shape(s: KnownTensors, node: Node) -> Dims:
    return (len(asked_sizes(s, node)),)


def _tile(s: KnownTensors, node: Node) -> Dims:
    return tuple(size * times for size, times in zip(s.of(node, 0), s.value(node, 1), strict=True))


def _pad(s: KnownTensors, node: Node) -> Dims:
    dims, pads = s.of(node, 0), s.value(node, 1)
    if s.has(node, 3) or len(pads) != 2 * len(dims):
        raise ValueError("axes are not supported")
    return tuple(size + pads[axis] + pads[axis + len(dims)] for axis, size in enumerate(dims))


def _one_hot(s: KnownTensors, node: Node) -> Dims:
    dims, depth = s.of(node, 0), s.value(node, 1)[0]
    axis = _axis(whole(node, "axis", -1), len(dims) + 1)
    return (*dims[:axis], depth, *dims[axis:])


def asked_sizes(s: KnownTensors, node: Node) -> Dims:
    """The value of ``Shape``."""
    dims = s.of(node, 0)
    end = whole(node, "end", len(dims))
    return dims[whole(node, "start", 0) : end]


Rule = Callable[[KnownTensors, Node], Dims]
_SAME = (
    "Abs Cast Ceil Clip Cos Elu Erf Exp Floor Gelu HardSigmoid HardSwish Identity LeakyRelu Log LogSoftmax Mish Neg "
    "Not Reciprocal Relu Round Selu Sigmoid Sign Sin Softmax Softplus Softsign Sqrt Tanh ThresholdedRelu "
    "BatchNormalization InstanceNormalization LayerNormalization LpNormalization"
)
_BROADCAST = "Add And Div Equal Greater GreaterOrEqual Less LessOrEqual Max Mean Min Mul Or PRelu Pow Sub Sum Where"
_REDUCE = "ReduceL2 ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare"
RULES: dict[str, Rule] = {
    **dict.fromkeys(_SAME.split(), _same),
    **dict.fromkeys(_BROADCAST.split(), _elementwise),
    **dict.fromkeys(_REDUCE.split(), _reduce),
    "AveragePool": _pool,
    "Concat": _concat,
    "Constant": _constant,
    "ConstantOfShape": lambda s, node: s.value(node, 0),
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "DepthToSpace": _depth_to_space,
    "Expand": lambda s, node: broadcast(s.of(node, 0), s.value(node, 1)),
    "Flatten": _flatten,
    "Gather": _gather,
    "Gemm": _gemm,
    "GlobalAveragePool": _global_pool,
    "MatMul": _matmul,
    "MaxPool": _pool,
    "OneHot": _one_hot,
    "Pad": _pad,
    "Reshape": _reshape,
    "Resize": _resize,
    "Shape": _shape,
    "Slice": _slice,
    "SpaceToDepth": _space_to_depth,
    "Squeeze": _squeeze,
    "Tile": _tile,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
_WINDOW = "auto_pad dilations kernel_shape pads strides"
_POOL = f"{_WINDOW} ceil_mode count_include_pad storage_order"
ATTRIBUTES: dict[str, frozenset[str]] = {
    op: frozenset(names.split())
    for op, names in {
        **dict.fromkeys(_REDUCE.split(), "axes keepdims noop_with_empty_axes"),
        **dict.fromkeys(("AveragePool", "MaxPool"), _POOL),
        **dict.fromkeys(("Concat", "Flatten", "Gather", "LogSoftmax", "OneHot", "Softmax"), "axis"),
        **dict.fromkeys(("Elu", "LeakyRelu", "ThresholdedRelu"), "alpha"),
        "BatchNormalization": "epsilon momentum training_mode",
        "Cast": "to saturate",
        "Constant": "value value_float value_floats value_int value_ints",
        "ConstantOfShape": "value",
        "Conv": f"{_WINDOW} group",
        "ConvTranspose": f"{_WINDOW} group output_padding output_shape",
        "DepthToSpace": "blocksize mode",
        "Gelu": "approximate",
        "Gemm": "alpha beta transA transB",
        "HardSigmoid": "alpha beta",
        "InstanceNormalization": "epsilon",
        "LayerNormalization": "axis epsilon stash_type",
        "LpNormalization": "axis p",
        "Pad": "mode",
        "Reshape": "allowzero",
        "Resize": "antialias coordinate_transformation_mode cubic_coeff_a exclude_outside extrapolation_value "
        "keep_aspect_ratio_policy mode nearest_mode",
        "Selu": "alpha gamma",
        "Shape": "end start",
        "SpaceToDepth": "blocksize",
        "Transpose": "perm",
    }.items()
}
"""The attributes that each operation may have; none for the others. The rules read those that change a shape."""
