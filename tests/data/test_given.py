"""Tests data that Python passes: what is accepted, and one line for everything else."""

import numpy as np
import pytest
import tensorflow as tf
from helpers import tiny, tiny_vectors

from ganzoo.data import given
from ganzoo.data.given import config_for_given, given_dataset
from ganzoo.data.sources.image_folder import ImageFolder
from ganzoo.errors import DataError

CONFIG = config_for_given(tiny())
IMAGES = np.random.RandomState(0).randint(0, 256, (10, 8, 8, 1)).astype(np.uint8)
LABELS = np.arange(10) % 3
tensors = tf.data.Dataset.from_tensor_slices


def read(data, config=CONFIG):
    return given_dataset(data, config, info=lambda text: None)


def test_the_config_says_where_the_data_are_from():
    assert CONFIG.data.registered_name == "numpy"
    assert (CONFIG.data.path, CONFIG.data.sample_shape()) == (None, (8, 8, 1))
    assert CONFIG.data.notes().credits == ("An array that was passed in Python. Its origin is not recorded.",)
    mine = tiny().replace(**{"data.description": "Mine, CC0."})
    assert config_for_given(mine).data.notes().credits == ("Mine, CC0.",)
    folder = ImageFolder(path="/photos", resolution=8, channels=1, flip=True)
    changed = config_for_given(tiny().replace(data=folder))
    assert (changed.data.path, changed.data.flip) == (None, True)


VECTORS = np.random.RandomState(0).standard_normal((10, 2)).astype(np.float32)
POINTS = config_for_given(tiny_vectors())


def test_a_config_with_vectors_takes_vectors():
    assert (POINTS.data.registered_name, POINTS.data.vector_dim, POINTS.sample_shape) == ("numpy", 2, (2,))
    assert read(VECTORS, POINTS).samples is VECTORS
    forms = [(VECTORS, LABELS), tensors((VECTORS, LABELS)), tensors((VECTORS, LABELS)).batch(3)]
    for data in forms:
        dataset = read(data, POINTS)
        np.testing.assert_array_equal(dataset.samples, VECTORS)
        np.testing.assert_array_equal(dataset.labels, LABELS)
    assert read(np.arange(6).reshape(3, 2), POINTS).samples.dtype == np.float32


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (VECTORS[:, :1], r"\[10, 1\]; the config 'points' needs vectors \[n, 2\].*\['data.vector_dim=1'\]"),
        (IMAGES, r"\[10, 8, 8, 1\]; the config 'points' needs vectors \[n, 2\]\.$"),
        (VECTORS[0], "needs vectors"),
        (VECTORS[:0], "which has no vectors"),
        (VECTORS * np.nan, "not finite"),
        (VECTORS.astype(str), "allowed are numbers float32"),
        (VECTORS > 0, "received bool"),
        ((VECTORS, LABELS[:3]), "labels: received"),
        (tensors(VECTORS).take(0), "without vectors"),
        (tensors(VECTORS).repeat(), "infinite"),
    ],
)
def test_wrong_vectors_are_one_line(data, message):
    with pytest.raises(DataError, match=message) as raised:
        read(data, POINTS)
    assert "\n" not in str(raised.value)


def test_arrays_are_used_as_they_are():
    dataset = read(IMAGES)
    assert dataset.samples is IMAGES
    assert (dataset.labels, dataset.class_names) == (None, ())
    assert len(dataset) == dataset.report.files == 10


@pytest.mark.parametrize(
    "labels", [LABELS, LABELS.tolist(), LABELS[:, None], LABELS.astype(np.uint8), tf.constant(LABELS)], ids=type
)
@pytest.mark.parametrize("pair", [tuple, list])
def test_a_pair_has_labels(labels, pair):
    dataset = read(pair((IMAGES, labels)))
    np.testing.assert_array_equal(dataset.labels, LABELS)
    assert dataset.labels.dtype == np.int32
    assert dataset.class_names == ("0", "1", "2")


