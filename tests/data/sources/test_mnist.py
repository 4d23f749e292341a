import gzip
import os
import shutil
import zipfile

import numpy as np
import pytest

from data.publishers import digits, idx, write_mnist
from ganzoo.data import data_sources
from ganzoo.errors import DataError


def source(name="mnist", path=None, **fields):
    return data_sources.create({"source": name, **({"path": str(path)} if path else {}), **fields})


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
@pytest.mark.parametrize(("style", "zipped"), [("-idx", True), ("-idx", False), (".idx", False), (".idx", True)])
def test_idx_files_under_all_their_names(tmp_path, cache, name, style, zipped):
    images, labels = write_mnist(tmp_path / "d", style=style, zipped=zipped)["train"]
    dataset = source(name, tmp_path / "d").load()
    assert (dataset.samples == images[..., None]).all()
    assert dataset.labels.tolist() == labels.tolist()
    assert len(dataset.class_names) == 10


def test_file_inside_a_folder_of_its_name(tmp_path, cache):
    write_mnist(tmp_path / "flat", style=".idx", zipped=False)
    for file in (tmp_path / "flat").iterdir():
        (tmp_path / "d" / file.name).mkdir(parents=True)
        file.rename(tmp_path / "d" / file.name / file.name)
    assert len(source(path=tmp_path / "d").load()) == 30


def test_splits(tmp_path, cache):
    halves = write_mnist(tmp_path / "d")
    assert (source(path=tmp_path / "d", split="test").load().samples[..., 0] == halves["t10k"][0]).all()
    assert len(source(path=tmp_path / "d", split="all").load()) == 50


def test_thirty_two_pads_and_other_sizes_resize(tmp_path, cache):
    images, _ = write_mnist(tmp_path / "d")["train"]
    padded = source(path=tmp_path / "d", resolution=32).load().samples
    assert padded.shape == (30, 32, 32, 1)
    assert (padded[:, 2:30, 2:30, 0] == images).all()
    assert padded[:, :2].max() == padded[:, :, 30:].max() == 0
    colored = source(path=tmp_path / "d", resolution=16, channels=3).load().samples
    assert colored.shape == (30, 16, 16, 3)
    assert (colored[..., 0] == colored[..., 2]).all()
    assert abs(colored.mean() - images.mean()) < 2


def test_npz_of_keras(tmp_path, cache, monkeypatch):
    images, labels = digits(12)
    arrays = {"x_train": images, "y_train": labels, "x_test": images[:3], "y_test": labels[:3]}
    np.savez(tmp_path / "mnist.npz", **arrays)
    assert (source(path=tmp_path / "mnist.npz").load().samples[..., 0] == images).all()
    assert len(source(path=tmp_path, split="test").load()) == 3
    (tmp_path / "home" / "datasets").mkdir(parents=True)
    (tmp_path / "mnist.npz").rename(tmp_path / "home" / "datasets" / "mnist.npz")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    assert len(source().load()) == 12


def test_fashion_mnist_as_keras_leaves_it(tmp_path, cache, monkeypatch):
    write_mnist(tmp_path / "home" / "datasets" / "fashion-mnist")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    dataset = source("fashion_mnist").load()
    assert len(dataset) == 30
    assert dataset.class_names[9] == "Ankle boot"


@pytest.mark.parametrize(("name", "file"), [("mnist", "mnist.npz"), ("fashion_mnist", "train-images-idx3-ubyte.gz")])
def test_without_network_it_says_what_to_put_where(cache, name, file):
    with pytest.raises(DataError) as caught:
        source(name).load()
    message = str(caught.value)
    assert "Cannot download" in message
    assert file in message
    assert "train-images-idx3-ubyte.gz" in message
    assert "--data PATH" in message
    assert "\n" not in message


