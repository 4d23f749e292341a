import io
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from data.conftest import photo
from ganzoo.data import data_sources
from ganzoo.data.sources.numpy_arrays import _as_labels
from ganzoo.errors import DataError

IMAGES = np.stack([photo(seed, 16, 16) for seed in range(6)])


def source(path, **fields):
    return data_sources.create({"source": "numpy", "path": str(path), "resolution": 16, **fields})


def save(path, array=None, **arrays):
    np.save(path, array) if array is not None else np.savez_compressed(path, **arrays)
    return path


def test_npy_of_the_right_size_is_used_in_place(tmp_path, cache):
    dataset = source(save(tmp_path / "a.npy", IMAGES)).load()
    assert isinstance(dataset.samples, np.memmap)
    assert (dataset.samples == IMAGES).all()
    assert dataset.labels is None
    assert not cache.exists()


def test_npz_larger_than_the_memory_of_the_process(tmp_path, cache, monkeypatch):
    path = save(tmp_path / "a.npz", samples=IMAGES)
    size = IMAGES.nbytes + 200
    monkeypatch.setattr("ganzoo.data.sources.numpy_arrays.available_memory", lambda: size)
    assert len(source(path).load()) == len(IMAGES)
    monkeypatch.setattr("ganzoo.data.sources.numpy_arrays.available_memory", lambda: IMAGES.nbytes - 1)
    with pytest.raises(DataError, match=r"'samples' of .* needs 4.74 kB of memory.*numpy.save"):
        source(path).load()


@pytest.mark.parametrize("values", ["auto", "signed"])
def test_signed_floats(tmp_path, cache, values):
    floats = IMAGES.astype(np.float32) / 127.5 - 1
    assert (source(save(tmp_path / "a.npy", floats), values=values).load().samples == IMAGES).all()


def test_unit_floats_without_channels(tmp_path, cache):
    floats = IMAGES[..., 0].astype(np.float64) / 255
    dataset = source(save(tmp_path / "a.npy", floats), channels=1).load()
    assert (dataset.samples == IMAGES[..., :1]).all()


def test_signed_floats_that_happen_to_be_positive_need_to_be_told(tmp_path, cache):
    path = save(tmp_path / "a.npy", np.ones((2, 16, 16, 3), np.float32) * 0.5)
    assert source(path).load().samples[0, 0, 0, 0] == 128
    assert source(path, values="signed").load().samples[0, 0, 0, 0] == 191


def test_other_sizes_are_resized_and_other_channels_converted(tmp_path, cache):
    path = save(tmp_path / "a.npy", np.full((3, 40, 20, 3), 77, np.uint8))
    samples = source(path, channels=1).load().samples
    assert samples.shape == (3, 16, 16, 1)
    assert (samples == 77).all()


def test_npz_with_labels_whatever_their_values(tmp_path, cache):
    path = save(tmp_path / "a.npz", images=IMAGES, y=np.array([[5], [7], [7], [5], [9], [9]]))
    dataset = source(path).load()
    assert dataset.labels.tolist() == [0, 1, 1, 0, 2, 2]
    assert dataset.labels.dtype == np.int32
    assert dataset.class_names == ("5", "7", "9")


def test_npz_keys_by_name_and_by_being_alone(tmp_path, cache):
    assert len(source(save(tmp_path / "a.npz", odd=IMAGES)).load()) == 6
    path = save(tmp_path / "b.npz", first=IMAGES, second=IMAGES[:2], kind=np.array([1, 2]))
    assert source(path, samples_key="second", labels_key="kind").load().labels.tolist() == [0, 1]
    with pytest.raises(DataError, match="'first', 'second', 'kind'"):
        source(path).load()
    with pytest.raises(DataError, match="Did you mean 'second'"):
        source(path, samples_key="secondd").load()


def test_vectors_stay_as_they_are(tmp_path, cache):
    vectors = np.random.RandomState(0).standard_normal((9, 2))
    dataset = source(save(tmp_path / "a.npy", vectors), vector_dim=2).load()
    assert dataset.samples.dtype == np.float32
    assert np.allclose(dataset.samples, vectors)
    assert source(tmp_path / "a.npy", vector_dim=2).sample_shape() == (2,)


