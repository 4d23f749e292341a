import numpy as np
import pytest

from ganzoo.data.base import Dataset
from ganzoo.data.reading.label_order import natural_order, relabeled
from ganzoo.errors import DataError


def dataset(*names):
    labels = np.arange(len(names), dtype=np.int32)
    return Dataset(np.zeros((len(names), 4, 4, 1), np.uint8), labels, names)


def test_natural_order():
    assert natural_order(["10", "9", "img10", "img9", "a", "09", "B", "1.5"]) == [
        "1.5", "09", "9", "10", "B", "a", "img9", "img10",
    ]  # fmt: skip
    assert natural_order(["²", "2", "٣"]) == ["2", "²", "٣"]  # digits to Unicode, but not to int()
    assert natural_order(["9" * 5000, "1" + "0" * 5000, ""])[0] == ""


def test_a_run_keeps_its_order():
    old = ("1", "10", "2")
    found = relabeled(dataset("1", "2", "10"), old)
    assert found.class_names == old
    assert [old[label] for label in found.labels] == ["1", "2", "10"]
    assert found.labels.dtype == np.int32
    assert relabeled(dataset(*old), old).labels.tolist() == [0, 1, 2]


def test_one_letter_in_two_spellings_is_one_class():
    assert relabeled(dataset("b", "caf\u00e9"), ["cafe\u0301", "b"]).labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("names", "why"),
    [(("a", "c"), "missing: b; new: c"), (("a",), "missing: b"), (("a", "b", "c"), "new: c")],
)
def test_other_classes_are_refused(names, why):
    with pytest.raises(DataError, match=why):
        relabeled(dataset(*names), ["a", "b"])
