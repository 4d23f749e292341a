"""Sizes in configs: one number, HEIGHTxWIDTH, or a list."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganzoo.config import yaml_files
from ganzoo.config.experiment import Config
from ganzoo.data.resolution import canonical, sides
from ganzoo.errors import ConfigError

SIDES = st.integers(4, 1024)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (64, 64),
        ("64", 64),
        (64.0, 64),
        ("64x64", 64),
        ([64, 64], 64),
        ("128x64", "128x64"),
        (" 128 X 64 ", "128x64"),
        ("128\u00d764", "128x64"),
        ([128, 64], "128x64"),
        ((64, 128), "64x128"),
    ],
)
def test_every_spelling_has_one_form(value, written):
    assert canonical(value) == written
    assert type(canonical(value)) is type(written)


@given(SIDES, SIDES)
def test_height_comes_first_and_the_form_reads_itself_back(height, width):
    written = canonical(f"{height}x{width}")
    assert sides(written) == (height, width)
    assert canonical(written) == canonical([height, width]) == written


@pytest.mark.parametrize(
    "value",
    [
        True,
        None,
        "",
        "x64",
        "128x",
        "128by64",
        "12 8x64",
        "1x2x3",
        64.5,
        float("nan"),
        float("inf"),
        [1],
        [8, 8, 3],
        ["128", "64"],
        [True, 8],
        {"height": 8},
        b"64",
        np.ones(2),
    ],
)
def test_anything_else_is_one_line_with_what_is_allowed(value):
    with pytest.raises(ValueError, match=r"128x64 is 128 px high and 64 px wide") as caught:
        canonical(value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [3, 1025, "3x64", "64x1025", [0, 64], -64, "999999x4"])
def test_sides_have_bounds(value):
    with pytest.raises(ValueError, match="from 4 to 1024 px"):
        canonical(value)


def config(resolution):
    return Config.read({"data": {"source": "numpy", "resolution": resolution}, "generator": {"base_channels": 4}})


def test_a_config_goes_to_yaml_and_back():
    for value in (64, "96x64", [96, 64]):
        made = config(value)
        text = yaml_files.dump(made.to_dict())
        assert Config.read(yaml_files.parse(text, what="it")) == made
        assert f"resolution: {canonical(value)}\n" in text
    assert config("96x64").sample_shape == (96, 64, 3)


def test_a_wrong_size_names_its_key():
    with pytest.raises(ConfigError, match=r"^config: data\.resolution: received '128by64'"):
        config("128by64")


def test_the_schema_of_an_editor_takes_every_spelling():
    field = (
        Config.model_fields["data"].metadata[0].registry.get("numpy").model_json_schema()["properties"]["resolution"]
    )
    assert [option["type"] for option in field["anyOf"]] == ["integer", "string", "array"]
