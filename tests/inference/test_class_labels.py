"""One rule for labels in Python and on the command line."""

import numpy as np
import pytest

from ganzoo.errors import GanzooError
from ganzoo.inference.class_labels import ambiguity, class_index, described

DIGITS = ("1", "2", "3")
PETS = ("cat", "dog", "7", "name:cat", "index:0")


def index(label, names):
    return class_index(label, count=len(names), names=names, model="m")


@pytest.mark.parametrize(
    ("label", "found"),
    [(0, 0), (1, 1), (np.int32(2), 2), ("1", 0), ("3", 2), ("0", 0), ("index:1", 1), ("name:1", 0), (np.str_("2"), 1)],
)
def test_names_that_are_other_numbers(label, found):
    """A number is an index; a text is a name first."""
    assert index(label, DIGITS) == found


@pytest.mark.parametrize(
    ("label", "found"),
    [("cat", 0), ("name:dog", 1), ("1", 1), ("7", 2), ("name:7", 2), ("name:cat", 3), ("index:0", 4), ("index:2", 2)],
)
def test_a_name_in_full_comes_first(label, found):
    assert index(label, PETS) == found


@pytest.mark.parametrize("label", ["4", "index:3", "name:0", "index:", "name:", "", "-1", "¹", "1.0", "9" * 5000])
def test_no_such_class(label):
    with pytest.raises(GanzooError, match=r"no class .*Classes: 0 to 2: 1, 2, 3\.$") as caught:
        index(label, DIGITS)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("label", [3, -1, True, 1.0, None, np.array([0])])
def test_no_such_index(label):
    with pytest.raises(GanzooError, match="has the classes 0 to 2; received"):
        index(label, DIGITS)


def test_the_nearest_name_is_suggested():
    with pytest.raises(GanzooError, match="Did you mean 'cat'"):
        index("name:cart", ("cat", "dog"))


def test_only_a_name_that_is_the_index_of_another_class_is_ambiguous():
    assert ambiguity("1", count=3, names=DIGITS) == (
        "Label 1 is the class named '1' (index 0). For the class with index 1, named '2': --label index:1"
    )
    for label in ("3", "0", "index:1", "name:1"):
        assert ambiguity(label, count=3, names=DIGITS) is None
    assert ambiguity("1", count=3, names=("0", "1", "2")) is None


def test_the_description_shows_names_that_are_other_numbers():
    assert described(10, [str(digit) for digit in range(10)]) == "10 classes"
    assert described(1, ()) == "1 class"
    assert described(3, DIGITS) == "3 classes (0 is '1', 1 is '2', 2 is '3')"
    assert described(11, [str(n) for n in range(1, 12)]).endswith("2 is '3', ...)")
