import numpy as np
import pytest

from data.publishers import write_mnist
from ganzoo.data import data_sources
from ganzoo.errors import ConfigError, DataError


def source(path=None, **fields):
    return data_sources.create({"source": "stacked_mnist", **({"path": str(path)} if path else {}), **fields})


@pytest.fixture
def folder(tmp_path, cache):
    write_mnist(tmp_path / "d")
    return tmp_path / "d"


def test_each_channel_is_a_digit_and_the_class_is_the_three_of_them(folder):
    digits = data_sources.create({"source": "mnist", "path": str(folder)}).load()
    dataset = source(folder, count=200).load()
    assert dataset.samples.shape == (200, 28, 28, 3)
    assert len(dataset.class_names) == 1000
    for sample, label in zip(dataset.samples[:20], dataset.labels[:20], strict=True):
        places = [(digits.samples[..., 0] == sample[..., channel]).all(axis=(1, 2)) for channel in range(3)]
        assert all(place.sum() == 1 for place in places)
        number = "".join(str(digits.labels[place.argmax()]) for place in places)
        assert dataset.class_names[label] == number


def test_digits_of_a_triple_are_drawn_apart_from_one_another(folder):
    labels = source(folder, count=20_000).load().labels
    for wanted in (labels // 100, labels // 10 % 10, labels % 10):
        assert abs(np.bincount(wanted, minlength=10) / 20_000 - 0.1).max() < 0.01
    assert len(np.unique(labels)) == 1000
    assert np.corrcoef(np.stack([labels // 100, labels // 10 % 10, labels % 10]))[0, 1:].max() < 0.05


def test_an_image_depends_on_seed_and_index_alone(folder):
    few, many = source(folder, count=10).load(), source(folder, count=5000).load()
    assert (few.samples == many.samples[:10]).all()
    assert (few.labels == many.labels[:10]).all()
    assert (source(folder, count=10, seed=1).load().labels != few.labels).any()


def test_other_digits_under_the_same_name_are_stacked_anew(tmp_path, folder):
    before = source(folder, count=10).load()
    write_mnist(tmp_path / "d", train=25)
    after = source(folder, count=10).load()
    assert not after.report.cached
    assert (after.samples != before.samples).any()
    assert source(folder, count=10).load().report.cached


def test_split_resolution_and_npz_are_those_of_mnist(tmp_path, folder):
    padded = source(folder, count=5, resolution=32).load().samples
    assert (padded[:, 2:30, 2:30] == source(folder, count=5).load().samples).all()
    test = data_sources.create({"source": "mnist", "path": str(folder), "split": "test"}).load()
    stacked = source(folder, count=5, split="test").load()
    assert all((test.samples[..., 0] == image[..., 0]).all(axis=(1, 2)).any() for image in stacked.samples)
    np.savez(
        tmp_path / "mnist.npz",
        x_train=test.samples[..., 0],
        y_train=test.labels,
        x_test=test.samples[:0, ..., 0],
        y_test=test.labels[:0],
    )
    assert (source(tmp_path / "mnist.npz", count=5).load().samples == stacked.samples).all()


def test_mistakes_are_one_line(tmp_path, cache):
    with pytest.raises(DataError, match="There is no folder") as caught:
        source(tmp_path / "nowhere").load()
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="Cannot download"):
        source().load()
    with pytest.raises((ConfigError, ValueError), match="channels"):
        source(channels=1)
