"""Small data sets in the formats of their publishers, written here byte by byte."""

import gzip
import pickle
import struct
import tarfile
from io import BytesIO

import numpy as np

from .conftest import encoded, photo


def idx(array):
    """An IDX file of unsigned bytes."""
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def digits(count, seed=0):
    """MNIST-like images and labels: uint8 [n, 28, 28] and [n]."""
    images = np.stack([photo(seed + index, 28, 28)[..., 0] for index in range(count)])
    return images, (np.arange(count) % 10).astype(np.uint8)


def write_mnist(folder, *, train=30, test=20, style="-idx", zipped=True):
    """The four files of MNIST or Fashion-MNIST. Returns the images and labels of both halves."""
    folder.mkdir(parents=True, exist_ok=True)
    halves = {}
    for prefix, count in (("train", train), ("t10k", test)):
        images, labels = digits(count, seed=len(prefix))
        for kind, array in (("images", images), ("labels", labels)):
            name = f"{prefix}-{kind}{style}{array.ndim}-ubyte{'.gz' if zipped else ''}"
            (folder / name).write_bytes(gzip.compress(idx(array), mtime=0) if zipped else idx(array))
        halves[prefix] = (images, labels)
    return halves


def cifar_rows(count, seed=0):
    """CIFAR-10 rows and labels: uint8 [n, 3072] in planes, and a list."""
    images = np.stack([photo(seed + index, 32, 32) for index in range(count)])
    return images.transpose(0, 3, 1, 2).reshape(count, 3072), [(seed + index) % 10 for index in range(count)]


def python2_pickle(rows, labels, name=b"data_batch"):
    """A batch as Python 2 with NumPy wrote it, protocol 2: bytes keys, and an array of ``numpy.core.multiarray``.

    Written by hand, since Python 3 cannot write Python 2's byte strings.
    """

    def string(data):
        return b"U" + bytes([len(data)]) + data if len(data) < 256 else b"T" + struct.pack("<i", len(data)) + data

    def integer(number):
        return b"J" + struct.pack("<i", number)

    dtype = b"cnumpy\ndtype\n" + string(b"u1") + integer(0) + integer(1) + b"\x87R"
    dtype += b"(" + integer(3) + string(b"|") + b"NNN" + integer(-1) + integer(-1) + integer(0) + b"tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n" + integer(0) + b"\x85" + string(b"b") + b"\x87R"
    shape = integer(rows.shape[0]) + integer(rows.shape[1]) + b"\x86"
    array += b"(" + integer(1) + shape + dtype + b"\x89" + string(rows.tobytes()) + b"tb"
    items = [
        string(b"data") + array,
        string(b"labels") + b"](" + b"".join(map(integer, labels)) + b"e",
        string(b"batch_label") + string(name),
        string(b"filenames") + b"](" + b"".join(string(b"x_%d.png" % n) for n in range(len(labels))) + b"e",
    ]
    return b"\x80\x02}(" + b"".join(items) + b"u."


def python3_pickle(rows, labels, protocol=2):
    """The same as people write it again."""
    return pickle.dumps({b"data": rows, b"labels": labels, b"batch_label": b"training batch 1 of 5"}, protocol)


def binary_batch(rows, labels):
    """The publisher's binary version: a label byte and 3072 bytes an image."""
    return np.hstack([np.array(labels, np.uint8)[:, None], rows]).tobytes()


def cifar_files(count=4, kind="python2"):
    """Name -> bytes of the six batches, and the training images [5 * count, 32, 32, 3] and labels."""
    write = {"python2": python2_pickle, "python3": python3_pickle, "binary": binary_batch}[kind]
    suffix = ".bin" if kind == "binary" else ""
    files, images, labels = {}, [], []
    for number in range(1, 6):
        rows, batch_labels = cifar_rows(count, seed=100 * number)
        files[f"data_batch_{number}{suffix}"] = write(rows, batch_labels)
        images.append(rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
        labels += batch_labels
    files[f"test_batch{suffix}"] = write(*cifar_rows(count, seed=900))
    files["batches.meta.txt" if suffix else "batches.meta"] = b"not read"
    return files, np.concatenate(images), labels


def write_files(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def write_tar(path, files, folder="cifar-10-batches-py", backwards=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, data in sorted(files.items(), reverse=backwards):
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(data)
            archive.addfile(member, BytesIO(data))
    return path


def celeba_table(names, rows):
    """One of CelebA's text files: count, names, then a line an image."""
    lines = [str(len(rows)), " ".join(names)]
    lines += [f"{name}    " + "  ".join(f"{value:3d}" for value in values) for name, values in rows.items()]
    return "\n".join(lines) + "\n"


LANDMARK_NAMES = [
    f"{part}_{axis}" for part in ("lefteye", "righteye", "nose", "leftmouth", "rightmouth") for axis in "xy"
]
TYPICAL_LANDMARKS = (69, 111, 108, 111, 88, 134, 73, 152, 105, 152)
"""Where eyes, nose and mouth lie in an aligned image."""


def write_celeba(root, count=6):
    """``img_align_celeba`` and the lists beside it. Returns the pictures, uint8 [218, 178, 3] each."""
    images = root / "img_align_celeba"
    images.mkdir(parents=True, exist_ok=True)
    names = [f"{number:06d}.jpg" for number in range(1, count + 1)]
    pictures = [photo(number, 178, 218) for number in range(count)]
    for name, picture in zip(names, pictures, strict=True):
        (images / name).write_bytes(encoded(picture, "JPEG", quality=95))
    landmarks = dict.fromkeys(names, TYPICAL_LANDMARKS)
    (root / "list_landmarks_align_celeba.txt").write_text(celeba_table(LANDMARK_NAMES, landmarks))
    boxes = dict.fromkeys(names, (95, 71, 226, 313))  # of the images in the wild, far outside the aligned ones
    (root / "list_bbox_celeba.txt").write_text(celeba_table(["x_1", "y_1", "width", "height"], boxes))
    attributes = {name: (-1, 1 if number % 3 == 0 else -1) for number, name in enumerate(names)}
    (root / "list_attr_celeba.txt").write_text(celeba_table(["Male", "Smiling"], attributes))
    return pictures