def test_classes_are_the_values_that_occur():
    dataset = read((IMAGES, LABELS * 5 + 2))
    np.testing.assert_array_equal(dataset.labels, LABELS)
    assert dataset.class_names == ("2", "7", "12")


@pytest.mark.parametrize(
    "dataset",
    [
        tensors(IMAGES),
        tensors(IMAGES).batch(3),
        tf.data.Dataset.from_generator(lambda: iter(IMAGES), output_signature=tf.TensorSpec((8, 8, 1), tf.uint8)),
        tf.data.Dataset.from_generator(lambda: iter(IMAGES), output_types=tf.uint8),
    ],
    ids=["images", "batches", "generator", "generator without shape"],
)
def test_a_dataset_of_images(dataset):
    np.testing.assert_array_equal(read(dataset).samples, IMAGES)
    assert read(dataset).labels is None


@pytest.mark.parametrize(
    "dataset", [tensors((IMAGES, LABELS)), tensors((IMAGES, LABELS)).batch(4)], ids=["one", "batch"]
)
def test_a_dataset_of_images_and_labels(dataset):
    np.testing.assert_array_equal(read(dataset).samples, IMAGES)
    np.testing.assert_array_equal(read(dataset).labels, LABELS)


def test_transparent_pixels_get_colors_as_in_files(tmp_path):
    config = config_for_given(tiny(channels=4))
    images = np.random.RandomState(1).randint(0, 256, (3, 8, 8, 4)).astype(np.uint8)
    images[:, :4, :, 3] = 0
    np.save(tmp_path / "a.npy", images)
    from_file = config.replace(**{"data.path": tmp_path / "a.npy"}).data.load(cache_dir=tmp_path)
    np.testing.assert_array_equal(read(images, config).samples, from_file.samples)


def ends_early():
    yield from IMAGES[:4]
    raise RuntimeError("the camera is gone")


def generator(function, shape=(8, 8, 1)):
    return tf.data.Dataset.from_generator(function, output_signature=tf.TensorSpec(shape, tf.uint8))


