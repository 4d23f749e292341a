"""Draws generated samples above their nearest training images, to see whether a model copies its training data.

    python benchmarks/nearest_picture.py portraits-64 --config portraits.yaml -o pictures/portraits_nearest.webp

The first row has the samples of the seeds 0, 1, 2, ... Below each are its nearest training images, by the features of
``small_cnn`` and then by pixels. If training mirrors images, mirrored images are searched, too.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import ganzoo
from ganzoo import images
from ganzoo.data.preview import choose_source
from ganzoo.extractors.base import extractors
from ganzoo.sample_spec import SampleSpec


def nearest(features: NDArray[np.floating], reference: NDArray[np.floating]) -> NDArray[np.int64]:
    """For each row of ``features`` ``[n, d]``, the row of ``reference`` ``[m, d]`` with the least distance."""
    squares = (reference.astype(np.float64) ** 2).sum(axis=1)
    found = squares - 2.0 * features.astype(np.float64) @ reference.astype(np.float64).T
    return np.asarray(found.argmin(axis=1))


def main() -> None:
    parser = argparse.ArgumentParser(description="Samples above their nearest training images.")
    parser.add_argument("model", help="What ganzoo.load takes: a name, a run, a folder.")
    parser.add_argument("--config", required=True, help="A data source, a model of the zoo, or a YAML file.")
    parser.add_argument("--data", type=Path, help="File or folder of the training data.")
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--scale", type=int, default=2)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()

    samples = ganzoo.load(arguments.model).sample(range(arguments.count))
    source = choose_source(arguments.config, path=arguments.data)
    real = np.asarray(source.load(quiet=True).samples)
    if source.mirrored:
        real = np.concatenate([real, real[:, :, ::-1]])
    extract = extractors.create("small_cnn").load(SampleSpec.of(samples)).extract
    rows = [samples, real[nearest(extract(samples)[0], extract(real)[0])]]
    rows.append(real[nearest(samples.reshape(len(samples), -1), real.reshape(len(real), -1))])
    sheet = np.stack([images.enlarged(image, arguments.scale) for row in rows for image in row])
    images.save(images.grid(sheet, columns=arguments.count, separator=2), arguments.output)


if __name__ == "__main__":
    main()
