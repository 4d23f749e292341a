"""Rows of arrays and of memory maps are gathered alike."""

import mmap

import numpy as np
import pytest

from ganzoo.data.reading.rows import Rows


@pytest.fixture
def images():
    return np.random.RandomState(0).randint(0, 256, (90, 16, 16, 3)).astype(np.uint8)


@pytest.fixture
def mapped(tmp_path, images):
    np.save(tmp_path / "x.npy", images)
    return np.load(tmp_path / "x.npy", mmap_mode="r")


INDICES = np.array([70, 3, 89, 0, 3], np.int32)


@pytest.mark.parametrize("view", [np.s_[:], np.s_[5:], np.s_[::1], np.s_[:, ::2], np.s_[::-1], np.s_[..., 0]])
def test_views_of_a_memory_map(images, mapped, view):
    indices = INDICES % len(images[view])
    for array in (images[view], mapped[view]):
        out = np.empty_like(images[view][indices])
        Rows(array).gather(indices, out)
        np.testing.assert_array_equal(out, images[view][indices])


@pytest.mark.skipif(not hasattr(mmap, "MADV_WILLNEED"), reason="this system takes no hints")
def test_the_pages_of_all_rows_are_requested(images, mapped, monkeypatch):
    requests = []

    class Recorder:
        def madvise(self, option, begin, length):
            assert option == mmap.MADV_WILLNEED
            requests.append((begin, begin + length))

    rows = Rows(mapped[10:])
    monkeypatch.setattr(rows, "_map", Recorder())
    rows.gather(np.array([40, 2, 40]), np.empty((3, 16, 16, 3), np.uint8))
    header = mapped.offset
    for index, (begin, end) in zip((12, 50), requests, strict=True):
        assert begin % mmap.PAGESIZE == 0
        assert begin <= header + index * 768 < header + (index + 1) * 768 <= end


def test_no_row_is_replaced_by_another(images):
    for index in (-1, 90):
        with pytest.raises(IndexError):
            Rows(images).gather(np.array([0, index]), np.empty((2, 16, 16, 3), np.uint8))