FLOATS = IMAGES.astype(np.float32)
WRONG = {
    "zero images": (IMAGES[:0], r"received uint8 \[0, 8, 8, 1\], which has no images"),
    "float [0, 1]": (FLOATS / 255, r"received float32 .* Convert \[0, 1\]: \(images \* 255\)\.round"),
    "float [-1, 1]": (FLOATS / 127.5 - 1, r"Convert \[-1, 1\]: ganzoo.images.to_uint8"),
    "float [0, 255]": (FLOATS, r"Convert \[0, 255\]: images\.round\(\)"),
    "NaN": (FLOATS * np.nan, "received float32"),
    "int": (IMAGES.astype(int), r"received int64 .*images\.astype"),
    "bool": (IMAGES > 9, r"received bool .*\* 255"),
    "objects": (np.full((2, 8, 8, 1), None), "received object .* Store plain numbers"),
    "text": (np.full((2, 8, 8, 1), "a"), "received <U1"),
    "3 axes": (IMAGES[..., 0], r"received uint8 \[10, 8, 8\]; allowed are images uint8 .* images\[..., None\]"),
    "2 axes": (IMAGES.reshape(10, 64), r"Reshape them to \[n, h, w, c\]"),
    "5 axes": (IMAGES[None], r"received uint8 \[1, 10, 8, 8, 1\]; allowed are images uint8 \[n, h, w, c\]\.$"),
    "a number": (np.uint8(3), r"received uint8 \[\]; allowed"),
    "not square": (IMAGES[:, :6], r"\[10, 6, 8, 1\]; the config 'tiny' needs \[8, 8, 1\].*'data.resolution=6x8'\]"),
    "resolution": (np.zeros((2, 16, 16, 1), np.uint8), r"overrides=\['data.resolution=16'\]"),
    "colors": (np.zeros((2, 4, 4, 3), np.uint8), r"overrides=\['data.resolution=4', 'data.channels=3'\]"),
    "channels first": (IMAGES.transpose(0, 3, 1, 2), r"Move the channels to the end: images\.transpose\(0, 2, 3, 1\)"),
    "a generator": ((image for image in IMAGES), "received builtins.generator; allowed is a path, images as a uint8"),
    "a list": (list(IMAGES), "received a list of 10 items; allowed is a path"),
    "an empty tuple": ((), "received a tuple of 0 items"),
    "three": ((IMAGES, LABELS, LABELS), "received a tuple of 3 items"),
    "bytes": (b"abc", "received builtins.bytes"),
    "a dict": ({"image": IMAGES}, "received builtins.dict"),
    "an int": (7, "received builtins.int"),
    "a class": (np.ndarray, "data: "),
    "labels of another length": (
        (IMAGES, LABELS[:9]),
        r"received int64 \[9\]; allowed are whole numbers \[10\]",
    ),
    "one-hot": ((IMAGES, np.eye(3)[LABELS]), r"labels: received float64 \[10, 3\].* labels\.argmax\(axis=1\)"),
    "negative": ((IMAGES, LABELS - 1), "labels: received -1 at position 0; allowed is 0 or more"),
    "float labels": ((IMAGES, LABELS / 2), "labels: received float64 .*numpy.unique"),
    "text labels": ((IMAGES, list("abcabcabca")), "labels: received <U1 .*numpy.unique"),
    "ragged labels": ((IMAGES, [[1], [1, 2]] * 5), "labels: list cannot be read as a NumPy array"),
    "None in labels": ((IMAGES, [None] * 10), "labels: received object"),
    "no images": ((None, LABELS), "received builtins.NoneType"),
    "empty dataset": (tensors(IMAGES).take(0), "received a tf.data.Dataset without images"),
    "infinite": (tensors(IMAGES).repeat(), r"received an infinite tf.data.Dataset; .* data\.take\(10_000\)"),
    "float dataset": (tensors(FLOATS), r"of float32 images; .*map\(lambda image: \(tf.cast\(image, tf.uint8\)\)\)"),
    "float pairs": (tensors((FLOATS, LABELS)), r"lambda image, label: \(tf.cast\(image, tf.uint8\), label\)"),
    "dicts": (tensors({"image": IMAGES}), r"received a tf.data.Dataset of dicts with 'image'; .* data\.map"),
    "triples": (tensors((IMAGES, LABELS, LABELS)), "of tuples of 3 parts"),
    "ends with an error": (generator(ends_early), "failed after 0 images: RuntimeError: the camera is gone"),
    "ends early": (
        generator(lambda: iter(IMAGES[:4])).apply(tf.data.experimental.assert_cardinality(9)),
        "failed after 0 images: .*expected to contain 9 elements but contained only 4 elements",
    ),
    "other sizes": (
        generator(lambda: iter([IMAGES[0], IMAGES[1, :4]]), (None, None, 1)),
        "the tf.data.Dataset failed after 0 images: ",
    ),
    "dataset of batches of batches": (tensors(IMAGES[None, None]), r"\[1, 1, 10, 8, 8, 1\]; allowed are images"),
}


@pytest.mark.parametrize("name", WRONG)
def test_everything_else_is_one_line(name):
    data, message = WRONG[name]
    with pytest.raises(DataError, match=message) as raised:
        read(data)
    assert "\n" not in str(raised.value)


def test_a_dataset_that_never_ends_stops_at_half_of_the_memory(monkeypatch):
    def forever():
        while True:
            yield IMAGES[0]

    monkeypatch.setattr(given, "available_memory", lambda: 200_000)
    with pytest.raises(DataError, match=r"the first 1792 images of .* half of the free memory, .*data\.take\(896\)"):
        read(generator(forever))


def test_ctrl_c_while_a_dataset_is_read_stays_ctrl_c(monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(given, "_collected", interrupted)
    with pytest.raises(KeyboardInterrupt):
        read(tensors(IMAGES))