def test_sizes_that_are_not_square_and_transparency(tmp_path, cache):
    picture = np.dstack([photo(1, 24, 40), np.full((40, 24), 255, np.uint8)])
    picture[:, :12] = 0
    path = save(tmp_path / "a.npy", np.stack([picture] * 3))
    kept = source(path, resolution="40x24", channels=4).load().samples
    assert (kept[..., 3] == picture[..., 3]).all()
    assert (kept[:, :, 12:] == picture[:, 12:]).all()
    assert kept[:, :, :12, :3].any(), "unseen pixels keep the black that nobody sees"
    laid = source(path, resolution="40x24").load().samples
    assert (laid[:, :, :12] == 255).all()
    assert (laid[:, :, 12:] == picture[:, 12:, :3]).all()
    middle = source(path, resolution="20x24", channels=3).load().samples
    assert (middle == laid[:, 10:30]).all()


@pytest.mark.parametrize(
    ("array", "fields", "why"),
    [
        (np.zeros((4, 2)), {}, "data.vector_dim=2"),
        (np.zeros((4, 2)), {"vector_dim": 3}, "data.vector_dim=2"),
        (np.full((4, 2), np.nan), {"vector_dim": 2}, "not finite"),
        (np.full((1, 8, 8), np.nan), {}, "nan"),
        (np.full((1, 8, 8), 200.0), {}, "from 200 to 200"),
        (np.full((1, 8, 8), -3.0), {}, "from -3"),
        (np.full((1, 8, 8), -0.5), {"values": "unit"}, "from -0.5"),
        (np.zeros((1, 8, 8), np.int64), {}, "int64"),
        (np.zeros((1, 8, 8, 5), np.uint8), {}, r"\[n, h, w, 1\|3\|4\]"),
        (np.zeros((0, 8, 8), np.uint8), {}, "no samples"),
        (np.zeros((), np.uint8), {}, "no samples|holds"),
    ],
)
def test_arrays_of_the_wrong_kind_are_one_line(tmp_path, cache, array, fields, why):
    with pytest.raises(DataError, match=why) as caught:
        source(save(tmp_path / "a.npy", array), **fields).load()
    assert "\n" not in str(caught.value)


class Evil:
    def __reduce__(self):
        return (open, ("executed", "w"))


def test_pickled_arrays_are_refused_unread(tmp_path, cache, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evil = np.array([Evil()], dtype=object)
    for path in (save(tmp_path / "a.npy", evil), save(tmp_path / "a.npz", images=evil)):
        with pytest.raises(DataError, match="pickle"):
            source(path).load()
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("data", [b"", b"text", b"PK\x03\x04 broken", b"\x93NUMPY\x01\x00", b"\x93NUMPY\x09\x00abcdef"])
def test_files_that_are_no_arrays(tmp_path, cache, data):
    (tmp_path / "a.npy").write_bytes(data)
    with pytest.raises(DataError):
        source(tmp_path / "a.npy").load()


def test_missing_file_and_cut_file(tmp_path, cache):
    with pytest.raises(DataError, match="no file"):
        source(tmp_path / "a.npy").load()
    buffer = io.BytesIO()
    np.save(buffer, IMAGES)
    (tmp_path / "a.npy").write_bytes(buffer.getvalue()[:-10])
    with pytest.raises(DataError, match="Cannot read"):
        source(tmp_path / "a.npy").load()


def test_labels_of_the_wrong_shape(tmp_path, cache):
    for labels in (np.zeros(5, int), np.zeros(6), np.zeros((6, 2), int)):
        with pytest.raises(DataError, match="labels are integers"):
            source(save(tmp_path / "a.npz", images=IMAGES, labels=labels)).load()


@pytest.mark.parametrize("samples", [np.uint8(3), np.zeros((0, 16, 16, 3), np.uint8)])
def test_no_samples_are_one_line_also_without_loading(tmp_path, cache, samples):
    path = save(tmp_path / "a.npy", samples)
    for read in (source(path).load, source(path).listed_classes):
        with pytest.raises(DataError, match="has no samples: its shape is"):
            read()


def test_negative_labels_are_refused_as_in_python(tmp_path, cache):
    path = save(tmp_path / "a.npz", images=IMAGES, labels=np.array([0, 1, -1, 1, 0, 0]))
    for read in (source(path).load, source(path).listed_classes):
        with pytest.raises(DataError, match=r"has the label -1 at position 2; allowed is 0 or more\. Leave such"):
            read()


@settings(max_examples=50, deadline=None)
@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.int16, np.int64]), st.integers(1, 30), elements={"min_value": 0}, fill=st.just(0)
    )
)
def test_labels_and_names_say_the_same_as_the_file(raw):
    labels, names = _as_labels(raw, len(raw), "file")
    assert [int(names[label]) for label in labels] == raw.tolist()


