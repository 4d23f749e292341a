"""Runs an extractor's ONNX graph on samples of any size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ganzoo.data.reading.resize import resized_array
from ganzoo.errors import EvaluationError
from ganzoo.extractors._onnx_interface import Interface
from ganzoo.extractors.base import Extracted, adaptation_note
from ganzoo.sample_spec import SampleSpec

Values = Literal["signed", "unit", "bytes"]
"""Range of the graph's input: [-1, 1], [0, 1] or [0, 255]."""
_RANGES = {"signed": (127.5, 1.0), "unit": (255.0, 0.0), "bytes": (1.0, 0.0)}

Scale = Callable[[NDArray[Any]], NDArray[np.float32]]


def extraction(
    content: bytes,
    interface: Interface,
    *,
    batch_size: int,
    values: Values = "signed",
    mean: tuple[float, ...] = (),
    std: tuple[float, ...] = (),
) -> Callable[[NDArray[Any]], Extracted]:
    """Make ``LoadedExtractor.extract`` from a graph that ``read_interface`` has accepted.

    Args:
        content: the ONNX file.
        interface: the interface of the file.
        batch_size: samples per batch, if the graph does not fix it.
        values: range of an image input.
        mean: subtracted after scaling: one number, one per channel, or none.
        std: the divisor after that: one number, one per channel, or none.

    Raises:
        BundleError: if ONNX Runtime refuses the graph.
        EvaluationError: if ``mean`` or ``std`` do not fit the channels.
    """
    from ganzoo.inference.onnx_session import OnnxSession

    session = OnnxSession(content, name="the extractor")
    scale = _scale(interface, values, mean, std)
    size = interface.batch or batch_size

    def extract(samples: NDArray[Any]) -> Extracted:
        made = []
        for start in range(0, len(samples), size):
            batch = samples[start : start + size]
            if interface.batch:  # the last batch may be smaller than the graph's: repeat a sample, and cut the result
                batch = np.concatenate([batch, np.repeat(batch[-1:], size - len(batch), axis=0)])
            made.append(session.run(interface.outputs, {interface.input: scale(batch)}))
        features, *rest = (np.concatenate(parts)[: len(samples)] for parts in zip(*made, strict=True))
        return features.reshape(len(samples), -1).astype(np.float32), _checked(rest[0]) if rest else None

    return extract


def resize_note(interface: Interface, spec: SampleSpec) -> str:
    """How samples are resized, for the protocol."""
    if interface.size is None:
        return "none"
    size = f"{interface.size} x {interface.size} px"
    return f"bilinear to enlarge, area to shrink, to {size}{adaptation_note(spec)}"


def _scale(interface: Interface, values: Values, mean: tuple[float, ...], std: tuple[float, ...]) -> Scale:
    """A function from samples to the input of the graph."""
    if interface.size is None:
        return lambda samples: samples.astype(np.float32, copy=False)
    side, channels = interface.size, interface.channels
    for name, numbers in (("mean", mean), ("std", std)):
        if len(numbers) not in (0, 1, channels):
            raise EvaluationError(f"'{name}' has {len(numbers)} values; the images have {channels} channels.")
    divisor, offset = _RANGES[values]
    middle, deviation = np.array(mean or 0.0, np.float32), np.array(std or 1.0, np.float32)

    def scale(samples: NDArray[Any]) -> NDArray[np.float32]:
        small = resized_array(samples, (side, side), channels, "area", crop="stretch")
        numbers = (small.astype(np.float32) / np.float32(divisor) - np.float32(offset) - middle) / deviation
        return np.ascontiguousarray(numbers.transpose(0, 3, 1, 2) if interface.channels_first else numbers)

    return scale


def _checked(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """The probabilities; EvaluationError if they are logits, which make the metrics meaningless."""
    if probabilities.min() < -1e-4 or np.abs(probabilities.sum(axis=1) - 1).max() > 1e-2:
        raise EvaluationError(
            "The extractor's probabilities are negative or do not sum to 1; the network must end in a softmax."
        )
    clipped = np.clip(probabilities, 0, None)
    result: NDArray[np.float32] = clipped / clipped.sum(axis=1, keepdims=True)
    return result
