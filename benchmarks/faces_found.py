"""Measures in how many samples dlib's detector finds a face, next to real photographs.

    pip install -r benchmarks/requirements.txt
    python benchmarks/faces_found.py portraits-64 --data PHOTOS

The detector is dlib's ``get_frontal_face_detector`` (HOG features), which no model of ganzoo trains with. Images are
enlarged to 256 px first, since it looks for faces of at least 80 px. The output is the share of generated samples
(seeds 0, 1, 2, ...) and of real samples in which it finds a face, and their ratio, as JSON.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import ganzoo
from ganzoo.data.base import data_sources

SIDE = 256
SEED = 0


def share_with_a_face(images: NDArray[np.uint8]) -> float:
    """The share of images, uint8 ``[n, h, w, 3]``, in which the detector finds at least one face."""
    import dlib

    detector = dlib.get_frontal_face_detector()
    found = [len(detector(np.asarray(Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BICUBIC)))) > 0
             for image in images]  # fmt: skip
    return float(np.mean(found))


def main() -> None:
    parser = argparse.ArgumentParser(description="In how many samples a face detector finds a face.")
    parser.add_argument("model", help="What ganzoo.load takes: a name, a run, a folder.")
    parser.add_argument("--data", type=Path, required=True, help="Folder or zip of real photographs.")
    parser.add_argument("--samples", type=int, default=1000, help="Number of generated, and of real samples.")
    arguments = parser.parse_args()
    generated = ganzoo.load(arguments.model).sample(range(arguments.samples))
    source = {"source": "image_folder", "path": str(arguments.data), "resolution": generated.shape[1]}
    real = np.asarray(data_sources.create(source).load(quiet=True).samples)
    chosen = np.random.RandomState(SEED).permutation(len(real))[: arguments.samples]
    shares = {"generated": share_with_a_face(generated), "real": share_with_a_face(real[np.sort(chosen)])}
    print(json.dumps({**shares, "ratio": shares["generated"] / shares["real"]}, indent=1))


if __name__ == "__main__":
    main()
