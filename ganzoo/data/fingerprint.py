"""Identifies a dataset by its content: a digest of its samples and labels, and its class names."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ganzoo.data.base import Dataset
from ganzoo.data.reading.parallel import ordered_map, worker_count

_CHUNK_BYTES = 32 << 20


@dataclass(frozen=True)
class Fingerprint:
    """The fingerprint of a dataset.

    Attributes:
        count: number of samples.
        shape: shape of one sample.
        dtype: NumPy type of the samples.
        samples: SHA-256 over the SHA-256 of all chunks of samples, in order.
        labels: SHA-256 of the labels; None without labels.
        class_names: class names in label order.
    """

    count: int
    shape: tuple[int, ...]
    dtype: str
    samples: str
    labels: str | None
    class_names: tuple[str, ...]

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        """Compute the fingerprint of a dataset. This reads all samples once: about one second per gigabyte and core."""
        labels = None if dataset.labels is None else np.ascontiguousarray(dataset.labels, "<i4")
        return cls(
            count=len(dataset),
            shape=dataset.sample_spec.shape,
            dtype=str(dataset.samples.dtype),
            samples=_digest(dataset.samples),
            labels=None if labels is None else hashlib.sha256(labels.data).hexdigest(),
            class_names=tuple(dataset.class_names),
        )

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Read a fingerprint from a file; None if the file is missing or invalid."""
        try:
            return cls.parse(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None

    @classmethod
    def parse(cls, text: str) -> Self:
        """The fingerprint of a text that ``to_json`` made. Raises ValueError, KeyError or TypeError for any other."""
        values = json.loads(text)
        names = tuple(str(name) for name in values["class_names"])
        return cls(**{**values, "shape": tuple(values["shape"]), "class_names": names})

    def to_json(self) -> bytes:
        """The content of the file for ``read``."""
        return json.dumps(asdict(self), indent=1).encode()

    def differences(self, other: Fingerprint) -> list[str]:
        """The differences to ``other``, one phrase each; an empty list if the data are the same."""
        found = [
            f"{name} {was} became {now}"
            for name, was, now in (
                ("the number of samples", self.count, other.count),
                ("the shape of a sample", list(self.shape), list(other.shape)),
                ("the type of the samples", self.dtype, other.dtype),
                ("the classes", _shortened(self.class_names), _shortened(other.class_names)),
            )
            if was != now
        ]
        if not found and self.samples != other.samples:
            found.append("the content of the samples")
        if not found and self.labels != other.labels:
            found.append("the labels")
        return found


def _shortened(names: tuple[str, ...]) -> str:
    """Class names on one line: up to 10 short names, else their number and a digest."""
    if len(names) <= 10 and all(len(name) <= 60 and name.isprintable() for name in names):
        return f"[{', '.join(names)}]"
    digest = hashlib.sha256(json.dumps(names).encode()).hexdigest()[:8]
    return f"{len(names)} names ({digest})"


def _digest(samples: NDArray[Any]) -> str:
    rows = max(1, _CHUNK_BYTES // max(1, samples[:1].nbytes))

    def one(start: int) -> bytes:
        chunk = np.ascontiguousarray(samples[start : start + rows])
        return hashlib.sha256(chunk.view(np.uint8).data).digest()  # hashing releases the GIL

    whole = hashlib.sha256()
    for digest in ordered_map(one, range(0, len(samples), rows), workers=worker_count()):
        whole.update(digest)
    return whole.hexdigest()
