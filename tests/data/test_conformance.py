"""Every registered data source keeps the contract of DataSource, on its publisher's own format."""

import json
import subprocess
import sys

import numpy as np
import pytest
from pydantic import ValidationError

from ganzoo.data import data_sources
from ganzoo.data.base import ImageSource
from ganzoo.errors import DataError

from .conftest import encoded, photo
from .publishers import cifar_files, write_celeba, write_files, write_mnist
from .shards import pngs, write_parquet, write_tar


def make_folder(root):
    for name in ("a", "b"):
        write_files(root / name, {f"{n}.png": encoded(photo(n, 30, 20)) for n in range(3)})
    return {"path": str(root), "resolution": 16}


def make_celeba(root):
    write_celeba(root)
    return {"path": str(root), "resolution": 16}


def make_mnist(root):
    write_mnist(root)
    return {"path": str(root)}


def make_cifar(root):
    write_files(root, cifar_files()[0])
    return {"path": str(root)}


def make_numpy(root):
    root.mkdir()
    np.savez(root / "a.npz", images=np.stack([photo(n, 20, 20) for n in range(6)]), labels=np.array([0, 1, 2] * 2))
    return {"path": str(root / "a.npz"), "resolution": 16}


def make_parquet(root):
    write_parquet(root / "train.parquet", pngs(6), kind=["b", "a", None] * 2)
    return {"path": str(root), "resolution": 16, "label": "kind"}


def make_webdataset(root):
    images = [(f"{number}.png", data) for number, data in enumerate(pngs(6))]
    write_tar(root / "0.tar", [*images, *[(f"{number}.cls", b"%d" % (number % 2)) for number in range(6)]])
    return {"path": str(root), "resolution": 16, "label": "cls"}


MAKERS = {
    "image_folder": make_folder,
    "parquet": make_parquet,
    "webdataset": make_webdataset,
    "celeba": make_celeba,
    "mnist": make_mnist,
    "fashion_mnist": make_mnist,
    "stacked_mnist": lambda root: {**make_mnist(root), "count": 40},
    "cifar10": make_cifar,
    "numpy": make_numpy,
    "faces": lambda root: {"count": 6, "resolution": 16, "styles": ["personas", "micah"]},
    "ring8": lambda root: {"count": 100},
    "grid25": lambda root: {"count": 100},
}


@pytest.fixture(params=sorted(MAKERS))
def source(request, tmp_path, cache):
    return data_sources.create({"source": request.param, **MAKERS[request.param](tmp_path / "data")})


def test_every_source_is_tested_here():
    assert set(MAKERS) == {name for name in data_sources.names() if data_sources.get(name).__module__[:6] == "ganzoo"}


def test_samples_labels_and_names(source):
    dataset = source.load(quiet=True)
    assert dataset.samples.shape[1:] == source.sample_shape()
    assert dataset.samples.dtype == (np.uint8 if isinstance(source, ImageSource) else np.float32)
    assert len(dataset) == len(dataset.samples) > 0
    assert dataset.samples.std() > 0
    if dataset.labels is None:
        assert dataset.class_names == ()
        assert source.class_count() in (0, None)
    else:
        assert dataset.labels.dtype == np.int32
        assert dataset.labels.shape == (len(dataset),)
        assert 0 <= dataset.labels.min() <= dataset.labels.max() < len(dataset.class_names)
        assert source.class_count() in (len(dataset.class_names), None)


def test_a_dry_run_lists_the_classes_of_load_and_makes_nothing(source, cache):
    names = source.listed_classes()
    assert not (cache / "data").exists()
    assert (names is not None) == (source.accepts_path and source.registered_name not in ("parquet", "webdataset"))
    assert names is None or names == source.load(quiet=True).class_names


@pytest.mark.parametrize("name", [name for name in sorted(MAKERS) if data_sources.get(name).accepts_path])
def test_a_dry_run_misses_what_load_misses(name, tmp_path, cache):
    source = data_sources.create({"source": name, "path": str(tmp_path / "nowhere")})
    messages = []
    for read in (source.load, source.listed_classes):
        with pytest.raises(DataError) as caught:
            read()
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "stacked_mnist", "cifar10"])
def test_a_dry_run_downloads_nothing(name, cache):
    source = data_sources.create(name)
    assert len(source.listed_classes()) == source.class_count()


def test_config_round_trip(source):
    spec = data_sources.spec(source)
    assert data_sources.create(json.loads(json.dumps(spec))) == source
    assert spec["source"] == source.registered_name
    assert source.accepts_path == ("path" in spec)


def test_second_load_and_a_fresh_cache_give_the_same(source, tmp_path):
    first, second = source.load(quiet=True), source.load(quiet=True)
    fresh = source.load(cache_dir=tmp_path / "other", quiet=True)
    for dataset in (second, fresh):
        assert (dataset.samples == first.samples).all()
        assert (dataset.labels is None) == (first.labels is None)
        assert first.labels is None or (dataset.labels == first.labels).all()
        assert dataset.class_names == first.class_names


IMAGES = sorted(name for name in MAKERS if issubclass(data_sources.get(name), ImageSource))


@pytest.mark.parametrize("size", ["32x16", "24x32"])
@pytest.mark.parametrize("name", IMAGES)
def test_images_that_are_not_square(name, size, tmp_path, cache):
    made = data_sources.create({"source": name, **MAKERS[name](tmp_path / "data"), "resolution": size})
    dataset = made.load(quiet=True)
    assert data_sources.spec(made)["resolution"] == size
    assert dataset.samples.shape[1:] == made.sample_shape() == (*map(int, size.split("x")), made.channels)
    assert dataset.samples.std() > 0


@pytest.mark.parametrize("name", IMAGES)
def test_four_channels_or_one_line(name, tmp_path, cache):
    spec = {"source": name, **MAKERS[name](tmp_path / "data"), "channels": 4}
    if name in ("image_folder", "numpy", "faces", "parquet", "webdataset"):
        dataset = data_sources.create(spec).load(quiet=True)
        assert dataset.samples.shape[3] == 4
        assert dataset.samples[..., 3].max() == 255
    else:  # nothing in these is transparent
        with pytest.raises(ValidationError, match="Input should be"):
            data_sources.create(spec)


@pytest.mark.parametrize("name", IMAGES)
def test_a_square_is_written_as_the_integer_that_older_runs_and_caches_have(name):
    for value in (32, "32", "32x32", [32, 32]):
        assert data_sources.spec(data_sources.create({"source": name, "resolution": value}))["resolution"] == 32


def test_defaults_make_a_source_and_a_schema():
    for name in MAKERS:
        source = data_sources.create(name)
        assert source.model_json_schema()["properties"]
        assert type(source).__doc__


def test_sources_bring_in_neither_tensorflow_nor_the_heavy_readers():
    program = (
        "import sys; from ganzoo.data import data_sources; data_sources.names();"
        "print(sorted({'tensorflow', 'keras', 'PIL', 'rich', 'dicebear', 'resvg_py', 'tarfile', 'pyarrow',"
        "'huggingface_hub'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