def test_other_images_in_files_of_the_same_size_and_date_are_read(tmp_path, cache):
    first = write_mnist(tmp_path / "d", zipped=False)["train"][0]
    assert (source(path=tmp_path / "d").load().samples[..., 0] == first).all()
    shutil.copytree(tmp_path / "d", tmp_path / "e")
    file = tmp_path / "e" / "train-images-idx3-ubyte"
    stat = file.stat()
    file.write_bytes(file.read_bytes()[:-30] + bytes(range(200, 230)))
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (source(path=tmp_path / "e").load().samples[..., 0] != first).any()


def damage_header(folder):
    file = folder / "train-images-idx3-ubyte"
    file.write_bytes(b"\0\0\x09" + file.read_bytes()[3:])


def damage_length(folder):
    file = folder / "train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:-1])


def damage_tail(folder):
    file = folder / "train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes() + b"x")


def damage_size(folder):
    (folder / "train-images-idx3-ubyte").write_bytes(bytes([0, 0, 8, 3]) + b"\x7f\xff\xff\xff" * 3)


def damage_gzip(folder):
    file = folder / "train-images-idx3-ubyte"
    file.write_bytes(gzip.compress(file.read_bytes())[:-20])


def damage_labels(folder):
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(np.full(30, 10, np.uint8)))


def damage_count(folder):
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(np.zeros(29, np.uint8)))


def remove_labels(folder):
    (folder / "train-labels-idx1-ubyte").unlink()


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (damage_header, "not an IDX file"),
        (damage_length, "truncated"),
        (damage_tail, "too long"),
        (damage_size, "declares"),
        (damage_gzip, "Cannot read"),
        (damage_labels, "the label 10"),
        (damage_count, "one label per image"),
        (remove_labels, "has no train-labels-idx1-ubyte"),
    ],
)
def test_damaged_files_are_one_line_and_leave_no_cache(tmp_path, cache, damage, why):
    write_mnist(tmp_path / "d", zipped=False)
    damage(tmp_path / "d")
    with pytest.raises(DataError, match=why) as caught:
        source(path=tmp_path / "d").load()
    assert "\n" not in str(caught.value)
    assert not (cache / "data").exists() or not list((cache / "data").iterdir())


@pytest.mark.parametrize("wrong", [-1, 10, 259])
def test_labels_of_an_npz_are_not_cut_to_eight_bits(tmp_path, cache, wrong):
    np.savez(tmp_path / "other.npz", x_train=digits(3)[0], y_train=np.array([0, wrong, 2]))
    with pytest.raises(DataError, match=f"has the label {wrong}; labels of MNIST are from 0 to 9"):
        source(path=tmp_path / "other.npz").load()


def test_npz_that_is_none(tmp_path, cache):
    (tmp_path / "mnist.npz").write_bytes(b"text")
    with pytest.raises(DataError, match=r"not a \.npz of numbers"):
        source(path=tmp_path / "mnist.npz").load()
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(DataError, match="no array"):
        source(path=tmp_path / "other.npz").load()
    with pytest.raises(DataError, match="There is no folder"):
        source(path=tmp_path / "nowhere").load()


def pixel_csv(images, labels, header="label", label_column=0):
    """A CSV as Kaggle has it."""
    rows = np.insert(images.reshape(len(images), -1).astype(int), label_column, labels, axis=1)
    names = [f"pixel{number}" for number in range(784)]
    names.insert(label_column, "label")
    return "\n".join([",".join(names)] * bool(header) + [",".join(map(str, row)) for row in rows]) + "\n"


