"""The loop gets the same samples from memory and from a memory map."""

import threading

import numpy as np
import pytest
from helpers import samples, tiny, tiny_vectors, trainer

from ganzoo.data.base import Dataset
from ganzoo.environment.quantities import bytes_text
from ganzoo.errors import DataError
from ganzoo.training.input_pipeline import InputPipeline
from ganzoo.training.prefetch import THREAD_NAME


def seen(feed, **place):
    """The samples and labels at the indices."""
    data, labels, indices = (np.asarray(tensor) for tensor in feed.take(**place))
    assert data.dtype in (np.uint8, np.float32)
    assert indices.dtype == np.int32
    return data[indices], labels[indices]


@pytest.mark.parametrize("classes", [0, 3])
def test_memory_and_memory_map_give_the_same_batches(tmp_path, classes):
    config = tiny(num_classes=classes, training={"d_steps": 2})
    dataset = samples(config, count=230, classes=classes)
    np.save(tmp_path / "x.npy", dataset.samples)
    mapped = Dataset(np.load(tmp_path / "x.npy", mmap_mode="r"), dataset.labels, dataset.class_names)
    held, lent = InputPipeline(config, dataset), InputPipeline(config, mapped, memory_limit=14_000)
    assert held.in_memory
    assert not lent.in_memory
    for place in ({"first": 0, "steps": 1}, {"first": 3, "steps": 5}, {"first": 1000, "steps": 2}):
        for one, other in zip(seen(held, **place), seen(lent, **place), strict=True):
            assert one.shape[:3] == (place["steps"], 2, 4)
            np.testing.assert_array_equal(one, other)


def test_a_process_reads_only_its_share_of_each_batch(tmp_path):
    """So that each of several machines reads a part of the data."""
    config = tiny(num_classes=3, training={"d_steps": 2})
    dataset = samples(config, count=200, classes=3)
    np.save(tmp_path / "x.npy", dataset.samples)
    mapped = Dataset(np.load(tmp_path / "x.npy", mmap_mode="r"), dataset.labels, dataset.class_names)
    whole, share = InputPipeline(config, dataset), slice(1, 3)
    part = InputPipeline(config, mapped, memory_limit=10_000, share=share)
    for place in ({"first": 5, "steps": 4}, {"first": 9, "steps": 7}):
        for one, other in zip(seen(whole, **place), seen(part, **place), strict=True):
            np.testing.assert_array_equal(one[:, :, share], other[:, :, share])
    assert part.most_steps > 2 * InputPipeline(config, mapped, memory_limit=5000).most_steps


def test_a_training_ends_the_thread(tmp_path, monkeypatch):
    earlier = set(threading.enumerate())
    config = tiny()
    dataset = samples(config, count=500)
    monkeypatch.setattr("ganzoo.training.input_pipeline.available_memory", lambda: dataset.samples.nbytes)
    made = trainer(config, tmp_path, dataset)
    assert not made.input_pipeline.in_memory
    assert made.train(max_steps=2, quiet=True).step == 2
    started = set(threading.enumerate()) - earlier
    assert not [thread for thread in started if thread.name.startswith(THREAD_NAME)]


def test_what_does_not_fit_is_streamed_and_says_so(monkeypatch):
    """As in a container whose limit is far below the machine's memory."""
    config = tiny()
    dataset = samples(config, count=500)
    monkeypatch.setattr("ganzoo.training.input_pipeline.available_memory", lambda: 2 * dataset.samples.nbytes)
    assert InputPipeline(config, dataset).streamed is None
    monkeypatch.setattr("ganzoo.training.input_pipeline.available_memory", lambda: 2 * dataset.samples.nbytes - 2)
    feed = InputPipeline(config, dataset)
    assert not feed.in_memory
    size, free = bytes_text(dataset.samples.nbytes), bytes_text(2 * dataset.samples.nbytes - 2)
    assert feed.streamed.startswith(f"The samples need {size} of memory, but this process may use only {free}. ")


def test_streamed_samples_fit_into_the_limit():
    config = tiny()
    dataset = samples(config, count=500)
    limit = dataset.samples.nbytes // 10
    feed = InputPipeline(config, dataset, memory_limit=limit)
    assert feed.most_steps > 1
    assert np.asarray(feed.take(first=0, steps=feed.most_steps)[0]).nbytes <= limit
    assert InputPipeline(config, dataset, memory_limit=0).most_steps == 1


def test_labels_stay_with_their_samples():
    config = tiny(num_classes=3)
    dataset = samples(config, count=200, classes=3)
    marked = dataset.samples.copy()
    marked[:] = np.asarray(dataset.labels)[:, None, None, None]
    for limit in (None, 12_000):
        data, labels = seen(
            InputPipeline(config, Dataset(marked, dataset.labels, "abc"), memory_limit=limit), first=0, steps=9
        )
        np.testing.assert_array_equal(data[..., 0, 0, 0], labels)


def test_a_dataset_smaller_than_the_batch_is_gone_through_again():
    config = tiny()
    data, _ = seen(InputPipeline(config, samples(config, count=1)), first=0, steps=2)
    assert data.shape == (2, 1, 4, 8, 8, 1)


@pytest.mark.parametrize(
    ("changes", "dataset", "says"),
    [
        ({}, Dataset(np.zeros((0, 8, 8, 1), np.uint8)), "no samples"),
        ({}, Dataset(np.zeros((4, 8, 9, 1), np.uint8)), r"shape \[8, 9, 1\], but the config needs \[8, 8, 1\]"),
        (
            {"num_classes": 3},
            Dataset(np.zeros((4, 8, 8, 1), np.uint8)),
            "no labels. Add an array .*, or train without",
        ),
        (
            {"num_classes": 3},
            Dataset(np.zeros((4, 8, 8, 1), np.uint8), np.zeros(4, np.int32), ("a", "b")),
            "the data have 2 classes; set num_classes=2",
        ),
    ],
)
def test_data_that_is_not_what_the_config_says(changes, dataset, says):
    with pytest.raises(DataError, match=says):
        InputPipeline(tiny(**changes), dataset)


def test_vectors_stay_float32():
    config = tiny_vectors()
    data, _ = seen(InputPipeline(config, config.data.load()), first=0, steps=2)
    assert (data.shape, data.dtype) == ((2, 1, 4, 2), np.float32)
