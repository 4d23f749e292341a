"""The ONNX file of a bundle, inspected before anything runs it."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ganzoo.bundle.folder import ONNX, ONNX_FP16, Bundle
from ganzoo.bundle.onnx_guard import OnnxReport, check_onnx
from ganzoo.bundle.onnx_guard.graph import Tensor
from ganzoo.errors import BundleError, GanzooError

Precision = Literal["float32", "float16"]
_FILES = {"float32": ONNX, "float16": ONNX_FP16}
_MAX_BITS = 0xFFFF


def graph_file(precision: Precision) -> str:
    """Name of the ONNX file with a precision.

    Raises:
        GanzooError: if there is no such precision.
    """
    if precision not in _FILES:
        raise GanzooError(f"No precision '{precision}'; allowed: {', '.join(_FILES)}.")
    return _FILES[precision]


def inspected_graph(bundle: Bundle, precision: Precision = "float32") -> tuple[bytes, OnnxReport]:
    """The ONNX file of a verified bundle, and the report of its inspection.

    Raises:
        BundleError: if the file is missing, damaged or unsafe.
    """
    name = graph_file(precision)
    content = bundle.read(name)
    try:
        return content, check_onnx(content, bundle.config)
    except BundleError as error:
        raise BundleError(f"Bundle '{bundle.folder}', {name}: {error}") from error


def tensor_values(tensor: Tensor) -> NDArray[Any]:
    """The values of a tensor, flat.

    Raises:
        BundleError: if it has numbers that are not the bits of a float16.
    """
    values: NDArray[Any]
    if tensor.dtype not in ("float32", "float16", "float64"):
        values = np.array(tensor.ints(), np.int64)
    elif tensor.numbers:
        if min(tensor.numbers) < 0 or max(tensor.numbers) > _MAX_BITS:
            raise BundleError(f"The ONNX file is damaged: {tensor.name!a} has numbers that are not float16.")
        values = np.array(tensor.numbers, np.uint16).view(np.float16)  # ONNX stores their bits as integers
    else:
        values = np.frombuffer(tensor.raw, np.dtype(tensor.dtype).newbyteorder("<"))
    return values
