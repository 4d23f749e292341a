"""Tiny datasets in the file formats of their publishers."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image


def blobs(count: int, height: int, width: int, channels: int = 3) -> np.ndarray:
    """uint8 ``[count, height, width, channels]``: a bright disc on a dark ground, with random position and color."""
    rng = np.random.default_rng(count + height)
    y, x = np.mgrid[:height, :width]
    center = rng.uniform(0.3, 0.7, (2, count, 1, 1)) * [[[[height]]], [[[width]]]]
    disc = (y - center[0]) ** 2 + (x - center[1]) ** 2 < (min(height, width) * 0.3) ** 2
    color = rng.integers(120, 256, (count, 1, 1, channels))
    return np.where(disc[..., None], color, rng.integers(0, 60, (count, 1, 1, channels))).astype(np.uint8)


def mnist(folder: Path, count: int = 40) -> Path:
    """``train-images-idx3-ubyte.gz`` and its three siblings, as on the publisher's page."""
    folder.mkdir(parents=True, exist_ok=True)
    for prefix in ("train", "t10k"):
        images, labels = blobs(count, 28, 28, 1), (np.arange(count) % 10).astype(np.uint8)
        header = struct.pack(">4i", 0x803, count, 28, 28)
        (folder / f"{prefix}-images-idx3-ubyte.gz").write_bytes(gzip.compress(header + images.tobytes()))
        header = struct.pack(">2i", 0x801, count)
        (folder / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(header + labels.tobytes()))
    return folder


def cifar10(folder: Path, count: int = 20) -> Path:
    """``cifar-10-batches-py``: pickled dictionaries with byte keys, rows of red, then green, then blue."""
    folder = folder / "cifar-10-batches-py"
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        batch = {
            b"batch_label": f"training batch {number + 1} of 5".encode(),
            b"labels": [i % 10 for i in range(count)],
            b"data": blobs(count, 32, 32).transpose(0, 3, 1, 2).reshape(count, -1),
            b"filenames": [f"image_{i}.png".encode() for i in range(count)],
        }
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
    return folder


def celeba(folder: Path, count: int = 24) -> Path:
    """``img_align_celeba.zip``: JPEGs of 178 x 218 pixels, numbered from 000001."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / "img_align_celeba.zip", "w") as archive:
        for number, image in enumerate(blobs(count, 218, 178), start=1):
            archive.writestr(f"img_align_celeba/{number:06d}.jpg", encoded(image, "JPEG"))
    return folder / "img_align_celeba.zip"


def photographs(folder: Path, count: int = 24, *, classes: int = 0) -> Path:
    """A folder of photographs as people have them: several formats, upright and lying; with a folder for each class."""
    for number in range(count):
        place = folder / f"class {number % classes}" if classes else folder
        place.mkdir(parents=True, exist_ok=True)
        suffix, kind = (("jpg", "JPEG"), ("png", "PNG"), ("webp", "WEBP"))[number % 3]
        height, width = ((200, 150), (150, 200))[number % 2]
        image = blobs(number + 1, height, width)[number]
        (place / f"photo {number}.{suffix}").write_bytes(encoded(image, kind))
    return folder


def encoded(image: np.ndarray, kind: str) -> bytes:
    """A uint8 image ``[h, w, 3]`` as the bytes of an image file."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind)
    return buffer.getvalue()
