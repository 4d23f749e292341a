"""Tests ganzoo mix."""

import io

import pytest
from inference.test_style_mixing import style_bundle
from PIL import Image

import ganzoo


@pytest.fixture
def styled(place):
    return style_bundle(place / "styled")


def test_a_picture_of_mixed_styles(command, styled, place):
    assert command("mix", "styled").stdout == "tiny-mix.png\n"
    expected = ganzoo.load(styled).mix_grid(range(4), range(4, 10), separator=1)
    assert Image.open(place / "tiny-mix.png").size == expected.size
    done = command(
        "mix", "styled", "--coarse", "1", "--fine", "2,3", "--crossover", "4", "--truncation", "0.5", "-o", "-"
    )
    made = ganzoo.load(styled).mix_grid([1], [2, 3], crossover=4, truncation=0.5, separator=1)
    assert Image.open(io.BytesIO(done.stdout_bytes)).tobytes() == made.tobytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bundle"], "'tiny' has no styles to mix"),
        (["styled", "--crossover", "5"], "is a height of its layers: 4; received 5"),
        (["styled", "--coarse", "x"], "0-63,70"),
        (["styled", "--coarse", "0-999", "--fine", "0-999"], "up to 10000 images; received 1000 x 1000 seeds"),
        (["styled", "-o", "mix.gif"], "the suffix must be"),
        (["styled", "-o", "styled/mix.png"], "is in the bundle"),
        (["styled", "--label", "1"], "no classes"),
        (["styled", "--truncation", "2"], "from 0"),
    ],
)
def test_mistakes_are_one_line(fails, bundle, styled, place, arguments, message):
    before = sorted(path.name for path in place.iterdir())
    assert message in fails("mix", *arguments)
    assert sorted(path.name for path in place.iterdir()) == before
