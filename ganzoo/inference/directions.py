"""Directions of the latent space that change an image in one way, found without labels and without TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ganzoo import images
from ganzoo.arguments import real_number, whole_number
from ganzoo.bundle.directions_file import NamedDirection
from ganzoo.bundle.onnx_guard.graph import Graph, Node, Tensor
from ganzoo.captioned_grid import CaptionedGrid
from ganzoo.errors import BundleError, GanzooError, did_you_mean
from ganzoo.inference.bundle_graph import tensor_values
from ganzoo.inference.decoder import Decoder

if TYPE_CHECKING:
    from ganzoo.latents import Distribution

Method = Literal["sefa", "pca"]
METHODS: tuple[Method, ...] = get_args(Method)
MAX_COUNT, DEFAULT_COUNT = 64, 10
MAX_STRENGTH = 10.0
_PCA_SEEDS = range(1024)
_CHANGE_SEEDS = range(32)
_CHANGE_STRENGTH = 2.0
_SHEET_CELL = 48
"""Smaller images are enlarged in the picture until they have this width."""
_SHEET_STRENGTHS = (-3.0, -1.5, 0.0, 1.5, 3.0)
_POINTWISE = ("Identity", "Cast", "Mul", "Div", "Add", "Sub")
"""Operations that normalize a latent, or add the embedding of a class."""


@dataclass(frozen=True, eq=False)
class Direction:
    """A unit vector of the latent space.

    Attributes:
        name: the name in the bundle, or the number in the list: ``"1"`` for "sefa", ``"pca:1"`` for "pca".
        vector: float32 ``[latent_dim]``, of length 1.
        change: mean absolute difference of the pixels, in levels from 0 to 255, between strength -2 and 2. For vector
            models it is the mean absolute difference of the values.
    """

    name: str
    vector: NDArray[np.float32]
    change: float


class NoDirectionsError(GanzooError):
    """No layer of the generator reads the latent."""


def find_directions(generator: Decoder, graph: Graph, *, count: int | None, method: Method) -> list[Direction]:
    """The directions with the largest effect, named ``"1"``, ``"2"``, ... or ``"pca:1"``, ``"pca:2"``, ...

    The first ten are sorted by their change, the largest first. The others follow by their singular value. So a name is
    the same direction for every ``count``.

    Args:
        generator: the generator.
        graph: its ONNX graph.
        count: number of directions, from 1 to 64 and at most the length of the latent; by default up to 10.
        method: ``"sefa"``: the singular vectors of the layers that read the latent (Shen and Zhou 2021,
            arXiv:2007.06600). For a model with self-modulation these are the first dense layer and the style layers,
            and for a model with a mapping network its first layer (and the stem, if that reads the latent).
            ``"pca"``: the singular vectors of the covariance between latents and samples, estimated from 1024 samples,
            after subtracting the mean of each class. For a normal latent they are those of the mean Jacobian.

    Raises:
        GanzooError: if the count or the method is out of range.
        NoDirectionsError: if no layer reads the latent.
    """
    dim = generator.config.latent.dim
    count = check_count(min(DEFAULT_COUNT, dim) if count is None else count, dim)
    vectors = _singular_vectors(generator, graph, method)
    found = _sorted_by_change(generator, vectors)
    found += [_measured(generator, "", vector) for vector in vectors[DEFAULT_COUNT:count]]
    return [replace(direction, name=numbered_name(i, method)) for i, direction in enumerate(found[:count], 1)]


def numbered_direction(generator: Decoder, graph: Graph, *, number: int, method: Method) -> NDArray[np.float32]:
    """The vector of the direction with a number in the list of ``find_directions``, which is not measured again.

    Raises:
        NoDirectionsError: as ``find_directions``.
    """
    vectors = _singular_vectors(generator, graph, method)
    if number > DEFAULT_COUNT:
        return vectors[number - 1]
    return _sorted_by_change(generator, vectors)[number - 1].vector


def numbered_name(number: int, method: Method) -> str:
    """The name of a computed direction: ``"1"`` for "sefa", and ``"pca:1"``."""
    return str(number) if method == "sefa" else f"{method}:{number}"


def check_count(count: object, dim: int) -> int:
    """Return a number of directions in a latent space of ``dim`` dimensions as an int.

    Raises:
        GanzooError: if it is not from 1 to 64, or above ``dim``.
    """
    most = min(MAX_COUNT, dim)
    return whole_number(count, low=1, high=most, what=f"There are 1 to {most} directions")


def named_directions(generator: Decoder, named: Iterable[NamedDirection]) -> list[Direction]:
    """The directions of a bundle with their measured change, in the same order."""
    return [_measured(generator, name, vector) for name, vector in named]


def offset(
    wanted: Mapping[str, float], vectors: Mapping[str, NDArray[np.float32]], *, dim: int, distribution: Distribution
) -> NDArray[np.float32]:
    """The sum of directions that ``generate`` adds to each latent: float32 ``[dim]``.

    Args:
        wanted: name -> strength, from -10 to 10. The unit is the standard deviation of the latent along a direction.
        vectors: name -> unit vector.
        dim, distribution: of the latent.

    Raises:
        GanzooError: if a strength is out of range.
    """
    unit = latent_deviation(distribution)
    total = np.zeros(dim, np.float64)
    for name, strength in wanted.items():
        what = f"The strength of a direction is a number from {-MAX_STRENGTH:g} to {MAX_STRENGTH:g}"
        total += unit * real_number(strength, low=-MAX_STRENGTH, high=MAX_STRENGTH, what=what) * vectors[str(name)]
    return total.astype(np.float32)


def sheet(generator: Decoder, directions: Sequence[Direction], seeds: Sequence[int]) -> NDArray[np.uint8]:
    """A picture with captions, uint8 ``[H, W, c]``: a direction in each row, and the seeds from left to right.

    Each seed has five images, at the strengths -3, -1.5, 0, 1.5 and 3.

    Args:
        generator: a generator of images.
        directions: its directions.
        seeds: the seeds. Each has its own class, chosen by the seed.
    """
    unit = latent_deviation(generator.config.latent.distribution)
    steps = unit * np.array(_SHEET_STRENGTHS, np.float32)
    z = np.repeat(generator.latents(seeds), len(steps), axis=0)
    labels = None if generator.config.num_classes is None else np.repeat(generator.labels(seeds), len(steps))
    offsets = np.tile(steps, len(seeds))[:, None]
    layout = CaptionedGrid(
        generator.config.shape,
        rows=[direction.name for direction in directions],
        columns=[f"{strength:g}" for strength in _SHEET_STRENGTHS] * len(seeds),
        groups=[f"seed {seed}" for seed in seeds],
        scale=min(images.MAX_SCALE, math.ceil(_SHEET_CELL / generator.config.shape[1])),
    )
    return layout.filled(
        images.to_uint8(generator.decode(z + offsets * direction.vector, labels)) for direction in directions
    )


def latent_deviation(distribution: Distribution) -> float:
    """The standard deviation of one value of a latent."""
    return 1.0 if distribution == "normal" else 3.0**-0.5


def _singular_vectors(generator: Decoder, graph: Graph, method: Method) -> list[NDArray[np.float32]]:
    """Up to 64 directions, the one with the largest singular value first."""
    if method not in METHODS:
        raise GanzooError(f"No method '{method}'.{did_you_mean(str(method), METHODS)} Allowed: {', '.join(METHODS)}.")
    vectors = _sefa(graph, generator.config.latent.dim) if method == "sefa" else _pca(generator)
    return [_with_fixed_sign(vector) for vector in vectors[:MAX_COUNT]]


def _sorted_by_change(generator: Decoder, vectors: Sequence[NDArray[np.float32]]) -> list[Direction]:
    """The first ten, measured; the largest change first."""
    found = [_measured(generator, "", vector) for vector in vectors[:DEFAULT_COUNT]]
    return sorted(found, key=lambda direction: -direction.change)


def _sefa(graph: Graph, dim: int) -> NDArray[np.float64]:
    """Left singular vectors of the first weights ``[dim, units]``, side by side: ``[dim, dim]``, one in each row."""
    weights = _first_weights(graph, dim)
    if not weights:
        raise NoDirectionsError(
            "No dense layer of this generator reads the latent, so the method sefa has no directions. Use pca: "
            "ganzoo directions MODEL --method pca"
        )
    # The eigenvectors of the small matrix [dim, dim] are the singular vectors of the large one.
    matrix = np.zeros((dim, dim))
    for weight in weights:
        matrix += weight @ weight.T
    return _eigenvectors(matrix)


def _first_weights(graph: Graph, dim: int) -> list[NDArray[np.float64]]:
    """Weights ``[dim, units]`` of all dense layers whose input is the latent, or begins with it."""
    constants = dict(graph.constants)
    latent = {"latent"}
    weights = []
    for node in graph.nodes:
        first = node.inputs[0] if node.inputs else ""
        if node.op == "Cast" and first in constants:  # float16 weights
            constants[node.outputs[0]] = constants[first]
        elif first not in latent:
            continue
        elif node.op in ("Gemm", "MatMul") and node.inputs[1] in constants:
            tensor = constants[node.inputs[1]]
            weights += [_matrix(node, tensor)[:dim]] if len(tensor.dims) == 2 else []
        elif node.op in (*_POINTWISE, "Concat"):
            latent.update(node.outputs)
    return [matrix for matrix in weights if len(matrix) == dim]


def _matrix(node: Node, tensor: Tensor) -> NDArray[np.float64]:
    values = tensor_values(tensor).reshape(tensor.dims)
    return (values.T if node.attributes.get("transB") else values).astype(np.float64)


def _pca(generator: Decoder) -> NDArray[np.float64]:
    """Left singular vectors of the covariance ``[dim, values of a sample]``: ``[dim, dim]``, one vector in each row."""
    z = generator.latents(_PCA_SEEDS).astype(np.float64)
    labels = None if generator.config.num_classes is None else generator.labels(_PCA_SEEDS)
    samples = generator.decode(z.astype(np.float32), labels).reshape(len(z), -1)
    for group in [np.full(len(z), True)] if labels is None else [labels == label for label in np.unique(labels)]:
        samples[group] -= samples[group].mean(axis=0)
    covariance = z.T @ samples / len(z)
    return _eigenvectors(covariance @ covariance.T)


def _eigenvectors(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The eigenvectors of a symmetric matrix, the one with the largest eigenvalue first, one in each row."""
    if not np.isfinite(matrix).all():
        raise BundleError("The values of this generator are too large to compute directions.")
    values, vectors = np.linalg.eigh(matrix)
    return vectors[:, np.argsort(-values)].T


def _with_fixed_sign(vector: NDArray[np.float64]) -> NDArray[np.float32]:
    """The vector or its negative: the largest value is positive. The sign of a singular vector is arbitrary."""
    sign = 1.0 if vector[np.argmax(np.abs(vector))] >= 0.0 else -1.0
    return (sign * vector).astype(np.float32)


def _measured(generator: Decoder, name: str, vector: NDArray[np.float32]) -> Direction:
    z = generator.latents(_CHANGE_SEEDS)
    labels = None if generator.config.num_classes is None else generator.labels(_CHANGE_SEEDS)
    step = _CHANGE_STRENGTH * latent_deviation(generator.config.latent.distribution) * vector
    low, high = generator.decode(z - step, labels), generator.decode(z + step, labels)
    if generator.config.sample_spec.is_image:
        low, high = (images.to_uint8(samples).astype(np.float32) for samples in (low, high))
    return Direction(name, vector, float(np.abs(high - low).mean()))