@pytest.mark.parametrize("layout", ["auto", "channels_first"])
@pytest.mark.parametrize("count", [1, 3])
def test_channels_first(tmp_path, cache, layout, count):
    images = IMAGES[..., :count]
    path = save(tmp_path / "a.npy", np.moveaxis(images, 3, 1))
    dataset = source(path, layout=layout, channels=count).load()
    assert (dataset.samples == images).all()
    assert bool(dataset.report.notes) == (layout == "auto")
    assert "data.layout" in "".join(dataset.report.notes) or layout != "auto"
    floats = save(tmp_path / "b.npy", np.moveaxis(images, 3, 1).astype(np.float32) / 255)
    for _ in range(2):  # the second time from the cache
        dataset = source(floats, layout=layout, channels=count).load()
        assert (dataset.samples == images).all()
        assert bool(dataset.report.notes) == (layout == "auto")


def test_layout_of_an_array_that_could_be_either(tmp_path, cache):
    path = save(tmp_path / "a.npy", photo(1, 3, 3)[None].repeat(2, axis=0))  # [2, 3, 3, 3]
    last, first = (source(path, layout=layout, resolution=4).load().samples for layout in ("auto", "channels_first"))
    assert (last != first).any()
    with pytest.raises(DataError, match=r"but images are \[n, 1\|3\|4, h, w\] with data.layout=channels_first"):
        source(save(tmp_path / "b.npy", IMAGES), layout="channels_first").load()
    with pytest.raises(DataError, match=r"with data.layout=channels_last"):
        source(save(tmp_path / "b.npy", np.moveaxis(IMAGES, 3, 1)), layout="channels_last").load()


@pytest.mark.parametrize(
    "header", ["{'descr': '|u1', ", "{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999,), }"]
)
@pytest.mark.parametrize("zipped", [False, True])
def test_a_damaged_header_is_one_line(tmp_path, cache, header, zipped):
    """Found by fuzz_files.py: NumPy raised tokenize.TokenError and OverflowError."""
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(64)
    (tmp_path / "x").write_bytes(content)
    if zipped:
        with zipfile.ZipFile(tmp_path / "y", "w") as archive:
            archive.writestr("images.npy", content)
        (tmp_path / "y").replace(tmp_path / "x")
    with pytest.raises(DataError, match="Cannot read") as said:
        data_sources.create({"source": "numpy", "path": str(tmp_path / "x"), "resolution": 8}).load()
    assert len(str(said.value).splitlines()) == 1


@pytest.mark.parametrize("name", ["images", "labels"])
def test_a_member_that_is_no_array_is_one_line(tmp_path, cache, name):
    """Found by fuzz_files.py: NumPy returns its bytes."""
    np.savez(tmp_path / "x.npz", images=IMAGES, labels=np.arange(6))
    with zipfile.ZipFile(tmp_path / "x.npz") as old, zipfile.ZipFile(tmp_path / "y.npz", "w") as new:
        for member in old.namelist():
            new.writestr(member, b"text" if member == f"{name}.npy" else old.read(member))
    with pytest.raises(DataError, match=f"'{name}' in it is not an array"):
        source(tmp_path / "y.npz").load()
