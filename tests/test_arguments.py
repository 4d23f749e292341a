import numpy as np
import pytest

from ganzoo.arguments import real_number, shortened, whole_number
from ganzoo.errors import GanzooError


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3), np.array(3)])
def test_whole_numbers_of_python_and_numpy(value):
    made = whole_number(value, low=0, high=9, what="A digit")
    assert (made, type(made)) == (3, int)


@pytest.mark.parametrize(
    "value", [-1, 10, True, np.True_, np.array(True), 3.0, np.float32(3), np.array([3, 4]), "3", None, 2**80]
)
def test_what_is_no_whole_number_in_range(value):
    with pytest.raises(GanzooError, match=r"^A digit; received ") as caught:
        whole_number(value, low=0, high=9, what="A digit")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [0.5, np.float32(0.5), np.float16(0.5), np.array(0.5), np.float64(0.5)])
def test_numbers_of_python_and_numpy(value):
    made = real_number(value, low=0, high=1, what="A share")
    assert (made, type(made)) == (0.5, float)
    assert real_number(np.int64(1), low=0, high=1, what="A share") == 1.0


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), True, np.False_, "0.5", None, 1j, np.array([0.5]), 10**400])
def test_what_is_no_number_in_range(value):
    with pytest.raises(GanzooError, match=r"^A share; received "):
        real_number(value, low=0, high=1, what="A share")


def test_long_values_are_cut_and_stay_in_one_line():
    assert len(shortened(np.zeros((100, 100)))) == 60
    assert "\n" not in shortened(np.zeros((2, 2)))