KAGGLE = [
    ("{}.csv", ("mnist", "fashion_mnist")),
    ("fashion-mnist_{}.csv", ("fashion_mnist",)),
    ("archive/mnist_{}.csv", ("mnist",)),
]


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(("name", "sources"), KAGGLE)
def test_csv_of_kaggle(tmp_path, cache, name, sources, zipped):
    images, labels = digits(12)
    texts = {name.format("train"): pixel_csv(images, labels), name.format("test"): pixel_csv(images[:4], labels[:4])}
    texts["sample_submission.csv"] = "ImageId,Label\n1,0\n"
    path = tmp_path / "d"
    path.mkdir()
    if zipped:
        with zipfile.ZipFile(path / "kaggle.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for file, text in texts.items():
                archive.writestr(file, text)
    else:
        for file, text in texts.items():
            (path / file.rpartition("/")[2]).write_text(text)
    for place in (path, *path.glob("*.zip")):
        for own in sources:
            dataset = source(own, place).load()
            assert (dataset.samples[..., 0] == images).all()
            assert dataset.labels.tolist() == labels.tolist()
            assert len(source(own, place, split="test").load()) == 4
            assert len(source(own, place, split="all").load()) == 16
        for other in {"mnist", "fashion_mnist"}.difference(sources):
            with pytest.raises(DataError):
                source(other, place).load()


def test_both_data_sets_in_one_folder(tmp_path, cache):
    digit, cloth = digits(5), digits(7)
    (tmp_path / "mnist_train.csv").write_text(pixel_csv(*digit))
    (tmp_path / "fashion-mnist_train.csv").write_text(pixel_csv(*cloth))
    assert len(source("mnist", tmp_path).load()) == 5
    assert len(source("fashion_mnist", tmp_path).load()) == 7
    arrays = {"x_train": digit[0][:3], "y_train": digit[1][:3], "x_test": digit[0], "y_test": digit[1]}
    np.savez(tmp_path / "mnist.npz", **arrays)
    assert len(source("mnist", tmp_path).load()) == 3
    assert len(source("fashion_mnist", tmp_path).load()) == 7


def test_csv_that_is_named_itself_in_all_its_forms(tmp_path, cache):
    images, labels = digits(5)
    path = tmp_path / "digits.csv"
    for text in (
        pixel_csv(images, labels, header=""),
        pixel_csv(images, labels, label_column=784),
        "\ufeff" + pixel_csv(images, labels).replace("\n", "\r\n"),
    ):
        path.write_text(text, newline="", encoding="utf-8")
        dataset = source(path=path).load(cache_dir=tmp_path / str(len(text)))
        assert (dataset.samples[..., 0] == images).all()
        assert dataset.labels.tolist() == labels.tolist()
    with pytest.raises(DataError, match="is one file"):
        source(path=path, split="all").load()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda text: text.replace("label,", "", 1).replace("0,", "", 1), "784 columns|columns"),
        (lambda text: "\n".join(line.partition(",")[2] for line in text.splitlines()), "has no labels"),
        (lambda text: text[: len(text) // 2], "Cannot read|columns"),
        (lambda text: text.replace(",", ";"), "1 columns"),
        (lambda text: text.rstrip("\n").rpartition(",")[0] + ",256\n", "256"),
        (lambda text: text.rstrip("\n").rpartition(",")[0] + ",x\n", "Cannot read"),
        (lambda text: text.replace("\n3,", "\n33,"), "the label 33"),
        (lambda text: text.partition("\n")[0] + "\n", "one label per image"),
        (lambda text: "", "columns"),
        (lambda text: "version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "git lfs pull"),
        (lambda text: "\0" * 100, "columns"),
    ],
)
def test_damaged_csv_is_one_line_and_leaves_no_cache(tmp_path, cache, change, why):
    (tmp_path / "train.csv").write_text(change(pixel_csv(*digits(5))))
    with pytest.raises(DataError, match=why) as caught:
        source(path=tmp_path).load()
    assert "\n" not in str(caught.value)
    assert not (cache / "data").exists() or not list((cache / "data").iterdir())


def test_missing_half_of_a_csv(tmp_path, cache):
    (tmp_path / "train.csv").write_text(pixel_csv(*digits(5)))
    with pytest.raises(DataError, match="t10k-images"):
        source(path=tmp_path, split="all").load()


def test_idx_files_go_before_a_csv(tmp_path, cache):
    write_mnist(tmp_path / "d")
    (tmp_path / "d" / "train.csv").write_text("x")
    assert len(source(path=tmp_path / "d").load()) == 30
