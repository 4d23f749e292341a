"""Measures how many samples of a conditional model a classifier reads as the class that was asked for.

    python benchmarks/class_accuracy.py digits-28 benchmarks/mnist_classifier.onnx

The classifier is one of ``train_classifier.py``. For each class, it reads ``--samples`` samples with the seeds 0, 1,
2, ... The output is one line for each class and one for all, as JSON.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

import ganzoo
from ganzoo.extractors import extractors
from ganzoo.sample_spec import SampleSpec


def class_accuracy(model: str, classifier: Path, *, samples: int) -> dict[str, float]:
    """The share of samples that are read as their class: for each class by name, and as "all" for all classes."""
    generator = ganzoo.load(model)
    names = generator.class_names
    shape = generator.sample([0], label=0).shape[1:]
    extract = extractors.create({"name": "onnx", "path": str(classifier)}).load(SampleSpec(shape)).extract
    shares = {}
    for label, name in enumerate(names):
        probabilities = extract(generator.sample(range(samples), label=label))[1]
        shares[name] = float((probabilities.argmax(axis=1) == label).mean())
    return {**shares, "all": float(np.mean(list(shares.values())))}


def main() -> None:
    parser = argparse.ArgumentParser(description="How many samples a classifier reads as the class asked for.")
    parser.add_argument("model", help="What ganzoo.load takes: a name, a run, a folder.")
    parser.add_argument("classifier", type=Path, help="An ONNX file of train_classifier.py.")
    parser.add_argument("--samples", type=int, default=1000, help="Samples of each class.")
    arguments = parser.parse_args()
    print(json.dumps(class_accuracy(arguments.model, arguments.classifier, samples=arguments.samples), indent=1))


if __name__ == "__main__":
    main()
