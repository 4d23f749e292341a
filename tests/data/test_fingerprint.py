"""The fingerprint sees every change of content, and none of place."""

import numpy as np
import pytest

from ganzoo.data.base import Dataset
from ganzoo.data.fingerprint import Fingerprint

SAMPLES = np.random.RandomState(0).randint(0, 256, (50, 8, 8, 3)).astype(np.uint8)
LABELS = (np.arange(50) % 3).astype(np.int32)
NAMES = ("a", "b", "c")


def of(samples=SAMPLES, labels=LABELS, names=NAMES):
    return Fingerprint.of(Dataset(samples, labels, names))


def one_pixel():
    changed = SAMPLES.copy()
    changed[-1, -1, -1, -1] ^= 1
    return changed


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (of(SAMPLES[:-1], LABELS[:-1]), "the number of samples 50 became 49"),
        (of(one_pixel()), "the content of the samples"),
        (of(SAMPLES[::-1]), "the content of the samples"),
        (of(SAMPLES[:, :4]), "the shape of a sample [8, 8, 3] became [4, 8, 3]"),
        (of(labels=LABELS[::-1]), "the labels"),
        (of(labels=None, names=()), "the classes [a, b, c] became []"),
        (of(names=("a", "b", "d")), "the classes [a, b, c] became [a, b, d]"),
        (of(SAMPLES.astype(np.float32)), "the type of the samples uint8 became float32"),
    ],
)
def test_a_change_is_named(other, says):
    assert says in of().differences(other)
    assert other.differences(of())


def test_the_same_content_from_another_array(tmp_path):
    np.save(tmp_path / "a.npy", SAMPLES)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    strided = np.repeat(SAMPLES, 2, axis=0)[::2]
    assert of().differences(of(mapped, LABELS.astype(np.int64))) == of().differences(of(strided)) == []


def test_it_survives_its_file(tmp_path):
    path = tmp_path / "data.json"
    path.write_bytes(of().to_json())
    assert Fingerprint.read(path) == of()
    for content in ("", "{}", "[1]", '{"count": 1, "shape": [], "class_names": []}'):
        path.write_text(content)
        assert Fingerprint.read(path) is None
    assert Fingerprint.read(tmp_path / "missing.json") is None


def test_large_data_are_read_in_pieces(monkeypatch):
    whole = of()
    monkeypatch.setattr("ganzoo.data.fingerprint._CHUNK_BYTES", 192 * 7)
    assert of().samples != whole.samples, "the pieces are part of the digest, so their size is fixed"
    assert of(one_pixel()).samples != of().samples
