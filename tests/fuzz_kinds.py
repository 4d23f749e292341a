"""The kinds of files that ``fuzz_files.py`` changes, and the code of ganzoo that reads them."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import random
import struct
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from fuzz_mutations import (
    ANY_BYTES,
    Mutation,
    gzipped,
    header_value,
    json_value,
    line_value,
    numpy_header,
    png_chunk,
    protobuf_field,
    tar_header,
    yaml_value,
    zip_member,
)

from ganzoo import errors

REFUSED = (errors.GanzooError,)
KINDS: dict[str, Callable[[Path], Kind]] = {}
"""Every kind by name: a function of a folder. Each is made in its own process, because its imports count before its
memory is limited."""


def kind(maker: Callable[[Path], Kind]) -> Callable[[Path], Kind]:
    """Add a kind to ``KINDS``."""
    KINDS[maker.__name__] = maker
    return maker


class Kind(NamedTuple):
    """A kind of file.

    Attributes:
        seeds: valid files.
        name: the name of the file that is read.
        read: reads the file.
        refusals: the exceptions that ``read`` may raise.
        mutations: what changes its content, besides ``ANY_BYTES``.
        extra: bytes that the process may use in addition.
        of_strangers: the file is a part of a bundle, whose refusals are short, and cannot drive a terminal. Other
            messages are made harmless when they are printed.
    """

    seeds: Sequence[bytes]
    name: str
    read: Callable[[Path], Any]
    refusals: tuple[type[BaseException], ...]
    mutations: tuple[Mutation, ...] = ()
    extra: int = 0
    of_strangers: bool = False


@kind
def config(folder: Path) -> Kind:
    import tiny_bundles

    from ganzoo.bundle.schema import BundleConfig
    from ganzoo.bundle.strict_json import read_json

    bundle = tiny_bundles.image_bundle(folder / "good", num_classes=2, class_names=("cat", "dog"))
    vector = tiny_bundles.vector_bundle(folder / "vector")
    seeds = [(one.folder / "config.json").read_bytes() for one in (bundle, vector)]
    read = lambda path: BundleConfig.from_dict(read_json(path.read_bytes(), "config.json"))  # noqa: E731
    return Kind(seeds, "config.json", read, REFUSED, (json_value,) * 8, of_strangers=True)


@kind
def metadata(folder: Path) -> Kind:
    import tiny_bundles

    from ganzoo.bundle.model_card import model_card
    from ganzoo.bundle.schema import BundleMetadata
    from ganzoo.bundle.strict_json import read_json

    bundle = tiny_bundles.image_bundle(folder / "good")
    shipped = Path(__file__).parents[1] / "ganzoo" / "pretrained"
    seeds = [(bundle.folder / "metadata.json").read_bytes(), next(shipped.glob("d*/v1/metadata.json")).read_bytes()]

    def read(path: Path) -> None:
        found = BundleMetadata.from_dict(read_json(path.read_bytes(), "metadata.json"))
        model_card(bundle.config, found.facts)

    return Kind(seeds, "metadata.json", read, REFUSED, (json_value,) * 8, of_strangers=True)


@kind
def directions(folder: Path) -> Kind:
    from ganzoo.bundle.directions_file import read_directions

    entries = [{"name": name, "vector": [0.5, -1, 2e-3]} for name in ("hair", "skin")]
    seeds = [json.dumps({"directions": entries}).encode()]
    read = lambda path: read_directions(path.read_bytes(), "directions.json", latent_dim=3)  # noqa: E731
    return Kind(seeds, "directions.json", read, REFUSED, (json_value,) * 8, of_strangers=True)


@kind
def weights(folder: Path) -> Kind:
    import hashlib

    import tiny_bundles

    from ganzoo.bundle.folder import WEIGHTS, read_bundle

    bundle = tiny_bundles.image_bundle(folder / "good")
    records = json.loads((bundle.folder / "metadata.json").read_bytes())

    def read(path: Path) -> None:
        content = path.read_bytes()
        entry = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        metadata = {**records, "files": {**records["files"], WEIGHTS: entry}}
        (bundle.folder / WEIGHTS).write_bytes(content)
        (bundle.folder / "metadata.json").write_text(json.dumps(metadata))
        read_bundle(bundle.folder).weights()

    seeds = [(bundle.folder / WEIGHTS).read_bytes()]
    return Kind(seeds, "weights", read, REFUSED, (header_value,) * 8, of_strangers=True)


@kind
def onnx(folder: Path) -> Kind:
    import tiny_bundles

    from ganzoo.bundle.onnx_guard import check_onnx
    from ganzoo.inference.onnx_session import OnnxSession

    models = [tiny_bundles.image_model(), tiny_bundles.image_model(num_classes=2), tiny_bundles.computed_sizes_model()]
    configs = [tiny_bundles.image_config(), tiny_bundles.image_config(num_classes=2)]

    def read(path: Path) -> None:
        content = path.read_bytes()
        config = configs[b"label" in content]
        check_onnx(content, config)
        inputs: dict[str, Any] = {"latent": np.zeros((2, 8), np.float32)}
        inputs |= {} if config.num_classes is None else {"label": np.zeros(2, np.int32)}
        OnnxSession(content, name=path.name, device="cpu", threads=1).run(None, inputs)

    seeds = [model.SerializeToString() for model in models]
    return Kind(seeds, "model.onnx", read, REFUSED, (protobuf_field,) * 10, extra=768 << 20, of_strangers=True)


@kind
def samples(folder: Path) -> Kind:
    import tiny_bundles

    from ganzoo.bundle.content_checks import check_png

    big = _image("PNG", size=40)
    return Kind(
        [tiny_bundles.PNG, big], "samples.png", lambda path: check_png(path, path.name), REFUSED, (png_chunk,) * 6
    )


@kind
def card(folder: Path) -> Kind:
    from ganzoo.bundle.content_checks import check_card
    from ganzoo.bundle.model_card import is_ours, sealed

    def read(path: Path) -> None:
        content = path.read_bytes()
        check_card(content, path.name)
        is_ours(content.decode())

    return Kind([sealed("---\nlicense: mit\n---\n\n# A model\n\n").encode()], "README.md", read, REFUSED)


@kind
def yaml_config(folder: Path) -> Kind:
    from ganzoo.config import yaml_files
    from ganzoo.config.experiment import Config
    from ganzoo.config.zoo import load_config

    names = ("dcgan-faces-32", "cdcgan-portraits-64", "dense-ring8", "stylegan2-faces-32", "wgan-gp-cifar10")
    seeds = [yaml_files.dump(load_config(name).to_dict()).encode() for name in names]
    read = lambda path: Config.read(yaml_files.read_mapping(path), what="x.yaml")  # noqa: E731
    return Kind(seeds, "x.yaml", read, REFUSED, (yaml_value,) * 8)


@kind
def image(folder: Path) -> Kind:
    from ganzoo.data.reading.decode import BrokenImageError, decode

    forms = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
    seeds = [_image(form, size=24) for form in forms] + [
        _image("PNG", size=9, mode="P"),
        _image("TIFF", size=9, mode="I;16"),
    ]

    def read(path: Path) -> None:
        decode(path.read_bytes(), size=(8, 8), channels=3, crop="center", resample="lanczos")

    return Kind(seeds, "image", read, (BrokenImageError,), (png_chunk,) * 2)


@kind
def idx(folder: Path) -> Kind:
    from ganzoo.data.reading.idx import read_idx

    content = b"\0\0\x08\x03" + struct.pack(">3I", 4, 5, 6) + bytes(120)
    read = lambda path: read_idx(path, 3)  # noqa: E731
    return Kind([content, gzip.compress(content)], "images-idx3-ubyte", read, REFUSED, (gzipped,) * 3)


@kind
def cifar(folder: Path) -> Kind:
    from ganzoo.data.reading.cifar_pickle import read_pickled_batch

    batch = {b"labels": [3, 4], b"data": np.zeros((2, 3072), np.uint8), b"filenames": [b"a", b"b"]}
    seeds = [pickle.dumps(batch, protocol) for protocol in (2, 3, 4)]
    return Kind(seeds, "data_batch_1", lambda path: read_pickled_batch(path.read_bytes()), (ValueError,))


@kind
def zipped(folder: Path) -> Kind:
    from ganzoo.data.reading.archive import image_files

    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in ("a/1.png", "b/2.jpg", "b/readme.txt"):
            archive.writestr(name, _image("PNG", size=5))

    def read(path: Path) -> None:
        files = image_files(path)
        for entry in files.entries:
            files.read(entry)
        files.fingerprint()

    return Kind([target.getvalue()], "photos.zip", read, (*REFUSED, ValueError), (zip_member,) * 6)


@kind
def tar(folder: Path) -> Kind:
    from ganzoo.data.reading.shards import Shard
    from ganzoo.data.reading.tar_samples import labeled_images

    seeds = []
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        target = io.BytesIO()
        with tarfile.open(fileobj=target, mode="w", format=form) as archive:
            for name, content in {
                "1.png": b"png",
                "1.cls": b"3",
                "d/" + "é" * 40 + ".png": b"x",
                "2.json": b"{}",
            }.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        seeds.append(target.getvalue())

    def read(path: Path) -> None:
        shards = [Shard(path, path.name, "0")]
        labeled = labeled_images(path, shards, image="auto", label="cls")
        for one in labeled.files.contents():
            one()

    return Kind(seeds, "shard.tar", read, (*REFUSED, ValueError), (tar_header,) * 6)


@kind
def arrays(folder: Path) -> Kind:
    from ganzoo.data.base import data_sources

    images = np.zeros((3, 8, 8, 3), np.uint8)
    npy, npz = io.BytesIO(), io.BytesIO()
    np.save(npy, images)
    np.savez(npz, images=images, labels=np.arange(3))
    source = data_sources.create({"source": "numpy", "path": str(folder / "arrays"), "resolution": 8})

    def inside(data: bytes, rng: random.Random) -> bytes:
        return zip_member(data, rng, (numpy_header, numpy_header, *ANY_BYTES))

    def read(path: Path) -> None:
        source.load(cache_dir=folder / "cache", quiet=True)

    return Kind([npy.getvalue(), npz.getvalue()], "arrays", read, REFUSED, (numpy_header, numpy_header, inside, inside))


@kind
def labels(folder: Path) -> Kind:
    from ganzoo.data.reading.archive import image_files
    from ganzoo.data.reading.label_table import read_csv

    photos = folder / "photos"
    photos.mkdir(exist_ok=True)
    for name in ("1.png", "2.png"):
        (photos / name).write_bytes(_image("PNG", size=5))
    files = image_files(photos)
    seeds = [b"file,kind\n1.png,cat\n2.png,dog\n", b"1.png cat\n2.png dog\n", b"image\tlabel\n1.png\t1\n2.png\t2\n"]
    return Kind(seeds, "labels.csv", lambda path: read_csv(files, "csv:labels.csv"), REFUSED, (line_value,) * 6)


@kind
def celeba(folder: Path) -> Kind:
    from ganzoo.data.reading.celeba_tables import read_table

    seeds = [b"image_id,Smiling,Young\n1.jpg,1,-1\n2.jpg,-1,1\n"]
    return Kind(seeds, "list_attr_celeba.csv", read_table, REFUSED, (line_value,) * 6)


@kind
def celeba_text(folder: Path) -> Kind:
    from ganzoo.data.reading.celeba_tables import read_table

    seeds = [b"2\nSmiling Young\n1.jpg 1 -1\n2.jpg -1 1\n"]
    return Kind(seeds, "list_attr_celeba.txt", read_table, REFUSED, (line_value,) * 6)


@kind
def pixels(folder: Path) -> Kind:
    from ganzoo.data.reading.pixel_csv import read_pixel_csv

    header = ",".join(["label", *(f"pixel{number}" for number in range(9))])
    rows = "\n".join([header, *(",".join(map(str, range(row, row + 10))) for row in range(5))])
    return Kind([rows.encode()], "train.csv", lambda path: read_pixel_csv(path, None, 3), REFUSED, (line_value,) * 6)


@kind
def log(folder: Path) -> Kind:
    from ganzoo.runs import Run

    lines = b'{"step": 1, "d_loss": 1.0, "g_loss": 0.5}\n{"step": 2, "frechet (small_cnn)": 3.5}\n'

    def read(path: Path) -> None:
        run = Run(path.parent)
        run.log()
        _ = run.step

    return Kind([lines], "log.jsonl", read, REFUSED, (json_value, line_value))


@kind
def checkpoint(folder: Path) -> Kind:
    from ganzoo.training.checkpoint import load_newest, save

    place = folder / "run"
    made = save(place, step=5, state={"generator": {"w": np.ones(4, np.float32)}}, keep=1)
    seeds = [(made / "manifest.json").read_bytes()]

    def read(path: Path) -> None:
        (made / "manifest.json").write_bytes(path.read_bytes())
        load_newest(place)

    return Kind(seeds, "manifest.json", read, REFUSED, (json_value,) * 8)


def _image(form: str, *, size: int, mode: str = "RGB") -> bytes:
    from PIL import Image

    rng, target = np.random.RandomState(size), io.BytesIO()
    if mode == "I;16":
        picture = Image.fromarray(rng.randint(0, 65536, (size, size)).astype(np.uint16))
    else:
        picture = Image.fromarray(rng.randint(0, 256, (size, size, 3)).astype(np.uint8)).convert(mode)
    picture.save(target, form)
    return target.getvalue()


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
