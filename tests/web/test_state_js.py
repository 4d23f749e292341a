"""Tests the state of the page and its address, in Node."""

import pytest

from ganzoo.web.model_data import script
from web.node import run_node

MODEL = {"codes": 0, "directions": [], "names": [], "count": 0, "load": "faces-64"}
CODE = """
const { state, ignored } = readHash(input.address, input.model);
return { at: state.at, ignored, address: writeHash(state, input.model), line: pythonLine(state, input.model) };
"""


@pytest.mark.parametrize(
    ("written", "at", "frame"),
    [("0.405", 0.41, "[41]"), ("0.404", 0.4, "[40]"), ("0.29", 0.29, "[29]"), ("1", 1, "[100]")],
)
def test_a_morph_is_painted_where_the_line_of_python_is(written, at, frame):
    found = run_node(script("state.js") + CODE, {"address": f"#morph=13,{written}", "model": MODEL})
    assert (found["at"], found["ignored"], found["address"]) == (at, [], f"#seed=2&morph=13,{at}")
    assert found["line"] == f'ganzoo.load("faces-64").interpolate(2, 13, frames=101){frame}'


def test_a_morph_that_is_hardly_one_is_the_first_seed():
    found = run_node(script("state.js") + CODE, {"address": "#morph=13,0.004", "model": MODEL})
    assert (found["at"], found["line"]) == (0, 'ganzoo.load("faces-64").generate(2)')
